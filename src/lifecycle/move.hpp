#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include <bulkhead/result.hpp>

#include "catalog/records.hpp"
#include "lifecycle/operations.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

/// Where a tenant is to live.
struct MoveRequest {
  MoveRequest() = default;
  std::string tenant;                   ///< Slug or id.
  std::optional<catalog::Model> model;  ///< None: as it is.
  std::string cell;                     ///< Empty: any that has room.
  bool back = false;                    ///< To where it lived before; then neither model nor cell.
  std::uint64_t max_rate = 0;           ///< Bytes a second of the copy; 0: no limit.
  std::chrono::seconds keep{std::chrono::hours(24 * 7)};  ///< How long the way back stays open.
  std::string plan;                                       ///< From the move's commit on; empty: as it is.
  std::string actor;
};

/// Stores a move's operation (kind `move`), pending: `run_move` or any server's housekeeping does it. Errors: `not_found`,
/// `usage`, `conflict` (another operation of the tenant is under way; it is being deleted; there is no way back; it lives there
/// already).
[[nodiscard]] Result<Operation> start_move(pg::Blocking& catalog, const MoveRequest& request);

/// A plan that means another model than that in which the tenant lives: starts the move there, with which the tenant gets the plan.
/// None where the plan means the same model. Errors: as above, `not_found` (plan).
[[nodiscard]] Result<std::optional<Operation>> start_plan_move(pg::Blocking& catalog,
                                                               const std::string& tenant,
                                                               const std::string& plan,
                                                               const std::string& actor);

/// Its steps: prepare the place, move (docs/decisions/0016-move.md), finish. Where the connection to the catalog is lost it is made
/// again for half a minute. Errors: those of the steps; after them the tenant is where it was, or (`database_unavailable`,
/// `conflict`) another run takes the operation up.
[[nodiscard]] Result<Operation> run_move(pg::Blocking& catalog, const Uuid& id,
                                         const std::function<void(const Operation&)>& told = {});

/// What a move would take. Looks, and changes nothing.
struct MoveEstimate {
  struct Table {
    std::string name;
    std::uint64_t rows = 0, bytes = 0;
  };
  std::string from, to;  ///< Models and cells, for people.
  std::vector<Table> tables;
  std::uint64_t rows = 0, bytes = 0;
  double seconds = 0, pause_ms = 0;
  bool measured =
      false;  ///< Time and pause are those of this installation's latest moves; else they are assumed.
};
[[nodiscard]] Result<MoveEstimate> estimate_move(pg::Blocking& catalog, const MoveRequest& request);
[[nodiscard]] boost::json::object estimate_json(const MoveEstimate& estimate);

/// A place where a tenant lived.
struct FormerPlacement {
  TenantId tenant;
  catalog::Placement placement;
  std::string state, left_at, until;  ///< Times: RFC 3339, UTC.
};
/// Of one tenant, or of all; the latest first.
[[nodiscard]] Result<std::vector<FormerPlacement>> former_placements(pg::Blocking& catalog,
                                                                     const std::optional<TenantId>& tenant);
/// Removes what is kept there and closes the way back. Error: `conflict` where another process does it, or a move goes there.
[[nodiscard]] Result<void> clean_former(pg::Blocking& catalog, const FormerPlacement& former);
/// Those whose time is over. How many; the first failure, if nothing was done.
[[nodiscard]] Result<std::int64_t> clean_due_placements(pg::Blocking& catalog,
                                                        const std::function<bool()>& stop = {});

}  // namespace bulkhead::lifecycle
