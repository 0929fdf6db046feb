#pragma once

#include <string>

#include <bulkhead/result.hpp>

#include "migrate/runner.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

// The databases of the cells, as catalog.database has them. `catalog`: the operator's connection to the catalog, without
// an open transaction. All of it may be done again after it was done in part.

/// The operator's connection to a database of the catalog; what it calls `making` is made first: the database, its roles,
/// login, keys and functions; `ready` afterwards. Processes that want the same one take turns. Errors: `not_found`, `conflict` (it is being dropped),
/// `database_unavailable`, `statement_failed`.
[[nodiscard]] Result<pg::Blocking> open_database(pg::Blocking& catalog, const std::string& cell,
                                                 const std::string& name);

/// Drops the database with whoever is connected to it, its login, and its row. No slot may name it any more.
[[nodiscard]] Result<void> drop_database(pg::Blocking& catalog, const std::string& cell,
                                         const std::string& name);

/// Brings one schema to the app's version, as the catalog keeps it, and gives it the rows of shared tables, if it has none.
/// `target`: the operator's connection to the schema's database.
[[nodiscard]] Result<void> fill_schema(pg::Blocking& catalog, pg::Blocking& target,
                                       const std::string& schema);

}  // namespace bulkhead::lifecycle
