#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <bulkhead/context.hpp>

#include "base/slug.hpp"

namespace bulkhead::catalog {

enum class TenantStatus : std::uint8_t { active, suspended, deleting };
enum class Model : std::uint8_t { row, schema, silo };

/// Where a tenant's rows live.
struct Placement {
  Model model = Model::row;
  std::string cell;      ///< Name of the cell; "default" in this version.
  std::string database;  ///< Name of the database in that cell.
  std::string schema;    ///< Schema of the app's tables; "app" for the pool.
  std::int64_t epoch = 1;
};

/// Versions of adopted schemas are counted from here, all in one line, so that no two schemas are ever at the same version:
/// their tables are not alike, as those of the app's own migrations are.
inline constexpr std::int32_t adopted_version_least = 1'000'000'000;
/// The tables were not made by the app's migrations but found (`bulkhead adopt`). Row tenants of our own all live in schema app.
[[nodiscard]] inline bool is_adopted(const Placement& placement) noexcept {
  return placement.model == Model::row && placement.schema != "app";
}

/// What a server knows of a tenant. Immutable; replaced as a whole when the catalog changes.
struct TenantRecord {
  TenantId id;
  std::string slug, name, plan;
  TenantStatus status = TenantStatus::active;
  std::string suspended_reason;
  Placement placement;
};
using TenantRef = std::shared_ptr<const TenantRecord>;

/// A user's place in one tenant.
struct Membership {
  UserId user;
  std::string user_name;
  Role role = Role::viewer;
  PrincipalKind kind = PrincipalKind::person;
  std::shared_ptr<const ActingOperator>
      acting;  ///< The caller is an operator by a grant; `user` is in whose place.
};

using bulkhead::valid_slug;

/// One of the tenants that a caller belongs to, as the caller may read it.
struct OwnTenant {
  std::string id, slug, name;
};
/// By slug.
using OwnTenantsRef = std::shared_ptr<const std::vector<OwnTenant>>;

}  // namespace bulkhead::catalog
