#include "lifecycle/act_as.hpp"

#include <charconv>

#include "api/control/handlers.hpp"
#include "catalog/store.hpp"

namespace bulkhead::api::control {
namespace {

Result<std::chrono::seconds> seconds_of(const std::string& text) {
  std::int64_t seconds = -1;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (code != std::errc() || end != text.data() + text.size() || seconds < 0 ||
      seconds > catalog::act_as_longest.count())
    return Error(Errc::payload_invalid, "\"seconds\" is a number, 60 to 28800");
  return std::chrono::seconds(seconds);
}

Result<lifecycle::ActAsOptions> options_of(const Call& call) {
  lifecycle::ActAsOptions options;
  options.actor = call.actor.text();
  options.reason = call.given("reason");
  if (call.body.contains("role") && call.body.contains("user"))
    return Error(Errc::payload_invalid, "\"role\" and \"user\" exclude each other: a member has a role");
  options.role = parse_role(call.given("role")).value_or(Role::viewer);
  if (call.body.contains("user")) {
    const auto user = Uuid::parse(call.given("user"));
    if (!user) return Error(Errc::payload_invalid, "\"user\" is not a user's id");
    options.user = UserId(*user);
  }
  if (call.body.contains("seconds")) {
    BULKHEAD_TRY(options.lasts, seconds_of(call.given("seconds")));
  }
  return options;
}

}  // namespace

Result<Answer> list_act_as(Call& call) {
  BULKHEAD_TRY(const auto tenant, catalog::find_tenant(call.catalog, call.path.at("tenant")));
  BULKHEAD_TRY(auto grants, catalog::list_act_as(call.catalog, tenant.id));
  // The newest first, behind the one that the page before ended with.
  std::size_t from = 0;
  if (!call.after.empty())
    while (from < grants.size() && grants[from++].id.text() != call.after) continue;
  grants.erase(grants.begin(), grants.begin() + static_cast<std::ptrdiff_t>(from));
  return Answer{page_of(call, grants, lifecycle::act_as_json,
                        [](const catalog::ActAsGrant& grant) { return grant.id.text(); }),
                ""};
}

Result<Answer> begin_act_as(Call& call) {
  BULKHEAD_TRY(const auto tenant, catalog::find_tenant(call.catalog, call.path.at("tenant")));
  BULKHEAD_TRY(const lifecycle::ActAsOptions options, options_of(call));
  audit::Action action{"tenant.act_as", tenant.slug, tenant.id, lifecycle::act_as_details(options)};
  return audit::recorded(
      call.catalog, call.actor, std::move(action), [&](audit::Action& done) -> Result<Answer> {
        BULKHEAD_TRY(const auto begun, lifecycle::act_as(call.catalog, tenant, options, call.issuer));
        done.details["grant"] = begun.grant.id.text();
        boost::json::object body = lifecycle::act_as_json(begun.grant);
        body["token"] = begun.token;
        return Answer{std::move(body), "/tenants/" + tenant.id.text() + "/act-as/" + begun.grant.id.text()};
      });
}

Result<Answer> end_act_as(Call& call) {
  BULKHEAD_TRY(const auto tenant, catalog::find_tenant(call.catalog, call.path.at("tenant")));
  const auto grant = Uuid::parse(call.path.at("grant"));
  if (!grant) return Error(Errc::not_found, "the tenant has no such grant");
  const audit::Action action{"tenant.act_as.end", tenant.slug, tenant.id, {{"grant", grant->text()}}};
  return audit::recorded(call.catalog, call.actor, action, [&](audit::Action&) -> Result<Answer> {
    BULKHEAD_TRY(const auto ended, catalog::end_act_as(call.catalog, tenant.id, *grant));
    return Answer{lifecycle::act_as_json(ended), ""};
  });
}

}  // namespace bulkhead::api::control
