#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <bulkhead/result.hpp>

#include "lifecycle/backup/manifest.hpp"
#include "lifecycle/operations.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle::backup {

/// Rows that are done, of how many; from the thread that works.
using RowsTold = std::function<void(std::uint64_t done, std::uint64_t total)>;

struct BackupRequest {
  BackupRequest() = default;
  std::string tenant;  ///< Slug or id.
  std::string store;   ///< Its URL.
  std::string actor;
  RowsTold rows;
};

struct BackupReport {
  std::string operation;
  BaseName base;
  Manifest manifest;
};

/// A base: all rows of one tenant as of one moment, in any model, sealed with the tenant's key, and the place in the journal
/// where it goes on. Waits until the transactions that write now, of the whole cluster, have ended; nobody waits for it but
/// migrations. The manifest is written last: what a process that died has left is no base. The operation (kind `backup`) may be
/// taken up by any process that reaches the store. Errors: `not_found`, `conflict` (another operation of this tenant, a
/// migration meanwhile, an adopted schema), `environment` (the store), `database_unavailable` (no right to replication, no
/// wal_level logical), `placement_stale`.
[[nodiscard]] Result<BackupReport> create_backup(pg::Blocking& catalog, const BackupRequest& request);
/// The steps of such an operation; for `resume_operation`.
[[nodiscard]] Result<Operation> run_backup(pg::Blocking& catalog, const Uuid& id,
                                           const std::function<void(const Operation&)>& told = {},
                                           const RowsTold& rows = {});

/// New bases of the tenants whose journal is kept and that have moved since their last one: at the new place, a restore to a time begins with
/// it. How many. `stop` is asked between two of them. Errors: as above, of the first that failed; it is tried again after ten minutes.
[[nodiscard]] Result<std::int64_t> back_up_moved(pg::Blocking& catalog, const std::string& store,
                                                 const std::function<bool()>& stop = {});

struct BackupEntry {
  BaseName name;
  Manifest manifest;
};
/// The whole bases of a tenant, oldest first. Errors: `not_found`, the store's.
[[nodiscard]] Result<std::vector<BackupEntry>> list_backups(pg::Blocking& catalog, const std::string& tenant,
                                                            const std::string& store);

}  // namespace bulkhead::lifecycle::backup
