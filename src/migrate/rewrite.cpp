#include "migrate/rewrite.hpp"

#include <algorithm>
#include <cctype>

#include "sql/guard/lexer.hpp"

namespace bulkhead::migrate {
namespace {

using sql::Token;
using sql::TokenKind;

/// The schema in which migrations are written.
constexpr std::string_view app = "app";

struct Range {
  std::size_t begin = 0, end = 0;
};

bool name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' || (c & '\x80') != 0;
}

/// `app.x`, `app."X"`, `app.f(integer)`: what a string names, and nothing after it.
bool is_qualified_name(std::string_view text) {
  if (!text.starts_with("app.")) return false;
  text.remove_prefix(app.size() + 1);
  std::size_t at = 0;
  if (text.starts_with('"')) {
    at = text.find('"', 1);
    at = at == std::string_view::npos ? 0 : at + 1;
  } else {
    while (at < text.size() && name_character(text[at])) ++at;
  }
  if (at == 0) return false;
  return at == text.size() || (text[at] == '(' && text.ends_with(')'));
}

/// What stands between the quotes of a string token; nothing for a form whose bytes are no SQL text.
Range inside(std::string_view sql, const Token& token) {
  std::size_t open = token.begin;
  if (sql[open] == '$') {
    const std::size_t tag = sql.find('$', open + 1) + 1 - open;
    return {open + tag, token.end - tag};
  }
  if (sql[open] == 'e' || sql[open] == 'E') ++open;
  if (sql[open] != '\'') return {token.end, token.end};
  return {open + 1, token.end - 1};
}

/// Finds the places that name the schema.
class Search {
 public:
  /// `whole`: the text that offsets count from. `body`: of a function or DO block.
  Search(std::string_view whole, std::vector<Range>& found) : whole_(whole), found_(found) {}

  void run(Range range, bool body) {
    const std::string_view sql = whole_.substr(range.begin, range.end - range.begin);
    auto read = sql::tokenize(sql, sql::migration_limits());
    if (read.has_error()) return;
    std::vector<Token>& tokens = *read;
    std::erase_if(tokens, [](const Token& token) { return token.kind == TokenKind::comment; });
    for (Token& token : tokens) {
      token.begin += range.begin;
      token.end += range.begin;
    }
    for (std::size_t at = 0; at < tokens.size(); ++at) visit(tokens, at, body);
  }

 private:
  using Tokens = std::vector<Token>;

  void visit(const Tokens& tokens, std::size_t at, bool body) {
    const Token& token = tokens[at];
    if (names_app(token) && kind_at(tokens, at + 1) == TokenKind::dot &&
        (at == 0 || tokens[at - 1].kind != TokenKind::dot)) {
      found_.push_back({token.begin, token.end});
    } else if (sql::is_word(whole_, token, "schema")) {
      list(tokens, at + 1);
    } else if (sql::is_word(whole_, token, "search_path") && assigns(tokens, at + 1)) {
      list(tokens, at + 2);
    } else if (token.kind == TokenKind::string) {
      text(tokens, at, body);
    }
  }

  void text(const Tokens& tokens, std::size_t at, bool body) {
    const Range range = inside(whole_, tokens[at]);
    const bool dollar = whole_[tokens[at].begin] == '$';
    if (is_qualified_name(whole_.substr(range.begin, range.end - range.begin))) {
      found_.push_back({range.begin, range.begin + app.size()});
    } else if ((dollar && body) || is_code(tokens, at)) {
      run(range, true);
    }
  }

  /// Names of schemas from `at` on, with commas between them. In a search_path they may stand in quotes.
  void list(const Tokens& tokens, std::size_t at) {
    for (; at < tokens.size(); at += 2) {
      const Token& token = tokens[at];
      if (names_app(token) && kind_at(tokens, at + 1) != TokenKind::dot) {
        found_.push_back({token.begin, token.end});
      } else if (token.kind == TokenKind::string) {
        const Range range = inside(whole_, token);
        if (whole_.substr(range.begin, range.end - range.begin) == app)
          found_.push_back({range.begin, range.end});
      }
      if (kind_at(tokens, at + 1) != TokenKind::comma) return;
    }
  }

  /// The string is a body, or what EXECUTE runs.
  [[nodiscard]] bool is_code(const Tokens& tokens, std::size_t at) const {
    const auto word = [&](std::size_t back, std::string_view keyword) {
      return at >= back && sql::is_word(whole_, tokens[at - back], keyword);
    };
    return word(1, "as") || word(1, "do") || word(1, "execute") || (word(2, "language") && word(3, "do")) ||
           (word(2, "format") && word(3, "execute"));
  }

  [[nodiscard]] bool assigns(const Tokens& tokens, std::size_t at) const {
    if (at >= tokens.size()) return false;
    return sql::is_word(whole_, tokens[at], "to") ||
           (tokens[at].kind == TokenKind::op &&
            whole_.substr(tokens[at].begin, tokens[at].end - tokens[at].begin) == "=");
  }

  [[nodiscard]] bool names_app(const Token& token) const {
    return (token.kind == TokenKind::word || token.kind == TokenKind::quoted) &&
           sql::token_name(whole_, token) == app;
  }

  static TokenKind kind_at(const Tokens& tokens, std::size_t at) {
    return at < tokens.size() ? tokens[at].kind : TokenKind::semicolon;
  }

  std::string_view whole_;
  std::vector<Range>& found_;
};

}  // namespace

std::size_t Rewritten::original(std::size_t at) const noexcept {
  const auto after =
      std::upper_bound(edits.begin(), edits.end(), at,
                       [](std::size_t position, const Edit& edit) { return position < edit.begin; });
  if (after == edits.begin()) return at;
  const Edit& edit = *std::prev(after);
  return at < edit.end ? edit.from : edit.to + (at - edit.end);
}

Rewritten rewrite_schema(std::string_view sql, std::string_view schema) {
  std::vector<Range> found;
  if (schema != app) Search(sql, found).run({0, sql.size()}, false);
  std::sort(found.begin(), found.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
  const auto same = std::unique(found.begin(), found.end(),
                                [](const Range& a, const Range& b) { return a.begin == b.begin; });
  found.erase(same, found.end());
  Rewritten out;
  std::size_t done = 0;
  for (const Range& place : found) {
    out.text += sql.substr(done, place.begin - done);
    const std::size_t begin = out.text.size();
    out.text += schema;
    out.edits.push_back({begin, out.text.size(), place.begin, place.end});
    done = place.end;
  }
  out.text += sql.substr(done);
  return out;
}

}  // namespace bulkhead::migrate
