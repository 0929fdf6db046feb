// Fails with: calling a private constructor of class 'bulkhead::Tenant'
#include "relations.hpp"

#ifdef GOOD
TenantId handler(const Tenant& tenant) {
  return tenant.id();
}
#else
Tenant handler(TenantId id) {
  return Tenant(id, "acme", nullptr);
}
#endif
