#include "lifecycle/create.hpp"

#include "base/failpoint.hpp"
#include "base/utf8.hpp"
#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "lifecycle/members.hpp"
#include "lifecycle/slots.hpp"
#include "migrate/runner.hpp"

namespace bulkhead::lifecycle {
namespace {

Result<void> check(const CreateRequest& request) {
  if (!valid_slug(request.slug)) {
    return Error(Errc::usage, "\"" + request.slug + "\" cannot be a tenant's slug")
        .hint(
            "3 to 63 characters of a-z, 0-9 and -, beginning with a letter, not ending in -, without --, and "
            "not a "
            "reserved name such as www, api or admin");
  }
  if (!valid_utf8(request.name) || request.name.find('\0') != std::string::npos ||
      migrate::characters(request.name) > 200)
    return Error(Errc::usage, "a tenant's name has 1 to 200 characters of UTF-8");
  return {};
}

Error taken(const std::string& slug) {
  return Error(Errc::already_exists, "there is a tenant \"" + slug + "\" already")
      .hint("`bulkhead tenant list` shows all tenants");
}

/// What catalog.place_tenant answered.
struct Placed {
  std::string outcome, id, model, cell, region;
};

Result<Placed> place(pg::Blocking& catalog, const CreateRequest& request) {
  auto rows = catalog.query(
      "select outcome, tenant, chosen_model, chosen_cell, chosen_region from catalog.place_tenant($1, $2, "
      "$3, $4, $5, $6)",
      {request.slug, request.name.empty() ? request.slug : request.name, request.plan,
       std::string(request.model ? catalog::model_name(*request.model) : ""), request.cell, request.region});
  if (rows.has_error()) return rows.error().sqlstate() == "23505" ? taken(request.slug) : rows.error();
  const auto text = [&](std::size_t column) { return std::string(rows->text(0, column)); };
  return Placed{text(0), text(1), text(2), text(3), text(4)};
}

Error refused(const CreateRequest& request, const Placed& placed) {
  if (placed.outcome == "slug_taken") return taken(request.slug);
  if (placed.outcome == "no_plan")
    return Error(Errc::not_found, "there is no plan \"" + request.plan + "\"")
        .hint("`bulkhead plan list` shows all plans; `bulkhead plan set NAME` makes one");
  return no_room(catalog::parse_model(placed.model).value_or(catalog::Model::row), placed.cell,
                 placed.region);
}

/// Whether an unfinished operation makes what is asked for now.
bool same(const Operation& operation, const CreateRequest& request) {
  const auto& asked = operation.input;
  return text_of(asked, "name") == (request.name.empty() ? request.slug : request.name) &&
         text_of(asked, "plan") == request.plan &&
         (!request.model || text_of(asked, "model") == catalog::model_name(*request.model)) &&
         (request.cell.empty() || text_of(asked, "cell") == request.cell);
}

/// The slot of the operation; reserved now, in one transaction with the operation's row, so that it has an owner.
Result<Slot> slot_of(OperationRun& run) {
  if (run.operation.tenant) {
    BULKHEAD_TRY(auto slot, find_slot(run.catalog, *run.operation.tenant));
    if (slot && slot->state != "dropping") return std::move(*slot);
  }
  const auto& input = run.operation.input;
  const auto reserve = [&]() -> Result<Slot> {
    BULKHEAD_TRY(
        Slot slot,
        reserve_slot(run.catalog, catalog::parse_model(text_of(input, "model")).value_or(catalog::Model::row),
                     text_of(input, "cell"), text_of(input, "region")));
    run.operation.tenant = slot.tenant;
    BULKHEAD_CHECK(run.save());
    BULKHEAD_CHECK(run.catalog.execute("commit"));
    return slot;
  };
  BULKHEAD_CHECK(run.catalog.execute("begin"));
  auto reserved = reserve();
  if (reserved.has_error()) [[maybe_unused]]
    const auto rolled_back = run.catalog.execute("rollback");
  return reserved;
}

Result<bool> exists(pg::Blocking& catalog, const TenantId& id) {
  BULKHEAD_TRY(auto rows, catalog.query("select from catalog.tenant where id = $1::uuid", {id.text()}));
  return !rows.empty();
}

Result<void> reserve(OperationRun& run) {
  auto slot = slot_of(run);
  if (slot.has_error()) return slot.error();
  return {};
}

Result<void> provision(OperationRun& run, ShardConnection& shard) {
  BULKHEAD_TRY(const Slot slot, slot_of(run));
  return provision_slot(run.catalog, slot, shard);
}

Result<void> take(OperationRun& run) {
  const TenantId id = run.operation.tenant.value_or(TenantId());
  const auto& input = run.operation.input;
  BULKHEAD_TRY(const bool done, exists(run.catalog, id));
  if (!done) {
    auto taken_now =
        run.catalog.query("select catalog.take_slot($1::uuid, $2, $3, $4)",
                          {id.text(), run.operation.subject, text_of(input, "name"), text_of(input, "plan")});
    if (taken_now.has_error()) {
      return taken_now.error().sqlstate() == "23505" ? taken(run.operation.subject) : taken_now.error();
    }
  }
  run.operation.result["tenant"] = id.text();
  return {};
}

/// Nothing half-made stays of an operation that has failed for good. What cannot be undone now is left to housekeeping.
void undo(pg::Blocking& catalog, const Uuid& id) {
  const auto operation = find_operation(catalog, id);
  if (operation.has_error() || operation->state != OperationState::failed || !operation->tenant) return;
  const auto slot = find_slot(catalog, *operation->tenant);
  if (slot.has_error() || !*slot) return;
  [[maybe_unused]] const auto dropped = drop_slot(catalog, **slot);
}

Result<catalog::TenantRecord> finish(pg::Blocking& catalog, const Uuid& id, ShardConnection& shard,
                                     const std::function<void(const Operation&)>& told) {
  BULKHEAD_TRY(const auto operation, run_create(catalog, id, shard, told));
  if (!operation.tenant) return Error(Errc::internal, "operation " + id.text() + " has made no tenant");
  return catalog::find_tenant(catalog, operation.tenant->text());
}

}  // namespace

Result<Operation> run_create(pg::Blocking& catalog, const Uuid& id, ShardConnection& shard,
                             const std::function<void(const Operation&)>& told) {
  const std::vector<OperationStep> steps{
      {"reserve", reserve},
      {"provision", [&shard](OperationRun& run) { return provision(run, shard); }},
      {"take", take}};
  auto done = run_operation(catalog, id, steps, told);
  if (done.has_error()) undo(catalog, id);
  return done;
}

Result<catalog::TenantRecord> create_tenant(pg::Blocking& catalog, const CreateRequest& request,
                                            const std::function<void(const Operation&)>& told) {
  ShardConnection shard;
  return create_tenant(catalog, request, shard, told);
}

Result<catalog::TenantRecord> create_tenant(pg::Blocking& catalog, const CreateRequest& request,
                                            ShardConnection& shard,
                                            const std::function<void(const Operation&)>& told) {
  BULKHEAD_CHECK(check(request));
  BULKHEAD_TRY(const Placed placed, place(catalog, request));
  if (placed.outcome == "made") return catalog::find_tenant(catalog, placed.id);
  if (placed.outcome == "busy") {
    const auto id = Uuid::parse(placed.id);
    BULKHEAD_TRY(const auto operation, find_operation(catalog, id.value_or(Uuid())));
    if (!same(operation, request)) {
      return Error(Errc::conflict, "operation " + operation.id.text() + " makes a tenant \"" + request.slug +
                                       "\" with other settings already")
          .hint("`bulkhead operation show " + operation.id.text() +
                "` says where it stands, `operation resume` takes it up");
    }
    return finish(catalog, operation.id, shard, told);
  }
  if (placed.outcome != "cold") return refused(request, placed);
  NewOperation wanted;
  wanted.kind = "create";
  wanted.subject = request.slug;
  wanted.actor = request.actor;
  wanted.input = {{"name", request.name.empty() ? request.slug : request.name},
                  {"plan", request.plan},
                  {"model", placed.model},
                  {"cell", placed.cell},
                  {"region", placed.region}};
  BULKHEAD_TRY(const auto operation, start_operation(catalog, wanted));
  failpoint("create.started");
  return finish(catalog, operation.id, shard, told);
}

}  // namespace bulkhead::lifecycle
