#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <bulkhead/result.hpp>

#include "catalog/records.hpp"
#include "lifecycle/backup/base.hpp"
#include "lifecycle/backup/replace.hpp"
#include "lifecycle/operations.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle::backup {

struct RestoreRequest {
  RestoreRequest() = default;
  std::string tenant;        ///< Whose backups: slug or id.
  std::string as;            ///< Slug of the new tenant; empty with `replace`.
  bool replace = false;      ///< In the place of the live tenant's rows: neither model nor cell.
  bool discard = false;      ///< With `replace`: even where what the tenant has now cannot be brought back.
  std::optional<Moment> at;  ///< Rows as of then; none: as of the newest base.
  std::optional<catalog::Model> model;  ///< Default: the live tenant's.
  std::string cell;                     ///< Default: the live tenant's.
  std::string store;                    ///< URL.
  std::string actor;
  /// How long the end of the journal is waited for, where it is not in the store yet.
  std::chrono::milliseconds patience{60'000};
  RowsTold rows;  ///< Of the base, of how many; then changes of the journal, of 0.
};

struct RestoreReport {
  std::string operation;
  catalog::TenantRecord tenant;  ///< The new one, active and without members; or the live one.
  Moment base, at;
  std::uint64_t rows = 0, changes = 0, transactions = 0;
  std::vector<ReplaceReport::Table> replaced;  ///< With `replace`: the tables that have changed.
  double pause_ms = 0;                         ///< And how long writers waited.
};

/// Makes a new tenant beside the live one with the rows that this had at a time, in any model: the newest base before that time, and
/// the journal from there. Its rows are put in before it is a tenant, so that nobody ever sees it half full; whoever dies in the
/// middle is followed by another process that reaches the store (operation of kind `restore`), and what has failed for good leaves
/// nothing. Neither the live tenant nor any other is touched. With `replace` there is no new tenant: the live one gets these rows in the place of
/// its own, while it is served (backup/replace.hpp). Errors: `not_found` (no tenant, no backup so early), `usage` (slug, a time to come),
/// `already_exists` (the slug), `conflict` (the journal was not kept then, another version of the app, no superuser, no room; with `replace`: no way back, another operation of the tenant is under way),
/// `import_failed` (a damaged or foreign object), `environment` (the store), `config_invalid` (the key).
[[nodiscard]] Result<RestoreReport> restore_tenant(pg::Blocking& catalog, const RestoreRequest& request);
/// The steps of such an operation; for `resume_operation`.
[[nodiscard]] Result<Operation> run_restore(pg::Blocking& catalog, const Uuid& id,
                                            const std::function<void(const Operation&)>& told = {},
                                            const RowsTold& rows = {});

struct VerifyReport {
  BaseName base;
  std::uint64_t tables = 0, rows = 0, objects = 0, bytes = 0;
};
/// Looks at one base (empty `folder`: the newest), then at each segment of the journal: hashes of the objects as they are stored,
/// whether all of it opens, and whether the rows, restored into a placement of their own that goes again, are those that were read
/// (`scratch`). Errors: `import_failed` saying which object is wrong and how, as above.
[[nodiscard]] Result<VerifyReport> verify_backup(pg::Blocking& catalog, const std::string& tenant,
                                                 const std::string& store, const std::string& folder,
                                                 bool scratch);

}  // namespace bulkhead::lifecycle::backup
