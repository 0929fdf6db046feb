#include "lifecycle/tenants.hpp"

#include <charconv>

#include "api/control/handlers.hpp"
#include "base/size.hpp"
#include "catalog/cells.hpp"
#include "catalog/identities.hpp"
#include "catalog/members.hpp"
#include "catalog/store.hpp"
#include "lifecycle/certificate.hpp"
#include "lifecycle/create.hpp"
#include "lifecycle/domains.hpp"
#include "lifecycle/move.hpp"

namespace bulkhead::api::control {
namespace {

using catalog::TenantRecord;

boost::json::object tenant_json(const TenantRecord& tenant) {
  boost::json::object out{{"id", tenant.id.text()},
                          {"slug", tenant.slug},
                          {"name", tenant.name},
                          {"plan", tenant.plan},
                          {"status", catalog::tenant_status_name(tenant.status)},
                          {"suspended_reason", nullptr},
                          {"model", catalog::model_name(tenant.placement.model)},
                          {"cell", tenant.placement.cell}};
  if (!tenant.suspended_reason.empty()) out["suspended_reason"] = tenant.suspended_reason;
  return out;
}

boost::json::object member_json(const catalog::MemberRecord& member) {
  return {{"user_id", member.user.text()}, {"name", member.name},      {"kind", member.kind},
          {"role", member.role},           {"status", member.status},  {"issuer", member.issuer},
          {"subject", member.subject},     {"made_at", member.made_at}};
}

Result<TenantRecord> tenant_of(Call& call) {
  return catalog::find_tenant(call.catalog, call.path.at("tenant"));
}

Result<UserId> user_of(std::string_view text) {
  if (const auto id = Uuid::parse(text)) return UserId(*id);
  return Error(Errc::not_found, "there is no such user");
}

std::string below(const TenantRecord& tenant, std::string_view kind, std::string_view key) {
  return "/tenants/" + tenant.id.text() + "/" + std::string(kind) + "/" + std::string(key);
}

/// One change of a tenant, which `change` makes and answers with the tenant as it is then.
template <class F>
Result<Answer> changed(Call& call, std::string action, boost::json::object details, const F& change) {
  BULKHEAD_TRY(const TenantRecord tenant, tenant_of(call));
  audit::Action what{std::move(action), tenant.slug, tenant.id, std::move(details)};
  return audit::recorded(call.catalog, call.actor, std::move(what), [&](audit::Action&) -> Result<Answer> {
    BULKHEAD_TRY(const TenantRecord now, change(tenant.id.text()));
    return Answer{tenant_json(now), ""};
  });
}

Result<lifecycle::MoveRequest> move_of(const Call& call, const TenantRecord& tenant) {
  lifecycle::MoveRequest request;
  request.tenant = tenant.id.text();
  request.back = call.given("to") == "back";
  request.model = catalog::parse_model(call.given("to"));
  request.cell = call.given("cell");
  request.actor = call.actor.text();
  if (call.body.contains("max_rate")) {
    const auto rate = parse_size(call.given("max_rate"));
    if (!rate)
      return Error(Errc::payload_invalid, "\"max_rate\" is no size")
          .hint("bytes a second of the copy, such as 20MB (kB, MB, GB)");
    request.max_rate = *rate;
  }
  if (call.body.contains("keep")) {
    const auto keep = parse_time_span(call.given("keep"));
    if (!keep)
      return Error(Errc::payload_invalid, "\"keep\" is no time span")
          .hint("a number and d, h, m or s: 30d, 12h; ten years at most");
    request.keep = *keep;
  }
  return request;
}

/// Ten years are more than anybody means.
constexpr std::int64_t longest_grace = 10LL * 365 * 86'400, usual_grace = 30LL * 86'400;

Result<std::chrono::seconds> grace_of(const Call& call) {
  if (!call.query.contains("grace")) return std::chrono::seconds(usual_grace);
  const std::string text = call.asked("grace");
  std::int64_t seconds = -1;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (code != std::errc() || end != text.data() + text.size() || seconds < 0 || seconds > longest_grace)
    return Error(Errc::malformed_request, "\"grace\" is a number of seconds, ten years at most");
  return std::chrono::seconds(seconds);
}

}  // namespace

Result<Answer> list_tenants(Call& call) {
  catalog::TenantFilter filter;
  filter.after = call.after;
  filter.status = call.asked("status");
  filter.plan = call.asked("plan");
  filter.limit = call.limit + 1;
  BULKHEAD_TRY(const auto found, catalog::list_tenants(call.catalog, filter));
  return Answer{page_of(call, found, tenant_json, [](const TenantRecord& tenant) { return tenant.slug; }),
                ""};
}

Result<Answer> get_tenant(Call& call) {
  BULKHEAD_TRY(const TenantRecord tenant, tenant_of(call));
  return Answer{tenant_json(tenant), ""};
}

Result<Answer> create_tenant(Call& call) {
  lifecycle::CreateRequest request;
  request.slug = call.given("slug");
  request.name = call.given("name");
  if (call.body.contains("plan")) request.plan = call.given("plan");
  request.model = catalog::parse_model(call.given("model"));
  request.cell = call.given("cell");
  request.region = call.given("region");
  request.actor = call.actor.text();
  audit::Action action{"tenant.create", request.slug, std::nullopt, {}};
  for (const auto& [name, value] : call.body)
    if (name != "slug") action.details[name] = value;
  return audit::recorded(
      call.catalog, call.actor, std::move(action), [&](audit::Action& done) -> Result<Answer> {
        BULKHEAD_TRY(const TenantRecord made, lifecycle::create_tenant(call.catalog, request, call.shard));
        done.tenant = made.id;
        return Answer{tenant_json(made), "/tenants/" + made.id.text()};
      });
}

Result<Answer> suspend_tenant(Call& call) {
  const std::string reason = call.given("reason");
  return changed(call, "tenant.suspend", {{"reason", reason}}, [&](const std::string& tenant) {
    return lifecycle::suspend_tenant(call.catalog, tenant, reason);
  });
}

Result<Answer> resume_tenant(Call& call) {
  return changed(call, "tenant.resume", {},
                 [&](const std::string& tenant) { return lifecycle::resume_tenant(call.catalog, tenant); });
}

Result<Answer> move_tenant(Call& call) {
  BULKHEAD_TRY(const TenantRecord tenant, tenant_of(call));
  BULKHEAD_TRY(const lifecycle::MoveRequest request, move_of(call, tenant));
  if (call.given("dry_run") == "true") {
    BULKHEAD_TRY(const auto estimate, lifecycle::estimate_move(call.catalog, request));
    return Answer{lifecycle::estimate_json(estimate), "", 200};
  }
  audit::Action action{
      "tenant.move", tenant.slug, tenant.id, {{"to", call.given("to")}, {"cell", request.cell}}};
  for (const char* name : {"max_rate", "keep"})
    if (call.body.contains(name)) action.details[name] = call.given(name);
  return audit::recorded(call.catalog, call.actor, std::move(action),
                         [&](audit::Action& done) -> Result<Answer> {
                           BULKHEAD_TRY(const auto operation, lifecycle::start_move(call.catalog, request));
                           done.details["operation"] = operation.id.text();
                           return Answer{operation_json(operation), "/operations/" + operation.id.text()};
                         });
}

Result<Answer> change_plan(Call& call) {
  const std::string plan = call.given("plan");
  BULKHEAD_TRY(const TenantRecord tenant, tenant_of(call));
  const audit::Action action{"tenant.plan", tenant.slug, tenant.id, {{"plan", plan}}};
  return audit::recorded(call.catalog, call.actor, action, [&](audit::Action& done) -> Result<Answer> {
    const std::string id = tenant.id.text();
    BULKHEAD_TRY(const auto move, lifecycle::start_plan_move(call.catalog, id, plan, call.actor.text()));
    if (!move) {
      BULKHEAD_TRY(const TenantRecord changed, lifecycle::change_plan(call.catalog, id, plan));
      return Answer{tenant_json(changed), ""};
    }
    // The tenant gets the plan when it arrives.
    done.details["operation"] = move->id.text();
    return Answer{tenant_json(tenant), "/operations/" + move->id.text()};
  });
}

Result<Answer> delete_tenant(Call& call) {
  BULKHEAD_TRY(const TenantRecord tenant, tenant_of(call));
  BULKHEAD_TRY(const auto grace, grace_of(call));
  const audit::Action action{"tenant.delete", tenant.slug, tenant.id, {{"grace", grace.count()}}};
  return audit::recorded(call.catalog, call.actor, action, [&](audit::Action& done) -> Result<Answer> {
    BULKHEAD_TRY(const auto operation,
                 lifecycle::start_delete(call.catalog, tenant.id.text(), grace, call.actor.text()));
    done.details["operation"] = operation.id.text();
    return Answer{operation_json(operation), "/operations/" + operation.id.text()};
  });
}

Result<Answer> undelete_tenant(Call& call) {
  return changed(call, "tenant.undelete", {},
                 [&](const std::string& tenant) { return lifecycle::undelete_tenant(call.catalog, tenant); });
}

Result<Answer> get_certificate(Call& call) {
  BULKHEAD_TRY(auto certificate, lifecycle::find_certificate(call.catalog, call.path.at("tenant")));
  return Answer{std::move(certificate), ""};
}

Result<Answer> list_members(Call& call) {
  BULKHEAD_TRY(const TenantRecord tenant, tenant_of(call));
  if (!call.after.empty()) {
    BULKHEAD_CHECK(user_of(call.after));
  }
  BULKHEAD_TRY(const auto found, catalog::list_members(call.catalog, tenant.id, call.after, call.limit + 1));
  return Answer{page_of(call, found, member_json,
                        [](const catalog::MemberRecord& member) { return member.user.text(); }),
                ""};
}

Result<Answer> add_member(Call& call) {
  BULKHEAD_TRY(const TenantRecord tenant, tenant_of(call));
  const std::string subject = call.given("subject"), issuer = call.given("issuer");
  // The route takes no other than a role's name.
  const Role role = parse_role(call.given("role")).value_or(Role::viewer);
  audit::Action action{"membership.add", tenant.slug, tenant.id, {}};
  action.details = {{"issuer", issuer}, {"subject", subject}, {"role", role_name(role)}};
  return audit::recorded(
      call.catalog, call.actor, std::move(action), [&](audit::Action& done) -> Result<Answer> {
        BULKHEAD_TRY(const UserId user, catalog::ensure_membership(call.catalog, tenant.id, issuer, subject,
                                                                   call.given("name"), role));
        done.details["user_id"] = user.text();
        if (call.body.contains("kind"))
          BULKHEAD_CHECK(catalog::set_user_kind(
              call.catalog, user,
              call.given("kind") == "service" ? PrincipalKind::service : PrincipalKind::person));
        BULKHEAD_TRY(const auto member, catalog::find_member(call.catalog, tenant.id, user));
        return Answer{member_json(member), below(tenant, "memberships", user.text())};
      });
}

Result<Answer> remove_member(Call& call) {
  BULKHEAD_TRY(const TenantRecord tenant, tenant_of(call));
  BULKHEAD_TRY(const UserId user, user_of(call.path.at("user")));
  const audit::Action action{"membership.remove", tenant.slug, tenant.id, {{"user_id", user.text()}}};
  return audit::recorded(call.catalog, call.actor, action, [&](audit::Action&) -> Result<Answer> {
    BULKHEAD_CHECK(catalog::remove_member(call.catalog, tenant.id, user));
    return Answer{};
  });
}

Result<Answer> list_domains(Call& call) {
  BULKHEAD_TRY(const TenantRecord tenant, tenant_of(call));
  BULKHEAD_TRY(const auto found, catalog::list_domains(call.catalog, tenant.id, call.after, call.limit + 1));
  return Answer{page_of(call, found, lifecycle::domain_json,
                        [](const catalog::DomainRecord& domain) { return domain.host; }),
                ""};
}

Result<Answer> add_domain(Call& call) {
  BULKHEAD_TRY(const TenantRecord tenant, tenant_of(call));
  const std::string host = call.given("host");
  const audit::Action action{"domain.add", tenant.slug, tenant.id, {{"host", host}}};
  return audit::recorded(call.catalog, call.actor, action, [&](audit::Action&) -> Result<Answer> {
    BULKHEAD_TRY(const auto domain, lifecycle::add_domain(call.catalog, tenant.id, host, call.domains));
    return Answer{lifecycle::domain_json(domain), below(tenant, "domains", host)};
  });
}

Result<Answer> verify_domain(Call& call) {
  BULKHEAD_TRY(const TenantRecord tenant, tenant_of(call));
  BULKHEAD_TRY(const auto domain, catalog::find_domain(call.catalog, tenant.id, call.path.at("host")));
  if (domain.verified) return Answer{lifecycle::domain_json(domain), ""};
  BULKHEAD_TRY(const std::string method, lifecycle::prove_domain(domain, call.domains));
  const audit::Action action{
      "domain.verify", tenant.slug, tenant.id, {{"host", domain.host}, {"method", method}}};
  return audit::recorded(call.catalog, call.actor, action, [&](audit::Action&) -> Result<Answer> {
    BULKHEAD_TRY(const auto verified, catalog::verify_domain(call.catalog, tenant.id, domain, method));
    return Answer{lifecycle::domain_json(verified), ""};
  });
}

Result<Answer> remove_domain(Call& call) {
  BULKHEAD_TRY(const TenantRecord tenant, tenant_of(call));
  const std::string host = call.path.at("host");
  const audit::Action action{"domain.remove", tenant.slug, tenant.id, {{"host", host}}};
  return audit::recorded(call.catalog, call.actor, action, [&](audit::Action&) -> Result<Answer> {
    BULKHEAD_CHECK(catalog::remove_domain(call.catalog, tenant.id, host));
    return Answer{};
  });
}

}  // namespace bulkhead::api::control
