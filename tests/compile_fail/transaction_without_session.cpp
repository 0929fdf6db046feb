// Fails with: a transaction needs a tenant
#include "relations.hpp"

Task<Result<int>> body(Transaction&) {
  co_return 1;
}

#ifdef GOOD
Task<Result<int>> handler(TenantSession& session) {
  std::function<Task<Result<int>>(Transaction&)> work = body;
  co_return co_await session.transaction<int>(std::move(work));
}
#else
void handler() {
  transaction(body);
}
#endif
