#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <bulkhead/context.hpp>
#include <bulkhead/result.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::catalog {

/// That an operator may act for a tenant, for a while and for a reason. Whoever comes with a token of the grant is admitted
/// with its role, and each request is in the audit log before it is answered (14_services.sql).
struct ActAsGrant {
  Uuid id;
  std::optional<UserId> user;  ///< In whose place; else in nobody's.
  std::string role;            ///< With a user: the member's, when it was granted.
  std::string actor, reason;
  std::string made_at, expires_at;  ///< ISO 8601, UTC.
  std::string ended_at;             ///< Empty: nobody ended it.
  std::chrono::system_clock::time_point expires;
};

/// As long as a grant may last.
inline constexpr std::chrono::seconds act_as_longest = std::chrono::hours(8);

struct ActAsRequest {
  TenantId tenant;
  std::optional<UserId> user;
  Role role = Role::viewer;  ///< Not read with a user, who has one.
  std::string actor, reason;
  std::chrono::seconds lasts = std::chrono::minutes(30);
};

/// Errors: `usage` for a time or a reason that is not right; `not_found` for a user who is no member.
[[nodiscard]] Result<ActAsGrant> grant_act_as(pg::Blocking& admin, const ActAsRequest& request);
/// The tenant's, the newest first; at most 500.
[[nodiscard]] Result<std::vector<ActAsGrant>> list_act_as(pg::Blocking& admin, const TenantId& tenant);
/// Within seconds no server admits its tokens. Error: `not_found`. One that is over stays as it is.
[[nodiscard]] Result<ActAsGrant> end_act_as(pg::Blocking& admin, const TenantId& tenant, const Uuid& grant);

}  // namespace bulkhead::catalog
