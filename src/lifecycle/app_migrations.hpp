#pragma once

#include <vector>

#include <bulkhead/result.hpp>

#include "migrate/runner.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

/// Keeps the text of the app's migrations in the catalog: new placements are made from it, wherever the app's folder is.
/// Called once they have been applied to the catalog's own pool, so that what is kept is known to run.
[[nodiscard]] Result<void> remember_migrations(pg::Blocking& catalog,
                                               const std::vector<migrate::MigrationFile>& files);

/// In order; empty where none have been kept.
[[nodiscard]] Result<std::vector<migrate::MigrationFile>> app_migrations(pg::Blocking& catalog);

}  // namespace bulkhead::lifecycle
