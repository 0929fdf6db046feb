#include "migrate/lint_code.hpp"

#include <algorithm>
#include <array>

#include "migrate/lint_source.hpp"

namespace bulkhead::migrate {
namespace {

using namespace std::string_view_literals;
using sql::Token;
using sql::TokenKind;

/// Strings within strings are followed this deep: a DO block that makes a function that executes a text.
constexpr std::size_t deepest = 4;

std::vector<Token> code_tokens(std::string_view text) {
  auto tokens = sql::tokenize(text, migration_limits());
  if (!tokens) return {};
  std::erase_if(*tokens, [](const Token& token) { return token.kind == TokenKind::comment; });
  return std::move(*tokens);
}

std::string_view text_at(std::string_view text, const Token& token) {
  return text.substr(token.begin, token.end - token.begin);
}

/// What a string token stands for: '…', E'…', $tag$…$tag$. Escapes with a backslash give the letter after it.
std::string string_text(std::string_view token) {
  if (token.starts_with('$')) {
    const auto tag = token.find('$', 1) + 1;
    return std::string(token.substr(tag, token.size() - 2 * tag));
  }
  const auto open = token.find('\'');
  const bool escapes = open > 0 && (token[0] == 'e' || token[0] == 'E');
  std::string out;
  for (std::size_t i = open + 1; i + 1 < token.size(); ++i) {
    if (token[i] == '\'' || (escapes && token[i] == '\\')) ++i;
    out += token[i];
  }
  return out;
}

/// The index after a run of strings from `at` on that `||` joins; their text is put to `out`.
std::size_t joined_strings(std::string_view text, const std::vector<Token>& code, std::size_t at,
                           std::string& out) {
  for (;;) {
    out += string_text(text_at(text, code[at]));
    if (at + 2 >= code.size() || text_at(text, code[at + 1]) != "||" ||
        code[at + 2].kind != TokenKind::string) {
      return at + 1;
    }
    at += 2;
  }
}

/// %I, %s and %1$I become a name, %L a string, so that the text may parse.
std::string filled(std::string_view format) {
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    std::size_t end = i + 1;
    if (format[i] == '%') {
      while (end < format.size() && (format[end] == '$' || (format[end] >= '0' && format[end] <= '9'))) ++end;
    }
    const char kind = format[i] == '%' && end < format.size() ? format[end] : ' ';
    if (kind == 'I' || kind == 's' || kind == 'L') {
      out += kind == 'L' ? "'x'" : "x";
      i = end;
    } else {
      out += format[i];
    }
  }
  return out;
}

bool is_any(std::string_view text, const Token& token, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return sql::is_word(text, token, word); });
}

/// Whether a statement may begin at `at`.
bool at_begin(std::string_view text, const std::vector<Token>& code, std::size_t at) {
  if (at == 0 || code[at - 1].kind == TokenKind::semicolon) return true;
  return is_any(text, code[at - 1], {"begin", "then", "else", "loop", "atomic"});
}

void append_texts(std::string_view body, std::size_t depth, std::vector<std::string>& out) {
  out.emplace_back(body);
  if (depth == deepest) return;
  const auto code = code_tokens(body);
  for (std::size_t i = 0; i < code.size();) {
    // What RAISE says is prose.
    const bool raises = sql::is_word(body, code[i], "raise") && at_begin(body, code, i);
    while (raises && i < code.size() && code[i].kind != TokenKind::semicolon) ++i;
    if (raises || code[i].kind != TokenKind::string) {
      ++i;
      continue;
    }
    std::string text;
    i = joined_strings(body, code, i, text);
    append_texts(filled(text), depth + 1, out);
  }
}

bool matches(std::string_view text, const std::vector<Token>& code, std::size_t at,
             std::initializer_list<std::string_view> words) {
  if (at + words.size() > code.size()) return false;
  std::size_t k = 0;
  while (k < words.size() && sql::is_word(text, code[at + k], words.begin()[k])) ++k;
  return k == words.size();
}

/// Whether what EXECUTE is given at `at` is known here: strings, or format() of a string that quotes all it
/// puts in.
bool is_constant(std::string_view text, const std::vector<Token>& code, std::size_t at) {
  const bool format = at + 2 < code.size() && sql::is_word(text, code[at], "format") &&
                      code[at + 1].kind == TokenKind::open && code[at + 2].kind == TokenKind::string;
  if (!format && (at >= code.size() || code[at].kind != TokenKind::string)) return false;
  std::string constant;
  const std::size_t after = joined_strings(text, code, format ? at + 2 : at, constant);
  if (format) return constant.find("%s") == std::string::npos && constant.find("$s") == std::string::npos;
  return after >= code.size() || code[after].kind == TokenKind::semicolon ||
         is_any(text, code[after], {"into", "using", "loop"});
}

}  // namespace

std::vector<std::string> code_texts(std::string_view body) {
  std::vector<std::string> out;
  append_texts(body, 0, out);
  return out;
}

bool holds_words(std::string_view code, std::initializer_list<std::string_view> words) {
  const auto tokens = code_tokens(code);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (matches(code, tokens, i, words)) return true;
  }
  return false;
}

bool sets_what_binds(std::string_view code) {
  const auto tokens = code_tokens(code);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (!matches(code, tokens, i, {"set_config"})) continue;
    const bool constant = i + 3 < tokens.size() && tokens[i + 1].kind == TokenKind::open &&
                          tokens[i + 2].kind == TokenKind::string && tokens[i + 3].kind == TokenKind::comma;
    const std::string name = constant ? string_text(text_at(code, tokens[i + 2])) : std::string();
    if (name != "response.status" && name != "response.headers") return true;
  }
  return false;
}

bool is_begun(std::string_view code, std::initializer_list<std::string_view> words) {
  const auto tokens = code_tokens(code);
  return tokens.size() == words.size() && matches(code, tokens, 0, words);
}

std::vector<std::string> definitions_in(std::string_view code) {
  const auto tokens = code_tokens(code);
  std::vector<std::string> out;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (!at_begin(code, tokens, i) ||
        !is_any(code, tokens[i],
                {"alter", "create", "drop", "grant", "truncate", "set", "reset", "reassign", "import"})) {
      continue;
    }
    std::size_t last = i;
    while (last < tokens.size() && tokens[last].kind != TokenKind::semicolon) ++last;
    out.emplace_back(code.substr(tokens[i].begin, tokens[last - 1].end - tokens[i].begin));
    i = last;
  }
  return out;
}

bool runs_made_up_sql(std::string_view body) {
  const auto code = code_tokens(body);
  for (std::size_t i = 0; i + 1 < code.size(); ++i) {
    if (!sql::is_word(body, code[i], "execute")) continue;
    const bool command = at_begin(body, code, i) || is_any(body, code[i - 1], {"query", "in", "for"});
    if (command && !is_constant(body, code, i + 1)) return true;
  }
  return false;
}

}  // namespace bulkhead::migrate
