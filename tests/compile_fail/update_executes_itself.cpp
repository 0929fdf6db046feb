// Fails with: a statement needs a tenant
#include "relations.hpp"

#ifdef GOOD
Task<Result<void>> handler(TenantSession& session) {
  auto statement = update(track).set(track.name = "x").all();
  auto answer = co_await session.run(std::move(statement));
  if (answer.has_error()) co_return answer.error();
  co_return Result<void>();
}
#else
void handler() {
  update(track).set(track.name = "x").all().execute();
}
#endif
