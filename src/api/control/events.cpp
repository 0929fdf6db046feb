#include "journal/events.hpp"

#include <algorithm>
#include <charconv>

#include "api/control/handlers.hpp"
#include "base/json.hpp"
#include "catalog/store.hpp"
#include "journal/webhook.hpp"

namespace bulkhead::api::control {
namespace {

using catalog::TenantRecord;
using journal::EndpointRecord;
using journal::EventPlace;

/// An event holds a row's values, which nest as deeply as the app's.
constexpr std::size_t deepest_event = 1000;

boost::json::value or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return boost::json::value(text);
}

boost::json::object endpoint_json(const EndpointRecord& endpoint) {
  return {{"id", endpoint.id.text()},      {"url", endpoint.url},
          {"state", endpoint.state},       {"reason", or_null(endpoint.reason)},
          {"pending", endpoint.pending},   {"dead", endpoint.dead},
          {"failures", endpoint.failures}, {"next_attempt", or_null(endpoint.next)}};
}

boost::json::object dead_json(const journal::DeadEvent& event) {
  return {{"id", event.id},      {"type", event.type},
          {"time", event.at},    {"endpoint", event.endpoint.text()},
          {"url", event.url},    {"attempts", event.attempts},
          {"error", event.error}};
}

Result<TenantRecord> tenant_of(Call& call) {
  return catalog::find_tenant(call.catalog, call.path.at("tenant"));
}

Error no_such_endpoint() {
  return Error(Errc::not_found, "the tenant has no such endpoint");
}

Result<EndpointRecord> endpoint_of(Call& call, const TenantRecord& tenant, const std::string& text) {
  const auto id = Uuid::parse(text);
  if (!id) return no_such_endpoint();
  BULKHEAD_TRY(auto all, journal::list_endpoints(call.catalog, tenant.id));
  for (auto& each : all)
    if (each.id == *id) return std::move(each);
  return no_such_endpoint();
}

/// The URL of the one that the body names; empty: it names none, so that all are meant.
Result<std::string> chosen_url(Call& call, const TenantRecord& tenant) {
  if (!call.body.contains("endpoint")) return std::string();
  BULKHEAD_TRY(const EndpointRecord endpoint, endpoint_of(call, tenant, call.given("endpoint")));
  return endpoint.url;
}

/// What is wrong with a value, told of the field or the parameter that it stands in.
template <class T>
Result<T> of_field(const char* name, Errc code, Result<T> result) {
  if (result.has_value() || result.error().code() != Errc::usage) return result;
  return Error(code, "\"" + std::string(name) + "\": " + std::string(result.error().message()))
      .hint(std::string(result.error().hint()));
}

std::string key_of(const EventPlace& place) {
  return std::to_string(place.epoch) + "." + std::to_string(place.place);
}

/// What `key_of` has made, up to the text's end or to what `rest` takes.
Result<EventPlace> place_of(std::string_view key, std::string_view* rest = nullptr) {
  EventPlace out;
  const char* const end = key.data() + key.size();
  auto read = std::from_chars(key.data(), end, out.epoch);
  const bool parted = read.ec == std::errc() && read.ptr != end && *read.ptr == '.';
  if (parted) read = std::from_chars(read.ptr + 1, end, out.place);
  if (!parted || read.ec != std::errc() || (rest == nullptr && read.ptr != end))
    return Error(Errc::malformed_request, "this cursor is none of this list's");
  if (rest != nullptr) *rest = std::string_view(read.ptr, static_cast<std::size_t>(end - read.ptr));
  return out;
}

Answer deliveries(std::uint64_t count) {
  return Answer{boost::json::object{{"deliveries", count}}, ""};
}

Result<Answer> status_of(Call& call) {
  BULKHEAD_TRY(const bool off, journal::events_are_off(call.catalog));
  BULKHEAD_TRY(const auto journals, journal::list_journals(call.catalog));
  boost::json::array array;
  for (const auto& journal : journals)
    array.push_back({{"cell", journal.cell},
                     {"database", journal.database},
                     {"replication_slot", journal.slot},
                     {"uses", journal.uses},
                     {"since", journal.made_at},
                     {"retained", or_null(journal::retained_log(call.catalog, journal))}});
  return Answer{boost::json::object{{"enabled", !off}, {"journals", std::move(array)}}, ""};
}

}  // namespace

Result<Answer> list_endpoints(Call& call) {
  BULKHEAD_TRY(const TenantRecord tenant, tenant_of(call));
  BULKHEAD_TRY(auto all, journal::list_endpoints(call.catalog, tenant.id));
  // There are few of them. PostgreSQL's order may be another than that of bytes.
  std::sort(all.begin(), all.end(),
            [](const EndpointRecord& a, const EndpointRecord& b) { return a.url < b.url; });
  std::erase_if(all, [&](const EndpointRecord& each) { return each.url <= call.after; });
  return Answer{page_of(call, all, endpoint_json, [](const EndpointRecord& each) { return each.url; }), ""};
}

Result<Answer> get_endpoint(Call& call) {
  BULKHEAD_TRY(const TenantRecord tenant, tenant_of(call));
  BULKHEAD_TRY(const EndpointRecord endpoint, endpoint_of(call, tenant, call.path.at("endpoint")));
  return Answer{endpoint_json(endpoint), ""};
}

