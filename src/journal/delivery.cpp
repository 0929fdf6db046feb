#include "journal/delivery.hpp"

#include <charconv>
#include <cmath>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/failpoint.hpp"
#include "catalog/cells.hpp"
#include "journal/reader.hpp"

namespace bulkhead::journal {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int page = 100;
constexpr std::chrono::hours longest_wish{24};

template <class T>
T number(const Rows& rows, std::size_t row, std::size_t column) {
  T out = 0;
  const auto text = rows.text(row, column);
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

Result<std::optional<Endpoint>> lease(pg::Blocking& catalog, std::chrono::seconds longest) {
  BULKHEAD_TRY(auto rows, catalog.query("select endpoint_id, tenant_id, url, secret, failures from "
                                        "catalog.lease_endpoint($1)",
                                        {std::to_string(longest.count())}));
  if (rows.empty()) return std::optional<Endpoint>();
  Endpoint out;
  out.id = Uuid::parse(rows.text(0, 0)).value_or(Uuid());
  out.tenant = TenantId(Uuid::parse(rows.text(0, 1)).value_or(Uuid()));
  out.url = rows.text(0, 2);
  out.secret = rows.text(0, 3);
  out.failures = number<std::int32_t>(rows, 0, 4);
  return std::optional<Endpoint>(std::move(out));
}

Result<std::vector<OutboxEvent>> waiting(pg::Blocking& catalog, const Endpoint& endpoint) {
  BULKHEAD_TRY(
      auto rows,
      catalog.query(
          "select d.place, e.id, e.type, e.body, d.attempts, floor(extract(epoch from now() - "
          "d.made_at))::bigint "
          "from catalog.event_delivery d join catalog.event e on e.place = d.place where d.endpoint_id = "
          "$1::uuid and "
          "d.state = 'pending' and d.epoch <= coalesce((select min(f.epoch) from catalog.event_fence f where "
          "f.tenant_id = $2::uuid), d.epoch) order by d.epoch, d.place limit $3",
          {endpoint.id.text(), endpoint.tenant.text(), std::to_string(page)}));
  std::vector<OutboxEvent> out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    OutboxEvent event;
    event.place = number<std::int64_t>(rows, row, 0);
    event.id = rows.text(row, 1);
    event.type = rows.text(row, 2);
    event.body = rows.text(row, 3);
    event.attempts = number<std::int32_t>(rows, row, 4);
    event.waited = std::chrono::seconds(number<std::int64_t>(rows, row, 5));
    out.push_back(std::move(event));
  }
  return out;
}

Result<void> note_delivered(pg::Blocking& catalog, const Endpoint& endpoint, const OutboxEvent& event) {
  BULKHEAD_TRY(auto done,
               catalog.query("delete from catalog.event_delivery where endpoint_id = $1::uuid and place = $2",
                             {endpoint.id.text(), std::to_string(event.place)}));
  return {};
}

/// True: it is dead.
Result<bool> note_failed(pg::Blocking& catalog, const DeliverySettings& settings, const Endpoint& endpoint,
                         const OutboxEvent& event, const Attempt& attempt) {
  const bool dead = event.attempts + 1 >= settings.attempts || event.waited >= settings.give_up;
  BULKHEAD_TRY(
      auto done,
      catalog.query(
          "update catalog.event_delivery set attempts = attempts + 1, status = $3, error = $4, state = $5 "
          "where endpoint_id = $1::uuid and place = $2",
          {endpoint.id.text(), std::to_string(event.place),
           attempt.status == 0 ? std::nullopt : std::optional(std::to_string(attempt.status)), attempt.error,
           dead ? "dead" : "pending"}));
  return dead;
}

double chance() {
  static thread_local std::mt19937 numbers{std::random_device{}()};
  return std::uniform_real_distribution<double>(-1, 1)(numbers);
}

/// The lease ends; `pause` holds after a failure.
Result<void> release(pg::Blocking& catalog, const Endpoint& endpoint, std::int32_t failures,
                     std::chrono::milliseconds pause) {
  BULKHEAD_TRY(auto done,
               catalog.query("update catalog.event_endpoint set leased_until = null, failures = $2, due = "
                             "now() + make_interval(secs => $3) where id = $1::uuid",
                             {endpoint.id.text(), std::to_string(failures),
                              fmt::format("{:.3f}", static_cast<double>(pause.count()) / 1000)}));
  return {};
}

/// Nothing is sent there until the operator adds it again; what waits stays.
Result<void> disable(pg::Blocking& catalog, const Endpoint& endpoint, const std::string& reason) {
  BULKHEAD_TRY(auto done, catalog.query("update catalog.event_endpoint set state = 'disabled', reason = $2, "
                                        "leased_until = null where id = $1::uuid",
                                        {endpoint.id.text(), reason}));
  return {};
}

/// After an attempt that failed; the lease is over.
Result<void> step_back(pg::Blocking& catalog, const DeliverySettings& settings, const Endpoint& endpoint,
                       const OutboxEvent& event, const Attempt& attempt, DeliveryCounts& counts) {
  if (attempt.outcome == Attempt::Outcome::gone) return disable(catalog, endpoint, attempt.error);
  ++counts.failed;
  BULKHEAD_TRY(const bool dead, note_failed(catalog, settings, endpoint, event, attempt));
  if (dead) ++counts.dead;
  failpoint("events.failure.noted");
  const std::int32_t failures = endpoint.failures + 1;
  std::chrono::milliseconds pause = pause_after(settings, failures, chance());
  if (attempt.retry_after)
    pause = std::max<std::chrono::milliseconds>(
        pause, std::min<std::chrono::seconds>(*attempt.retry_after, longest_wish));
  return release(catalog, endpoint, failures, pause);
}

/// A database that a tenant has left.
struct Left {
  std::string cell, name, lsn;
};

Result<std::vector<Left>> databases_left(pg::Blocking& catalog) {
  BULKHEAD_TRY(auto rows,
               catalog.query("select distinct f.cell, f.database_name, coalesce(f.lsn::text, '') from "
                             "catalog.event_fence f order by 1, 2, 3"));
  std::vector<Left> out;
  for (std::size_t row = 0; row < rows.size(); ++row)
    out.push_back(
        {std::string(rows.text(row, 0)), std::string(rows.text(row, 1)), std::string(rows.text(row, 2))});
  return out;
}

Result<void> pass_fence(pg::Blocking& catalog, const Left& left) {
  const auto where_lsn = left.lsn.empty() ? std::nullopt : std::optional(left.lsn);
  const auto forget = [&]() -> Result<void> {
    BULKHEAD_TRY(auto done,
                 catalog.query("delete from catalog.event_fence where cell = $1 and database_name = $2 and "
                               "lsn is not distinct from $3::pg_lsn",
                               {left.cell, left.name, where_lsn}));
    return {};
  };
  BULKHEAD_TRY(const bool read, has_journal(catalog, left.cell, left.name));
  if (!read) return forget();
  BULKHEAD_TRY(auto database, catalog::connect_to(catalog, left.cell, left.name));
  if (left.lsn.empty()) {
    // A commit of our own, behind all that the tenant has committed there: the journal's reader confirms it.
    BULKHEAD_TRY(auto behind, database.query("select pg_logical_emit_message(true, 'bulkhead.fence', '')"));
    BULKHEAD_TRY(auto noted,
                 catalog.query("update catalog.event_fence set lsn = $3::pg_lsn where cell = $1 and "
                               "database_name = $2 and lsn is null",
                               {left.cell, left.name, std::string(behind.text(0, 0))}));
    return {};
  }
  BULKHEAD_TRY(auto passed,
               database.query("select from pg_catalog.pg_replication_slots where slot_name = $1 and "
                              "confirmed_flush_lsn > $2::pg_lsn",
                              {replication_slot_name(left.name), left.lsn}));
  return passed.empty() ? Result<void>() : forget();
}

}  // namespace

