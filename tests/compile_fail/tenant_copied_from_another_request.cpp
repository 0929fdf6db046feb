// Fails with: a Tenant stays with its request and cannot be copied
#include "relations.hpp"

#ifdef GOOD
const Tenant& handler(const RequestContext& other) {
  return other.tenant();
}
#else
Tenant handler(const RequestContext& other) {
  return other.tenant();
}
#endif
