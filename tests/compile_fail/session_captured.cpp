// Fails with: a TenantSession stays with its request and cannot be copied or kept
#include "relations.hpp"

#ifdef GOOD
Role handler(TenantSession& session) {
  auto later = [&session] { return session.context().role(); };
  return later();
}
#else
Role handler(TenantSession& session) {
  auto later = [session] { return session.context().role(); };
  return later();
}
#endif
