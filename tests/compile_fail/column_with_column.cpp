// Fails with: a column is compared with a value, not with another column
#include "relations.hpp"

#ifdef GOOD
auto handler() {
  return track.album_id == 5;
}
#else
auto handler() {
  return track.album_id == album.album_id;
}
#endif
