// Fails with: this column cannot be compared with a value of this type
#include "relations.hpp"

#ifdef GOOD
auto handler() {
  return track.track_id == 5;
}
#else
auto handler() {
  return track.track_id == "5";
}
#endif
