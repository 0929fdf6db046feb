#include "journal/event_consumer.hpp"

#include <charconv>

#include "base/failpoint.hpp"
#include "base/json.hpp"

namespace bulkhead::journal {
namespace {

/// Of events that are held before they are written, also in the middle of a transaction: what is written of one that is told
/// again is there already.
constexpr std::size_t batch_events = 1000;
constexpr std::size_t batch_bytes = std::size_t{1} << 20U;

}  // namespace

EventConsumer::EventConsumer(EventSettings settings, pg::Blocking catalog, const JournalDatabase& database,
                             const Uuid& stream, std::function<void(std::uint64_t)> stored)
    : settings_(std::move(settings)),
      catalog_(std::move(catalog)),
      cell_(database.cell),
      database_(database.name),
      stream_(stream),
      stored_(std::move(stored)) {}

Result<void> EventConsumer::begin(const Begin& begin) {
  transaction_ = begin;
  return {};
}

Result<void> EventConsumer::change(const Change& change) {
  const auto event = change_event(settings_, stream_, transaction_, change);
  if (!event) return {};
  return add(*event);
}

Result<void> EventConsumer::truncate(const RelationRef& relation) {
  if (!truncate_event(settings_, stream_, transaction_, *relation, TenantId())) return {};
  BULKHEAD_TRY(const auto all, tenants(relation->schema));
  for (const TenantId& tenant : all) {
    const auto event = truncate_event(settings_, stream_, transaction_, *relation, tenant);
    if (event) BULKHEAD_CHECK(add(*event));
  }
  return {};
}

Result<void> EventConsumer::commit(const Commit& commit) {
  end_ = commit.end;
  return {};
}

Result<pg::Lsn> EventConsumer::kept() {
  BULKHEAD_CHECK(flush());
  return end_;
}

Result<void> EventConsumer::lost(pg::Lsn) {
  BULKHEAD_TRY(const auto all, tenants(""));
  const auto now = std::chrono::system_clock::now();
  for (const TenantId& tenant : all) BULKHEAD_CHECK(add(lost_event(settings_, stream_, tenant, now)));
  return flush();
}

Result<void> EventConsumer::add(const CloudEvent& event) {
  const auto member = [this](std::string_view name, std::string_view value, char before) {
    batch_ += before;
    append_json_string(batch_, name);
    batch_ += ':';
    append_json_string(batch_, value);
  };
  if (held_ != 0) batch_ += ',';
  member("id", event.id, '{');
  member("tenant", event.tenant.text(), ',');
  member("type", event.type, ',');
  member("at", event.at, ',');
  member("lsn", pg::lsn_text(transaction_.commit), ',');
  member("body", event.body, ',');
  batch_ += '}';
  ++held_;
  if (held_ < batch_events && batch_.size() < batch_bytes) return {};
  return flush();
}

Result<void> EventConsumer::flush() {
  if (held_ == 0) return {};
  failpoint("events.store");
  BULKHEAD_TRY(auto rows, catalog_.query("select catalog.store_events($1, $2, $3::json)",
                                         {cell_, database_, "[" + batch_ + "]"}));
  failpoint("events.stored");
  batch_.clear();
  held_ = 0;
  std::uint64_t count = 0;
  const auto text = rows.text(0, 0);
  std::from_chars(text.data(), text.data() + text.size(), count);
  if (stored_ && count > 0) stored_(count);
  return {};
}

Result<std::vector<TenantId>> EventConsumer::tenants(const std::string& schema) {
  BULKHEAD_TRY(auto rows, catalog_.query("select tenant_id from catalog.placement where cell = $1 and "
                                         "database_name = $2 and $3 in ('', schema_name)",
                                         {cell_, database_, schema}));
  std::vector<TenantId> out;
  for (std::size_t row = 0; row < rows.size(); ++row)
    out.emplace_back(Uuid::parse(rows.text(row, 0)).value_or(Uuid()));
  return out;
}

}  // namespace bulkhead::journal
