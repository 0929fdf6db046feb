#include <algorithm>
#include <charconv>

#include "api/control/handlers.hpp"
#include "base/json.hpp"
#include "catalog/cells.hpp"
#include "lifecycle/cells.hpp"
#include "lifecycle/operations.hpp"
#include "lifecycle/plans.hpp"

namespace bulkhead::api::control {
namespace {

boost::json::value or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return boost::json::value(text);
}

boost::json::object plan_json(const lifecycle::Plan& plan) {
  return {{"name", plan.name},
          {"model", catalog::model_name(plan.model)},
          {"cell", or_null(plan.cell)},
          {"region", or_null(plan.region)},
          {"pool", plan.pool}};
}

Result<boost::json::object> entry_json(const audit::Entry& entry) {
  BULKHEAD_TRY(boost::json::value details, parse_json(entry.details));
  return boost::json::object{{"seq", entry.seq},
                             {"at", entry.at},
                             {"actor", entry.actor},
                             {"action", entry.action},
                             {"subject", entry.subject},
                             {"tenant_id", or_null(entry.tenant_id)},
                             {"details", std::move(details)},
                             {"previous", entry.previous},
                             {"hash", entry.hash}};
}

boost::json::value bound_json(const std::optional<std::int32_t>& bound) {
  if (!bound) return nullptr;
  return *bound;
}

/// Without its addresses.
boost::json::object cell_json(const lifecycle::Cell& cell) {
  return {{"name", cell.name},
          {"region", or_null(cell.region)},
          {"status", cell.open ? "open" : "closed"},
          {"tenants", {{"row", cell.row}, {"schema", cell.schema}, {"silo", cell.silo}}},
          {"capacity",
           {{"row", bound_json(cell.capacity.row)},
            {"schema", bound_json(cell.capacity.schema)},
            {"silo", bound_json(cell.capacity.silo)}}}};
}

/// What steps have found out and everybody who looks on may see; the rest is the steps' own.
boost::json::object progress_json(const boost::json::object& progress) {
  boost::json::object out;
  for (const std::string_view name :
       {"phase", "rows_done", "rows_total", "bytes_done", "rows_per_s", "lag_bytes", "pause_ms"})
    if (const auto* found = progress.if_contains(name)) out[name] = *found;
  const auto* tables = progress.if_contains("tables");
  if (tables == nullptr || !tables->is_array()) return out;
  boost::json::array told;
  for (const boost::json::value& table : tables->get_array()) {
    if (!table.is_object()) continue;
    boost::json::object one;
    for (const std::string_view name : {"name", "rows", "done"})
      if (const auto* found = table.get_object().if_contains(name)) one[name] = *found;
    told.push_back(std::move(one));
  }
  out["tables"] = std::move(told);
  return out;
}

/// There are few of them, so that all are read: those behind the cursor, by name.
template <class T, class Json>
boost::json::object page_of_all(const Call& call, std::vector<T> all, Json json) {
  std::erase_if(all, [&](const T& each) { return each.name <= call.after; });
  return page_of(call, all, json, [](const T& each) { return each.name; });
}

}  // namespace

boost::json::object operation_json(const lifecycle::Operation& operation) {
  boost::json::object out{{"id", operation.id.text()},
                          {"kind", operation.kind},
                          {"tenant_id", nullptr},
                          {"subject", operation.subject},
                          {"state", lifecycle::operation_state_name(operation.state)},
                          {"step", or_null(operation.step)},
                          {"steps_done", operation.steps_done},
                          {"steps_total", operation.steps_total},
                          {"error", or_null(operation.error)},
                          {"progress", progress_json(operation.progress)},
                          {"result", operation.result},
                          {"due", operation.due},
                          {"actor", operation.actor},
                          {"made_at", operation.made_at},
                          {"updated_at", operation.updated_at}};
  if (operation.tenant) out["tenant_id"] = operation.tenant->text();
  return out;
}

Result<Answer> list_plans(Call& call) {
  BULKHEAD_TRY(auto plans, lifecycle::list_plans(call.catalog));
  return Answer{page_of_all(call, std::move(plans), plan_json), ""};
}

Result<Answer> get_plan(Call& call) {
  BULKHEAD_TRY(const auto plan, lifecycle::find_plan(call.catalog, call.path.at("plan")));
  return Answer{plan_json(plan), ""};
}

Result<Answer> list_cells(Call& call) {
  BULKHEAD_TRY(auto cells, lifecycle::list_cells(call.catalog));
  return Answer{page_of_all(call, std::move(cells), cell_json), ""};
}

Result<Answer> get_cell(Call& call) {
  BULKHEAD_TRY(const auto cell, lifecycle::find_cell(call.catalog, call.path.at("cell")));
  return Answer{cell_json(cell), ""};
}

Result<Answer> list_operations(Call& call) {
  lifecycle::OperationFilter filter;
  filter.limit = call.limit + 1;
  filter.kind = call.asked("kind");
  if (call.query.contains("state")) filter.state = lifecycle::parse_operation_state(call.asked("state"));
  if (call.query.contains("tenant")) {
    const auto tenant = Uuid::parse(call.asked("tenant"));
    if (!tenant) return Error(Errc::malformed_request, "\"tenant\" is a tenant's id");
    filter.tenant = TenantId(*tenant);
  }
  if (!call.after.empty()) {
    filter.before = Uuid::parse(call.after);
    if (!filter.before) return Error(Errc::malformed_request, "this cursor is none of ours");
  }
  BULKHEAD_TRY(const auto found, lifecycle::list_operations(call.catalog, filter));
  return Answer{page_of(call, found, operation_json,
                        [](const lifecycle::Operation& operation) { return operation.id.text(); }),
                ""};
}

Result<Answer> get_operation(Call& call) {
  const auto id = Uuid::parse(call.path.at("operation"));
  if (!id) return Error(Errc::not_found, "there is no such operation");
  BULKHEAD_TRY(const auto operation, lifecycle::find_operation(call.catalog, *id));
  return Answer{operation_json(operation), ""};
}

Result<Answer> list_audit_log(Call& call) {
  audit::ListOptions options;
  options.limit = call.limit + 1;
  options.since = call.asked("since");
  if (!call.after.empty()) {
    std::int64_t before = 0;
    const auto [end, code] =
        std::from_chars(call.after.data(), call.after.data() + call.after.size(), before);
    if (code != std::errc() || end != call.after.data() + call.after.size())
      return Error(Errc::malformed_request, "this cursor is none of ours");
    options.before = before;
  }
  BULKHEAD_TRY(const auto found, audit::list(call.catalog, options));
  std::vector<std::pair<std::int64_t, boost::json::object>> entries;
  for (const audit::Entry& entry : found) {
    BULKHEAD_TRY(auto json, entry_json(entry));
    entries.emplace_back(entry.seq, std::move(json));
  }
  return Answer{page_of(
                    call, entries, [](const auto& entry) { return entry.second; },
                    [](const auto& entry) { return std::to_string(entry.first); }),
                ""};
}

}  // namespace bulkhead::api::control