Result<Answer> add_endpoint(Call& call) {
  BULKHEAD_TRY(const TenantRecord tenant, tenant_of(call));
  const std::string url = call.given("url");
  // A folder of the server's is for those who may log in there.
  if (url.starts_with("file:"))
    return Error(Errc::payload_invalid, "\"url\" names no folder here")
        .hint("a webhook is https://…; `bulkhead events endpoint add` takes file:/FOLDER");
  if (call.body.contains("secret"))
    BULKHEAD_CHECK(
        of_field("secret", Errc::payload_invalid, journal::check_webhook_secret(call.given("secret"))));
  const audit::Action action{"events.endpoint.add", tenant.slug, tenant.id, {{"url", url}}};
  return audit::recorded(call.catalog, call.actor, action, [&](audit::Action&) -> Result<Answer> {
    BULKHEAD_TRY(const EndpointRecord endpoint,
                 of_field("url", Errc::payload_invalid,
                          journal::add_endpoint(call.catalog, tenant.id, url, call.given("secret"))));
    if (!endpoint.made) return Answer{endpoint_json(endpoint), "", 200};
    auto body = endpoint_json(endpoint);
    BULKHEAD_TRY(body["secret"], journal::endpoint_secret(call.catalog, tenant.id, url));
    return Answer{std::move(body), "/tenants/" + tenant.id.text() + "/event-endpoints/" + endpoint.id.text()};
  });
}

Result<Answer> remove_endpoint(Call& call) {
  BULKHEAD_TRY(const TenantRecord tenant, tenant_of(call));
  BULKHEAD_TRY(const EndpointRecord endpoint, endpoint_of(call, tenant, call.path.at("endpoint")));
  const audit::Action action{"events.endpoint.remove", tenant.slug, tenant.id, {{"url", endpoint.url}}};
  return audit::recorded(call.catalog, call.actor, action, [&](audit::Action&) -> Result<Answer> {
    BULKHEAD_CHECK(journal::remove_endpoint(call.catalog, tenant.id, endpoint.url));
    return Answer{};
  });
}

Result<Answer> list_events(Call& call) {
  BULKHEAD_TRY(const TenantRecord tenant, tenant_of(call));
  EventPlace after;
  if (!call.after.empty()) {
    BULKHEAD_TRY(after, place_of(call.after));
  }
  BULKHEAD_TRY(const auto found, of_field("from", Errc::malformed_request,
                                          journal::read_events(call.catalog, tenant.id, after,
                                                               call.asked("from"), call.limit + 1)));
  boost::json::object page = page_of(
      call, found, [](const journal::StoredEvent& event) { return boost::json::value(event.body); },
      [](const journal::StoredEvent& event) { return key_of(event.where); });
  // As they are sent: objects, not the text of such.
  JsonLimits limits;
  limits.depth = deepest_event;
  for (boost::json::value& item : page.at("items").as_array()) {
    BULKHEAD_TRY(item, parse_json(item.get_string(), limits));
  }
  return Answer{std::move(page), ""};
}

Result<Answer> replay_events(Call& call) {
  BULKHEAD_TRY(const TenantRecord tenant, tenant_of(call));
  BULKHEAD_TRY(const std::string url, chosen_url(call, tenant));
  const std::string from = call.given("from");
  const audit::Action action{"events.replay", tenant.slug, tenant.id, {{"from", from}, {"endpoint", url}}};
  return audit::recorded(call.catalog, call.actor, action, [&](audit::Action&) -> Result<Answer> {
    BULKHEAD_TRY(
        const std::uint64_t count,
        of_field("from", Errc::payload_invalid, journal::replay_events(call.catalog, tenant.id, from, url)));
    return deliveries(count);
  });
}

Result<Answer> list_dead_events(Call& call) {
  BULKHEAD_TRY(const TenantRecord tenant, tenant_of(call));
  EventPlace after;
  Uuid after_endpoint;
  if (!call.after.empty()) {
    std::string_view rest;
    BULKHEAD_TRY(after, place_of(call.after, &rest));
    const auto id = rest.starts_with('.') ? Uuid::parse(rest.substr(1)) : std::nullopt;
    if (!id) return Error(Errc::malformed_request, "this cursor is none of this list's");
    after_endpoint = *id;
  }
  BULKHEAD_TRY(const auto found,
               journal::list_dead(call.catalog, tenant.id, call.limit + 1, after, after_endpoint));
  return Answer{page_of(call, found, dead_json,
                        [](const journal::DeadEvent& event) {
                          return key_of(event.where) + "." + event.endpoint.text();
                        }),
                ""};
}

Result<Answer> retry_dead_events(Call& call) {
  BULKHEAD_TRY(const TenantRecord tenant, tenant_of(call));
  BULKHEAD_TRY(const std::string url, chosen_url(call, tenant));
  const audit::Action action{"events.dead.retry", tenant.slug, tenant.id, {{"endpoint", url}}};
  return audit::recorded(call.catalog, call.actor, action, [&](audit::Action&) -> Result<Answer> {
    BULKHEAD_TRY(const std::uint64_t count, journal::retry_dead(call.catalog, tenant.id, url));
    return deliveries(count);
  });
}

Result<Answer> get_events_status(Call& call) {
  return status_of(call);
}

Result<Answer> enable_events(Call& call) {
  const audit::Action action{"events.enable", "installation", {}, {}};
  return audit::recorded(call.catalog, call.actor, action, [&](audit::Action&) -> Result<Answer> {
    BULKHEAD_CHECK(journal::switch_events(call.catalog, true));
    return status_of(call);
  });
}

Result<Answer> disable_events(Call& call) {
  const audit::Action action{"events.disable", "installation", {}, {}};
  return audit::recorded(call.catalog, call.actor, action, [&](audit::Action&) -> Result<Answer> {
    BULKHEAD_CHECK(journal::disable_events(call.catalog));
    return status_of(call);
  });
}

}  // namespace bulkhead::api::control
