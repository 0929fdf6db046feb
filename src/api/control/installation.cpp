#include <charconv>

#include "api/control/handlers.hpp"
#include "base/json.hpp"
#include "catalog/cells.hpp"
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
                          {"result", operation.result},
                          {"due", operation.due},
                          {"actor", operation.actor},
                          {"made_at", operation.made_at},
                          {"updated_at", operation.updated_at}};
  if (operation.tenant) out["tenant_id"] = operation.tenant->text();
  return out;
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

/// A cell as clients may see it: without its addresses.
boost::json::object cell_json(const Rows& rows, std::size_t row) {
  const auto count = [&](std::size_t column) -> boost::json::value {
    if (rows.is_null(row, column)) return nullptr;
    std::int64_t out = 0;
    const auto text = rows.text(row, column);
    std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
  };
  return {{"name", rows.text(row, 0)},
          {"region", or_null(std::string(rows.text(row, 1)))},
          {"status", rows.text(row, 2)},
          {"tenants", {{"row", count(3)}, {"schema", count(4)}, {"silo", count(5)}}},
          {"capacity", {{"row", count(6)}, {"schema", count(7)}, {"silo", count(8)}}}};
}

}  // namespace

Result<Answer> list_plans(Call& call) {
  BULKHEAD_TRY(const auto plans, lifecycle::list_plans(call.catalog));
  boost::json::array items;
  for (const lifecycle::Plan& plan : plans) items.push_back(plan_json(plan));
  return Answer{boost::json::object{{"items", std::move(items)}, {"next", nullptr}}, ""};
}

Result<Answer> get_plan(Call& call) {
  BULKHEAD_TRY(const auto plan, lifecycle::find_plan(call.catalog, call.path.at("plan")));
  return Answer{plan_json(plan), ""};
}

Result<Answer> list_cells(Call& call) {
  BULKHEAD_TRY(const Rows rows,
               call.catalog.query(
                   "select c.name, c.region, c.status, count(*) filter (where p.model = 'row'), count(*) "
                   "filter (where p.model = 'schema'), count(*) filter (where p.model = 'silo'), c.row_max, "
                   "c.schema_max, c.silo_max from catalog.cell c left join catalog.placement p on p.cell = "
                   "c.name where c.name > $1 group by c.name order by c.name limit $2",
                   {call.after, std::to_string(call.limit + 1)}));
  std::vector<std::size_t> found;
  for (std::size_t row = 0; row < rows.size(); ++row) found.push_back(row);
  return Answer{page_of(
                    call, found, [&](std::size_t row) { return cell_json(rows, row); },
                    [&](std::size_t row) { return rows.text(row, 0); }),
                ""};
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
