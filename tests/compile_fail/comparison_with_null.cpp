// Fails with: a comparison with null is never true
#include "relations.hpp"

#ifdef GOOD
auto handler() {
  return track.album_id.is_null();
}
#else
auto handler() {
  return track.album_id == std::nullopt;
}
#endif
