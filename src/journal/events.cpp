#include "journal/events.hpp"

#include <charconv>
#include <thread>

#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "journal/reader.hpp"
#include "journal/webhook.hpp"

namespace bulkhead::journal {
namespace {

constexpr std::string_view setting_name = "events";
constexpr std::chrono::milliseconds look_pause{300};

std::int64_t number(const Rows& rows, std::size_t row, std::size_t column) {
  std::int64_t out = 0;
  const auto text = rows.text(row, column);
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

Error no_endpoint(const std::string& url) {
  return Error(Errc::not_found, "the tenant has no endpoint " + url)
      .hint("`bulkhead events endpoint list TENANT` shows them");
}

/// Folders are this machine's: only the operator names them.
Result<void> check_url_of(const std::string& url) {
  if (url.starts_with("file:/")) return {};
  const auto good = check_webhook_url(url);
  if (good.has_value()) return {};
  return Error(Errc::usage, "events cannot be sent there: " + std::string(good.error().message()))
      .hint(
          "a webhook is https://…, and http://localhost… in development; file:/FOLDER is a folder of the "
          "server's");
}

Result<void> check_time(pg::Blocking& catalog, const std::string& text) {
  const auto read = catalog.query("select $1::timestamptz", {text});
  if (read.has_value()) return {};
  if (read.error().code() != Errc::statement_failed) return read.error();
  return Error(Errc::usage, "\"" + text + "\" is no time").hint("as in 2026-11-22T10:00:00Z or yesterday");
}

constexpr const char* endpoint_query =
    "select e.id, e.url, e.state, e.reason, e.failures, (select count(*) from catalog.event_delivery d where "
    "d.endpoint_id = e.id and d.state = 'pending'), (select count(*) from catalog.event_delivery d where "
    "d.endpoint_id = "
    "e.id and d.state = 'dead'), catalog.rfc3339(e.due) from catalog.event_endpoint e where e.tenant_id = "
    "$1::uuid and $2 "
    "in ('', e.url) order by e.url";

Result<std::vector<EndpointRecord>> endpoints(pg::Blocking& catalog, const TenantId& tenant,
                                              const std::string& url) {
  BULKHEAD_TRY(auto rows, catalog.query(endpoint_query, {tenant.text(), url}));
  std::vector<EndpointRecord> out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    EndpointRecord record;
    record.id = Uuid::parse(rows.text(row, 0)).value_or(Uuid());
    record.url = rows.text(row, 1);
    record.state = rows.text(row, 2);
    record.reason = rows.text(row, 3);
    record.failures = static_cast<std::int32_t>(number(rows, row, 4));
    record.pending = number(rows, row, 5);
    record.dead = number(rows, row, 6);
    if (record.pending > 0 && record.state == "active") record.next = rows.text(row, 7);
    out.push_back(std::move(record));
  }
  return out;
}

Result<void> expect_endpoint(pg::Blocking& catalog, const TenantId& tenant, const std::string& url) {
  if (url.empty()) return {};
  BULKHEAD_TRY(const auto found, endpoints(catalog, tenant, url));
  return found.empty() ? Result<void>(no_endpoint(url)) : Result<void>();
}

/// Drops the replication slots that only events had. Those that a server still reads are left: returns how many.
Result<std::size_t> drop_journals(pg::Blocking& catalog) {
  BULKHEAD_TRY(const auto journals, list_journals(catalog));
  std::size_t left = 0;
  for (const JournalRecord& record : journals) {
    if (record.uses != "events" && !record.uses.empty()) continue;
    BULKHEAD_TRY(const pg::Blocking database, catalog::connect_to(catalog, record.cell, record.database));
    BULKHEAD_TRY(std::string conninfo, database.conninfo());
    BULKHEAD_TRY(const bool gone,
                 JournalReader::remove(catalog, {record.cell, record.database, std::move(conninfo)}));
    if (!gone) ++left;
  }
  return left;
}

/// Whoever asks for events again does not want to wait for a pause that failures have made long.
Result<void> wake(pg::Blocking& catalog, const TenantId& tenant, const std::string& url) {
  BULKHEAD_TRY(auto done,
               catalog.query("update catalog.event_endpoint set due = now(), failures = 0 where tenant_id = "
                             "$1::uuid and $2 in ('', url)",
                             {tenant.text(), url}));
  return {};
}

}  // namespace

Result<EndpointRecord> add_endpoint(pg::Blocking& catalog, const TenantId& tenant, const std::string& url,
                                    const std::string& secret) {
  BULKHEAD_CHECK(check_url_of(url));
  if (!secret.empty()) BULKHEAD_CHECK(check_webhook_secret(secret));
  BULKHEAD_TRY(
      auto done,
      catalog.query(
          // xmax is 0 in a row that was not there before.
          "insert into catalog.event_endpoint as e (tenant_id, url, secret) values ($1::uuid, $2, $3) on "
          "conflict (tenant_id, url) do update set state = 'active', reason = '', failures = 0, due = now(), "
          "secret = case when $4 then excluded.secret else e.secret end returning xmax = 0",
          {tenant.text(), url, secret.empty() ? make_webhook_secret() : secret,
           secret.empty() ? "false" : "true"}));
  BULKHEAD_TRY(auto found, endpoints(catalog, tenant, url));
  if (found.empty()) return no_endpoint(url);
  found.front().made = done.text(0, 0) == "t";
  return std::move(found.front());
}

Result<std::vector<EndpointRecord>> list_endpoints(pg::Blocking& catalog, const TenantId& tenant) {
  return endpoints(catalog, tenant, "");
}

Result<std::string> endpoint_secret(pg::Blocking& catalog, const TenantId& tenant, const std::string& url) {
  BULKHEAD_TRY(
      auto rows,
      catalog.query("select secret from catalog.event_endpoint where tenant_id = $1::uuid and url = $2",
                    {tenant.text(), url}));
  if (rows.empty()) return no_endpoint(url);
  return std::string(rows.text(0, 0));
}

Result<void> remove_endpoint(pg::Blocking& catalog, const TenantId& tenant, const std::string& url) {
  BULKHEAD_TRY(auto done,
               catalog.query("delete from catalog.event_endpoint where tenant_id = $1::uuid and url = $2",
                             {tenant.text(), url}));
  if (done.affected() == 0) return no_endpoint(url);
  return {};
}

Result<std::uint64_t> replay_events(pg::Blocking& catalog, const TenantId& tenant, const std::string& from,
                                    const std::string& url) {
  BULKHEAD_CHECK(check_time(catalog, from));
  BULKHEAD_CHECK(expect_endpoint(catalog, tenant, url));
  BULKHEAD_TRY(
      auto done,
      catalog.query(
          "insert into catalog.event_delivery as d (endpoint_id, place, epoch) select n.id, e.place, e.epoch "
          "from catalog.event e join catalog.event_endpoint n on n.tenant_id = e.tenant_id where e.tenant_id "
          "= "
          "$1::uuid and e.at >= $2::timestamptz and n.state = 'active' and $3 in ('', n.url) on conflict "
          "(endpoint_id, place) do update set state = 'pending', attempts = 0, made_at = now() where d.state "
          "= 'dead'",
          {tenant.text(), from, url}));
  BULKHEAD_CHECK(wake(catalog, tenant, url));
  return done.affected();
}

Result<std::vector<DeadEvent>> list_dead(pg::Blocking& catalog, const TenantId& tenant, std::size_t limit,
                                         const EventPlace& after, const Uuid& after_endpoint) {
  BULKHEAD_TRY(
      auto rows,
      catalog.query(
          "select e.id, e.type, n.url, d.error, catalog.rfc3339(e.at), d.attempts, d.epoch, d.place, n.id "
          "from catalog.event_endpoint n join catalog.event_delivery d on d.endpoint_id = n.id "
          "join catalog.event e on e.place = d.place where n.tenant_id = $1::uuid and d.state = 'dead' "
          "and (d.epoch, d.place, n.id) > ($2::bigint, $3::bigint, $4::uuid) order by d.epoch, d.place, "
          "n.id limit $5",
          {tenant.text(), std::to_string(after.epoch), std::to_string(after.place), after_endpoint.text(),
           std::to_string(limit)}));
  std::vector<DeadEvent> out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    DeadEvent event;
    event.id = rows.text(row, 0);
    event.type = rows.text(row, 1);
    event.url = rows.text(row, 2);
    event.error = rows.text(row, 3);
    event.at = rows.text(row, 4);
    event.attempts = static_cast<std::int32_t>(number(rows, row, 5));
    event.where = {number(rows, row, 6), number(rows, row, 7)};
    event.endpoint = Uuid::parse(rows.text(row, 8)).value_or(Uuid());
    out.push_back(std::move(event));
  }
  return out;
}

