#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <bulkhead/result.hpp>

#include "lifecycle/tenant_data.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

struct ExportRequest {
  ExportRequest() = default;
  std::string tenant;         ///< Slug or id.
  std::filesystem::path out;  ///< Replaced when it is there.
  std::string actor;
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  ///< Rows.
};

struct ExportReport {
  std::string operation;
  std::vector<TableDigest> tables;  ///< The counters and the memberships as well.
  std::uint64_t rows = 0, bytes = 0;
  std::string
      content_sha256;  ///< `digest_of` the tables and counters; a deletion's certificate names the same.
};

/// Writes all that is one tenant's into one archive (tar, gzip), as one snapshot of its placement:
///
///     schema/NNNN_name.sql   the app's migrations        schema/tables.json   its tables: columns, keys
///     data/TABLE.csv         the rows, without tenant_id  counters.csv         memberships.csv
///     manifest.json          tenant, time, version, row counts and SHA-256 of each file
///
/// Memory is bounded; the rows of one table at a time wait on disk. Errors: `not_found`, `conflict` (another export of this
/// tenant runs), `environment` (the file), `placement_stale`.
[[nodiscard]] Result<ExportReport> export_tenant(pg::Blocking& catalog, const ExportRequest& request);

/// Reads an export's archive and compares it with its manifest. Errors: `import_failed` saying what is wrong, `environment`.
[[nodiscard]] Result<ExportReport> verify_export(const std::filesystem::path& archive);

}  // namespace bulkhead::lifecycle
