// Reads: the outermost select, what is embedded in it at any depth, and the count.
#include <algorithm>
#include <array>
#include <utility>

#include "sql/renderer.hpp"
#include "sql/writer.hpp"

namespace bulkhead::sql {

using statement::Aggregate;
using statement::Condition;

namespace {

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

// `guards` as one column: of one row, or of all that an aggregate puts together.
void append_guards(std::string& out, const std::vector<std::string>& guards, bool aggregate) {
  if (guards.empty()) return;
  out.append(guards.size() > 1 ? ", coalesce(" : ", ");
  for (const std::string& guard : guards) {
    if (&guard != &guards.front()) out.append(", ");
    out.append(aggregate ? "min(" : "").append(guard).append(aggregate ? ")" : "");
  }
  out.append(guards.size() > 1 ? ") as g" : " as g");
}

std::string_view embed_name(const statement::Output& output) {
  if (!output.alias.empty()) return output.alias;
  return output.embed->alias.empty() ? output.embed->select.relation : output.embed->alias;
}

bool mentions(const Condition& condition, std::string_view name) {
  if (condition.kind == Condition::Kind::compare)
    return condition.column == name && condition.op == statement::Operator::is;
  return std::any_of(condition.children.begin(), condition.children.end(),
                     [&](const Condition& child) { return mentions(child, name); });
}

// The values as a JSON array; json itself has no equality.
std::string array_of(const std::string& value, bool json, bool distinct) {
  if (!distinct) return "json_agg(" + value + ")";
  return "json_agg(distinct " + value + (json ? "::jsonb" : "") + ") filter (where " + value +
         " is not null)";
}

std::string place(std::string_view alias, std::size_t number) {
  return std::string(alias) + ".c" + std::to_string(number);
}

}  // namespace

Renderer::Scope Renderer::target_scope(const Relationship& way, const Scope& origin) {
  Scope scope{way.target, next_alias('e')};
  scope.function = way.function;
  if (way.function) scope.argument = origin.row.empty() ? origin.alias : origin.row;
  return scope;
}

Result<void> Renderer::join_embed(Level& level, const statement::Output& output, const Scope& origin,
                                  const statement::Select& select, std::size_t depth, bool flat) {
  const statement::Embed& embed = *output.embed;
  if (++depth > embed_depth_max)
    return Error(Errc::relationship_unknown,
                 "embedding is deeper than " + std::to_string(embed_depth_max) + " levels")
        .hint("Ask for the inner rows in a request of their own.");
  BULKHEAD_TRY(const Relationship way,
               find_relationship(relations_, *origin.relation, embed.select.relation, embed.hint));
  if (embed.spread && !way.to_one() && !aggregates_)
    return Error(Errc::filter_malformed, "Use of aggregate functions is not allowed").sqlstate("PGRST123");

  Joined joined;
  joined.name = embed_name(output);
  joined.alias = next_alias('x');
  joined.to_one = way.to_one() || flat;
  Embedding embedding{&embed, &origin, joined.alias, depth, {}, flat};
  for (const statement::Order& term : select.order)
    if (term.embed == joined.name && way.to_one()) embedding.orders.push_back(&term);

  std::string rows;
  std::vector<Field> fields;
  bool guarded = false;
  if (embed.spread) {
    BULKHEAD_TRY(guarded, spread_rows(rows, embedding, way, joined, fields));
  } else {
    BULKHEAD_TRY(guarded, embedded_rows(rows, embedding, way, joined));
    Field& field = fields.emplace_back();
    field.name = joined.name;
    field.expression = joined.alias + ".j";
    if (!joined.to_one && !embed.inner) field.expression = "coalesce(" + field.expression + ", '[]')";
    field.kind = JsonKind::raw;
    field.embedded = true;
  }
  level.joins.append(embed.inner ? " join lateral (" : " left join lateral (").append(rows).append(") ");
  level.joins.append(joined.alias);
  if (embed.inner && !joined.to_one)
    level.joins.append(" on ").append(joined.alias).append(".j is not null");
  else
    level.joins.append(" on true");
  if (guarded) level.guards.push_back(joined.alias + ".g");
  if (!embed.hidden)
    level.fields.insert(level.fields.end(), std::make_move_iterator(fields.begin()),
                        std::make_move_iterator(fields.end()));
  level.embeds.push_back(std::move(joined));
  return {};
}

// A column of a to-one embed that its origin is ordered by leaves the embed as one more column.
Result<void> Renderer::export_orders(std::string& out, const Embedding& embedding, const Scope& scope,
                                     const Level& level, Joined& joined) {
  for (std::size_t i = 0; i < embedding.orders.size(); ++i) {
    const statement::Order& term = *embedding.orders[i];
    const auto shown = std::find_if(level.fields.begin(), level.fields.end(), [&](const Field& field) {
      const bool named = field.name == term.column || (field.column && field.column->name == term.column);
      return embedding.embed->spread && term.path.empty() && named && field.aggregate == Aggregate::none;
    });
    if (shown != level.fields.end()) {
      // The same expression as in the select list, so that rows put together can be ordered by it.
      const auto number = static_cast<std::size_t>(shown - level.fields.begin());
      joined.orders.emplace_back(&term, place(joined.alias, number));
      continue;
    }
    statement::Order inner = term;
    inner.embed.clear();
    BULKHEAD_TRY(const std::string by, ordered_by(inner, scope, level));
    const std::string name = "o" + std::to_string(i);
    out.append(", ").append(by).append(" as ").append(name);
    joined.orders.emplace_back(&term, joined.alias + "." + name);
  }
  return {};
}

Result<void> Renderer::embedded_source(std::string& out, const Embedding& embedding, const Relationship& way,
                                       const Scope& scope, const Scope& junction, const Level& level) {
  const Condition& filter = embedding.embed->select.where;
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
  out.append(level.joins);
  BULKHEAD_CHECK(where(out, scope, filter, &level));
  if (way.function) return {};
  out.append(scope.relation->tenant || !filter.empty() ? " and " : " where ");
  const std::string& origin = embedding.origin->alias;
  if (way.forward)
    join_condition(out, scope.alias, way.key->to_columns, origin, way.key->from_columns);
  else
    join_condition(out, way.junction ? junction.alias : scope.alias, way.key->from_columns, origin,
                   way.key->to_columns);
  return {};
}

void Renderer::embedded_range(std::string& out, const statement::Select& select, const Relationship& way) {
  if (way.to_one() || !embed_limit_) return range(out, select.limit, select.offset);
  range(out, std::min(select.limit.value_or(*embed_limit_), *embed_limit_), select.offset);
}

namespace {

// json_build_object takes 100 arguments; a wider row goes through row_to_json, which is slower.
constexpr std::size_t object_fields_max = 50;

}  // namespace

Result<bool> Renderer::embedded_rows(std::string& out, const Embedding& embedding, const Relationship& way,
                                     Joined& joined) {
  const statement::Embed& embed = *embedding.embed;
  const Scope scope = target_scope(way, *embedding.origin);
  const Scope junction{way.junction, way.junction ? next_alias('k') : std::string()};
  Level made;
  if (!(embed.hidden && embed.select.outputs.empty())) {
    BULKHEAD_TRY(made, level(embed.select, scope, embedding.depth));
  }
  std::vector<std::string> guards;
  if (way.target->tenant) guards.push_back(foreign_tenant(scope.alias));
  if (way.junction && way.junction->tenant) guards.push_back(foreign_tenant(junction.alias));
  guards.insert(guards.end(), made.guards.begin(), made.guards.end());

  const bool grouped =
      made.aggregated && std::any_of(made.fields.begin(), made.fields.end(),
                                     [](const Field& f) { return f.aggregate == Aggregate::none; });
  // Rows that are put together are made before they become objects.
  const bool wide = made.fields.size() > object_fields_max;
  std::string object, list;
  for (std::size_t i = 0; i < made.fields.size(); ++i) {
    const Field& field = made.fields[i];
    std::string text = finished(field, made, made.aggregated);
    if (grouped) {
      list.append(i == 0 ? "" : ", ").append(text).append(" as c").append(std::to_string(i));
      text = place("r", i);
    }
    if (i > 0) object.append(", ");
    if (wide) {
      object.append(text).append(" as ");
      append_identifier(object, field.name);
    } else {
      append_literal(object, field.name);
      object.append(", ").append(text);
    }
  }
  object =
      wide ? "(select row_to_json(w) from (select " + object + ") w)" : "json_build_object(" + object + ")";

  std::string rows = "select ";
  rows.append(grouped ? list : object + " as j");
  append_guards(rows, guards, made.aggregated);
  if (!made.aggregated) BULKHEAD_CHECK(export_orders(rows, embedding, scope, made, joined));
  BULKHEAD_CHECK(embedded_source(rows, embedding, way, scope, junction, made));
  if (grouped) group(rows, made);
  if (!made.aggregated || grouped) BULKHEAD_CHECK(order(rows, scope, embed.select.order, made));
  embedded_range(rows, embed.select, way);
  if (grouped)
    rows = "select " + object + " as j" + (guards.empty() ? "" : ", r.g") + " from (" + rows + ") r";

  if (joined.to_one) {
    out.append(rows);
  } else {
    out.append("select json_agg(s.j) as j");
    if (!guards.empty()) out.append(", min(s.g) as g");
    out.append(" from (").append(rows).append(") s");
  }
  return !guards.empty();
}

Result<bool> Renderer::spread_rows(std::string& out, const Embedding& embedding, const Relationship& way,
                                   Joined& joined, std::vector<Field>& fields) {
  const statement::Embed& embed = *embedding.embed;
  const Scope scope = target_scope(way, *embedding.origin);
  const Scope junction{way.junction, way.junction ? next_alias('k') : std::string()};
  BULKHEAD_TRY(Level made, level(embed.select, scope, embedding.depth, !joined.to_one || embedding.flat));
  std::vector<std::string> guards;
  if (way.target->tenant) guards.push_back(foreign_tenant(scope.alias));
  if (way.junction && way.junction->tenant) guards.push_back(foreign_tenant(junction.alias));
  guards.insert(guards.end(), made.guards.begin(), made.guards.end());

  // Nothing but aggregates: they are the origin's, too, for whom this puts its own part of the rows together.
  const bool part = !way.to_one() && !made.fields.empty() &&
                    std::all_of(made.fields.begin(), made.fields.end(),
                                [](const Field& field) { return field.aggregate != Aggregate::none; });
  if (part) {
    joined.to_one = false;
    std::string rows = "select ";
    for (std::size_t i = 0; i < made.fields.size(); ++i) {
      Field field = made.fields[i];
      partial_columns(rows, field, i);
      rows.append(", ");
      field.partial = true;
      field.expression = place(joined.alias, i);
      field.rows = joined.alias + ".n" + std::to_string(i);
      fields.push_back(std::move(field));
    }
    rows.append("nullif(count(*), 0) as j");
    append_guards(rows, guards, true);
    BULKHEAD_CHECK(embedded_source(rows, embedding, way, scope, junction, made));
    out.append(rows);
    return !guards.empty();
  }
  // To one, aggregates are the origin's: it puts the rows together.
  const bool own_aggregates = !joined.to_one && made.aggregated;
  std::string rows = "select ";
  for (std::size_t i = 0; i < made.fields.size(); ++i) {
    Field field = made.fields[i];
    if (i > 0) rows.append(", ");
    if (own_aggregates)
      rows.append(finished(field, made, false));
    else
      rows.append(field.expression.empty() ? "1" : field.expression);
    rows.append(" as c").append(std::to_string(i));
    field.expression = place(joined.alias, i);
    field.distinct = field.distinct || embed.distinct;
    if (!joined.to_one) {
      field.expression = "coalesce(" + field.expression + ", '[]')";
      field.kind = JsonKind::raw;
      field.convert = false;
      field.embedded = true;
      field.aggregate = Aggregate::none;
      field.aggregate_cast = {};
      field.column = nullptr;
    }
    fields.push_back(std::move(field));
  }
  if (joined.to_one || made.fields.empty()) rows.append(made.fields.empty() ? "true as j" : ", true as j");
  append_guards(rows, guards, own_aggregates);
  BULKHEAD_CHECK(export_orders(rows, embedding, scope, made, joined));
  BULKHEAD_CHECK(embedded_source(rows, embedding, way, scope, junction, made));
  if (own_aggregates) group(rows, made);
  BULKHEAD_CHECK(order(rows, scope, embed.select.order, made));
  embedded_range(rows, embed.select, way);
  if (joined.to_one) {
    out.append(rows);
    return !guards.empty();
  }
  out.append("select ");
  for (std::size_t i = 0; i < made.fields.size(); ++i) {
    const Field& field = made.fields[i];
    const bool json = field.embedded || (field.kind == JsonKind::raw && !field.convert);
    out.append(array_of(place("s", i), json, field.distinct || embed.distinct));
    out.append(" as c").append(std::to_string(i)).append(", ");
  }
  out.append("nullif(count(*), 0) as j");
  if (!guards.empty()) out.append(", min(s.g) as g");
  out.append(" from (").append(rows).append(") s");
  return !guards.empty();
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

void Renderer::range(std::string& out, const std::optional<std::uint64_t>& limit,
                     const std::optional<std::uint64_t>& offset) {
  if (limit) {
    out.append(" limit ");
    if (is_usual_limit(*limit)) {
      out.append(std::to_string(*limit));
    } else {
      constant(out, std::to_string(*limit));
    }
  }
  if (offset && *offset > 0) {
    out.append(" offset ");
    parameter(out, &offset);
  }
}

Result<Rendered> Renderer::select(const statement::Select& select) {
  BULKHEAD_TRY(const Relation* top, relation(select.relation));
  const Scope scope{top, "t"};
  aggregates_ = select.aggregates;
  plain_ = select.plain;
  embed_limit_ = select.embed_limit;
  std::string text = "select ";
  text.reserve(512);
  BULKHEAD_TRY(const Level made, level(select, scope, 0));
  output_list(text, made, scope);
  text.append(" from ");
  from(text, scope);
  text.append(made.joins);
  BULKHEAD_CHECK(where(text, scope, select.where, &made));
  group(text, made);
  BULKHEAD_CHECK(order(text, scope, select.order, made));
  range(text, select.limit, select.offset);
  Rendered rendered = finish(std::move(text));
  if (!select.exact_count) return rendered;

  BULKHEAD_CHECK(count(rendered, select, scope, made.aggregated, tenant_param_));
  return rendered;
}

// What is counted, from the word FROM on; `foreign` gets the condition under which a counted row holds another
// tenant's id.
Result<std::string> Renderer::counted_rows(const statement::Select& select, const Scope& scope,
                                           bool aggregated, std::string& foreign) {
  const auto add_foreign = [&foreign](std::string_view guard) {
    foreign.append(foreign.empty() ? "" : " or ").append(guard).append(" is not null");
  };
  statement::Select needed = select;
  needed.order.clear();
  // Left joins change no count, unless a filter asks what they found.
  if (!aggregated)
    std::erase_if(needed.outputs, [&](const statement::Output& output) {
      return !output.embed || !(output.embed->inner || mentions(select.where, embed_name(output)));
    });
  Level made;
  if (aggregated || !needed.outputs.empty()) {
    BULKHEAD_TRY(made, level(needed, scope, 0));
  }
  std::string rows;
  from(rows, scope);
  rows.append(made.joins);
  BULKHEAD_CHECK(where(rows, scope, select.where, &made));
  if (!aggregated) {
    if (scope.relation->tenant) {
      append_column(foreign, scope.alias, relations_.tenant_column());
      foreign.append(" <> $1");
    }
    for (const std::string& guard : made.guards) add_foreign(guard);
    return rows;
  }
  // The rows that the answer's are put together to.
  std::string list;
  for (const Field& field : made.fields)
    list.append(list.empty() ? "" : ", ").append(finished(field, made, true)).append(" as c");
  if (scope.relation->tenant) made.guards.push_back(foreign_tenant(scope.alias));
  for (std::size_t i = 0; i < made.guards.size(); ++i) {
    const std::string name = "g" + std::to_string(i);
    list.append(", min(").append(made.guards[i]).append(") as ").append(name);
    add_foreign("n." + name);
  }
  group(rows, made);
  return "(select " + list + " from " + rows + ") n";
}

// The count has parameters of its own: it needs neither the left joins nor the range.
Result<void> Renderer::count(Rendered& rendered, const statement::Select& select, const Scope& scope,
                             bool aggregated, bool with_tenant) {
  params_ = pg::Params();
  sources_.clear();
  if (with_tenant) params_.add(tenant_);
  const bool used_before = std::exchange(tenant_used_, false);
  std::string foreign;
  BULKHEAD_TRY(const std::string rows, counted_rows(select, scope, aggregated, foreign));
  std::string text = "select count(*)";
  if (walls_.row_check && !foreign.empty())
    text.append(", count(*) filter (where ").append(foreign).append(")");
  text.append(" from ").append(rows);
  const bool unused = with_tenant && !tenant_used_;
  tenant_used_ = used_before;
  // Tenant relations were in the left joins alone: PostgreSQL refuses a parameter that no expression uses.
  if (unused) return count(rendered, select, scope, aggregated, false);
  rendered.count_text = std::move(text);
  rendered.count_params = std::move(params_);
  rendered.count_sources = std::move(sources_);
  rendered.count_tenant_param = with_tenant;
  return {};
}

}  // namespace bulkhead::sql
