#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <bulkhead/result.hpp>

#include "base/config.hpp"
#include "catalog/records.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

/// What a tenant's plan decides about its placement.
struct Plan {
  std::string name;
  catalog::Model model = catalog::Model::row;
  std::string cell;       ///< Empty: any.
  std::string region;     ///< Empty: any.
  std::int32_t pool = 0;  ///< How many placements of its model are kept ready for sign-ups.
};

/// By name.
[[nodiscard]] Result<std::vector<Plan>> list_plans(pg::Blocking& catalog);
/// Error: `not_found`.
[[nodiscard]] Result<Plan> find_plan(pg::Blocking& catalog, const std::string& name);
/// Makes or changes one; tenants of the plan stay where they are. Errors: `usage` (the name, the pool's size),
/// `not_found` (no such cell).
[[nodiscard]] Result<void> set_plan(pg::Blocking& catalog, const Plan& plan);
/// The plans of a bulkhead.toml; others are left.
[[nodiscard]] Result<void> sync_plans(pg::Blocking& catalog, const std::vector<PlanConfig>& plans);

}  // namespace bulkhead::lifecycle
