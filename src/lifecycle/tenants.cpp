#include "lifecycle/tenants.hpp"

#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "lifecycle/adopt.hpp"
#include "lifecycle/backup/base.hpp"
#include "lifecycle/backup/restore.hpp"
#include "lifecycle/create.hpp"
#include "lifecycle/members.hpp"
#include "lifecycle/move.hpp"
#include "lifecycle/plans.hpp"
#include "migrate/runner.hpp"

namespace bulkhead::lifecycle {
namespace {

Error is_deleting(const catalog::TenantRecord& tenant) {
  return Error(Errc::conflict, "tenant \"" + tenant.slug + "\" is being deleted")
      .hint("`bulkhead tenant undelete " + tenant.slug + "` brings it back while its grace lasts");
}

/// Changes the status, unless the tenant is being deleted, also by now.
Result<catalog::TenantRecord> set_status(pg::Blocking& catalog, const std::string& slug_or_id,
                                         std::string_view status, const std::string& reason) {
  BULKHEAD_TRY(const auto tenant, catalog::find_tenant(catalog, slug_or_id));
  BULKHEAD_TRY(
      auto set,
      catalog.query("update catalog.tenant set status = $2, suspended_reason = $3 where id = $1::uuid and "
                    "status <> 'deleting'",
                    {tenant.id.text(), std::string(status), reason}));
  if (set.affected() == 0) return is_deleting(tenant);
  return catalog::find_tenant(catalog, tenant.id.text());
}

/// The tenant's unfinished deletion.
Result<std::optional<Operation>> open_deletion(pg::Blocking& catalog, const TenantId& tenant) {
  OperationFilter filter;
  filter.tenant = tenant;
  filter.kind = "delete";
  BULKHEAD_TRY(auto operations, list_operations(catalog, filter));
  for (auto& operation : operations) {
    if (operation.state == OperationState::pending || operation.state == OperationState::running ||
        operation.state == OperationState::failed)
      return std::optional<Operation>(std::move(operation));
  }
  return std::optional<Operation>();
}

/// Nothing has been done yet but that the tenant is there for nobody.
bool in_grace(const Operation& operation) {
  return operation.steps_done == 0 && operation.step.empty();
}

/// Operation and status in one transaction.
Result<Operation> start(pg::Blocking& catalog, const catalog::TenantRecord& tenant,
                        std::chrono::seconds grace, const std::string& actor) {
  NewOperation wanted;
  wanted.kind = "delete";
  wanted.subject = tenant.slug;
  wanted.tenant = tenant.id;
  wanted.actor = actor;
  wanted.delay = grace;
  wanted.input = {{"name", tenant.name},
                  {"status", tenant.status == catalog::TenantStatus::suspended ? "suspended" : "active"},
                  {"model", catalog::model_name(tenant.placement.model)},
                  {"cell", tenant.placement.cell},
                  {"database", tenant.placement.database},
                  {"schema", tenant.placement.schema},
                  {"grace_s", grace.count()}};
  const auto both = [&]() -> Result<Operation> {
    BULKHEAD_TRY(auto operation, start_operation(catalog, wanted));
    BULKHEAD_TRY(
        auto set,
        catalog.query(
            "update catalog.tenant set status = 'deleting' where id = $1::uuid and status <> 'deleting'",
            {tenant.id.text()}));
    if (set.affected() == 0) return is_deleting(tenant);
    BULKHEAD_CHECK(catalog.execute("commit"));
    return operation;
  };
  BULKHEAD_CHECK(catalog.execute("begin"));
  auto done = both();
  if (done.has_error()) [[maybe_unused]]
    const auto rolled_back = catalog.execute("rollback");
  return done;
}

}  // namespace

Result<catalog::TenantRecord> suspend_tenant(pg::Blocking& catalog, const std::string& tenant,
                                             const std::string& reason) {
  if (migrate::characters(reason) > 1000) return Error(Errc::usage, "a reason has 1000 characters at most");
  return set_status(catalog, tenant, "suspended", reason);
}

Result<catalog::TenantRecord> resume_tenant(pg::Blocking& catalog, const std::string& tenant) {
  return set_status(catalog, tenant, "active", "");
}

Result<catalog::TenantRecord> change_plan(pg::Blocking& catalog, const std::string& slug_or_id,
                                          const std::string& plan) {
  BULKHEAD_TRY(const auto tenant, catalog::find_tenant(catalog, slug_or_id));
  BULKHEAD_TRY(const Plan wanted, find_plan(catalog, plan));
  if (wanted.model != tenant.placement.model) {
    return Error(Errc::conflict, "tenant \"" + tenant.slug + "\" lives in the " +
                                     std::string(catalog::model_name(tenant.placement.model)) +
                                     " model, and plan \"" + plan + "\" means the " +
                                     std::string(catalog::model_name(wanted.model)) + " model")
        .hint("`bulkhead tenant plan` moves it there");
  }
  BULKHEAD_TRY(
      auto set,
      catalog.query("update catalog.tenant set plan = $2 where id = $1::uuid and status <> 'deleting'",
                    {tenant.id.text(), plan}));
  if (set.affected() == 0) return is_deleting(tenant);
  return catalog::find_tenant(catalog, tenant.id.text());
}

Result<Operation> start_delete(pg::Blocking& catalog, const std::string& slug_or_id,
                               std::chrono::seconds grace, const std::string& actor) {
  BULKHEAD_TRY(const auto tenant, catalog::find_tenant(catalog, slug_or_id));
  BULKHEAD_CHECK(refuse_adopted(tenant, "deleting"));
  if (tenant.status != catalog::TenantStatus::deleting) return start(catalog, tenant, grace, actor);
  BULKHEAD_TRY(const auto running, open_deletion(catalog, tenant.id));
  if (!running) return is_deleting(tenant);
  if (running->state != OperationState::failed && in_grace(*running)) {
    BULKHEAD_TRY(
        auto set,
        catalog.query(
            "update catalog.operation set due = now() + make_interval(secs => $2), updated_at = now() "
            "where id = $1::uuid and state = 'pending'",
            {running->id.text(), std::to_string(grace.count())}));
  }
  return find_operation(catalog, running->id);
}

Result<catalog::TenantRecord> undelete_tenant(pg::Blocking& catalog, const std::string& slug_or_id) {
  BULKHEAD_TRY(const auto tenant, catalog::find_tenant(catalog, slug_or_id));
  if (tenant.status != catalog::TenantStatus::deleting)
    return Error(Errc::conflict, "tenant \"" + tenant.slug + "\" is not being deleted");
  BULKHEAD_TRY(const auto running, open_deletion(catalog, tenant.id));
  if (running && !in_grace(*running))
    return Error(Errc::conflict, "the rows of tenant \"" + tenant.slug +
                                     "\" are being deleted already: operation " + running->id.text());
  if (running) BULKHEAD_CHECK(cancel_operation(catalog, running->id));
  const std::string before = running ? text_of(running->input, "status") : "active";
  BULKHEAD_TRY(
      auto set,
      catalog.query("update catalog.tenant set status = $2 where id = $1::uuid and status = 'deleting'",
                    {tenant.id.text(), before == "suspended" ? before : std::string("active")}));
  return catalog::find_tenant(catalog, tenant.id.text());
}

Result<Operation> resume_operation(pg::Blocking& catalog, const Uuid& id,
                                   const std::function<void(const Operation&)>& told) {
  BULKHEAD_TRY(const auto operation, find_operation(catalog, id));
  if (operation.state == OperationState::done || operation.state == OperationState::cancelled)
    return Error(Errc::conflict,
                 "operation " + id.text() + " is " + std::string(operation_state_name(operation.state)));
  if (operation.kind == "export")
    return Error(Errc::conflict, "an export writes a file where it was started, and ends with its process")
        .hint("start it again: bulkhead tenant export " + operation.subject + " --out FILE");
  if (operation.state == OperationState::failed) BULKHEAD_CHECK(reopen_operation(catalog, id));
  if (operation.kind == "create") {
    ShardConnection shard;
    return run_create(catalog, id, shard, told);
  }
  if (operation.kind == "delete") return run_delete(catalog, id, told);
  if (operation.kind == "move") return run_move(catalog, id, told);
  if (operation.kind == "backup") return backup::run_backup(catalog, id, told);
  if (operation.kind == "restore") return backup::run_restore(catalog, id, told);
  return Error(Errc::conflict, "this version does not know how to do a \"" + operation.kind + "\"")
      .hint("use the version that started it");
}

}  // namespace bulkhead::lifecycle
