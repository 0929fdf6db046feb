#pragma once

#include <functional>
#include <optional>
#include <string>

#include <bulkhead/result.hpp>

#include "catalog/records.hpp"
#include "lifecycle/databases.hpp"
#include "lifecycle/operations.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

struct CreateRequest {
  CreateRequest() = default;
  std::string slug;
  std::string name;  ///< For display; empty: the slug.
  std::string plan = "standard";
  std::optional<catalog::Model> model;  ///< Stronger than the plan's.
  std::string cell, region;             ///< Stronger than the plan's; empty: the plan's, else any.
  std::string actor;                    ///< Who asks, for the operation's record.
};

/// Makes a tenant. Where a placement of the model waits, or for the row model in the catalog's own pool, that is one
/// statement; else an operation makes the placement first. Where a process died while it made this very tenant, its
/// operation is taken up and finished. Errors: `usage` (slug, name), `already_exists`, `not_found` (plan), `conflict` (no cell
/// has room; another process makes it, naming the operation), what provisioning met. `shard`: of a caller who makes several.
[[nodiscard]] Result<catalog::TenantRecord> create_tenant(
    pg::Blocking& catalog, const CreateRequest& request, ShardConnection& shard,
    const std::function<void(const Operation&)>& told = {});
[[nodiscard]] Result<catalog::TenantRecord> create_tenant(
    pg::Blocking& catalog, const CreateRequest& request,
    const std::function<void(const Operation&)>& told = {});

/// The steps of an operation of kind `create`; for `resume_operation`.
[[nodiscard]] Result<Operation> run_create(pg::Blocking& catalog, const Uuid& id, ShardConnection& shard,
                                           const std::function<void(const Operation&)>& told = {});

}  // namespace bulkhead::lifecycle
