// Fails with: a TenantSession stays with its request and cannot be copied or kept
#include "relations.hpp"

#ifdef GOOD
Role role_of(TenantSession& session) {
  return session.context().role();
}
#else
Role role_of(TenantSession session) {
  return session.context().role();
}
#endif

Role handler(TenantSession& session) {
  return role_of(session);
}
