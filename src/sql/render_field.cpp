// What stands in a select list: columns, steps into their JSON, aggregates of them, casts.
#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.hpp"
#include "sql/renderer.hpp"
#include "sql/writer.hpp"

namespace bulkhead::sql {

using statement::Aggregate;

namespace {

struct Cast {
  std::string_view name;
  JsonKind json;
  bool convert = false;  ///< Must be made JSON.
};

// What `column::type` in a select may name. A type's name cannot be a parameter, so it comes from here or not
// at all.
constexpr std::array casts{
    Cast{"text", JsonKind::string},
    Cast{"varchar", JsonKind::string},
    Cast{"character varying", JsonKind::string},
    Cast{"char", JsonKind::string},
    Cast{"character", JsonKind::string},
    Cast{"bpchar", JsonKind::string},
    Cast{"smallint", JsonKind::number},
    Cast{"integer", JsonKind::number},
    Cast{"bigint", JsonKind::number},
    Cast{"int", JsonKind::number},
    Cast{"int2", JsonKind::number},
    Cast{"int4", JsonKind::number},
    Cast{"int8", JsonKind::number},
    Cast{"numeric", JsonKind::number},
    Cast{"real", JsonKind::number},
    Cast{"float4", JsonKind::number},
    Cast{"float8", JsonKind::number},
    Cast{"double precision", JsonKind::number},
    Cast{"boolean", JsonKind::boolean},
    Cast{"bool", JsonKind::boolean},
    Cast{"date", JsonKind::string},
    Cast{"time", JsonKind::string},
    Cast{"timestamp", JsonKind::timestamp},
    Cast{"timestamptz", JsonKind::timestamptz},
    Cast{"uuid", JsonKind::string},
    Cast{"json", JsonKind::raw},
    Cast{"jsonb", JsonKind::raw},
    Cast{"float", JsonKind::number},
    Cast{"decimal", JsonKind::number},
    Cast{"timestamp without time zone", JsonKind::timestamp},
    Cast{"timestamp with time zone", JsonKind::timestamptz},
    Cast{"time without time zone", JsonKind::string},
    Cast{"time with time zone", JsonKind::string},
    Cast{"timetz", JsonKind::string},
    Cast{"interval", JsonKind::string},
    Cast{"bytea", JsonKind::string},
    Cast{"money", JsonKind::string},
    Cast{"inet", JsonKind::string},
    Cast{"_text", JsonKind::raw, true},
    Cast{"_varchar", JsonKind::raw, true},
    Cast{"_bpchar", JsonKind::raw, true},
    Cast{"_int2", JsonKind::raw, true},
    Cast{"_int4", JsonKind::raw, true},
    Cast{"_int8", JsonKind::raw, true},
    Cast{"_numeric", JsonKind::raw, true},
    Cast{"_float4", JsonKind::raw, true},
    Cast{"_float8", JsonKind::raw, true},
    Cast{"_bool", JsonKind::raw, true},
    Cast{"_date", JsonKind::raw, true},
    Cast{"_timestamp", JsonKind::raw, true},
    Cast{"_timestamptz", JsonKind::raw, true},
    Cast{"_uuid", JsonKind::raw, true},
    Cast{"_jsonb", JsonKind::raw, true},
};

// As PostgreSQL reads a type's name that is not quoted: in any case.
const Cast* find_cast(std::string_view name) {
  const auto same = [](char c, char known) { return lower(c) == known; };
  for (const Cast& cast : casts)
    if (std::equal(name.begin(), name.end(), cast.name.begin(), cast.name.end(), same)) return &cast;
  return nullptr;
}

Result<const Cast*> known_cast(std::string_view name) {
  if (const Cast* cast = find_cast(name)) return cast;
  return Error(Errc::filter_malformed, "type \"" + std::string(name) + "\" does not exist").sqlstate("42704");
}

std::string_view function_of(Aggregate aggregate) {
  switch (aggregate) {
    case Aggregate::none:
      break;
    case Aggregate::count:
      return "count";
    case Aggregate::sum:
      return "sum";
    case Aggregate::avg:
      return "avg";
    case Aggregate::min:
      return "min";
    case Aggregate::max:
      return "max";
  }
  return "";
}

// The output's own name: of a path its last key, of an aggregate its function.
std::string_view name_of(const statement::Output& output, Aggregate aggregate) {
  if (!output.alias.empty()) return output.alias;
  if (aggregate != Aggregate::none) return function_of(aggregate);
  for (auto step = output.path.rbegin(); step != output.path.rend(); ++step)
    if (!step->index) return step->key;
  return output.column;
}

// `count` where the relation has no such column: the number of rows, as it was said before there were aggregates.
bool counts_rows(const statement::Output& output, const Relation& of) {
  if (output.aggregate == Aggregate::count && output.column.empty()) return true;
  return output.aggregate == Aggregate::none && output.column == "count" && output.path.empty() &&
         !of.field("count");
}

}  // namespace

const Renderer::Joined* Renderer::Level::find(std::string_view name) const noexcept {
  for (const Joined& joined : embeds)
    if (joined.name == name) return &joined;
  return nullptr;
}

Result<std::string> Renderer::value(const Scope& scope, const Column& column,
                                    const std::vector<statement::JsonStep>& path) {
  std::string out;
  // Arrays and composite types are stepped into as the JSON that they are shown as.
  const bool made_json = !path.empty() && column.convert;
  if (made_json) out.append("to_jsonb(");
  if (column.computed) {
    append_identifier(out, schema_);
    out.push_back('.');
    append_identifier(out, column.name);
    out.append("(").append(scope.row.empty() ? scope.alias : scope.row).append(")");
  } else {
    append_column(out, scope.alias, column.name);
  }
  if (made_json) out.push_back(')');
  for (const statement::JsonStep& step : path) {
    out.append(step.text ? "->>" : "->");
    constant(out, step.key);
    if (step.index) out.append("::integer");
  }
  // As an operand it must not be taken apart by what stands beside it.
  return path.empty() ? out : "(" + out + ")";
}

// A column as it is shown: as it is, or as the app's own cast makes it JSON.
void Renderer::show(Field& field, const Column& column) const {
  field.kind = column.json;
  field.convert = column.convert;
  field.column = &column;
  if (column.as_json.empty() || plain_) return;
  std::string call;
  append_identifier(call, schema_);
  call.push_back('.');
  append_identifier(call, column.as_json);
  field.expression = call + "(" + field.expression + ")";
  field.kind = JsonKind::raw;
  field.convert = false;
}

void Renderer::add_columns(Level& level, const Scope& scope) const {
  for (const Column& every : scope.relation->columns) {
    Field& field = level.fields.emplace_back();
    field.name = every.name;
    append_column(field.expression, scope.alias, every.name);
    show(field, every);
  }
}

Result<void> Renderer::add_field(Level& level, const Scope& scope, const statement::Output& output) {
  if (output.star) {
    add_columns(level, scope);
    return {};
  }
  Field field;
  const bool rows = counts_rows(output, *scope.relation);
  field.aggregate = rows ? Aggregate::count : output.aggregate;
  if (output.aggregate != Aggregate::none && !aggregates_)
    return Error(Errc::filter_malformed, "Use of aggregate functions is not allowed").sqlstate("PGRST123");
  field.name = name_of(output, field.aggregate);
  if (rows) {
    field.aggregate_cast = output.aggregate_cast.empty() ? output.cast : output.aggregate_cast;
  } else {
    BULKHEAD_TRY(const Column* named, column(*scope.relation, output.column));
    BULKHEAD_TRY(field.expression, value(scope, *named, output.path));
    if (output.path.empty() && output.cast.empty() && field.aggregate == Aggregate::none) {
      show(field, *named);
    } else if (output.path.empty()) {
      field.kind = named->json;
      field.convert = named->convert;
    } else {
      field.kind = output.path.back().text ? JsonKind::string : JsonKind::raw;
    }
    field.aggregate_cast = output.aggregate_cast;
    if (!output.cast.empty()) {
      BULKHEAD_TRY(const Cast* cast, known_cast(output.cast));
      field.expression.append("::").append(cast->name);
      field.kind = cast->json;
      field.convert = cast->convert;
    }
  }
  if (field.aggregate == Aggregate::count) {
    field.kind = JsonKind::number;
    field.convert = false;
  }
  if (!field.aggregate_cast.empty()) {
    BULKHEAD_TRY(const Cast* cast, known_cast(field.aggregate_cast));
    field.aggregate_cast = cast->name;
    field.kind = cast->json;
    field.convert = cast->convert;
  }
  level.fields.push_back(std::move(field));
  return {};
}

Result<Renderer::Level> Renderer::level(const statement::Select& select, const Scope& scope,
                                        std::size_t depth, bool flat) {
  Level level;
  if (select.outputs.empty()) add_columns(level, scope);
  for (const statement::Output& output : select.outputs) {
    if (output.embed) {
      BULKHEAD_CHECK(join_embed(level, output, scope, select, depth, flat));
    } else {
      BULKHEAD_CHECK(add_field(level, scope, output));
    }
  }
  level.aggregated = std::any_of(level.fields.begin(), level.fields.end(),
                                 [](const Field& field) { return field.aggregate != Aggregate::none; });
  return level;
}

void Renderer::partial_columns(std::string& out, const Field& field, std::size_t number) {
  const std::string c = "c" + std::to_string(number), of = field.expression.empty() ? "*" : field.expression;
  if (field.aggregate != Aggregate::avg) {
    const bool counted = field.partial && field.aggregate == Aggregate::count;
    out.append(counted ? "sum" : function_of(field.aggregate))
        .append("(")
        .append(of)
        .append(") as ")
        .append(c);
    return;
  }
  out.append("sum(").append(of).append(") as ").append(c);
  out.append(field.partial ? ", sum(" + field.rows : ", count(" + of)
      .append(") as n")
      .append(std::to_string(number));
}

std::string Renderer::aggregated(const Field& field) {
  if (!field.partial) {
    std::string out(function_of(field.aggregate));
    return out.append("(").append(field.expression.empty() ? "*" : field.expression).append(")");
  }
  switch (field.aggregate) {
    case Aggregate::count:
      return "coalesce(sum(" + field.expression + "), 0)::bigint";
    case Aggregate::avg:
      return "(sum(" + field.expression + ") / nullif(sum(" + field.rows + "), 0))";
    default:
      return std::string(function_of(field.aggregate)) + "(" + field.expression + ")";
  }
}

std::string Renderer::finished(const Field& field, const Level& level, bool json) {
  std::string out;
  if (field.aggregate != Aggregate::none) {
    out = aggregated(field);
    if (!field.aggregate_cast.empty()) out.append("::").append(field.aggregate_cast);
  } else {
    out = field.expression;
    // Rows are put together by equal values, and json has no equality.
    if (field.embedded && level.aggregated) out.append("::jsonb");
  }
  if (!json || !field.convert) return out;
  return (level.aggregated ? "to_jsonb(" : "to_json(") + out + ")";
}

void Renderer::group(std::string& out, const Level& level) {
  if (!level.aggregated) return;
  bool first = true;
  for (std::size_t i = 0; i < level.fields.size(); ++i) {
    if (level.fields[i].aggregate != Aggregate::none) continue;
    out.append(first ? " group by " : ", ").append(std::to_string(i + 1));
    first = false;
  }
}

void Renderer::output_list(std::string& list, const Level& level, const Scope& scope) {
  // The row's own tenant as it is; of all others a foreign one if there is any, else the tenant that was bound.
  std::vector<std::string> guards;
  own_guard_ = scope.relation->tenant && !level.aggregated;
  if (own_guard_) append_column(guards.emplace_back(), scope.alias, relations_.tenant_column());
  const auto add = [&](const std::string& foreign) {
    guards.push_back("coalesce(" + (level.aggregated ? "min(" + foreign + ")" : foreign) +
                     ", $1::uuid::text)");
  };
  if (scope.relation->tenant && level.aggregated) add(foreign_tenant(scope.alias));
  for (const std::string& foreign : level.guards) add(foreign);

  columns_.reserve(level.fields.size());
  for (const Field& field : level.fields) {
    if (!columns_.empty()) list.append(", ");
    list.append(finished(field, level, !plain_));
    columns_.push_back({field.name, field.kind});
  }
  // A relation whose only column is the tenant's has a row to show and no column to show of it.
  if (columns_.empty() && guards.empty()) list.append("1");
  for (const std::string& guard : guards) {
    if (!list.ends_with("select ") && !list.empty()) list.append(", ");
    list.append(guard);
  }
  for (std::size_t i = 0; i < guards.size(); ++i) guards_.push_back(columns_.size() + i);
}

}  // namespace bulkhead::sql
