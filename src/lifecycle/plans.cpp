#include "lifecycle/plans.hpp"

#include <charconv>

#include "catalog/cells.hpp"

namespace bulkhead::lifecycle {

Result<std::vector<Plan>> list_plans(pg::Blocking& catalog) {
  BULKHEAD_TRY(
      auto rows,
      catalog.query("select name, model, coalesce(cell, ''), region, pool from catalog.plan order by name"));
  std::vector<Plan> out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    Plan plan;
    plan.name = rows.text(row, 0);
    const auto model = catalog::parse_model(rows.text(row, 1));
    if (!model)
      return Error(Errc::internal, "the catalog holds a plan that this version does not understand");
    plan.model = *model;
    plan.cell = rows.text(row, 2);
    plan.region = rows.text(row, 3);
    const auto pool = rows.text(row, 4);
    std::from_chars(pool.data(), pool.data() + pool.size(), plan.pool);
    out.push_back(std::move(plan));
  }
  return out;
}

Result<Plan> find_plan(pg::Blocking& catalog, const std::string& name) {
  BULKHEAD_TRY(auto plans, list_plans(catalog));
  for (auto& plan : plans)
    if (plan.name == name) return std::move(plan);
  return Error(Errc::not_found, "there is no plan \"" + name + "\"")
      .hint("`bulkhead plan list` shows all plans; `bulkhead plan set NAME` makes one");
}

Result<void> set_plan(pg::Blocking& catalog, const Plan& plan) {
  auto set = catalog.query(
      "insert into catalog.plan(name, model, cell, region, pool) values ($1, $2, nullif($3, ''), $4, $5) on "
      "conflict "
      "(name) do update set model = excluded.model, cell = excluded.cell, region = excluded.region, pool = "
      "excluded.pool",
      {plan.name, std::string(catalog::model_name(plan.model)), plan.cell, plan.region,
       std::to_string(plan.pool)});
  if (set.has_value()) return {};
  if (set.error().sqlstate() == "23503")
    return Error(Errc::not_found, "there is no cell \"" + plan.cell + "\"")
        .hint("`bulkhead cell list` shows all cells");
  if (set.error().sqlstate() == "23514")
    return Error(Errc::usage, "\"" + plan.name + "\" with " + std::to_string(plan.pool) +
                                  " ready placements cannot be a plan")
        .hint("a name of a-z, 0-9, _ and -, beginning with a letter; 0 to 10000 placements");
  return set.error();
}

Result<void> sync_plans(pg::Blocking& catalog, const std::vector<PlanConfig>& plans) {
  for (const PlanConfig& from : plans) {
    Plan plan;
    plan.name = from.name;
    // The configuration has looked at the name.
    plan.model = catalog::parse_model(from.model).value_or(catalog::Model::row);
    plan.cell = from.cell;
    plan.region = from.region;
    plan.pool = from.pool;
    BULKHEAD_CHECK(set_plan(catalog, plan));
  }
  return {};
}

}  // namespace bulkhead::lifecycle
