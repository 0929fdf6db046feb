#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace bulkhead {

/// What a membership lets its user do. In PostgreSQL: `app_viewer`, `app_member`, `app_admin`, `app_owner`.
/// Ordered: a later one may do all an earlier one may.
enum class Role : std::uint8_t { viewer, member, admin, owner };

[[nodiscard]] std::string_view role_name(Role role) noexcept;
[[nodiscard]] std::optional<Role> parse_role(std::string_view name) noexcept;
/// The PostgreSQL role, for example "app_member".
[[nodiscard]] std::string_view role_in_database(Role role) noexcept;

}  // namespace bulkhead
