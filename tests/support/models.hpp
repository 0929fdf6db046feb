#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "catalog/records.hpp"
#include "support/postgres.hpp"

namespace bulkhead::test {

/// In which models the fixtures' two tenants live: BULKHEAD_TEST_MODEL, "schema" for both or "schema,silo"; row where it is
/// not set. One suite runs over all models by being started again (bulkhead_test_again).
[[nodiscard]] std::pair<catalog::Model, catalog::Model> wanted_models();

/// Where a tenant's tables are, with the operator's rights.
class TenantHome {
 public:
  /// Throws on an error.
  TenantHome(const Database& database, std::string_view slug);

  /// `sql` is written for schema app. Throws on an error.
  void execute(std::string_view sql);
  [[nodiscard]] std::string query_one(std::string_view sql);
  [[nodiscard]] const std::string& schema() const noexcept { return schema_; }
  [[nodiscard]] pg::Blocking& admin() noexcept { return admin_; }

 private:
  [[nodiscard]] std::string placed(std::string_view sql) const;
  pg::Blocking admin_;
  std::string schema_;
};

}  // namespace bulkhead::test
