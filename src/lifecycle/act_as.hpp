#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <boost/json/object.hpp>

#include <bulkhead/result.hpp>

#include "catalog/act_as.hpp"
#include "catalog/records.hpp"
#include "identity/internal_issuer.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

/// How an operator wants to act for a tenant.
struct ActAsOptions {
  ActAsOptions() = default;
  std::string actor, reason;   ///< The actor as the audit log has it.
  std::optional<UserId> user;  ///< In this member's place, with the member's role …
  Role role = Role::viewer;    ///< … or in nobody's, with this one.
  std::chrono::seconds lasts{std::chrono::minutes(30)};
};

struct ActAs {
  catalog::ActAsGrant grant;
  std::string token;  ///< For `Authorization: Bearer`, until the grant is over. A secret.
};

/// Grants it and mints the token. The audit entry is the caller's, around this. Errors: those of `grant_act_as`;
/// `identity_unavailable` where the installation has no keys yet, and then nothing is granted.
[[nodiscard]] Result<ActAs> act_as(pg::Blocking& admin, const catalog::TenantRecord& tenant,
                                   const ActAsOptions& options, const identity::InternalIssuer& issuer);

/// What the audit log keeps of it.
[[nodiscard]] boost::json::object act_as_details(const ActAsOptions& options);
/// A grant, without its token.
[[nodiscard]] boost::json::object act_as_json(const catalog::ActAsGrant& grant);

}  // namespace bulkhead::lifecycle
