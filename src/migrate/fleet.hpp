#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include <bulkhead/result.hpp>

#include "catalog/cells.hpp"
#include "migrate/bootstrap.hpp"
#include "migrate/runner.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::migrate {

// All schemas that hold the app's tables, over all cells. `catalog` is always the operator's connection to the catalog's
// database; more connections like it are opened.

/// One of them.
struct FleetTarget {
  std::string cell, database, schema;
  catalog::DatabaseKind kind = catalog::DatabaseKind::pool;
  int version = 0;
  std::vector<int> pending;   ///< Versions of the files that it lacks.
  bool disagrees = false;     ///< Its ledger has other files than the app.
  bool catalogs_own = false;  ///< The pool in the catalog's database.
  bool waits = false;         ///< It has no tenant yet (catalog.slot).
  std::string fingerprint;    ///< As its last migration left it.
};

/// A target that was left at its version, or a database (no schema) whose targets are not even known.
struct TargetFailure {
  std::string cell, database, schema;
  catalog::DatabaseKind kind = catalog::DatabaseKind::pool;
  int version = 0;
  std::string error;
};

struct FleetProgress {
  enum class Kind : std::uint8_t { begun, target, waiting };
  Kind kind = Kind::target;
  std::size_t done = 0, total = 0;
  const FleetTarget* where = nullptr;  ///< waiting: another run is at work on it.
};

struct FleetOptions {
  FleetOptions() = default;
  RunOptions run;
  BindingMode binding = BindingMode::signed_context;
  std::size_t parallel = 4;  ///< Targets of one cell that are migrated at the same time.
  std::size_t canary =
      0;  ///< So many first, those without a tenant before others; the rest only if all go well.
  bool catalogs_pool = true;  ///< Also the pool in the catalog's database, by run_migrations().
  std::function<void(const FleetProgress&)> progress;  ///< By one thread at a time.
};

struct FleetReport {
  RunReport pool;            ///< Of the catalog's own pool.
  std::size_t others = 0;    ///< Targets beside it that are known,
  std::size_t migrated = 0;  ///< of these those that lacked something and have it now.
  std::size_t left = 0;      ///< Not begun, because a canary failed.
  std::vector<TargetFailure> failures;
};

/// Brings every target to the files' version: databases that another Bulkhead prepared are brought up to date, then each
/// target is migrated (`migrate_target`), grouped by database, with `parallel` threads a cell. What fails is set aside
/// in catalog.target_failure with its error, and the others go on; a cell that cannot be reached has all its targets set
/// aside. May be run again at any time, and by two at once: each target is one run's. Errors: what concerns the catalog;
/// `migration_failed` of the catalog's own pool where there is no other target.
[[nodiscard]] Result<FleetReport> migrate_fleet(pg::Blocking& catalog,
                                                const std::vector<MigrationFile>& files,
                                                const FleetOptions& options);

/// What is known of all targets, without changing anything.
struct FleetList {
  std::vector<FleetTarget> targets;     ///< By cell, database and schema.
  std::vector<TargetFailure> failures;  ///< Databases that could not be asked.
};
[[nodiscard]] Result<FleetList> list_targets(pg::Blocking& catalog, const std::vector<MigrationFile>& files,
                                             std::size_t parallel = 4);

struct TargetStatus {
  FleetTarget target;
  std::string error;  ///< Of the last run; empty for none.
  bool drift =
      false;  ///< Its tables are not what its last migration left, or not what most of its version have.
};
/// The state of each target. Databases that cannot be asked are there with an error and no schema.
[[nodiscard]] Result<std::vector<TargetStatus>> fleet_status(pg::Blocking& catalog,
                                                             const std::vector<MigrationFile>& files,
                                                             std::size_t parallel = 4);

}  // namespace bulkhead::migrate