Result<std::uint64_t> retry_dead(pg::Blocking& catalog, const TenantId& tenant, const std::string& url) {
  BULKHEAD_CHECK(expect_endpoint(catalog, tenant, url));
  BULKHEAD_TRY(
      auto done,
      catalog.query(
          "update catalog.event_delivery d set state = 'pending', attempts = 0, made_at = now() from "
          "catalog.event_endpoint n where n.id = d.endpoint_id and n.tenant_id = $1::uuid and $2 in "
          "('', n.url) and d.state = 'dead'",
          {tenant.text(), url}));
  BULKHEAD_CHECK(wake(catalog, tenant, url));
  return done.affected();
}

Result<std::vector<StoredEvent>> read_events(pg::Blocking& catalog, const TenantId& tenant,
                                             const EventPlace& after, const std::string& from,
                                             std::size_t limit) {
  if (!from.empty()) BULKHEAD_CHECK(check_time(catalog, from));
  BULKHEAD_TRY(
      auto rows,
      catalog.query(
          "select epoch, place, catalog.rfc3339(at), type, body from catalog.event where tenant_id = "
          "$1::uuid and (epoch, place) > ($2::bigint, $3::bigint) and at >= coalesce(nullif($4, "
          "'')::timestamptz, '-infinity') and epoch <= coalesce((select min(f.epoch) from "
          "catalog.event_fence f "
          "where f.tenant_id = $1::uuid), epoch) order by epoch, place limit $5",
          {tenant.text(), std::to_string(after.epoch), std::to_string(after.place), from,
           std::to_string(limit)}));
  std::vector<StoredEvent> out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    StoredEvent event;
    event.where = {number(rows, row, 0), number(rows, row, 1)};
    event.at = rows.text(row, 2);
    event.type = rows.text(row, 3);
    event.body = rows.text(row, 4);
    out.push_back(std::move(event));
  }
  return out;
}

