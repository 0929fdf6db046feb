#include "lifecycle/pool.hpp"

#include <charconv>

#include "base/failpoint.hpp"
#include "catalog/cells.hpp"
#include "lifecycle/databases.hpp"
#include "lifecycle/lock.hpp"
#include "lifecycle/slots.hpp"

namespace bulkhead::lifecycle {
namespace {

std::int64_t number_of(std::string_view text) {
  std::int64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

class Filling {
 public:
  Filling(pg::Blocking& catalog, const std::function<void(std::uint64_t, std::uint64_t)>& told,
          const std::function<bool()>& stop)
      : catalog_(catalog), told_(told), stop_(stop) {}

  Result<FillReport> run() {
    BULKHEAD_CHECK(tidy());
    BULKHEAD_TRY(const auto states, pool_states(catalog_));
    for (const PoolState& state : states)
      total_ += static_cast<std::uint64_t>(std::max<std::int64_t>(0, lacks(state)));
    for (const PoolState& state : states) fill(state);
    return std::move(report_);
  }

 private:
  static std::int64_t lacks(const PoolState& state) { return state.wanted - state.ready - state.making; }
  [[nodiscard]] bool stopped() const { return stop_ && stop_(); }

  /// What is wanted is finished, the rest undone. Another process at work (`conflict`) is no error.
  void note(const Result<void>& done) {
    if (done.has_error() && done.error().code() != Errc::conflict) report_.errors.push_back(done.error());
  }

  Result<void> tidy() {
    BULKHEAD_TRY(const auto slots, leftover_slots(catalog_));
    for (const Slot& slot : slots) {
      if (stopped()) return {};
      note(tidy_slot(slot));
    }
    // After the slots: a shard that was made for one of them may have lost its last.
    BULKHEAD_TRY(const auto databases, leftover_databases(catalog_));
    for (const auto& [cell, name] : databases) {
      if (stopped()) return {};
      note(drop_database(catalog_, cell, name));
    }
    return {};
  }

  Result<void> tidy_slot(const Slot& slot) {
    BULKHEAD_TRY(const bool free, try_lock(catalog_, slot_lock(slot)));
    if (!free) return {};
    const SessionLock lock(catalog_, slot_lock(slot));
    // Perhaps its maker was still there a moment ago, and has come to an end.
    BULKHEAD_TRY(const auto now, find_slot(catalog_, slot.tenant));
    if (!now || now->state == "ready") return {};
    if (now->state == "making") {
      BULKHEAD_TRY(const bool wanted, is_wanted(*now));
      if (wanted && provision_slot(catalog_, *now, shard_).has_value()) {
        ++report_.made;
        return offer_slot(catalog_, *now);
      }
    }
    ++report_.undone;
    return drop_slot(catalog_, *now);
  }

  Result<bool> is_wanted(const Slot& slot) {
    BULKHEAD_TRY(const auto states, pool_states(catalog_));
    for (const PoolState& state : states) {
      // The slot itself is one of those that are being made.
      if (state.model == slot.model && (state.cell.empty() || state.cell == slot.cell) && lacks(state) >= 0)
        return true;
    }
    return false;
  }

  void fill(const PoolState& state) {
    for (std::int64_t left = lacks(state); left > 0 && !stopped(); --left) {
      auto done = make_one(state);
      if (done.has_error()) {
        report_.errors.push_back(done.error());
        return;
      }
      ++report_.made;
      if (told_)
        told_(static_cast<std::uint64_t>(report_.made),
              std::max(total_, static_cast<std::uint64_t>(report_.made)));
    }
  }

  Result<void> make_one(const PoolState& state) {
    BULKHEAD_TRY(const Slot slot, reserve_locked(state));
    const SessionLock lock(catalog_, slot_lock(slot));
    failpoint("pool.reserved");
    auto provisioned = provision_slot(catalog_, slot, shard_);
    if (provisioned.has_error()) {
      // What cannot be undone now either is found by the next run.
      [[maybe_unused]] const auto undone = drop_slot(catalog_, slot);
      return provisioned;
    }
    BULKHEAD_CHECK(offer_slot(catalog_, slot));
    failpoint("pool.offered");
    return {};
  }

  /// The slot is seen by others only once this session's lock says that it is being made.
  Result<Slot> reserve_locked(const PoolState& state) {
    const auto reserve = [&]() -> Result<Slot> {
      BULKHEAD_TRY(Slot slot, reserve_slot(catalog_, state.model, state.cell, state.region));
      BULKHEAD_TRY([[maybe_unused]] const bool locked, try_lock(catalog_, slot_lock(slot)));
      BULKHEAD_CHECK(catalog_.execute("commit"));
      return slot;
    };
    BULKHEAD_CHECK(catalog_.execute("begin"));
    auto reserved = reserve();
    if (reserved.has_error()) [[maybe_unused]]
      const auto rolled_back = catalog_.execute("rollback");
    return reserved;
  }

  pg::Blocking& catalog_;
  const std::function<void(std::uint64_t, std::uint64_t)>& told_;
  const std::function<bool()>& stop_;
  ShardConnection shard_;
  std::uint64_t total_ = 0;
  FillReport report_;
};

}  // namespace

Result<std::vector<PoolState>> pool_states(pg::Blocking& catalog) {
  // Row placements in the catalog's own pool are made in one statement anyway.
  BULKHEAD_TRY(
      auto rows,
      catalog.query(
          "select w.model, w.cell, w.region, w.wanted, count(s.tenant_id) filter (where s.state = "
          "'ready'), count(s.tenant_id) filter (where s.state = 'making') from (select model, "
          "coalesce(cell, '') as cell, region, sum(pool) as wanted from catalog.plan where pool > 0 and "
          "(model <> 'row' or coalesce(cell, 'default') <> 'default') group by 1, 2, 3) w left join "
          "(catalog.slot s join catalog.cell c on c.name = s.cell and c.status = 'open') on s.model = "
          "w.model and w.cell in "
          "('', s.cell) and w.region in ('', c.region) group by 1, 2, 3, 4 order by 1, 2, 3"));
  std::vector<PoolState> out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    PoolState state;
    const auto model = catalog::parse_model(rows.text(row, 0));
    if (!model)
      return Error(Errc::internal, "the catalog holds a plan that this version does not understand");
    state.model = *model;
    state.cell = rows.text(row, 1);
    state.region = rows.text(row, 2);
    state.wanted = number_of(rows.text(row, 3));
    state.ready = number_of(rows.text(row, 4));
    state.making = number_of(rows.text(row, 5));
    out.push_back(std::move(state));
  }
  return out;
}

Result<FillReport> fill_pool(pg::Blocking& catalog,
                             const std::function<void(std::uint64_t, std::uint64_t)>& told,
                             const std::function<bool()>& stop) {
  const std::string name = "bulkhead pool";
  BULKHEAD_TRY(const bool free, try_lock(catalog, name));
  if (!free)
    return Error(Errc::conflict, "another process fills the pool")
        .hint("`bulkhead pool list` shows what is ready");
  const SessionLock lock(catalog, name);
  return Filling(catalog, told, stop).run();
}

}  // namespace bulkhead::lifecycle
