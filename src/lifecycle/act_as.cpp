#include "lifecycle/act_as.hpp"

namespace bulkhead::lifecycle {

Result<ActAs> act_as(pg::Blocking& admin, const catalog::TenantRecord& tenant, const ActAsOptions& options,
                     const identity::InternalIssuer& issuer) {
  catalog::ActAsRequest request;
  request.tenant = tenant.id;
  request.user = options.user;
  request.role = options.role;
  request.actor = options.actor;
  request.reason = options.reason;
  request.lasts = options.lasts;
  ActAs begun;
  BULKHEAD_TRY(begun.grant, catalog::grant_act_as(admin, request));
  auto token = issuer.mint_act_as(begun.grant, tenant.id, std::chrono::system_clock::now());
  if (token.has_error()) {
    // Nobody could use it.
    static_cast<void>(catalog::end_act_as(admin, tenant.id, begun.grant.id));
    return token.error();
  }
  begun.token = std::move(*token);
  return begun;
}

boost::json::object act_as_details(const ActAsOptions& options) {
  boost::json::object details{{"reason", options.reason}, {"seconds", options.lasts.count()}};
  if (options.user)
    details["user_id"] = options.user->text();
  else
    details["role"] = role_name(options.role);
  return details;
}

boost::json::object act_as_json(const catalog::ActAsGrant& grant) {
  boost::json::object out{
      {"id", grant.id.text()},          {"user_id", nullptr},     {"role", grant.role},
      {"actor", grant.actor},           {"reason", grant.reason}, {"made_at", grant.made_at},
      {"expires_at", grant.expires_at}, {"ended_at", nullptr}};
  if (grant.user) out["user_id"] = grant.user->text();
  if (!grant.ended_at.empty()) out["ended_at"] = grant.ended_at;
  return out;
}

}  // namespace bulkhead::lifecycle
