// Fails with: the two conditions are about different relations
#include "relations.hpp"

#ifdef GOOD
auto handler() {
  return track.album_id == 5 && track.name == "x";
}
#else
auto handler() {
  return track.album_id == 5 && album.title == "x";
}
#endif
