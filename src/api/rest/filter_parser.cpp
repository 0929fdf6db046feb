#include <algorithm>
#include <array>
#include <utility>

#include "api/rest/parsers.hpp"

namespace bulkhead::api {

using statement::Condition;
using statement::Operator;

namespace {

constexpr std::size_t nesting_max = 32;
constexpr std::string_view expecting_operator = "\"not\" or operator (eq, gt, ...)";

struct Named {
  std::string_view name;
  Operator op;
};
constexpr std::array operators{
    Named{"eq", Operator::eq},     Named{"neq", Operator::neq},     Named{"gt", Operator::gt},
    Named{"gte", Operator::gte},   Named{"lt", Operator::lt},       Named{"lte", Operator::lte},
    Named{"like", Operator::like}, Named{"ilike", Operator::ilike}, Named{"in", Operator::in},
    Named{"is", Operator::is},
};

// Where a value ends: at the end of the parameter, or in a tree at `,` and `)`.
enum class Place { parameter, tree };

// A value in a list or tree: in quotes, or as it stands. Clients quote without escaping: a quote in whose
// closing the value does not end is a byte like any other.
std::string element(Scanner& in) {
  if (in.peek() == '"') {
    Scanner ahead = in;
    auto value = ahead.quoted();
    if (value && (ahead.at_end() || ahead.peek() == ',' || ahead.peek() == ')')) {
      in = ahead;
      return std::move(*value);
    }
  }
  const std::string_view rest = in.rest();
  std::string value(rest.substr(0, rest.find_first_of(",)")));
  in.skip(value.size());
  return value;
}

std::string single_value(Scanner& in, Place place) {
  if (place == Place::tree) return element(in);
  std::string value(in.rest());
  in.skip(value.size());
  return value;
}

Result<std::vector<statement::Value>> list_value(Scanner& in) {
  std::vector<statement::Value> values;
  if (!in.take("(")) return in.error("\"(\"");
  if (in.take(")")) return values;
  while (true) {
    values.emplace_back(element(in));
    if (in.take(")")) return values;
    if (!in.take(",")) return in.error("\",\" or \")\"");
  }
}

Result<std::string> is_value(Scanner& in, Place place) {
  const Scanner before = in;
  std::string word = single_value(in, place);
  std::transform(word.begin(), word.end(), word.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  for (std::string_view known : {"null", "not_null", "true", "false", "unknown"})
    if (word == known) return word;
  return before.error("isVal: (null, not_null, true, false, unknown)");
}

Result<Condition> operation(Scanner& in, std::string column, Place place) {
  Condition condition;
  condition.kind = Condition::Kind::compare;
  condition.column = std::move(column);
  condition.negated = in.take("not.");
  std::string_view rest = in.rest();
  std::string_view word = rest.substr(0, std::min(rest.find_first_of(".(,)"), rest.size()));
  auto known = std::find_if(operators.begin(), operators.end(),
                            [&](const Named& named) { return named.name == word; });
  if (known == operators.end()) return in.error(expecting_operator);
  in.skip(word.size());
  if (in.peek() == '(') return in.error("\".\"; quantifiers are not supported");
  if (!in.take(".")) return in.error("\".\"");
  condition.op = known->op;
  switch (known->op) {
    case Operator::in: {
      BULKHEAD_TRY(condition.values, list_value(in));
      break;
    }
    case Operator::is: {
      BULKHEAD_TRY(condition.value, is_value(in, place));
      break;
    }
    case Operator::like:
    case Operator::ilike: {
      std::string pattern = single_value(in, place);
      std::replace(pattern.begin(), pattern.end(), '*', '%');
      condition.value = std::move(pattern);
      break;
    }
    default:
      condition.value = single_value(in, place);
  }
  return condition;
}

Result<Condition> tree(Scanner& in, std::size_t depth);

Result<Condition> group(Scanner& in, bool negated, bool any, std::size_t depth) {
  if (depth > nesting_max) return in.error("fewer levels of conditions");
  Condition condition;
  condition.kind = any ? Condition::Kind::any : Condition::Kind::all;
  condition.negated = negated;
  if (!in.take("(")) return in.error("\"(\"");
  while (true) {
    in.skip_spaces();
    BULKHEAD_TRY(Condition child, tree(in, depth + 1));
    condition.children.push_back(std::move(child));
    in.skip_spaces();
    if (in.take(")")) return condition;
    if (!in.take(",")) return in.error("\",\" or \")\"");
  }
}

Result<Condition> tree(Scanner& in, std::size_t depth) {
  for (bool negated : {false, true})
    for (bool any : {false, true}) {
      std::string_view word = negated ? (any ? "not.or(" : "not.and(") : (any ? "or(" : "and(");
      if (!in.rest().starts_with(word)) continue;
      in.skip(word.size() - 1);
      return group(in, negated, any, depth);
    }
  BULKHEAD_TRY(std::string column, in.name());
  if (in.rest().starts_with("->")) return in.error("\".\"; JSON paths are not supported");
  if (!in.take(".")) return in.error("\".\"");
  return operation(in, std::move(column), Place::tree);
}

}  // namespace

Result<Condition> parse_filter(std::string column, std::string_view text) {
  Scanner in("filter", text);
  BULKHEAD_TRY(Condition condition, operation(in, std::move(column), Place::parameter));
  if (!in.at_end()) return in.error("end of input");
  return condition;
}

Result<Condition> parse_logic(bool negated, bool any, std::string_view text) {
  Scanner in("logic tree", text);
  BULKHEAD_TRY(Condition condition, group(in, negated, any, 0));
  if (!in.at_end()) return in.error("end of input");
  return condition;
}

}  // namespace bulkhead::api
