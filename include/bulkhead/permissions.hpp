#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <bulkhead/role.hpp>

namespace bulkhead {

/// What roles may do beside reading and writing tables: `[permissions]` of bulkhead.toml, "invoice:refund" for example. Tables
/// themselves are granted in migrations, to `app_member` and so on, and PostgreSQL enforces it. Immutable once the server
/// runs; shared by threads.
class Permissions {
 public:
  void grant(std::string permission, Role role) { roles_[std::move(permission)] |= bit(role); }

  [[nodiscard]] bool declared(std::string_view permission) const {
    return roles_.find(permission) != roles_.end();
  }
  /// What was never declared is nobody's.
  [[nodiscard]] bool allows(std::string_view permission, Role role) const {
    const auto found = roles_.find(permission);
    return found != roles_.end() && (found->second & bit(role)) != 0;
  }
  [[nodiscard]] bool empty() const noexcept { return roles_.empty(); }

 private:
  static std::uint8_t bit(Role role) noexcept {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(role));
  }
  std::map<std::string, std::uint8_t, std::less<>> roles_;
};

/// What a route asks of its caller: a role at least, and perhaps a permission.
struct RouteAccess {
  RouteAccess() = default;
  RouteAccess(Role role)
      : at_least(role) {}  // NOLINT(google-explicit-constructor): a role is the usual access
  Role at_least = Role::viewer;
  std::string permission;  ///< Of `[permissions]`; empty: none.
};

/// `app.post("/v1/refund", bulkhead::require("invoice:refund"), refund)`: open to the roles that bulkhead.toml gives this
/// permission. A server whose bulkhead.toml does not declare it does not start.
[[nodiscard]] inline RouteAccess require(std::string permission) {
  RouteAccess access;
  access.permission = std::move(permission);
  return access;
}

}  // namespace bulkhead
