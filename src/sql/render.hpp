#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/statement.hpp>

#include "pg/unit.hpp"
#include "sql/fingerprint.hpp"
#include "sql/relations.hpp"

namespace bulkhead::sql {

struct OutputColumn {
  std::string name;
  JsonKind kind = JsonKind::string;
};

/// A statement rendered for one schema. The tenant is `$1` on every tenant relation that it names, never
/// inlined, so the text depends on the shape alone and its generic plan serves every tenant.
struct Rendered {
  std::string text;
  pg::Params params;  ///< `$1` is the tenant (absent when `tenant_param` is false: shared tables only).
  bool tenant_param = true;
  /// Of each parameter behind the tenant's, where its value stands in the statement; nullopt: it is the same for every
  /// statement of this fingerprint.
  std::vector<std::optional<ValueRef>> sources, count_sources;
  std::vector<OutputColumn> outputs;  ///< In the order of the result's columns, guards left out.
  std::vector<std::size_t>
      guards;  ///< Result columns that hold a tenant's id, checked against the tenant on the way out: the
               ///< row's own, or of what else it was made of a foreign one if there is any.
  bool own_guard = false;  ///< The first guard is the row's own tenant id, which is never NULL.
  std::string
      count_text;  ///< Set for `exact_count`: a second statement with `count_params`. One row: the count, and,
                   ///< with the row check on, how many of the counted rows were another tenant's.
  pg::Params count_params;
  bool count_tenant_param = true;  ///< As `tenant_param`, of `count_params`.
  bool writes = false;
  bool read_only = false;       ///< Of a call: PostgreSQL is to refuse what it would write.
  bool tells_inserted = false;  ///< The last column says of each row whether it is new (an upsert).
  bool tells_total = false;     ///< The last column says how many rows there are (a call that is made once).
};

/// Test switch: the wall that is off (only the isolation tests set it, DESIGN "each wall alone must hold").
struct Walls {
  bool predicate = true;
  bool row_check = true;
};

/// What PostgreSQL's error message holds, followed by the number of rows, when a write touched more rows than
/// its `at_most`.
inline constexpr std::string_view single_violation = "bulkhead-rows:";

/// What PostgreSQL's error message holds, followed by the tenant, when a write touched a row of another tenant. The
/// error undoes the write: the check on the way out would come too late for it.
inline constexpr std::string_view tenant_violation = "bulkhead-tenant:";

/// Embeds inside embeds; deeper is refused with `relationship_unknown`.
inline constexpr std::size_t embed_depth_max = 8;

/// Renders `statement` over `relations` of `schema` for the tenant whose id is `tenant` (36 characters).
/// Errors: `relation_unknown`, `column_unknown`, `relationship_*`, `filter_required`, `payload_invalid`.
/// Names that are not in `relations` never reach SQL; values always are parameters. Pure: thread-safe.
[[nodiscard]] Result<Rendered> render(const statement::Statement& statement, const Relations& relations,
                                      std::string_view schema, std::string_view tenant,
                                      const Walls& walls = {});

}  // namespace bulkhead::sql
