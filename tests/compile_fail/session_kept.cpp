// Fails with: a TenantSession stays with its request and cannot be copied or kept
#include "relations.hpp"

#ifdef GOOD
static std::string kept;
void handler(TenantSession& session) {
  kept = session.context().principal().name;
}
#else
static TenantSession* kept;
void handler(TenantSession& session) {
  *kept = session;
}
#endif
