// Fails with: raw SQL needs a tenant
#include "relations.hpp"

#ifdef GOOD
Task<Result<void>> handler(TenantSession& session) {
  std::string sql = "select name from track where tenant_id = $1";
  std::vector<statement::Value> params;
  auto answer = co_await session.raw(std::move(sql), std::move(params));
  if (answer.has_error()) co_return answer.error();
  co_return Result<void>();
}
#else
void handler() {
  raw("select name from track");
}
#endif
