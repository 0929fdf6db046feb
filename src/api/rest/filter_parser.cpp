#include <algorithm>
#include <array>
#include <utility>

#include "api/rest/parsers.hpp"
#include "base/ascii.hpp"

namespace bulkhead::api {

using statement::Condition;
using statement::Operator;

namespace {

constexpr std::size_t nesting_max = 32;
constexpr std::string_view expecting_operator = "\"not\" or operator (eq, gt, ...)";

struct Named {
  std::string_view name;
  Operator op;
  bool quantified = false;  // may be followed by (any) or (all)
};
constexpr std::array operators{
    Named{"eq", Operator::eq, true},
    Named{"neq", Operator::neq},
    Named{"gt", Operator::gt, true},
    Named{"gte", Operator::gte, true},
    Named{"lt", Operator::lt, true},
    Named{"lte", Operator::lte, true},
    Named{"like", Operator::like, true},
    Named{"ilike", Operator::ilike, true},
    Named{"match", Operator::match, true},
    Named{"imatch", Operator::imatch, true},
    Named{"in", Operator::in},
    Named{"is", Operator::is},
    Named{"isdistinct", Operator::is_distinct},
    Named{"fts", Operator::fts},
    Named{"plfts", Operator::plfts},
    Named{"phfts", Operator::phfts},
    Named{"wfts", Operator::wfts},
    Named{"cs", Operator::cs},
    Named{"cd", Operator::cd},
    Named{"ov", Operator::ov},
    Named{"sl", Operator::sl},
    Named{"sr", Operator::sr},
    Named{"nxr", Operator::nxr},
    Named{"nxl", Operator::nxl},
    Named{"adj", Operator::adj},
};

bool is_full_text(Operator op) {
  return op == Operator::fts || op == Operator::plfts || op == Operator::phfts || op == Operator::wfts;
}

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
  // An array has commas of its own.
  if (in.peek() == '{') {
    const std::size_t close = rest.find_first_of("{}", 1);
    if (close != std::string_view::npos && rest[close] == '}' &&
        (close + 1 == rest.size() || rest[close + 1] == ',' || rest[close + 1] == ')')) {
      in.skip(close + 1);
      return std::string(rest.substr(0, close + 1));
    }
  }
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
  // Blanks are the list's own behind the parenthesis, and elsewhere the value's.
  in.skip_spaces();
  if (in.take(")")) return values;
  while (true) {
    values.emplace_back(element(in));
    if (in.take(")")) return values;
    if (!in.take(",")) return in.error("\",\" or \")\"");
  }
}

Result<std::string> is_value(Scanner& in, Place place) {
  const Scanner before = in;
  std::string word = lower(single_value(in, place));
  for (std::string_view known : {"null", "not_null", "true", "false", "unknown"})
    if (word == known) return word;
  return before.error("isVal: (null, not_null, true, false, unknown)");
}

// `(any)`, `(all)`, or the language of a full text search.
Result<void> parse_modifier(Scanner& in, const Named& named, Condition& condition) {
  if (in.peek() != '(') return {};
  if (named.quantified && in.take("(any)")) {
    condition.quantifier = Condition::Quantifier::any;
  } else if (named.quantified && in.take("(all)")) {
    condition.quantifier = Condition::Quantifier::all;
  } else if (is_full_text(named.op)) {
    in.skip(1);
    BULKHEAD_TRY(condition.language, in.name());
    if (!in.take(")")) return in.error("\")\"");
  } else {
    return in.error(named.quantified ? "\".\", \"(any)\" or \"(all)\"" : "\".\"");
  }
  return {};
}

Result<void> parse_value(Scanner& in, Place place, Condition& condition) {
  switch (condition.op) {
    case Operator::in: {
      BULKHEAD_TRY(condition.values, list_value(in));
      return {};
    }
    case Operator::is: {
      BULKHEAD_TRY(condition.value, is_value(in, place));
      return {};
    }
    case Operator::like:
    case Operator::ilike: {
      std::string pattern = single_value(in, place);
      std::replace(pattern.begin(), pattern.end(), '*', '%');
      condition.value = std::move(pattern);
      return {};
    }
    default:
      condition.value = single_value(in, place);
      return {};
  }
}

Result<Condition> operation(Scanner& in, std::string column, std::vector<statement::JsonStep> path,
                            Place place) {
  Condition condition;
  condition.kind = Condition::Kind::compare;
  condition.column = std::move(column);
  condition.path = std::move(path);
  condition.negated = in.take("not.");
  std::string_view rest = in.rest();
  std::string_view word = rest.substr(0, std::min(rest.find_first_of(".(,)"), rest.size()));
  auto known = std::find_if(operators.begin(), operators.end(),
                            [&](const Named& named) { return named.name == word; });
  if (known == operators.end())
    return condition.negated ? in.error("operator (eq, gt, ...)") : in.error(expecting_operator, "not");
  in.skip(word.size());
  condition.op = known->op;
  BULKHEAD_CHECK(parse_modifier(in, *known, condition));
  if (!in.take(".")) return in.error("delimiter (.)");
  BULKHEAD_CHECK(parse_value(in, place, condition));
  return condition;
}

Result<Condition> tree(Scanner& in, std::size_t depth);

Result<Condition> group(Scanner& in, bool negated, bool any, std::size_t depth) {
  if (depth > nesting_max) return in.error("fewer levels of conditions");
  Condition condition;
  condition.kind = any ? Condition::Kind::any : Condition::Kind::all;
  condition.negated = negated;
  in.skip_spaces();
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

// `and`, `or`, `not.and`, `not.or`, if a parenthesis follows: a column may have such a name.
bool take_operator(Scanner& in, std::string_view word) {
  if (!in.rest().starts_with(word)) return false;
  Scanner ahead = in;
  ahead.skip(word.size());
  ahead.skip_spaces();
  if (ahead.peek() != '(') return false;
  in = ahead;
  return true;
}

Result<Condition> tree(Scanner& in, std::size_t depth) {
  for (bool negated : {false, true})
    for (bool any : {false, true})
      if (take_operator(in, negated ? (any ? "not.or" : "not.and") : (any ? "or" : "and")))
        return group(in, negated, any, depth);
  const Scanner before = in;
  auto column = in.name();
  if (column.has_error())
    return before.error(
        "field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)");
  BULKHEAD_TRY(std::vector<statement::JsonStep> path, in.json_path());
  if (!in.take(".")) return in.error("delimiter (.)");
  return operation(in, std::move(*column), std::move(path), Place::tree);
}

}  // namespace

Result<Condition> parse_filter(std::string column, std::vector<statement::JsonStep> path,
                               std::string_view text) {
  Scanner in("filter", text);
  BULKHEAD_TRY(Condition condition, operation(in, std::move(column), std::move(path), Place::parameter));
  if (!in.at_end()) return in.error("end of input");
  return condition;
}

Result<Condition> parse_logic(bool negated, bool any, std::string_view text) {
  const std::string_view word = negated ? (any ? "not.or" : "not.and") : (any ? "or" : "and");
  Scanner in("logic tree", text, word.size());
  // What follows the last parenthesis is nobody's; PostgREST, too, leaves it.
  return group(in, negated, any, 0);
}

}  // namespace bulkhead::api
