#include <array>
#include <utility>

#include "sql/renderer.hpp"
#include "sql/writer.hpp"

namespace bulkhead::sql {

using statement::Condition;
using statement::Operator;

namespace {

struct Cast {
  std::string_view name;
  JsonKind json;
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
};

// As PostgreSQL reads a type's name that is not quoted: in any case.
const Cast* find_cast(std::string_view name) {
  const auto same = [](char c, char known) {
    return (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) == known;
  };
  for (const Cast& cast : casts)
    if (std::equal(name.begin(), name.end(), cast.name.begin(), cast.name.end(), same)) return &cast;
  return nullptr;
}

std::string_view operator_text(Operator op) {
  switch (op) {
    case Operator::eq:
      return " = ";
    case Operator::neq:
      return " <> ";
    case Operator::gt:
      return " > ";
    case Operator::gte:
      return " >= ";
    case Operator::lt:
      return " < ";
    case Operator::lte:
      return " <= ";
    case Operator::like:
      return " like ";
    case Operator::ilike:
      return " ilike ";
    case Operator::in:
    case Operator::is:
      break;
  }
  return " = ";
}

// PostgreSQL's text form of an array.
std::string array_text(const std::vector<statement::Value>& values) {
  std::string out = "{";
  for (const statement::Value& value : values) {
    if (out.size() > 1) out.push_back(',');
    if (!value) {
      out.append("NULL");
      continue;
    }
    out.push_back('"');
    for (char c : *value) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    out.push_back('"');
  }
  out.push_back('}');
  return out;
}

// The conditions under which a row of the relationship's target belongs to a row of its origin.
void join_condition(std::string& out, std::string_view target, const std::vector<std::string>& target_columns,
                    std::string_view origin, const std::vector<std::string>& origin_columns) {
  for (std::size_t i = 0; i < target_columns.size(); ++i) {
    if (i > 0) out.append(" and ");
    append_column(out, target, target_columns[i]);
    out.append(" = ");
    append_column(out, origin, origin_columns[i]);
  }
}

}  // namespace

std::string_view Renderer::Flat::name() const {
  if (!output) return column->name;
  if (!output->alias.empty()) return output->alias;
  if (!output->embed) return column->name;
  return output->embed->alias.empty() ? output->embed->select.relation : output->embed->alias;
}

Result<std::vector<Renderer::Flat>> Renderer::flatten(const std::vector<statement::Output>& outputs,
                                                      const Relation& of) const {
  std::vector<Flat> flat;
  flat.reserve(outputs.size() + of.columns.size());
  if (outputs.empty())
    for (const Column& every : of.columns) flat.push_back({&every, nullptr});
  for (const statement::Output& output : outputs) {
    if (output.star) {
      for (const Column& every : of.columns) flat.push_back({&every, nullptr});
    } else if (output.embed) {
      flat.push_back({nullptr, &output});
    } else {
      BULKHEAD_TRY(const Column* named, column(of, output.column));
      flat.push_back({named, &output});
    }
  }
  return flat;
}

Result<JsonKind> Renderer::expression(std::string& out, const Scope& scope, const Flat& flat) const {
  if (flat.output && !flat.output->cast.empty()) {
    const Cast* cast = find_cast(flat.output->cast);
    if (!cast)
      return Error(Errc::filter_malformed, "type \"" + flat.output->cast + "\" does not exist")
          .sqlstate("42704");
    append_column(out, scope.alias, flat.column->name);
    out.append("::").append(cast->name);
    return cast->json;
  }
  if (flat.column->convert) out.append("to_json(");
  append_column(out, scope.alias, flat.column->name);
  if (flat.column->convert) out.push_back(')');
  return flat.column->json;
}

Result<void> Renderer::outputs(std::string& list, std::string& joins,
                               const std::vector<statement::Output>& outputs, const Scope& scope) {
  BULKHEAD_TRY(std::vector<Flat> flats, flatten(outputs, *scope.relation));
  columns_.reserve(flats.size());
  std::string guards;
  std::size_t guard_count = 0;
  if (scope.relation->tenant) {
    guards.append(", ");
    append_column(guards, scope.alias, tenant_column);
    ++guard_count;
    own_guard_ = true;
  }
  for (const Flat& flat : flats) {
    const statement::Embed* embedded = flat.embed();
    std::string alias;
    if (embedded) {
      alias = next_alias('x');
      BULKHEAD_TRY(bool guarded, embed(joins, *embedded, scope, alias, 1));
      if (guarded) {
        guards.append(", ").append(alias).append(".g");
        ++guard_count;
      }
      if (embedded->hidden) continue;
    }
    if (!columns_.empty()) list.append(", ");
    JsonKind kind = JsonKind::raw;
    if (embedded) {
      list.append(alias).append(".j");
    } else {
      BULKHEAD_TRY(kind, expression(list, scope, flat));
    }
    columns_.push_back({std::string(flat.name()), kind});
  }
  // A relation whose only column is the tenant's has a row to show and no column to show of it.
  if (columns_.empty() && guards.empty()) list.append("1");
  list.append(guards, columns_.empty() && !guards.empty() ? 2 : 0);
  for (std::size_t i = 0; i < guard_count; ++i) guards_.push_back(columns_.size() + i);
  return {};
}

Result<bool> Renderer::embed(std::string& joins, const statement::Embed& embed, const Scope& origin,
                             const std::string& alias, std::size_t depth) {
  if (depth > embed_depth_max)
    return Error(Errc::relationship_unknown,
                 "embedding is deeper than " + std::to_string(embed_depth_max) + " levels")
        .hint("Ask for the inner rows in a request of their own.");
  BULKHEAD_TRY(Relationship way,
               find_relationship(relations_, *origin.relation, embed.select.relation, embed.hint));
  std::string row;
  BULKHEAD_TRY(bool guarded, embedded_row(row, embed, origin, way, depth));
  joins.append(embed.inner ? " join lateral (" : " left join lateral (");
  if (way.to_one()) {
    joins.append(row).append(") ").append(alias).append(" on true");
    return guarded;
  }
  joins.append(embed.inner ? "select json_agg(s.j) as j" : "select coalesce(json_agg(s.j), '[]') as j");
  if (guarded) joins.append(", string_agg(distinct s.g, ',') as g");
  joins.append(" from (").append(row).append(") s) ").append(alias);
  if (embed.inner)
    joins.append(" on ").append(alias).append(".j is not null");
  else
    joins.append(" on true");
  return guarded;
}

Result<void> Renderer::embedded_fields(std::string& fields, EmbeddedRow& row, const std::vector<Flat>& flats,
                                       const Scope& scope, std::size_t depth) {
  for (const Flat& flat : flats) {
    const statement::Embed* inner = flat.embed();
    std::string alias;
    if (inner) {
      alias = next_alias('x');
      BULKHEAD_TRY(bool guarded, embed(row.joins, *inner, scope, alias, depth + 1));
      if (guarded) row.guards.push_back(alias + ".g");
      if (inner->hidden) continue;
    }
    if (!fields.empty()) fields.append(", ");
    if (!row.wide) {
      append_literal(fields, flat.name());
      fields.append(", ");
    }
    if (inner) {
      fields.append(alias).append(".j");
    } else {
      BULKHEAD_CHECK(expression(fields, scope, flat));
    }
    if (row.wide) {
      fields.append(" as ");
      append_identifier(fields, flat.name());
    }
  }
  return {};
}

namespace {

// `relation(count)`: the number of rows, unless there is a column of that name.
const statement::Output* count_of(const statement::Embed& embedded, const Relation& target) {
  if (embedded.select.outputs.size() != 1) return nullptr;
  const statement::Output& only = embedded.select.outputs.front();
  const bool counts = only.column == "count" && only.cast.empty() && !only.embed && !target.column("count");
  return counts ? &only : nullptr;
}

// `guards` as one column: of one row, or of all that an aggregate counts.
void append_guards(std::string& out, const std::vector<std::string>& guards, bool aggregate) {
  if (guards.empty()) return;
  const auto append = [&](const std::string& guard) {
    if (aggregate)
      out.append("string_agg(distinct ").append(guard).append(", ',')");
    else
      out.append(guard);
  };
  out.append(", ");
  if (guards.size() > 1) out.append("concat_ws(','");
  for (const std::string& guard : guards) {
    if (guards.size() > 1) out.append(", ");
    append(guard);
  }
  if (guards.size() > 1) out.push_back(')');
  out.append(" as g");
}

}  // namespace

Result<bool> Renderer::embedded_row(std::string& out, const statement::Embed& embedded, const Scope& origin,
                                    const Relationship& way, std::size_t depth) {
  const Scope scope{way.target, next_alias('e')};
  const Scope junction{way.junction, way.junction ? next_alias('k') : std::string()};
  const statement::Output* counted = count_of(embedded, *way.target);
  std::vector<Flat> flats;
  if (!counted && !(embedded.hidden && embedded.select.outputs.empty())) {
    BULKHEAD_TRY(flats, flatten(embedded.select.outputs, *way.target));
  }

  EmbeddedRow row;
  // json_build_object takes 100 arguments; a wider row goes through row_to_json, which is slower.
  row.wide = flats.size() > 50;
  if (way.target->tenant) append_column(row.guards.emplace_back(), scope.alias, tenant_column);
  if (way.junction && way.junction->tenant)
    append_column(row.guards.emplace_back(), junction.alias, tenant_column);
  for (std::string& guard : row.guards) guard.append("::text");
  std::string fields;
  BULKHEAD_CHECK(embedded_fields(fields, row, flats, scope, depth));
  if (counted) {
    append_literal(fields, counted->alias.empty() ? counted->column : counted->alias);
    fields.append(", count(*)");
  }

  out.append("select ");
  if (row.wide)
    out.append("(select row_to_json(r) from (select ").append(fields).append(") r)");
  else
    out.append("json_build_object(").append(fields).push_back(')');
  out.append(" as j");
  append_guards(out, row.guards, counted != nullptr);
  out.append(" from ");
  from(out, scope);
  if (way.junction) {
    out.append(" join ");
    from(out, junction);
    out.append(" on ");
    if (tenant_predicate(out, junction)) out.append(" and ");
    join_condition(out, junction.alias, way.junction_key->from_columns, scope.alias,
                   way.junction_key->to_columns);
  }
  out.append(row.joins);
  BULKHEAD_CHECK(where(out, scope, embedded.select.where));
  out.append(way.target->tenant || !embedded.select.where.empty() ? " and " : " where ");
  if (way.forward)
    join_condition(out, scope.alias, way.key->to_columns, origin.alias, way.key->from_columns);
  else
    join_condition(out, way.junction ? junction.alias : scope.alias, way.key->from_columns, origin.alias,
                   way.key->to_columns);
  if (!counted) BULKHEAD_CHECK(order(out, scope, embedded.select.order));
  range(out, embedded.select);
  return !row.guards.empty();
}

Result<void> Renderer::where(std::string& out, const Scope& scope, const Condition& filter) {
  if (!scope.relation->tenant && filter.empty()) return {};
  out.append(" where ");
  bool bound = tenant_predicate(out, scope);
  if (filter.empty()) return {};
  if (bound) out.append(" and ");
  return condition(out, scope, filter);
}

Result<void> Renderer::condition(std::string& out, const Scope& scope, const Condition& filter) {
  if (filter.kind == Condition::Kind::compare) return compare(out, scope, filter);
  if (filter.negated) out.append("not ");
  if (filter.children.empty()) {
    out.append(filter.kind == Condition::Kind::all ? "true" : "false");
    return {};
  }
  // The parentheses keep an OR from reaching the tenant predicate beside it.
  out.push_back('(');
  for (std::size_t i = 0; i < filter.children.size(); ++i) {
    if (i > 0) out.append(filter.kind == Condition::Kind::all ? " and " : " or ");
    BULKHEAD_CHECK(condition(out, scope, filter.children[i]));
  }
  out.push_back(')');
  return {};
}

Result<void> Renderer::compare(std::string& out, const Scope& scope, const Condition& filter) {
  BULKHEAD_TRY(const Column* named, column(*scope.relation, filter.column));
  if (filter.negated) out.append("not (");
  if (filter.op == Operator::in && filter.values.empty()) {
    out.append("false");
  } else if (filter.op == Operator::in) {
    append_column(out, scope.alias, named->name);
    out.append(" = any(");
    parameter(out, array_text(filter.values));
    out.push_back(')');
  } else if (filter.op == Operator::is) {
    append_column(out, scope.alias, named->name);
    const std::string what = filter.value.value_or("null");
    if (what == "null" || what == "true" || what == "false" || what == "unknown")
      out.append(" is ").append(what);
    else if (what == "not_null")
      out.append(" is not null");
    else
      return Error(Errc::filter_malformed, "`is` takes null, not_null, true, false or unknown");
  } else {
    append_column(out, scope.alias, named->name);
    out.append(operator_text(filter.op));
    parameter(out, filter.value);
  }
  if (filter.negated) out.push_back(')');
  return {};
}

Result<void> Renderer::order(std::string& out, const Scope& scope,
                             const std::vector<statement::Order>& order) {
  bool first = true;
  for (const statement::Order& term : order) {
    BULKHEAD_TRY(const Column* named, column(*scope.relation, term.column));
    out.append(first ? " order by " : ", ");
    first = false;
    append_column(out, scope.alias, named->name);
    if (term.descending) out.append(" desc");
    if (term.nulls == statement::Order::Nulls::first) out.append(" nulls first");
    if (term.nulls == statement::Order::Nulls::last) out.append(" nulls last");
  }
  return {};
}

namespace {

// Limits that stand in the text. Behind a parameter PostgreSQL expects a tenth of all rows, finds its generic plan
// dearer than a custom one, and plans every execution anew: 70 µs for a list of 20. Few and fixed, so that clients cannot
// make shapes at will; any other limit stays a parameter.
bool is_usual_limit(std::uint64_t limit) noexcept {
  constexpr std::array<std::uint64_t, 14> usual{1, 2, 5, 10, 15, 20, 25, 30, 50, 100, 200, 250, 500, 1000};
  return std::find(usual.begin(), usual.end(), limit) != usual.end();
}

}  // namespace

void Renderer::range(std::string& out, const statement::Select& select) {
  if (select.limit) {
    out.append(" limit ");
    if (is_usual_limit(*select.limit)) {
      out.append(std::to_string(*select.limit));
    } else {
      parameter(out, std::to_string(*select.limit));
    }
  }
  if (select.offset && *select.offset > 0) {
    out.append(" offset ");
    parameter(out, std::to_string(*select.offset));
  }
}

Result<Rendered> Renderer::select(const statement::Select& select) {
  BULKHEAD_TRY(const Relation* top, relation(select.relation));
  const Scope scope{top, "t"};
  std::string text = "select ", joins;
  text.reserve(512);
  BULKHEAD_CHECK(outputs(text, joins, select.outputs, scope));
  text.append(" from ");
  from(text, scope);
  text.append(joins);
  BULKHEAD_CHECK(where(text, scope, select.where));
  BULKHEAD_CHECK(order(text, scope, select.order));
  range(text, select);
  Rendered rendered = finish(std::move(text));
  if (!select.exact_count) return rendered;

  BULKHEAD_CHECK(count(rendered, select, scope, tenant_param_));
  return rendered;
}

// The count has parameters of its own: it needs neither the left joins nor the range.
Result<void> Renderer::count(Rendered& rendered, const statement::Select& select, const Scope& scope,
                             bool with_tenant) {
  params_ = pg::Params();
  if (with_tenant) params_.add(tenant_);
  const bool used_before = std::exchange(tenant_used_, false);
  std::string rest = " from ", foreign;
  from(rest, scope);
  if (scope.relation->tenant) append_column(foreign, scope.alias, tenant_column);
  if (!foreign.empty()) foreign.append(" <> $1");
  for (const statement::Output& output : select.outputs) {
    if (!output.embed || !output.embed->inner) continue;
    const std::string alias = next_alias('x');
    BULKHEAD_TRY(const bool guarded, embed(rest, *output.embed, scope, alias, 1));
    if (!guarded) continue;
    // A guard may be a list; what is left of it without the own id and the commas is another's.
    foreign.append(foreign.empty() ? "" : " or ").append("translate(replace(").append(alias);
    foreign.append(".g::text, $1::uuid::text, ''), ',', '') <> ''");
  }
  BULKHEAD_CHECK(where(rest, scope, select.where));
  std::string text = "select count(*)";
  if (walls_.row_check && !foreign.empty())
    text.append(", count(*) filter (where ").append(foreign).append(")");
  text.append(rest);
  const bool unused = with_tenant && !tenant_used_;
  tenant_used_ = used_before;
  // Tenant relations were in the left joins alone: PostgreSQL refuses a parameter that no expression uses.
  if (unused) return count(rendered, select, scope, false);
  rendered.count_text = std::move(text);
  rendered.count_params = std::move(params_);
  return {};
}

}  // namespace bulkhead::sql
