#pragma once

#include <optional>
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

/// The operator's connection to the shard where a schema was made last, kept for the next one: a third of what a schema costs
/// are the empty caches of a fresh backend. One thread at a time.
class ShardConnection {
 public:
  ShardConnection() = default;
  /// As `open_database`; the one that is kept where it is that database's and still lives, with nothing left of its former use.
  /// Valid until the next call.
  [[nodiscard]] Result<pg::Blocking*> open(pg::Blocking& catalog, const std::string& cell,
                                           const std::string& name);

 private:
  std::optional<pg::Blocking> kept_;
  std::string cell_, name_;
};

/// Drops the database with whoever is connected to it, its login, and its row. No slot may name it any more.
[[nodiscard]] Result<void> drop_database(pg::Blocking& catalog, const std::string& cell,
                                         const std::string& name);

/// Brings one schema to the app's version, as the catalog keeps it, and gives it the rows of shared tables, if it has none.
/// `target`: the operator's connection to the schema's database.
[[nodiscard]] Result<void> fill_schema(pg::Blocking& catalog, pg::Blocking& target,
                                       const std::string& schema);

}  // namespace bulkhead::lifecycle
