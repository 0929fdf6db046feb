// Fails with: a TenantSession stays with its request and cannot be copied or kept
#include "relations.hpp"

#ifdef GOOD
const TenantSession& handler(TenantSession& session) {
  return session;
}
#else
TenantSession handler(TenantSession& session) {
  return session;
}
#endif
