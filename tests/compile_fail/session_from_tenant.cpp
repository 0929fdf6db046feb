// Fails with: no matching constructor for initialization of .*TenantSession
#include "relations.hpp"

#ifdef GOOD
TenantSession handler(const RequestContext& permitted, data::Plane& plane) {
  return TenantSession(permitted, plane);
}
#else
TenantSession handler(const Tenant& tenant, data::Plane& plane) {
  return TenantSession(tenant, plane);
}
#endif