Result<std::vector<JournalRecord>> list_journals(pg::Blocking& catalog) {
  BULKHEAD_TRY(auto rows,
               catalog.query("select cell, database_name, slot, uses, catalog.rfc3339(made_at) from "
                             "catalog.journal order by 1, 2"));
  std::vector<JournalRecord> out;
  for (std::size_t row = 0; row < rows.size(); ++row)
    out.push_back({std::string(rows.text(row, 0)), std::string(rows.text(row, 1)),
                   std::string(rows.text(row, 2)), std::string(rows.text(row, 3)),
                   std::string(rows.text(row, 4))});
  return out;
}

std::string retained_log(pg::Blocking& catalog, const JournalRecord& journal) {
  auto database = catalog::connect_to(catalog, journal.cell, journal.database);
  if (database.has_error()) return {};
  const auto rows = database->query(
      "select pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) from "
      "pg_catalog.pg_replication_slots where slot_name = $1",
      {journal.slot});
  return rows.has_error() || rows->empty() ? std::string() : std::string(rows->text(0, 0));
}

Result<bool> events_are_off(pg::Blocking& catalog) {
  BULKHEAD_TRY(const auto value, catalog::setting(catalog, setting_name));
  return value && *value == "off";
}

Result<void> switch_events(pg::Blocking& catalog, bool on) {
  return catalog::set_setting(catalog, setting_name, on ? "on" : "off");
}

Result<void> disable_events(pg::Blocking& catalog, std::chrono::seconds patience) {
  BULKHEAD_CHECK(switch_events(catalog, false));
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    BULKHEAD_TRY(const std::size_t left, drop_journals(catalog));
    if (left == 0) return {};
    if (std::chrono::steady_clock::now() >= until)
      return Error(Errc::conflict, "events are off, but " + std::to_string(left) + " journals are still read")
          .hint("a server that does not look any more? Stop it, and call this again");
    std::this_thread::sleep_for(look_pause);
  }
}

}  // namespace bulkhead::journal
