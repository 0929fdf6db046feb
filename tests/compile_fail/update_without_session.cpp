// Fails with: a statement needs a tenant
#include "relations.hpp"

#ifdef GOOD
Task<Result<void>> handler(TenantSession& session) {
  auto statement = update(track).set(track.name = "x").where(track.track_id == 5);
  auto answer = co_await session.run(std::move(statement));
  if (answer.has_error()) co_return answer.error();
  co_return Result<void>();
}
#else
void handler() {
  run(update(track).set(track.name = "x").where(track.track_id == 5));
}
#endif
