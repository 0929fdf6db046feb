// Fails with: this column cannot be compared with a value of this type
#include "relations.hpp"

#ifdef GOOD
auto handler(std::int32_t id) {
  return track.track_id == id;
}
#else
auto handler(std::int64_t id) {
  return track.track_id == id;
}
#endif
