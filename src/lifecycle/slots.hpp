#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/uuid.hpp>

#include "catalog/records.hpp"
#include "lifecycle/databases.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

/// A placement that waits for its tenant, whose id is chosen already.
struct Slot {
  TenantId tenant;
  catalog::Model model = catalog::Model::row;
  std::string cell, database, schema;
  std::string state;  ///< making, ready, dropping
};

/// A place for one more tenant, `making`. `cell`, `region`: empty for any. To be called in a transaction that also says who
/// makes it: an operation, or `slot_lock`. Error: `conflict` when no open cell has room.
[[nodiscard]] Result<Slot> reserve_slot(pg::Blocking& catalog, catalog::Model model, const std::string& cell,
                                        const std::string& region);
/// The same for a tenant that is to move: in a database that does not know it.
[[nodiscard]] Result<Slot> reserve_slot_to_move(pg::Blocking& catalog, catalog::Model model,
                                                const std::string& cell, const TenantId& moving);
/// The name of the session's lock that says: this process makes the slot.
[[nodiscard]] std::string slot_lock(const Slot& slot);
[[nodiscard]] Result<std::optional<Slot>> find_slot(pg::Blocking& catalog, const TenantId& tenant);
[[nodiscard]] Result<std::vector<Slot>> list_slots(pg::Blocking& catalog);
/// The error about a model that no cell takes any more.
[[nodiscard]] Error no_room(catalog::Model model, const std::string& cell, const std::string& region);

/// Makes all that the slot's database needs for it: database, schema, tables, shared rows, residency. The slot stays
/// `making`. Begins anew where a process before it died. Error: `conflict` when another process makes it.
/// `shard`: of a caller who makes several.
[[nodiscard]] Result<void> provision_slot(pg::Blocking& catalog, const Slot& slot, ShardConnection& shard);
/// From now on a sign-up may take it.
[[nodiscard]] Result<void> offer_slot(pg::Blocking& catalog, const Slot& slot);
/// Undoes a slot, as far as it came. Error: `conflict` when another process makes it or a tenant has taken it.
[[nodiscard]] Result<void> drop_slot(pg::Blocking& catalog, const Slot& slot);

/// Slots that a process left half-made, and whose operation, if any, has ended.
[[nodiscard]] Result<std::vector<Slot>> leftover_slots(pg::Blocking& catalog);
/// Shards and silos that were left half-made and that no slot and no tenant needs, by cell and name. From now on they are
/// `dropping`: nobody reserves a slot there.
[[nodiscard]] Result<std::vector<std::pair<std::string, std::string>>> leftover_databases(
    pg::Blocking& catalog);

}  // namespace bulkhead::lifecycle
