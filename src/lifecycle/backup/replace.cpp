#include "lifecycle/backup/replace.hpp"

#include <algorithm>
#include <thread>

#include "base/failpoint.hpp"
#include "journal/residency.hpp"
#include "journal/tables.hpp"
#include "journal/tenant_lock.hpp"
#include "lifecycle/transaction.hpp"

namespace bulkhead::lifecycle::backup {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds lock_patience{60};

Error moved_away() {
  return Error(Errc::conflict,
               "the tenant does not live there any more, or another process has taken this over")
      .hint("`bulkhead operation list` shows where it stands");
}

/// A row as it is compared: what COPY would write of it, as a text that does not depend on the session.
std::string content(const TableShape& shape, const std::string& of) {
  std::string out;
  for (const auto& column : shape.columns)
    out += (out.empty() ? "row(" : ", ") + of + "." + pg::quote_identifier(column);
  return out.empty() ? "''::text" : out + ")::text";
}

std::string same_key(const TableShape& shape, const std::string& one, const std::string& other) {
  std::string out;
  for (const auto& column : shape.key)
    out += " and " + one + "." + pg::quote_identifier(column) + " = " + other + "." +
           pg::quote_identifier(column);
  return out;
}

class Replacement {
 public:
  Replacement(pg::Blocking& home, const ReplaceOrder& order) : home_(home), order_(order) {}

  /// False: an earlier attempt has done it.
  Result<bool> claim() {
    BULKHEAD_TRY(const auto here, journal::claim_source(home_, order_.tenant, order_.attempt));
    if (!here.resident || here.schema != order_.schema) return moved_away();
    BULKHEAD_TRY(auto done, home_.query("select replaced_by is not distinct from $2::uuid from "
                                        "bulkhead.residency where tenant_id = $1::uuid",
                                        {order_.tenant.text(), order_.operation.text()}));
    return !done.empty() && done.text(0, 0) != "t";
  }

  Result<void> stage(const std::function<Result<void>(Replay&)>& fill) {
    BULKHEAD_CHECK(transaction(home_, [&]() -> Result<void> {
      BULKHEAD_TRY(Replay replay, Replay::begin_staged(home_, order_.schema, order_.tenant));
      BULKHEAD_CHECK(fill(replay));
      report_.replayed = replay.done();
      return {};
    }));
    BULKHEAD_TRY(shapes_, shapes_of(home_, order_.schema));
    for (const auto& shape : shapes_) BULKHEAD_CHECK(home_.execute("analyze " + staged_place(shape.name)));
    return {};
  }

  Result<void> lock() {
    const auto until = Clock::now() + lock_patience;
    for (auto pause = std::chrono::milliseconds(50);;
         pause = std::min(pause * 2, std::chrono::milliseconds(1000))) {
      paused_ = Clock::now();
      BULKHEAD_TRY(const bool had, journal::try_lock_tenant(home_, order_.tenant));
      if (had) return {};
      if (Clock::now() >= until)
        return Error(Errc::overloaded, "a transaction of the tenant that writes does not end")
            .hint("try again, or end it");
      BULKHEAD_CHECK(journal::end_other_holder(home_, order_.tenant));
      std::this_thread::sleep_for(pause);
    }
  }

  /// In the transaction: whoever has the word has it until its end, and does it once.
  Result<void> exchange() {
    return transaction(home_, [&]() -> Result<void> {
      BULKHEAD_CHECK(
          home_.execute("set local session_replication_role = 'replica'; set local lock_timeout = '10s'"));
      BULKHEAD_CHECK(set_formats(home_));
      BULKHEAD_TRY(
          auto mine,
          home_.query(
              "update bulkhead.residency set replaced_by = $3::uuid where tenant_id = $1::uuid and "
              "generation = $2::bigint and resident and writable and replaced_by is distinct from $3::uuid",
              {order_.tenant.text(), std::to_string(order_.attempt), order_.operation.text()}));
      if (mine.affected() == 0) return moved_away();
      for (const auto& shape : shapes_) BULKHEAD_CHECK(exchange(shape));
      failpoint("replace.exchanged");
      return {};
    });
  }

  void unlock() {
    journal::unlock_tenant(home_);
    report_.pause_ms = std::chrono::duration<double, std::milli>(Clock::now() - paused_).count();
  }

  ReplaceReport& report() { return report_; }

 private:
  Result<void> exchange(const TableShape& shape) {
    if (shape.name == counters_table) return raise_counters();
    const std::string place = place_of(home_, order_.schema, shape.name), staged = staged_place(shape.name);
    BULKHEAD_TRY(
        auto gone,
        home_.query("delete from " + place + " l where l.tenant_id = $1::uuid and not exists (select from " +
                        staged + " s where s.tenant_id = l.tenant_id" + same_key(shape, "s", "l") + " and " +
                        content(shape, "s") + " = " + content(shape, "l") + ")",
                    {order_.tenant.text()}));
    // What is left is the same on both sides.
    const std::string columns = identifiers(home_, shape.columns);
    const std::string names = std::string("tenant_id") + (columns.empty() ? "" : ", ") + columns;
    BULKHEAD_TRY(auto come,
                 home_.query("insert into " + place + " (" + names + ") overriding system value select " +
                                 names + " from " + staged + " s where not exists (select from " + place +
                                 " l where l.tenant_id = $1::uuid" + same_key(shape, "l", "s") + ")",
                             {order_.tenant.text()}));
    if (gone.affected() + come.affected() != 0)
      report_.tables.push_back({shape.name, gone.affected(), come.affected()});
    return {};
  }

  /// What was numbered since keeps its numbers, in whatever was told of it.
  Result<void> raise_counters() {
    BULKHEAD_TRY(
        auto raised,
        home_.query(
            "insert into bulkhead.counter as c (tenant_id, name, value) select tenant_id, name, value from " +
            staged_place(std::string(counters_table)) +
            " on conflict (tenant_id, name) do update set value = excluded.value where c.value < "
            "excluded.value"));
    return {};
  }

  pg::Blocking& home_;
  const ReplaceOrder& order_;
  std::vector<TableShape> shapes_;
  ReplaceReport report_;
  Clock::time_point paused_;
};

}  // namespace

Result<ReplaceReport> replace_rows(pg::Blocking& home, const ReplaceOrder& order,
                                   const std::function<Result<void>(Replay&)>& fill) {
  BULKHEAD_CHECK(journal::prepare_session(home));
  Replacement replacement(home, order);
  BULKHEAD_TRY(const bool open, replacement.claim());
  if (!open) {
    replacement.report().before = true;
    return replacement.report();
  }
  failpoint("replace.claimed");
  BULKHEAD_CHECK(replacement.stage(fill));
  failpoint("replace.staged");
  BULKHEAD_CHECK(replacement.lock());
  failpoint("replace.locked");
  const auto done = replacement.exchange();
  replacement.unlock();
  if (done.has_error()) return done.error();
  failpoint("replace.done");
  return replacement.report();
}

}  // namespace bulkhead::lifecycle::backup
