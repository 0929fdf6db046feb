// Filters and orders.
#include <array>
#include <utility>

#include "sql/renderer.hpp"
#include "sql/writer.hpp"

namespace bulkhead::sql {

using statement::Condition;
using statement::Operator;

namespace {

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
    case Operator::match:
      return " ~ ";
    case Operator::imatch:
      return " ~* ";
    case Operator::is_distinct:
      return " is distinct from ";
    case Operator::cs:
      return " @> ";
    case Operator::cd:
      return " <@ ";
    case Operator::ov:
      return " && ";
    case Operator::sl:
      return " << ";
    case Operator::sr:
      return " >> ";
    case Operator::nxr:
      return " &< ";
    case Operator::nxl:
      return " &> ";
    case Operator::adj:
      return " -|- ";
    case Operator::in:
    case Operator::is:
    case Operator::fts:
    case Operator::plfts:
    case Operator::phfts:
    case Operator::wfts:
      break;
  }
  return " = ";
}

// Empty: the operator is none of full text search.
std::string_view query_function(Operator op) {
  switch (op) {
    case Operator::fts:
      return "to_tsquery(";
    case Operator::plfts:
      return "plainto_tsquery(";
    case Operator::phfts:
      return "phraseto_tsquery(";
    case Operator::wfts:
      return "websearch_to_tsquery(";
    default:
      return "";
  }
}

Error bad_embed_operator(std::string_view embed) {
  return Error(Errc::filter_malformed, "Bad operator on the '" + std::string(embed) + "' embedded resource")
      .sqlstate("PGRST120")
      .details("Only is null or not is null filters are allowed on embedded resources");
}

}  // namespace

Result<void> Renderer::where(std::string& out, const Scope& scope, const Condition& filter,
                             const Level* level) {
  if (!scope.relation->tenant && filter.empty()) return {};
  out.append(" where ");
  bool bound = tenant_predicate(out, scope);
  if (filter.empty()) return {};
  if (bound) out.append(" and ");
  return condition(out, scope, filter, level);
}

Result<void> Renderer::condition(std::string& out, const Scope& scope, const Condition& filter,
                                 const Level* level) {
  if (filter.kind == Condition::Kind::compare) return compare(out, scope, filter, level);
  if (filter.negated) out.append("not ");
  if (filter.children.empty()) {
    out.append(filter.kind == Condition::Kind::all ? "true" : "false");
    return {};
  }
  // The parentheses keep an OR from reaching the tenant predicate beside it.
  out.push_back('(');
  for (std::size_t i = 0; i < filter.children.size(); ++i) {
    if (i > 0) out.append(filter.kind == Condition::Kind::all ? " and " : " or ");
    BULKHEAD_CHECK(condition(out, scope, filter.children[i], level));
  }
  out.push_back(')');
  return {};
}

Result<void> Renderer::compare(std::string& out, const Scope& scope, const Condition& filter,
                               const Level* level) {
  const Joined* embed = level && filter.path.empty() ? level->find(filter.column) : nullptr;
  if (embed && filter.op == Operator::is && (filter.value == "null" || filter.value == "not_null")) {
    const bool absent = (filter.value == "null") != filter.negated;
    out.append(embed->alias).append(absent ? ".j is null" : ".j is not null");
    return {};
  }
  if (embed && !scope.relation->field(filter.column)) return bad_embed_operator(filter.column);
  BULKHEAD_TRY(const Column* named, column(*scope.relation, filter.column));
  if (filter.negated) out.append("not (");
  if (filter.op == Operator::in && filter.values.empty()) {
    out.append("false");
  } else {
    BULKHEAD_TRY(const std::string compared, value(scope, *named, filter.path));
    BULKHEAD_CHECK(comparison(out, compared, *named, filter));
  }
  if (filter.negated) out.push_back(')');
  return {};
}

Result<void> Renderer::comparison(std::string& out, std::string_view compared, const Column& column,
                                  const Condition& filter) {
  if (const std::string_view function = query_function(filter.op); !function.empty()) {
    const bool vector = column.type == "tsvector" && filter.path.empty();
    const auto language = [&] {
      if (filter.language.empty()) return;
      constant(out, filter.language);
      out.append("::regconfig, ");
    };
    if (!vector) {
      out.append("to_tsvector(");
      language();
    }
    out.append(compared).append(vector ? " @@ " : ") @@ ").append(function);
    language();
    parameter(out, &filter.value);
    out.push_back(')');
    return {};
  }
  out.append(compared);
  if (filter.op == Operator::in) {
    out.append(" = any(");
    compared_value(out, column, filter);
    out.push_back(')');
  } else if (filter.op == Operator::is) {
    const std::string what = filter.value.value_or("null");
    if (what == "null" || what == "true" || what == "false" || what == "unknown")
      out.append(" is ").append(what);
    else if (what == "not_null")
      out.append(" is not null");
    else
      return Error(Errc::filter_malformed, "`is` takes null, not_null, true, false or unknown");
  } else {
    out.append(operator_text(filter.op));
    if (filter.quantifier != Condition::Quantifier::none)
      out.append(filter.quantifier == Condition::Quantifier::any ? "any(" : "all(");
    compared_value(out, column, filter);
    if (filter.quantifier != Condition::Quantifier::none) out.push_back(')');
  }
  return {};
}

void Renderer::compared_value(std::string& out, const Column& column, const Condition& filter) {
  const ValueRef value = filter.op == Operator::in ? ValueRef(&filter.values) : ValueRef(&filter.value);
  if (column.from_text.empty() || !filter.path.empty()) return parameter(out, value);
  // The app's own cast reads it.
  const bool many = filter.op == Operator::in || filter.quantifier != Condition::Quantifier::none;
  if (many) out.append("array(select ");
  append_identifier(out, schema_);
  out.push_back('.');
  append_identifier(out, column.from_text);
  out.append(many ? "(v) from unnest(" : "(");
  parameter(out, value);
  out.append(many ? "::text[]) v)" : "::text)");
}

Result<std::string> Renderer::ordered_by(const statement::Order& term, const Scope& scope,
                                         const Level& level) {
  if (term.embed.empty()) {
    BULKHEAD_TRY(const Column* named, column(*scope.relation, term.column));
    return value(scope, *named, term.path);
  }
  const Joined* joined = level.find(term.embed);
  if (!joined)
    return Error(Errc::relationship_unknown,
                 "'" + term.embed + "' is not an embedded resource in this request")
        .sqlstate("PGRST108")
        .hint("Verify that '" + term.embed + "' is included in the 'select' query parameter.");
  for (const auto& [exported, expression] : joined->orders)
    if (exported == &term) return expression;
  return Error(Errc::filter_malformed, "A related order on '" + term.embed + "' is not possible")
      .sqlstate("PGRST118")
      .details("'" + scope.relation->name + "' and '" + term.embed +
               "' do not form a many-to-one or one-to-one relationship");
}

Result<void> Renderer::order(std::string& out, const Scope& scope, const std::vector<statement::Order>& order,
                             const Level& level) {
  bool first = true;
  for (const statement::Order& term : order) {
    BULKHEAD_TRY(const std::string by, ordered_by(term, scope, level));
    out.append(std::exchange(first, false) ? " order by " : ", ").append(by);
    if (term.descending) out.append(" desc");
    if (term.nulls == statement::Order::Nulls::first) out.append(" nulls first");
    if (term.nulls == statement::Order::Nulls::last) out.append(" nulls last");
  }
  return {};
}

}  // namespace bulkhead::sql
