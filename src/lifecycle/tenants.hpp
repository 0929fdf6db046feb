#pragma once

#include <chrono>
#include <functional>
#include <string>

#include <bulkhead/result.hpp>

#include "catalog/records.hpp"
#include "lifecycle/operations.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

// What happens to a tenant after it was made. `tenant`: slug or id. All of them: `not_found`; `conflict` where the tenant's
// state does not allow it.

/// Its users get 403 with the reason; its rows stay. Error: `usage` (a reason of more than 1000 characters).
[[nodiscard]] Result<catalog::TenantRecord> suspend_tenant(pg::Blocking& catalog, const std::string& tenant,
                                                           const std::string& reason);
[[nodiscard]] Result<catalog::TenantRecord> resume_tenant(pg::Blocking& catalog, const std::string& tenant);

/// Within the same model: a plan of another one needs a move (`conflict`): `start_plan_move`.
[[nodiscard]] Result<catalog::TenantRecord> change_plan(pg::Blocking& catalog, const std::string& tenant,
                                                        const std::string& plan);

/// From now on the tenant is there for nobody; after `grace` it is deleted for good, by whoever runs `run_delete` then (the
/// servers' housekeeping, or `bulkhead operation resume`). For one that is in its grace already, the grace is set anew.
/// Returns the operation.
[[nodiscard]] Result<Operation> start_delete(pg::Blocking& catalog, const std::string& tenant,
                                             std::chrono::seconds grace, const std::string& actor);
/// Within the grace: as it was before. Error: `conflict` once the deletion has begun.
[[nodiscard]] Result<catalog::TenantRecord> undelete_tenant(pg::Blocking& catalog, const std::string& tenant);

/// The steps of an operation of kind `delete`: fence, digest of the rows, rows, a look that they are gone, certificate. Error:
/// `conflict` before the grace is over, or while another process does it.
[[nodiscard]] Result<Operation> run_delete(pg::Blocking& catalog, const Uuid& id,
                                           const std::function<void(const Operation&)>& told = {});

/// Takes up any operation: one that is open, or that has failed. Error: `conflict` (another process works on it; an export,
/// which ends with its process; it is done or cancelled), the steps' own.
[[nodiscard]] Result<Operation> resume_operation(pg::Blocking& catalog, const Uuid& id,
                                                 const std::function<void(const Operation&)>& told = {});

}  // namespace bulkhead::lifecycle
