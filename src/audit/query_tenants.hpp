#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/context.hpp>
#include <bulkhead/result.hpp>
#include <bulkhead/rows.hpp>

#include "audit/log.hpp"
#include "catalog/records.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::audit {

/// Which tenants a statement is asked of.
struct TenantChoice {
  enum class Kind : std::uint8_t { all, plan, named };
  Kind kind = Kind::all;
  std::vector<std::string> names;  ///< The plan, or slugs and ids.
};
/// "all", "plan=NAME" or "SLUG,SLUG,…". Error: `usage`.
[[nodiscard]] Result<TenantChoice> parse_tenant_choice(std::string_view text);

/// Some rows of one tenant. Called by several threads, one at a time, in no order. An error ends the whole query.
using RowSink = std::function<Result<void>(const catalog::TenantRecord& tenant, const Rows& rows)>;

struct QueryOptions {
  QueryOptions() = default;
  Role role = Role::viewer;                                               ///< Whose rights the statement has.
  std::size_t parallel = 4;                                               ///< Connections at a time, 1 to 64.
  std::chrono::milliseconds timeout{60'000};                              ///< Of the statement in one tenant.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  ///< Called as the sink is.
};

struct QueryFailure {
  catalog::TenantRecord tenant;
  Error error;
};

struct QueryReport {
  std::uint64_t tenants = 0, rows = 0;
  std::vector<QueryFailure> failures;  ///< By slug. Rows of such a tenant may have come before it failed.
};

/// Asks one read-only statement of many tenants, whatever their models: in each tenant's database, logged in as the server
/// is, with that tenant bound, so that row-level security holds, in a READ ONLY transaction, table names meaning the tables
/// of its placement. Tenants that are being deleted are left out, and so is, from the rows, a column `tenant_id` after it
/// was compared. Written to the audit log, with the statement, before it runs.
///
/// A tenant that cannot be asked (its cell is down, its tables lack a column) is told in the report and the others go on.
/// Errors: `usage` for a statement that is not one SELECT, `not_found` for a tenant that is not there, and the sink's.
[[nodiscard]] Result<QueryReport> query_tenants(pg::Blocking& catalog, const Actor& actor,
                                                const std::string& tenants, const std::string& statement,
                                                const QueryOptions& options, const RowSink& sink);

}  // namespace bulkhead::audit
