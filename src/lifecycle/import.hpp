#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <bulkhead/result.hpp>

#include "catalog/records.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

struct ImportedTable {
  std::string name;
  bool shared = false;
  std::uint64_t rows = 0;   ///< In the file.
  std::uint64_t added = 0;  ///< Fewer than `rows` for a shared table whose rows were there already.
};

struct ImportOptions {
  ImportOptions() = default;
  /// Called with the rows done so far and the rows of all files; for a progress bar.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

/// Loads a folder of `<table>.csv` files into one tenant, in the order of their foreign keys, in one transaction: all or
/// nothing. The operator's connection stages the rows; they go in over a connection as the server has it, as the login of the
/// placement's database, so that code of the app (triggers, defaults) has no more rights than at run time. CSV as RFC 4180, UTF-8, the first line names the columns; an empty unquoted field is NULL. `tenant_id` is no
/// column of such a file. The rows go in as the tenant's owner role with the tenant bound, so row-level security holds for an
/// import as for a request.
///
/// Files of shared tables are merged by primary key, before and in a transaction of their own: rows that are there must be
/// the same, others are added, and taken back when the tenant's rows do not go in.
///
/// `catalog`: an administrator's connection to the catalog (no transaction open). Errors: `import_failed`, naming file, line and column;
/// `placement_stale` when the tenant may not be written now.
[[nodiscard]] Result<std::vector<ImportedTable>> import_csv(pg::Blocking& catalog,
                                                            const catalog::TenantRecord& tenant,
                                                            const std::filesystem::path& dir,
                                                            const ImportOptions& options = {});

}  // namespace bulkhead::lifecycle
