// Fails with: no member named 'tenant_id'
#include "relations.hpp"

#ifdef GOOD
auto handler() {
  return track.track_id == 5;
}
#else
auto handler() {
  return track.tenant_id == Uuid();
}
#endif
