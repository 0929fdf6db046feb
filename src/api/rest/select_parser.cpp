#include <algorithm>
#include <array>
#include <utility>

#include "api/rest/parsers.hpp"

namespace bulkhead::api {

namespace {

// The renderer allows fewer levels; this one keeps the parser's own stack small.
constexpr std::size_t nesting_max = 32;

Result<Selection> parse_fields(Scanner& in, std::size_t depth);

// `!hint`, `!inner`, `!left`, at most two of them.
Result<void> parse_hints(Scanner& in, statement::Embed& embed) {
  while (in.take("!")) {
    BULKHEAD_TRY(std::string word, in.name());
    if (word == "inner")
      embed.inner = true;
    else if (word != "left" && embed.hint.empty())
      embed.hint = std::move(word);
    else if (word != "left")
      return in.error("\"(\"");
  }
  if (in.peek() != '(') return in.error("\"(\"");
  return {};
}

// True for `()`, and for embeds alone that have nothing in them.
bool shows_nothing(const std::vector<statement::Output>& outputs) {
  return std::all_of(outputs.begin(), outputs.end(),
                     [](const statement::Output& output) { return output.embed && output.embed->hidden; });
}

using statement::Aggregate;

struct NamedAggregate {
  std::string_view call;
  Aggregate aggregate;
};
constexpr std::array aggregates{
    NamedAggregate{".count()", Aggregate::count}, NamedAggregate{".sum()", Aggregate::sum},
    NamedAggregate{".avg()", Aggregate::avg},     NamedAggregate{".min()", Aggregate::min},
    NamedAggregate{".max()", Aggregate::max},
};

Result<std::string> parse_cast(Scanner& in) {
  if (!in.take("::")) return std::string();
  return in.name();
}

Result<void> parse_aggregate(Scanner& in, statement::Output& output) {
  for (const NamedAggregate& known : aggregates) {
    if (!in.take(known.call)) continue;
    output.aggregate = known.aggregate;
    BULKHEAD_TRY(output.aggregate_cast, parse_cast(in));
    return {};
  }
  return {};
}

Result<void> parse_embed(Scanner& in, std::string name, statement::Embed kind, Selection& into,
                         std::size_t depth) {
  auto embed = std::make_shared<statement::Embed>(std::move(kind));
  embed->select.relation = std::move(name);
  BULKHEAD_CHECK(parse_hints(in, *embed));
  in.skip(1);
  BULKHEAD_TRY(Selection inner, parse_fields(in, depth + 1));
  if (!in.take(")")) return in.error("\")\"");
  embed->select.outputs = std::move(inner.outputs);
  embed->hidden = shows_nothing(embed->select.outputs);
  EmbedNode& node = into.embeds.emplace_back();
  node.name = embed->alias.empty() ? embed->select.relation : embed->alias;
  node.children = std::move(inner.embeds);
  statement::Output& output = into.outputs.emplace_back();
  output.alias = node.name;
  output.embed = embed;
  node.embed = std::move(embed);
  return {};
}

Result<void> parse_field(Scanner& in, Selection& into, std::size_t depth) {
  statement::Embed embed;
  embed.spread = in.take("...");
  embed.distinct = !embed.spread && in.take("..");
  if (embed.spread || embed.distinct) {
    embed.spread = true;
    BULKHEAD_TRY(std::string relation, in.name());
    if (in.peek() != '(' && in.peek() != '!') return in.error("\"(\"");
    return parse_embed(in, std::move(relation), std::move(embed), into, depth);
  }
  if (in.take("*")) {
    into.outputs.emplace_back().star = true;
    return {};
  }
  BULKHEAD_TRY(std::string name, in.name());
  std::string alias;
  if (in.peek() == ':' && in.peek(1) != ':') {
    in.skip(1);
    alias = std::move(name);
    in.skip_spaces();
    BULKHEAD_TRY(name, in.name());
  }
  if (name == "count" && in.take("()")) {
    statement::Output& output = into.outputs.emplace_back();
    output.alias = std::move(alias);
    output.aggregate = Aggregate::count;
    BULKHEAD_TRY(output.aggregate_cast, parse_cast(in));
    return {};
  }
  if (in.peek() == '(' || in.peek() == '!') {
    embed.alias = std::move(alias);
    return parse_embed(in, std::move(name), std::move(embed), into, depth);
  }
  statement::Output& output = into.outputs.emplace_back();
  output.column = std::move(name);
  output.alias = std::move(alias);
  BULKHEAD_TRY(output.path, in.json_path());
  BULKHEAD_TRY(output.cast, parse_cast(in));
  return parse_aggregate(in, output);
}

Result<Selection> parse_fields(Scanner& in, std::size_t depth) {
  Selection found;
  if (depth > nesting_max) return in.error("fewer levels of embedding");
  in.skip_spaces();
  if (in.at_end() || in.peek() == ')') return found;
  while (true) {
    in.skip_spaces();
    BULKHEAD_CHECK(parse_field(in, found, depth));
    in.skip_spaces();
    if (!in.take(",")) return found;
  }
}

}  // namespace

Result<Selection> parse_select(std::string_view text) {
  Scanner in("select parameter", text);
  BULKHEAD_TRY(Selection found, parse_fields(in, 0));
  if (!in.at_end()) return in.error("\"::\", \",\" or end of input");
  return found;
}

namespace {

// `column`, `column->>key`, `embed(column)`
Result<void> parse_ordered(Scanner& in, statement::Order& term) {
  BULKHEAD_TRY(term.column, in.name());
  const bool related = in.take("(");
  if (related) {
    term.embed = std::move(term.column);
    BULKHEAD_TRY(term.column, in.name());
  }
  BULKHEAD_TRY(term.path, in.json_path());
  if (related && !in.take(")")) return in.error("\")\"");
  return {};
}

Result<void> parse_direction(Scanner& in, statement::Order& term) {
  if (in.peek() != '.') return {};
  const bool descending = in.take(".desc");
  term.descending = descending;
  const bool directed = descending || in.take(".asc");
  if (in.take(".nullsfirst"))
    term.nulls = statement::Order::Nulls::first;
  else if (in.take(".nullslast"))
    term.nulls = statement::Order::Nulls::last;
  else if (in.peek() == '.') {
    in.skip(1);
    return directed ? in.error("\"nullsfirst\" or \"nullslast\"", "nullsfirst")
                    : in.error("\"asc\", \"desc\", \"nullsfirst\" or \"nullslast\"", "asc");
  }
  in.skip_spaces();
  if (in.at_end() || in.peek() == ',') return {};
  return term.nulls == statement::Order::Nulls::unset ? in.error("delimiter (.), \",\" or end of input")
                                                      : in.error("\",\" or end of input");
}

}  // namespace

Result<std::vector<statement::Order>> parse_order(std::string_view text) {
  Scanner in("order", text);
  std::vector<statement::Order> terms;
  while (true) {
    in.skip_spaces();
    statement::Order& term = terms.emplace_back();
    BULKHEAD_CHECK(parse_ordered(in, term));
    BULKHEAD_CHECK(parse_direction(in, term));
    in.skip_spaces();
    if (in.at_end()) return terms;
    if (!in.take(",")) return in.error("delimiter (.), \",\" or end of input");
  }
}

Result<std::vector<std::string>> parse_columns(std::string_view text) {
  Scanner in("columns parameter", text);
  std::vector<std::string> names;
  while (true) {
    in.skip_spaces();
    BULKHEAD_TRY(std::string name, in.name());
    bool known = false;
    for (const std::string& earlier : names) known = known || earlier == name;
    if (!known) names.push_back(std::move(name));
    in.skip_spaces();
    if (in.at_end()) return names;
    if (!in.take(",")) return in.error("\",\" or end of input");
  }
}

}  // namespace bulkhead::api
