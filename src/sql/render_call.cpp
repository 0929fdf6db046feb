#include <utility>

#include "sql/renderer.hpp"
#include "sql/writer.hpp"

namespace bulkhead::sql {

void Renderer::argument(std::string& out, const statement::Value& value, const Column& parameter_type) {
  parameter(out, &value);
  out.append("::");
  type_name(out, parameter_type);
}

void Renderer::from_function(std::string& out, const Scope& scope) {
  const Called& called = *scope.called;
  if (called.apart) {
    out.append("f ").append(scope.alias);
    return;
  }
  const Function& function = *called.function;
  const statement::Call& call = *called.call;
  const bool json = !call.json_arguments.empty();
  if (json) {
    std::vector<const Column*> columns;
    for (const auto& [name, value] : call.arguments) columns.push_back(function.parameter(name));
    out.append("json_to_record(");
    parameter(out, &call.json_arguments);
    out.append(") as ");
    recordset(out, columns);
    out.append(", lateral ");
  }
  append_identifier(out, schema_);
  out.push_back('.');
  append_identifier(out, function.name);
  out.push_back('(');
  bool first = true;
  for (const auto& [name, value] : call.arguments) {
    const Column& taken = *function.parameter(name);
    if (!std::exchange(first, false)) out.append(", ");
    if (function.variadic && &taken == &function.parameters.back()) out.append("variadic ");
    if (!name.empty()) {
      append_identifier(out, name);
      out.append(" := ");
    }
    if (json)
      append_column(out, "r", name);
    else
      argument(out, value, taken);
  }
  out.append(") ").append(scope.alias);
  // The value of a function that returns no row has no name but the one that it is given here.
  if (function.returns == Function::Returns::row) return;
  out.push_back('(');
  append_identifier(out, function.name);
  out.push_back(')');
}

Result<Rendered> Renderer::call(const statement::Call& call) {
  const Function* function = relations_.function(call.function);
  if (!function)
    return Error(Errc::relation_unknown, "Could not find the function " + std::string(api_schema) + "." +
                                             call.function + " in the schema cache")
        .sqlstate("PGRST202");
  for (const auto& [name, value] : call.arguments)
    if (!function->parameter(name))
      return Error(Errc::payload_invalid, "the function " + call.function + " has no parameter " + name);
  const Relation* rows = &function->row;
  if (!function->relation.empty()) {
    BULKHEAD_TRY(rows, relation(function->relation));
  }
  Called called{function, &call};
  Scope scope{rows, "t"};
  scope.called = &called;

  // What is counted or bounded must be there before any of it is shown, and what writes is called once.
  const bool counts = call.select.exact_count && !call.read_only;
  const bool bounded = call.at_most || call.singular;
  std::string text;
  text.reserve(512);
  const statement::Condition none;
  const statement::Condition* filters = &call.select.where;
  if (counts || bounded) {
    text.append("with f as materialized (select t.* from ");
    from(text, scope);
    BULKHEAD_CHECK(where(text, scope, *filters));
    text.append(") ");
    called.apart = true;
    filters = &none;
  }
  aggregates_ = call.select.aggregates;
  plain_ = call.select.plain;
  embed_limit_ = call.select.embed_limit;
  text.append("select ");
  BULKHEAD_TRY(const Level made, level(call.select, scope, 0));
  output_list(text, made, scope);
  own_guard_ = false;  // a row of NULLs has none
  if (counts) text.append(", (select count(*) from f)");
  text.append(" from ");
  from(text, scope);
  text.append(made.joins);
  BULKHEAD_CHECK(where(text, scope, *filters, &made));
  group(text, made);
  BULKHEAD_CHECK(order(text, scope, call.select.order, made));
  if (bounded)
    bounded_range(text, call);
  else
    range(text, call.select.limit, call.select.offset);
  Rendered rendered = finish(std::move(text));
  if (call.select.exact_count && !counts)
    BULKHEAD_CHECK(count(rendered, call.select, scope, made.aggregated, tenant_param_));
  rendered.writes = !call.read_only;
  rendered.read_only = call.read_only;
  rendered.tells_total = counts;
  return rendered;
}

void Renderer::bounded_range(std::string& out, const statement::Call& call) {
  std::string rows = "(select from f";
  range(rows, call.select.limit, call.select.offset);
  rows.append(") s");
  out.append(" limit coalesce(");
  limit_check(out, call.at_most.value_or(1), call.singular, rows);
  out.append(", ");
  if (call.select.limit)
    constant(out, std::to_string(*call.select.limit));
  else
    out.append("null");
  out.append("::bigint)");
  range(out, std::nullopt, call.select.offset);
}

}  // namespace bulkhead::sql
