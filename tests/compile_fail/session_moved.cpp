// Fails with: a TenantSession stays with its request and cannot be copied or kept
#include "relations.hpp"

#ifdef GOOD
void handler(TenantSession& session) {
  TenantSession& same = session;
  static_cast<void>(same.context());
}
#else
void handler(TenantSession& session) {
  TenantSession taken = std::move(session);
  static_cast<void>(taken.context());
}
#endif
