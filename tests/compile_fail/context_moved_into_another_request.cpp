// Fails with: another one cannot be put into its place
#include "relations.hpp"

#ifdef GOOD
bool handler(const RequestContext& mine, const RequestContext& other) {
  return mine.role() == other.role();
}
#else
void handler(TenantSession& session, RequestContext& other) {
  const_cast<RequestContext&>(session.context()) = std::move(other);
}
#endif
