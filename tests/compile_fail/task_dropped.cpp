// Fails with: ignoring return value
#include "relations.hpp"

#ifdef GOOD
Task<Result<std::uint64_t>> handler(TenantSession& session) {
  return session.run(delete_from(track).all());
}
#else
void handler(TenantSession& session) {
  session.run(delete_from(track).all());
}
#endif
