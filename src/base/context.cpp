#include <bulkhead/context.hpp>

namespace bulkhead {

std::string_view role_name(Role role) noexcept {
  switch (role) {
    case Role::viewer:
      return "viewer";
    case Role::member:
      return "member";
    case Role::admin:
      return "admin";
    case Role::owner:
      return "owner";
  }
  return "viewer";
}

std::optional<Role> parse_role(std::string_view name) noexcept {
  for (Role role : {Role::viewer, Role::member, Role::admin, Role::owner})
    if (role_name(role) == name) return role;
  return std::nullopt;
}

std::string_view role_in_database(Role role) noexcept {
  switch (role) {
    case Role::viewer:
      return "app_viewer";
    case Role::member:
      return "app_member";
    case Role::admin:
      return "app_admin";
    case Role::owner:
      return "app_owner";
  }
  return "app_viewer";
}

Result<void> RequestContext::require(std::string_view permission) const {
  if (may(permission)) return {};
  return Error(Errc::permission_denied, "this needs the permission " + std::string(permission) +
                                            ", which the caller's role " + std::string(role_name(role_)) +
                                            " does not have");
}

Result<std::string> RequestContext::token_for(std::string_view audience) const {
  if (audience.empty()) return Error(Errc::usage, "a token is for somebody: the audience is empty");
  if (tokens_ == nullptr)
    return Error(Errc::identity_unavailable, "this installation has no keys for internal tokens");
  return tokens_->mint(*this, audience);
}

}  // namespace bulkhead
