#include "migrate/lint_source.hpp"

#include <algorithm>

#include "migrate/runner.hpp"

namespace bulkhead::migrate {

using sql::Object;
using sql::Token;
using sql::TokenKind;
using sql::Value;

namespace {

Finding syntax_finding(const SourceFile& source, const Error& error) {
  Finding finding{
      "syntax",
      Severity::error,
      source.name,
      1,
      1,
      std::string(error.message()),
      "write one file of plain SQL; psql commands and COPY … FROM stdin do not belong in a migration"};
  // The place stands in the message as "(line N, column N)".
  std::string& message = finding.message;
  if (auto at = message.rfind(" (line "); at != std::string::npos) {
    finding.line = std::strtoul(message.c_str() + at + 7, nullptr, 10);
    if (auto column = message.find("column ", at); column != std::string::npos) {
      finding.column = std::strtoul(message.c_str() + column + 7, nullptr, 10);
    }
    message.resize(at);
  }
  return finding;
}

/// The next word of `text`, taken off its front.
std::string take_word(std::string_view& text) {
  auto begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return text = {}, "";
  text.remove_prefix(begin);
  auto end = std::min(text.find_first_of(" \t\r"), text.size());
  std::string word(text.substr(0, end));
  text.remove_prefix(end);
  return word;
}

}  // namespace

ParsedFile::ParsedFile(const SourceFile& source)
    : name(source.name), text(source.text), concurrent(is_concurrent(source.text)) {
  auto tokens = sql::tokenize(text, migration_limits());
  auto parsed = sql::parse_tree(text, migration_limits());
  if (!tokens || !parsed) {
    broken = syntax_finding(source, tokens ? parsed.error() : tokens.error());
    return;
  }
  tree = std::move(*parsed);
  for (const Token& token : *tokens) {
    if (token.kind != TokenKind::comment) code.push_back(token);
  }
  read_statements();
  for (const Token& token : *tokens) {
    if (token.kind == TokenKind::comment) read_directive(token);
  }
}

void ParsedFile::read_statements() {
  for (const Value& raw : sql::list_of(tree.get_object(), "stmts")) {
    const Object& statement = raw.get_object();
    const Value* inner = sql::value_of(statement, "stmt");
    if (inner == nullptr) continue;
    auto [tag, node] = sql::tagged(*inner);
    if (node == nullptr) continue;
    auto begin = static_cast<std::size_t>(sql::number_of(statement, "stmt_location"));
    auto length = static_cast<std::size_t>(sql::number_of(statement, "stmt_len"));
    std::size_t first = token_at(begin);
    // Empty statements leave their semicolons in front of the next one.
    while (first < code.size() && code[first].kind == TokenKind::semicolon) ++first;
    std::size_t last = length == 0 ? code.size() : token_at(begin + length);
    while (last > first && code[last - 1].kind == TokenKind::semicolon) --last;
    if (first < last) statements.push_back({std::string(tag), inner, node, first, last});
  }
}

void ParsedFile::read_directive(const Token& comment) {
  std::string_view body = std::string_view(text).substr(comment.begin, comment.end - comment.begin);
  if (!body.starts_with("--")) return;
  body.remove_prefix(2);
  if (take_word(body) != "bulkhead:") return;
  Directive directive;
  directive.kind = take_word(body);
  if (directive.kind == "allow") directive.argument = take_word(body);
  auto reason = body.find_first_not_of(" \t\r");
  directive.reason = reason == std::string_view::npos ? "" : std::string(body.substr(reason));
  directive.offset = comment.begin;

  std::size_t newline = text.rfind('\n', comment.begin);
  std::size_t line = comment.begin == 0 || newline == std::string::npos ? 0 : newline + 1;
  bool alone = text.find_first_not_of(" \t", line) == comment.begin;
  auto line_end = [this](std::size_t at) { return std::min(text.find('\n', at), text.size()); };
  directive.begin = line;
  directive.end = line_end(comment.begin);
  std::size_t next = token_at(comment.end);
  if (alone && next < code.size()) {
    directive.end = line_end(code[next].begin);
    for (const ParsedStatement& statement : statements) {
      if (statement.first == next) directive.end = std::max(directive.end, code[statement.last - 1].end);
    }
  }
  directives.push_back(std::move(directive));
}

const Directive* ParsedFile::directive(std::string_view kind, std::size_t offset) const {
  for (const Directive& directive : directives) {
    if (directive.kind == kind && directive.begin <= offset && offset < directive.end) return &directive;
  }
  return nullptr;
}

std::string_view ParsedFile::token_text(std::size_t index) const {
  return std::string_view(text).substr(code[index].begin, code[index].end - code[index].begin);
}

bool ParsedFile::word_at(std::size_t index, std::string_view word) const {
  return index < code.size() && sql::is_word(text, code[index], word);
}

std::size_t ParsedFile::find_word(std::size_t from, std::size_t to, std::string_view word) const {
  for (std::size_t i = from; i < to; ++i) {
    if (code[i].kind == TokenKind::open) {
      i = matching(i);
    } else if (sql::is_word(text, code[i], word)) {
      return i;
    }
  }
  return to;
}

std::size_t ParsedFile::find_kind(std::size_t from, std::size_t to, TokenKind kind) const {
  for (std::size_t i = from; i < to; ++i) {
    if (code[i].kind == kind) return i;
  }
  return to;
}

std::size_t ParsedFile::matching(std::size_t open) const {
  std::size_t depth = 0;
  for (std::size_t i = open; i < code.size(); ++i) {
    if (code[i].kind == TokenKind::open) ++depth;
    if (code[i].kind == TokenKind::close && --depth == 0) return i;
  }
  return code.size();
}

std::size_t ParsedFile::token_at(std::size_t offset) const {
  auto it = std::lower_bound(code.begin(), code.end(), offset,
                             [](const Token& token, std::size_t at) { return token.begin < at; });
  return static_cast<std::size_t>(it - code.begin());
}

std::vector<std::pair<std::size_t, std::size_t>> ParsedFile::split(std::size_t from, std::size_t to) const {
  std::vector<std::pair<std::size_t, std::size_t>> parts;
  std::size_t begin = from;
  for (std::size_t i = from; i < to; ++i) {
    if (code[i].kind == TokenKind::open) i = matching(i);
    if (i < to && code[i].kind == TokenKind::comma) {
      parts.emplace_back(begin, i);
      begin = i + 1;
    }
  }
  if (begin < to) parts.emplace_back(begin, to);
  return parts;
}

}  // namespace bulkhead::migrate
