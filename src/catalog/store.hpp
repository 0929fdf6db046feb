#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>

#include "catalog/records.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::catalog {

// The operator's side of the catalog: blocking, with an administrator's connection. Servers use `View`.

/// Makes the tenant with its placement (pool) and residency in one transaction; servers are told by NOTIFY.
/// Errors: `usage` for a slug that is not valid, `already_exists`.
[[nodiscard]] Result<TenantRecord> create_tenant(pg::Blocking& admin, std::string_view slug,
                                                 std::string_view name, std::string_view plan = "standard");

/// By slug. All of them.
[[nodiscard]] Result<std::vector<TenantRecord>> list_tenants(pg::Blocking& admin);

/// By slug or by id. Error: `not_found`.
[[nodiscard]] Result<TenantRecord> find_tenant(pg::Blocking& admin, std::string_view slug_or_id);

/// Takes a tenant out of the catalog again whose provisioning failed: it must have no rows yet. Its memberships go, too.
[[nodiscard]] Result<void> remove_tenant(pg::Blocking& admin, const TenantId& tenant);

/// Suspends or reactivates; `reason` is shown to the tenant's users. Error: `not_found`.
[[nodiscard]] Result<void> set_tenant_status(pg::Blocking& admin, const TenantId& tenant, TenantStatus status,
                                             std::string_view reason);

/// "active", "suspended", "deleting"
[[nodiscard]] std::string_view tenant_status_name(TenantStatus status) noexcept;

/// Makes the user known as (issuer, subject) where there is none, and gives it this role in the tenant.
/// `name`: for display; empty keeps the user's name (the subject for a new one).
[[nodiscard]] Result<UserId> ensure_membership(pg::Blocking& admin, const TenantId& tenant,
                                               std::string_view issuer, std::string_view subject,
                                               std::string_view name, Role role);

/// Named values that belong to the installation ("binding", "app", …). nullopt: not set.
[[nodiscard]] Result<std::optional<std::string>> setting(pg::Blocking& admin, std::string_view name);
[[nodiscard]] Result<void> set_setting(pg::Blocking& admin, std::string_view name, std::string_view value);

/// A signing key of the development issuer.
struct DevIssuerKey {
  std::string kid, private_pem;
};
/// Oldest first.
[[nodiscard]] Result<std::vector<DevIssuerKey>> dev_issuer_keys(pg::Blocking& admin);
/// Keeps the first one of a kid: processes that start together agree on it by reading again.
[[nodiscard]] Result<void> add_dev_issuer_key(pg::Blocking& admin, const DevIssuerKey& key);

/// The columns that `record_of` reads, from `catalog.tenant t join catalog.placement p`.
[[nodiscard]] std::string_view tenant_columns() noexcept;
/// Row `row` of a query for `tenant_columns()`. Error: `internal` for a value this version does not know.
[[nodiscard]] Result<TenantRecord> record_of(const Rows& rows, std::size_t row);

}  // namespace bulkhead::catalog
