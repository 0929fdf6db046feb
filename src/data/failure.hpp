#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/error.hpp>

#include "pg/unit.hpp"
#include "sql/relations.hpp"

namespace bulkhead::data {

/// PostgreSQL's report as a client may see it: the one place where a database's words become public. SQLSTATE
/// is kept; the message is rebuilt or cleaned, so that it holds nothing but names of the app and values of
/// this very request
/// (`sent`); `tenant_id`, or what it is called here, is taken out of constraints' names; details and a hint are told where the app's own RAISE gave
/// them, a hint also where it is about names and types; `internal()` has the whole message
/// and the functions of CONTEXT: what else PostgreSQL reports quotes rows and statements.
[[nodiscard]] Error client_error(const pg::Outcome& outcome, const std::vector<const pg::Params*>& sent,
                                 std::string_view tenant = sql::tenant_column);
/// The same for an error that came without its fields (a failed COMMIT).
[[nodiscard]] Error client_error(const Error& error);

/// True if a write met a row of another tenant and was undone for it (sql::tenant_violation).
[[nodiscard]] bool is_tenant_violation(const pg::Outcome& outcome,
                                       const std::vector<const pg::Params*>& sent);

}  // namespace bulkhead::data