std::chrono::milliseconds pause_after(const DeliverySettings& settings, std::int32_t failures,
                                      double chance) {
  const double doubled =
      static_cast<double>(settings.first_pause.count()) * std::exp2(std::min(std::max(failures, 1), 30) - 1);
  const double bounded = std::min(doubled, static_cast<double>(settings.longest_pause.count()));
  return std::chrono::milliseconds(static_cast<std::int64_t>(bounded * (1 + chance / 5)));
}

Result<bool> deliver_once(pg::Blocking& catalog, const DeliverySettings& settings, const SinkOf& sinks,
                          DeliveryCounts& counts, const std::atomic<bool>& stop) {
  // Longer than a turn and its last attempt, so that nobody else sends meanwhile.
  BULKHEAD_TRY(auto leased,
               lease(catalog, std::chrono::ceil<std::chrono::seconds>(settings.turn + 2 * settings.timeout)));
  if (!leased) return false;
  Endpoint& endpoint = *leased;
  failpoint("events.leased");
  EventSink* sink = sinks(endpoint.url);
  if (sink == nullptr) {
    BULKHEAD_CHECK(disable(catalog, endpoint, "this server knows no way to such a URL"));
    return true;
  }
  const auto until = Clock::now() + settings.turn;
  for (bool more = true; more;) {
    BULKHEAD_TRY(const auto events, waiting(catalog, endpoint));
    more = events.size() == static_cast<std::size_t>(page);
    for (const OutboxEvent& event : events) {
      if (stop || Clock::now() >= until) {
        more = false;
        break;
      }
      const Attempt attempt = sink->send(endpoint, event, stop);
      failpoint("events.sent");
      if (attempt.outcome != Attempt::Outcome::delivered) {
        // Stopping is nobody's failure.
        if (stop) break;
        BULKHEAD_CHECK(step_back(catalog, settings, endpoint, event, attempt, counts));
        return true;
      }
      BULKHEAD_CHECK(note_delivered(catalog, endpoint, event));
      failpoint("events.delivery.noted");
      ++counts.delivered;
      endpoint.failures = 0;
    }
    if (stop) break;
  }
  BULKHEAD_CHECK(release(catalog, endpoint, endpoint.failures, std::chrono::milliseconds(0)));
  return true;
}

Result<void> pass_fences(pg::Blocking& catalog) {
  BULKHEAD_TRY(const auto left, databases_left(catalog));
  std::optional<Error> failed;
  for (const Left& database : left) {
    // A database that is away holds back the tenants that have left it, and nobody else.
    const auto passed = pass_fence(catalog, database);
    if (passed.has_error()) failed = passed.error();
  }
  if (failed) return *failed;
  return {};
}

Result<std::uint64_t> prune_events(pg::Blocking& catalog, std::chrono::hours retention) {
  BULKHEAD_TRY(auto done,
               catalog.query("delete from catalog.event e where e.made_at < now() - make_interval(hours => "
                             "$1) and not exists (select from catalog.event_delivery d where d.place = "
                             "e.place and d.state = 'pending')",
                             {std::to_string(retention.count())}));
  return done.affected();
}

}  // namespace bulkhead::journal
