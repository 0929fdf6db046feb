// Fails with: an update or delete says which rows
#include "relations.hpp"

#ifdef GOOD
Task<Result<void>> handler(TenantSession& session) {
  auto statement = delete_from(track).all();
  auto answer = co_await session.run(std::move(statement));
  if (answer.has_error()) co_return answer.error();
  co_return Result<void>();
}
#else
Task<Result<void>> handler(TenantSession& session) {
  auto statement = delete_from(track);
  auto answer = co_await session.run(std::move(statement));
  if (answer.has_error()) co_return answer.error();
  co_return Result<void>();
}
#endif
