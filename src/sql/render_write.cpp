#include <algorithm>
#include <utility>

#include "sql/renderer.hpp"
#include "sql/writer.hpp"

namespace bulkhead::sql {

namespace {

constexpr std::size_t params_max = 65'535;  // the protocol's
/// The name, inside a statement: no column is called so, with a space.
constexpr std::string_view inserted_name = "was inserted";

Error payload_column(const Relation& of, std::string_view name) {
  return Error(Errc::column_unknown, "Could not find the '" + std::string(name) + "' column of '" + of.name +
                                         "' in the schema cache");
}

// Functions of the row take it as a whole.
bool calls_functions(const std::vector<statement::Output>& outputs, const Relation& of) {
  return std::any_of(outputs.begin(), outputs.end(), [&](const statement::Output& output) {
    if (!output.embed) return !output.star && of.field(output.column) && of.field(output.column)->computed;
    return std::any_of(
        of.relationships.begin(), of.relationships.end(),
        [&](const ComputedRelationship& way) { return way.name == output.embed->select.relation; });
  });
}

Error filter_required(std::string_view verb) {
  return Error(Errc::filter_required, std::string(verb) + " requires a WHERE clause")
      .sqlstate("21000")
      .hint("Name the rows with a filter such as id=eq.1.");
}

}  // namespace

void Renderer::recordset(std::string& out, const std::vector<const Column*>& columns) {
  out.append("r(");
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) out.append(", ");
    append_identifier(out, columns[i]->name);
    out.push_back(' ');
    if (columns[i]->from_json.empty())
      type_name(out, *columns[i]);
    else
      out.append("json");
  }
  out.push_back(')');
}

void Renderer::recordset_value(std::string& out, const Column& column) {
  if (!column.from_json.empty()) {
    append_identifier(out, schema_);
    out.push_back('.');
    append_identifier(out, column.from_json);
    out.push_back('(');
  }
  append_column(out, "r", column.name);
  if (!column.from_json.empty()) out.push_back(')');
}

void Renderer::type_name(std::string& out, const Column& column) {
  if (column.own_type) {
    append_identifier(out, schema_);
    out.push_back('.');
  }
  out.append(column.sql_type);
}

void Renderer::cell_value(std::string& out, const statement::Cell& cell, const Column& column) {
  if (cell.use_default) {
    out.append("default");
    return;
  }
  if (!cell.json) return parameter(out, &cell.value);
  out.append("(select ");
  recordset_value(out, column);
  out.append(" from json_to_record(json_build_object(");
  append_literal(out, column.name);
  out.append(", ");
  parameter(out, &cell.value);
  out.append("::json)) as ");
  recordset(out, {&column});
  out.push_back(')');
}

Result<void> Renderer::insert_source(std::string& out, const statement::Insert& insert,
                                     const Relation& into) {
  std::vector<const Column*> columns;
  columns.reserve(insert.columns.size());
  for (const std::string& name : insert.columns) {
    const Column* named = into.column(name);
    if (!named) return payload_column(into, name);
    columns.push_back(named);
  }
  out.append(" (");
  append_identifier(out, relations_.tenant_column());
  for (const Column* named : columns) {
    out.append(", ");
    append_identifier(out, named->name);
  }
  out.append(")");
  tenant_used_ = true;

  if (!insert.json_rows.empty()) {
    // One shape whatever the number of rows; PostgreSQL turns each value into its column's type.
    out.append(" select $1::uuid");
    for (const Column* named : columns) {
      out.append(", ");
      recordset_value(out, *named);
    }
    out.append(columns.empty() ? " from json_array_elements(" : " from json_to_recordset(");
    parameter(out, &insert.json_rows);
    out.append(") as ");
    if (columns.empty())
      out.push_back('r');
    else
      recordset(out, columns);
    if (insert.where.empty()) return {};
    // Of the payload's rows, which are nobody's yet: the tenant comes in beside them.
    out.append(" where ");
    return condition(out, {&into, "r"}, insert.where, nullptr);
  }

  if (insert.rows.empty()) return Error(Errc::payload_invalid, "there is no row to insert");
  if (insert.rows.size() * (columns.size() + 1) > params_max)
    return Error(Errc::payload_invalid, "too many values in one request")
        .hint("Send the rows in several requests, or leave Prefer: missing=default out.");
  out.append(" values ");
  for (std::size_t r = 0; r < insert.rows.size(); ++r) {
    const std::vector<statement::Cell>& row = insert.rows[r];
    if (row.size() != columns.size())
      return Error(Errc::payload_invalid,
                   "row " + std::to_string(r + 1) + " has another number of values than columns");
    out.append(r == 0 ? "($1" : ", ($1");
    for (std::size_t i = 0; i < row.size(); ++i) {
      out.append(", ");
      cell_value(out, row[i], *columns[i]);
    }
    out.push_back(')');
  }
  return {};
}

