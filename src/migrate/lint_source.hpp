#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "migrate/lint.hpp"
#include "sql/guard/tree.hpp"

namespace bulkhead::migrate {

/// A statement of a file: its tagged node, and its tokens [first, last) in `ParsedFile::code`, the semicolon
/// left out.
struct ParsedStatement {
  std::string tag;
  const sql::Value* value = nullptr;  ///< {tag: node}
  const sql::Object* node = nullptr;
  std::size_t first = 0, last = 0;
};

/// `-- bulkhead: <kind> <argument> <reason>`, and the bytes that it covers.
struct Directive {
  std::string kind, argument, reason;
  std::size_t offset = 0;
  std::size_t begin = 0, end = 0;
};

/// A migration, read once: tokens without comments, statements, directives. Not movable after `parse`
/// (statements point into the tree), hence held by pointer.
struct ParsedFile {
  std::string name, text;
  std::vector<sql::Token> code;
  std::vector<ParsedStatement> statements;
  std::vector<Directive> directives;
  bool concurrent = false;        ///< Runs outside a transaction.
  std::optional<Finding> broken;  ///< Set when the text does not parse.
  sql::Value tree;

  explicit ParsedFile(const SourceFile& source);
  ParsedFile(const ParsedFile&) = delete;
  ParsedFile& operator=(const ParsedFile&) = delete;

  /// The directive of `kind` that covers `offset`; nullptr when there is none.
  [[nodiscard]] const Directive* directive(std::string_view kind, std::size_t offset) const;
  [[nodiscard]] std::size_t begin_of(const ParsedStatement& statement) const {
    return code[statement.first].begin;
  }
  [[nodiscard]] std::string_view token_text(std::size_t index) const;
  [[nodiscard]] bool word_at(std::size_t index, std::string_view word) const;
  /// The first token in [from, to) at nesting 0 (counted from `from`) that is the word; `to` when absent.
  [[nodiscard]] std::size_t find_word(std::size_t from, std::size_t to, std::string_view word) const;
  [[nodiscard]] std::size_t find_kind(std::size_t from, std::size_t to, sql::TokenKind kind) const;
  /// For an opening token: the index of its closing one.
  [[nodiscard]] std::size_t matching(std::size_t open) const;
  /// The index of the first token at or after the byte `offset`.
  [[nodiscard]] std::size_t token_at(std::size_t offset) const;
  /// Splits [from, to) at commas of nesting 0 into token ranges.
  [[nodiscard]] std::vector<std::pair<std::size_t, std::size_t>> split(std::size_t from,
                                                                       std::size_t to) const;

 private:
  void read_statements();
  void read_directive(const sql::Token& comment);
};

using sql::migration_limits;

}  // namespace bulkhead::migrate
