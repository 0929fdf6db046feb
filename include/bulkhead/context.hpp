#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <bulkhead/internal_tokens.hpp>
#include <bulkhead/permissions.hpp>
#include <bulkhead/result.hpp>
#include <bulkhead/role.hpp>
#include <bulkhead/tenant.hpp>

namespace bulkhead {

/// An operator who acts for the tenant by a grant of `bulkhead tenant act-as`: for a while, for a reason, and with each request
/// in the audit log.
struct ActingOperator {
  Uuid grant;
  std::string actor;  ///< As the audit log has it, for example "operator:alice@https://login.example.com".
  std::string reason;
};

/// `service`: a program, known by its client-credentials tokens. `operator_alone`: an operator in nobody's place.
enum class PrincipalKind : std::uint8_t { person, service, operator_alone };

/// Who calls: a user known to the catalog by (issuer, subject).
struct Principal {
  UserId user;  ///< Of an operator in nobody's place: the grant's id.
  PrincipalKind kind = PrincipalKind::person;
  std::string issuer;                            ///< `iss` of the verified token.
  std::string subject;                           ///< `sub` of the verified token.
  std::string name;                              ///< For display and logs: the catalog's name of the user.
  std::shared_ptr<const ActingOperator> acting;  ///< Who acts in the user's place, if anybody does.
};

/// W3C trace context, level 1: taken over from `traceparent` or made by us.
struct TraceContext {
  std::string trace_id;   ///< 32 hex digits.
  std::string parent_id;  ///< 16 hex digits, the caller's span; empty when the trace began here.
  std::string span_id;    ///< 16 hex digits, ours.
  bool sampled = false;
};

/// What PostgreSQL is told of a request, where the app's settings ask for it (base/context_access.hpp).
struct RequestFacts;

using Deadline = std::chrono::steady_clock::time_point;

/// A permitted request: tenant resolved, caller identified, and the route's permission granted. The entry
/// makes it and nothing after the entry looks at headers for identity. A `TenantSession` is made from one of
/// these and from nothing else, so code that forgot the tenant or the authorisation does not compile.
///
/// Lifetime: the request's. Thread: the request's io thread. Not copyable.
class RequestContext {
 public:
  RequestContext()
      BULKHEAD_DELETED("a RequestContext comes from the entry: it is what a permitted request is");
  RequestContext(const RequestContext&)
      BULKHEAD_DELETED("a RequestContext belongs to one request and cannot be copied");
  RequestContext& operator=(const RequestContext&)
      BULKHEAD_DELETED("a RequestContext belongs to one request and cannot be copied");
  RequestContext(RequestContext&&) noexcept = default;
  RequestContext& operator=(RequestContext&&)
      BULKHEAD_DELETED("a RequestContext belongs to one request: another one cannot be put into its place");
  ~RequestContext() = default;

  [[nodiscard]] const Tenant& tenant() const noexcept { return tenant_; }
  [[nodiscard]] const Principal& principal() const noexcept { return principal_; }
  [[nodiscard]] Role role() const noexcept { return role_; }
  /// Whether the caller's role has this permission of `[permissions]` in bulkhead.toml.
  [[nodiscard]] bool may(std::string_view permission) const {
    return permissions_ != nullptr && permissions_->allows(permission, role_);
  }
  /// The same for BULKHEAD_CHECK and its like. Error: `permission_denied`, naming permission and role.
  [[nodiscard]] Result<void> require(std::string_view permission) const;
  /// A token with which another service of this installation, known as `audience`, can be called for this request's tenant and
  /// caller: `Authorization: Bearer`. Good for a minute and for that audience alone; a service that is built with this library
  /// takes it like any token, others verify it by the keys at /.well-known/bulkhead/jwks.json. Errors: `usage` for an empty
  /// audience, `identity_unavailable` where this installation has no keys.
  [[nodiscard]] Result<std::string> token_for(std::string_view audience) const;
  [[nodiscard]] Deadline deadline() const noexcept { return deadline_; }
  [[nodiscard]] const TraceContext& trace() const noexcept { return trace_; }
  /// How long this request has waited for the database so far; for the log.
  [[nodiscard]] std::chrono::microseconds database_time() const noexcept { return database_time_; }

 private:
  friend struct ContextAccess;
  RequestContext(Tenant tenant, Principal principal, Role role, const Permissions* permissions,
                 const InternalTokens* tokens, Deadline deadline, TraceContext trace,
                 std::shared_ptr<const RequestFacts> facts)
      : tenant_(std::move(tenant)),
        principal_(std::move(principal)),
        role_(role),
        permissions_(permissions),
        tokens_(tokens),
        deadline_(deadline),
        trace_(std::move(trace)),
        facts_(std::move(facts)) {}

  Tenant tenant_;
  Principal principal_;
  Role role_;
  const Permissions* permissions_;  // the server's
  const InternalTokens* tokens_;    // the server's
  Deadline deadline_;
  TraceContext trace_;
  std::shared_ptr<const RequestFacts> facts_;
  mutable std::chrono::microseconds database_time_{0};  // an observation, not a part of what was permitted
};

}  // namespace bulkhead