Result<void> Renderer::conflict(std::string& out, const statement::Insert& insert, const Relation& into) {
  const std::vector<std::string>& key =
      insert.conflict->columns.empty() ? into.primary_key : insert.conflict->columns;
  // Every unique key of a tenant's table leads with the tenant, so only the tenant's own rows can be met.
  out.append(" on conflict (");
  append_identifier(out, relations_.tenant_column());
  for (const std::string& name : key) {
    if (!into.column(name))
      return Error(Errc::column_unknown, "column \"" + name + "\" does not exist").sqlstate("42703");
    out.append(", ");
    append_identifier(out, name);
  }
  if (!insert.conflict->merge || insert.columns.empty()) {
    out.append(") do nothing");
    return {};
  }
  out.append(") do update set ");
  for (const std::string& name : insert.columns) {
    if (&name != &insert.columns.front()) out.append(", ");
    append_identifier(out, name);
    out.append(" = ");
    append_column(out, "excluded", name);
  }
  // What is updated is named like any row: PostgreSQL before 15.20 could pass over the policies here.
  out.append(" where ");
  static_cast<void>(tenant_predicate(out, {&into, "t"}));
  return {};
}

std::string Renderer::is_new(const statement::Insert& insert, const Relation& into) {
  // One that was there has been locked by the upsert.
  if (!into.partitioned) return "t.xmax = 0";
  // Rows that go through a partitioned table have no such column, but a statement does not see what it inserts itself.
  const Scope before{&into, "o"};
  std::string out = "not exists (select from ";
  from(out, before);
  out.append(" where ");
  if (tenant_predicate(out, before)) out.append(" and ");
  const std::vector<std::string>& key =
      insert.conflict->columns.empty() ? into.primary_key : insert.conflict->columns;
  for (const std::string& name : key) {
    if (&name != &key.front()) out.append(" and ");
    append_column(out, "o", name);
    out.append(" = ");
    append_column(out, "t", name);
  }
  return out.append(")");
}

Result<Rendered> Renderer::insert(const statement::Insert& insert) {
  BULKHEAD_TRY(const Relation* into, writable(insert.relation));
  std::string text = "insert into ";
  text.reserve(512);
  from(text, {into, "as t"});  // unlike the other statements, INSERT wants the AS
  BULKHEAD_CHECK(insert_source(text, insert, *into));
  if (insert.conflict) BULKHEAD_CHECK(conflict(text, insert, *into));
  return finish_write(std::move(text), {into, "t"},
                      {insert.returning, insert.order, std::nullopt,
                       insert.conflict ? is_new(insert, *into) : std::string()});
}

Result<void> Renderer::assignments(std::string& out, const statement::Update& update, const Relation& of) {
  if (update.assignments.empty()) return Error(Errc::payload_invalid, "there is nothing to change");
  std::vector<const Column*> columns;
  out.append(" set ");
  for (const auto& [name, cell] : update.assignments) {
    const Column* named = of.column(name);
    if (!named) return payload_column(of, name);
    if (!columns.empty()) out.append(", ");
    columns.push_back(named);
    append_identifier(out, name);
    out.append(" = ");
    if (!update.json_row.empty() && !cell.use_default)
      recordset_value(out, *named);
    else
      cell_value(out, cell, *named);
  }
  if (update.json_row.empty()) return {};
  out.append(" from json_to_record(");
  parameter(out, &update.json_row);
  out.append(") as ");
  recordset(out, columns);
  return {};
}

Result<Rendered> Renderer::update(const statement::Update& update) {
  BULKHEAD_TRY(const Relation* of, writable(update.relation));
  if (update.where.empty()) return filter_required("UPDATE");
  const Scope scope{of, "t"};
  std::string text = "update ";
  text.reserve(512);
  from(text, scope);
  BULKHEAD_CHECK(assignments(text, update, *of));
  BULKHEAD_CHECK(where(text, scope, update.where));
  return finish_write(std::move(text), scope, {update.returning, update.order, update.at_most});
}

