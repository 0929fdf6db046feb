// Fails with: a Tenant has no default
#include "relations.hpp"

#ifdef GOOD
const Tenant& handler(const RequestContext& context) {
  return context.tenant();
}
#else
void handler() {
  Tenant tenant;
}
#endif
