// Fails with: a TenantSession is made from the RequestContext of a permitted request
#include "relations.hpp"

#ifdef GOOD
const RequestContext& handler(TenantSession& session) {
  return session.context();
}
#else
void handler() {
  TenantSession session;
}
#endif