Result<Rendered> Renderer::remove(const statement::Delete& remove) {
  BULKHEAD_TRY(const Relation* of, writable(remove.relation));
  if (remove.where.empty()) return filter_required("DELETE");
  const Scope scope{of, "t"};
  std::string text = "delete from ";
  text.reserve(512);
  from(text, scope);
  BULKHEAD_CHECK(where(text, scope, remove.where));
  return finish_write(std::move(text), scope, {remove.returning, remove.order, remove.at_most});
}

/// The row check of a write, as one more column of its RETURNING: a row of another tenant fails the cast, and the
/// failure undoes the write.
void Renderer::written_row_check(std::string& out, const Scope& scope) const {
  if (!walls_.row_check) return;
  std::string tenant;
  append_column(tenant, scope.alias, relations_.tenant_column());
  out.append(", case when ").append(tenant).append(" <> $1 then ('").append(tenant_violation);
  out.append("' || ").append(tenant).append(")::integer end");
}

Result<Rendered> Renderer::finish_write(std::string write, const Scope& scope, const Returning& asked) {
  const std::optional<std::vector<statement::Output>>& returning = asked.outputs;
  const bool embeds =
      returning && std::any_of(returning->begin(), returning->end(),
                               [](const statement::Output& output) { return output.embed != nullptr; });
  const bool wrapped = embeds || asked.at_most || (returning && !asked.order.empty());
  const bool whole = returning && calls_functions(*returning, *scope.relation);
  const Scope seen{scope.relation, wrapped ? "w" : scope.alias, wrapped && whole ? "w.\"whole row\"" : ""};

  write.append(" returning ");
  statement::Select shown;
  shown.order = asked.order;
  Level made;
  std::string list;
  if (returning) {
    shown.outputs = *returning;
    BULKHEAD_TRY(made, level(shown, seen, 0));
    if (made.aggregated)
      return Error(Errc::filter_malformed, "what a write returns cannot be put together by aggregates")
          .hint("Ask for the rows, or for the aggregate in a request of its own.");
    output_list(list, made, seen);
  } else {
    // Even without a representation each row says whose it was.
    append_column(list, seen.alias, relations_.tenant_column());
    guards_.push_back(0);
    own_guard_ = true;
  }
  if (!wrapped) {
    written_row_check(list, seen);
    if (!asked.inserted.empty()) list.append(", ").append(asked.inserted);
    Rendered rendered = finish(write.append(list));
    rendered.writes = true;
    rendered.tells_inserted = !asked.inserted.empty();
    return rendered;
  }

  append_column(write, scope.alias, relations_.tenant_column());
  for (const Column& every : scope.relation->columns) {
    write.append(", ");
    append_column(write, scope.alias, every.name);
  }
  if (whole) write.append(", ").append(scope.alias).append(" as \"whole row\"");
  written_row_check(write, scope);
  if (!asked.inserted.empty()) {
    write.append(", ").append(asked.inserted).append(" as ");
    append_identifier(write, inserted_name);
    list.append(", ");
    append_column(list, "w", inserted_name);
  }
  std::string text = "with w as (" + write + ") select " + list;
  text.append(" from w").append(made.joins);
  if (returning) BULKHEAD_CHECK(order(text, seen, shown.order, made));
  if (asked.at_most) {
    // The cast fails on more rows, and the failure undoes the write in the same round trip. A limit is computed
    // even if no row is to be shown; without a failure it is NULL, which is none.
    text.append(" limit ");
    limit_check(text, *asked.at_most, false, "w");
  }
  Rendered rendered = finish(std::move(text));
  rendered.writes = true;
  rendered.tells_inserted = !asked.inserted.empty();
  return rendered;
}

void Renderer::limit_check(std::string& out, std::uint64_t at_most, bool exactly, std::string_view rows) {
  out.append(exactly ? "(select case when count(*) <> " : "(select case when count(*) > ");
  if (at_most == 1)
    out.push_back('1');
  else
    constant(out, std::to_string(at_most));
  out.append(" then ('").append(single_violation).append("' || count(*))::bigint end from ");
  out.append(rows).append(")");
}

}  // namespace bulkhead::sql
