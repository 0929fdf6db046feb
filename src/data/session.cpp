#include <utility>

#include "data/plane.hpp"

namespace bulkhead {

Task<Result<QueryResult>> TenantSession::run(statement::Statement statement) {
  return plane_->run(*context_, std::move(statement));
}

Task<Result<Rows>> TenantSession::raw(std::string sql, std::vector<statement::Value> params) {
  return plane_->raw(*context_, std::move(sql), std::move(params));
}

}  // namespace bulkhead
