#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <bulkhead/result.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::lifecycle::backup {

/// How one table's rows of two tenants differ, by their keys. Keys are the key's values with commas between them.
struct TableDiff {
  std::string table;
  std::uint64_t rows_here = 0, rows_there = 0;
  std::uint64_t only_here = 0, only_there = 0, changed = 0;
  std::vector<std::string> keys_here, keys_there, keys_changed;  ///< The first ones.
  [[nodiscard]] bool same() const noexcept { return only_here == 0 && only_there == 0 && changed == 0; }
};

struct DiffRequest {
  DiffRequest() = default;
  std::string here, there;                  ///< Slugs or ids.
  std::size_t keys = 10;                    ///< So many of each kind, for each table.
  std::function<void(std::uint64_t)> rows;  ///< Compared so far.
};

/// Compares two tenants' rows, table by table, and their counters, each side as one snapshot; columns that only one side has are left
/// out, and a table that only one side has is an empty one on the other. Reads in the order of keys; memory is bounded. Errors: `not_found`,
/// `conflict` (adopted), the databases'.
[[nodiscard]] Result<std::vector<TableDiff>> diff_tenants(pg::Blocking& catalog, const DiffRequest& request);

}  // namespace bulkhead::lifecycle::backup
