// Fails with: this column cannot hold a value of this type
#include "relations.hpp"

#ifdef GOOD
auto handler() {
  return track.album_id = std::nullopt;
}
#else
auto handler() {
  return track.name = std::nullopt;
}
#endif
