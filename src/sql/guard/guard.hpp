#pragma once

#include <cstdint>
#include <string_view>

#include <bulkhead/result.hpp>

#include "sql/relations.hpp"

namespace bulkhead::sql {

/// What the guard found out about a statement that it let through.
struct GuardedStatement {
  bool writes = false;        ///< Goes to the write lane: changes or locks rows, or draws from a sequence.
  bool tenant_param = false;  ///< `$1` occurs and is the tenant; without it only shared tables are read.
  std::uint32_t params = 0;   ///< The highest parameter number, `$1` included.
};

/// Checks raw SQL of a handler (SECURITY-NOTES sections 0 and 1): one SELECT, INSERT, UPDATE or DELETE over
/// tables of the app, in which every tenant relation, at whatever depth, is tied to the tenant at its own
/// query level.
///
/// * a tenant relation in FROM, USING or as a target: `alias.tenant_id = $1` is an AND term of the WHERE, or
/// of the ON of
///   an inner join; for the nullable side of an outer join it stands in that join's ON;
/// * INSERT gives `$1` for tenant_id; its conflict target begins with tenant_id; UPDATE never assigns
/// tenant_id;
/// * `$1` is used for nothing else;
/// * no functions that set, reach outside or read the server's own state, also not as `(x).f`, which calls
///   f; no system catalogues.
///
/// This wall is against mistakes in a handler's text. Row-level security and the binding stand behind it.
///
/// Errors: `statement_refused`; the message names the rule and the place, the hint says what to write. Costs
/// a parse on a thread of its own: callers keep the answer by text. Thread-safe.
[[nodiscard]] Result<GuardedStatement> guard(std::string_view sql, const Relations& relations);

/// True for a function that a handler's raw SQL may not call: `name` in lower case, without schema.
[[nodiscard]] bool is_refused_function(std::string_view name);

}  // namespace bulkhead::sql
