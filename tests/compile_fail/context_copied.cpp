// Fails with: a RequestContext belongs to one request and cannot be copied
#include "relations.hpp"

#ifdef GOOD
const RequestContext& handler(TenantSession& session) {
  return session.context();
}
#else
RequestContext handler(TenantSession& session) {
  return session.context();
}
#endif
