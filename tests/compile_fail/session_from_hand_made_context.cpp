// Fails with: calling a private constructor of class 'bulkhead::RequestContext'
#include "relations.hpp"

#ifdef GOOD
TenantSession handler(const RequestContext& permitted, data::Plane& plane) {
  return TenantSession(permitted, plane);
}
#else
TenantSession handler(Tenant tenant, Principal principal, data::Plane& plane) {
  RequestContext made(std::move(tenant), std::move(principal), Role::owner, nullptr, nullptr, Deadline(),
                      TraceContext(), nullptr);
  return TenantSession(made, plane);
}
#endif
