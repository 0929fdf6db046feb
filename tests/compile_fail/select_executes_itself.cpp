// Fails with: a statement needs a tenant
#include "relations.hpp"

#ifdef GOOD
Task<Result<void>> handler(TenantSession& session) {
  auto statement = select(track.name).from(track);
  auto answer = co_await session.run(std::move(statement));
  if (answer.has_error()) co_return answer.error();
  co_return Result<void>();
}
#else
void handler() {
  select(track.name).from(track).execute();
}
#endif
