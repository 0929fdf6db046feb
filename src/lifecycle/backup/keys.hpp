#pragma once

#include <optional>

#include <bulkhead/result.hpp>
#include <bulkhead/uuid.hpp>

#include "lifecycle/backup/sealed.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle::backup {

/// The key that seals the tenant's backups; made at the first call. It is kept in the catalog, wrapped by the installation's key,
/// and goes with the tenant. Errors: `config_invalid` (another installation's), the catalog's.
[[nodiscard]] Result<DataKey> tenant_key(pg::Blocking& catalog, const TenantId& tenant);
/// The one that is there. Error: `not_found` for a tenant without backups, or one that was deleted.
[[nodiscard]] Result<DataKey> find_tenant_key(pg::Blocking& catalog, const TenantId& tenant);

}  // namespace bulkhead::lifecycle::backup
