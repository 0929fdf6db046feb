#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <bulkhead/result.hpp>

#include "catalog/records.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

// Placements that are made before their tenants come, so that a sign-up is one statement in the catalog.

/// What the plans want of one model in one place, and what there is.
struct PoolState {
  catalog::Model model = catalog::Model::schema;
  std::string cell, region;  ///< Empty: any.
  std::int64_t wanted = 0, ready = 0, making = 0;
};

/// One line for each model and place that a plan with a pool names.
[[nodiscard]] Result<std::vector<PoolState>> pool_states(pg::Blocking& catalog);

struct FillReport {
  std::int64_t made = 0;      ///< Placements, in this run.
  std::int64_t undone = 0;    ///< Half-made ones of a process that died, which no plan wants.
  std::vector<Error> errors;  ///< What could not be done; the rest was.
};

/// Finishes or undoes what processes that died left half-made, then makes what the plans want, until there is enough, no
/// cell has room, or `stop` says so. `told`: placements made so far and in all. Error: `conflict` when another process
/// fills the pool.
[[nodiscard]] Result<FillReport> fill_pool(pg::Blocking& catalog,
                                           const std::function<void(std::uint64_t, std::uint64_t)>& told = {},
                                           const std::function<bool()>& stop = {});

}  // namespace bulkhead::lifecycle
