#include "sql/view_columns.hpp"

#include <algorithm>
#include <charconv>

namespace bulkhead::sql {

namespace {

/// A node tree's tokens: `{`, `}`, `(`, `)` and words. A backslash takes the next byte's meaning away.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) {}

  /// Empty at the end.
  std::string_view next() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    const std::size_t begin = at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (is_bracket(c) || c == ' ' || c == '\n') {
        if (at_ == begin) ++at_;
        break;
      }
      at_ = std::min(at_ + (c == '\\' ? 2 : 1), text_.size());
    }
    return text_.substr(begin, at_ - begin);
  }

 private:
  static bool is_bracket(char c) { return c == '{' || c == '}' || c == '(' || c == ')'; }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::uint32_t number(std::string_view text) {
  std::uint32_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

std::vector<ViewColumn> view_columns(std::string_view rule) {
  // The rule is a list of one QUERY node, whose own lists stand one brace deep; TARGETENTRY nodes in its target list
  // stand two deep. Those of subqueries and expressions are deeper or in other lists.
  std::vector<ViewColumn> columns;
  Tokens tokens(rule);
  int depth = 0;
  bool in_targets = false;
  ViewColumn entry;
  for (std::string_view token = tokens.next(); !token.empty(); token = tokens.next()) {
    if (token == "{") {
      if (++depth == 2) entry = {};
    } else if (token == "}") {
      if (depth-- == 2 && in_targets && entry.relation != 0 && entry.column != 0) columns.push_back(entry);
    } else if (depth == 1 && token.starts_with(':')) {
      in_targets = token == ":targetList";
    } else if (depth == 2 && in_targets) {
      if (token == ":resno") entry.number = number(tokens.next());
      if (token == ":resorigtbl") entry.relation = number(tokens.next());
      if (token == ":resorigcol") entry.column = number(tokens.next());
    }
  }
  return columns;
}

}  // namespace bulkhead::sql
