#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <bulkhead/result.hpp>

#include "lifecycle/backup/layout.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle::backup {

struct PruneReport {
  std::uint64_t bases = 0, segments = 0, half_made = 0, of_deleted = 0, bytes = 0;
  std::vector<std::string> foreign;  ///< Tenants in the store that this catalog does not know; they are left.
};

/// Removes what no time since `keep_since` needs: bases before the newest one that is older, and the journal before the oldest base
/// that stays; bases that were left half-made a day ago; all that is of tenants that were deleted, which nobody can read any more.
/// The newest base of a tenant always stays. May be repeated, and done by several at once. Error: the store's, the catalog's.
[[nodiscard]] Result<PruneReport> prune_backups(pg::Blocking& catalog, const std::string& store,
                                                Moment keep_since);

}  // namespace bulkhead::lifecycle::backup
