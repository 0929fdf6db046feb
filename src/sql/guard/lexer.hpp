#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>

namespace bulkhead::sql {

enum class TokenKind : std::uint8_t {
  word,    ///< Identifier or keyword, not quoted.
  quoted,  ///< "identifier", also U&"…".
  string,  ///< 'text', E'…', B'…', X'…', N'…', U&'…', $tag$…$tag$.
  number,
  parameter,  ///< $1
  op,         ///< A run of operator characters, `::`, `:=`, `:`.
  open,       ///< ( or [
  close,      ///< ) or ]
  comma,
  semicolon,
  dot,
  comment,  ///< -- to the end of the line, or /* … */ with nesting.
};

/// A piece of SQL: bytes [begin, end) of the text it was read from.
struct Token {
  TokenKind kind = TokenKind::word;
  std::size_t begin = 0, end = 0;
};

/// libpg_query recurses once per level of an expression and does not check its stack, so text is bounded
/// first.
struct TextLimits {
  std::size_t bytes = 64 * 1024;
  std::size_t nesting = 64;  ///< Open parentheses and brackets.
  std::size_t run =
      4000;  ///< Tokens between two commas at one level of nesting: the longest chain of operators.
};

/// For migrations, which are trusted and may be long (seed data), but not without bound.
[[nodiscard]] TextLimits migration_limits() noexcept;

/// Reads `sql` as PostgreSQL's scanner does with standard_conforming_strings on. White space gives no token.
/// Errors: `statement_refused` for a NUL byte, an unterminated string, quote or comment, unbalanced
/// parentheses, or a limit passed; the message names line and column. Pure: thread-safe.
[[nodiscard]] Result<std::vector<Token>> tokenize(std::string_view sql, const TextLimits& limits = {});

/// What `token` names: unquoted words folded to lower case, quoted ones without quotes. For other kinds its
/// text.
[[nodiscard]] std::string token_name(std::string_view sql, const Token& token);

/// True for the word `keyword` (given in lower case), never for a quoted identifier.
[[nodiscard]] bool is_word(std::string_view sql, const Token& token, std::string_view keyword);

struct Position {
  std::size_t line = 1, column = 1;  ///< 1-based; the column counts bytes.
};
[[nodiscard]] Position position_at(std::string_view text, std::size_t offset);
/// "line 3, column 14"
[[nodiscard]] std::string position_text(std::string_view text, std::size_t offset);

}  // namespace bulkhead::sql
