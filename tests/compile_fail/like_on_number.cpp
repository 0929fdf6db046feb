// Fails with: are for text columns
#include "relations.hpp"

#ifdef GOOD
auto handler() {
  return track.name.like("%x%");
}
#else
auto handler() {
  return track.track_id.like("%5%");
}
#endif
