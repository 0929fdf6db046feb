#include "sql/guard/lexer.hpp"

#include <algorithm>

namespace bulkhead::sql {
namespace {

constexpr auto npos = std::string_view::npos;

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_name(char c) {
  return is_name_start(c) || is_digit(c) || c == '$';
}
bool is_operator(char c) {
  return std::string_view("+-*/<>=~!@#%^&|`?").find(c) != npos;
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

class Lexer {
 public:
  Lexer(std::string_view sql, const TextLimits& limits) : sql_(sql), limits_(limits) {}

  Result<std::vector<Token>> run() {
    if (sql_.size() > limits_.bytes) {
      return refuse("the SQL is longer than " + std::to_string(limits_.bytes) + " bytes", limits_.bytes);
    }
    if (auto nul = sql_.find('\0'); nul != npos) return refuse("the SQL holds a NUL byte", nul);
    while (at_ < sql_.size()) {
      if (is_space(sql_[at_])) {
        ++at_;
        continue;
      }
      std::size_t begin = at_;
      BULKHEAD_TRY(TokenKind kind, next());
      tokens_.push_back({kind, begin, at_});
      BULKHEAD_CHECK(bound(kind, begin));
    }
    if (!runs_.empty() && runs_.size() > 1) return refuse("a parenthesis is not closed", sql_.size());
    return std::move(tokens_);
  }

 private:
  Error refuse(const std::string& what, std::size_t where) const {
    return Error(Errc::statement_refused, what + " (" + position_text(sql_, where) + ")");
  }

  Result<void> bound(TokenKind kind, std::size_t begin) {
    switch (kind) {
      case TokenKind::comment:
        return {};
      case TokenKind::open:
        runs_.push_back(0);
        if (runs_.size() > limits_.nesting + 1) {
          return refuse("the SQL is nested deeper than " + std::to_string(limits_.nesting) + " levels",
                        begin);
        }
        return {};
      case TokenKind::close:
        if (runs_.size() == 1) return refuse("a parenthesis is closed that was not opened", begin);
        runs_.pop_back();
        return {};
      case TokenKind::comma:
      case TokenKind::semicolon:
        runs_.back() = 0;
        return {};
      default:
        if (++runs_.back() > limits_.run) return refuse("an expression of the SQL is too long", begin);
        return {};
    }
  }

  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0';
  }

  Result<TokenKind> next() {
    char c = peek();
    if (c == '-' && peek(1) == '-') return line_comment();
    if (c == '/' && peek(1) == '*') return block_comment();
    if (c == '\'') return quoted('\'', false, TokenKind::string);
    if (c == '"') return quoted('"', false, TokenKind::quoted);
    if (c == '$') return dollar();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (is_name_start(c)) return name();
    return punctuation();
  }

  Result<TokenKind> punctuation() {
    char c = sql_[at_];
    if (is_operator(c)) return operators();
    ++at_;
    switch (c) {
      case '(':
      case '[':
        return TokenKind::open;
      case ')':
      case ']':
        return TokenKind::close;
      case ',':
        return TokenKind::comma;
      case ';':
        return TokenKind::semicolon;
      case '.':
        return TokenKind::dot;
      case ':':
        if (peek() == ':' || peek() == '=') ++at_;
        return TokenKind::op;
      default:
        return refuse("a character that SQL does not know", at_ - 1);
    }
  }

  /// A comment may begin inside a run of operator characters and ends it.
  TokenKind operators() {
    while (is_operator(peek())) {
      if ((peek() == '-' && peek(1) == '-') || (peek() == '/' && peek(1) == '*')) break;
      ++at_;
    }
    return TokenKind::op;
  }

  TokenKind line_comment() {
    at_ = std::min(sql_.find_first_of("\n\r", at_), sql_.size());
    return TokenKind::comment;
  }

  Result<TokenKind> block_comment() {
    std::size_t begin = at_;
    std::size_t depth = 0;
    do {
      if (at_ >= sql_.size()) return refuse("a /* comment is not closed", begin);
      if (peek() == '/' && peek(1) == '*') {
        ++depth;
        at_ += 2;
      } else if (peek() == '*' && peek(1) == '/') {
        --depth;
        at_ += 2;
      } else {
        ++at_;
      }
    } while (depth > 0);
    return TokenKind::comment;
  }

  Result<TokenKind> quoted(char quote, bool backslashes, TokenKind kind) {
    std::size_t begin = at_++;
    for (;;) {
      if (at_ >= sql_.size()) return refuse("a quote is not closed", begin);
      char c = sql_[at_++];
      if (backslashes && c == '\\') {
        ++at_;
      } else if (c == quote) {
        if (peek() != quote) return kind;
        ++at_;
      }
    }
  }

  Result<TokenKind> dollar() {
    if (is_digit(peek(1))) {
      ++at_;
      while (is_digit(peek())) ++at_;
      return TokenKind::parameter;
    }
    std::size_t begin = at_;
    std::size_t end = at_ + 1;
    while (end < sql_.size() && sql_[end] != '$' && is_name(sql_[end])) ++end;
    bool tag = end < sql_.size() && sql_[end] == '$' && !is_digit(sql_[at_ + 1]);
    if (!tag) return refuse("a $ that begins neither a parameter nor a quoted text", begin);
    std::string_view mark = sql_.substr(begin, end + 1 - begin);
    std::size_t close = sql_.find(mark, end + 1);
    if (close == npos) return refuse("a dollar quote is not closed", begin);
    at_ = close + mark.size();
    return TokenKind::string;
  }

  TokenKind number() {
    while (is_digit(peek())) ++at_;
    // `1..2` is a number followed by two dots.
    if (peek() == '.' && peek(1) != '.') {
      ++at_;
      while (is_digit(peek())) ++at_;
    }
    if (lower(peek()) == 'e') {
      std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 2 : 1;
      if (is_digit(peek(sign))) {
        at_ += sign;
        while (is_digit(peek())) ++at_;
      }
    }
    return TokenKind::number;
  }

  Result<TokenKind> name() {
    char first = lower(peek());
    if (peek(1) == '\'') {
      if (first == 'e') return ++at_, quoted('\'', true, TokenKind::string);
      if (first == 'b' || first == 'x' || first == 'n') return ++at_, quoted('\'', false, TokenKind::string);
    }
    if (first == 'u' && peek(1) == '&' && (peek(2) == '\'' || peek(2) == '"')) {
      char quote = peek(2);
      at_ += 2;
      return quoted(quote, false, quote == '"' ? TokenKind::quoted : TokenKind::string);
    }
    while (is_name(peek())) ++at_;
    return TokenKind::word;
  }

  std::string_view sql_;
  const TextLimits& limits_;
  std::size_t at_ = 0;
  std::vector<Token> tokens_;
  std::vector<std::size_t> runs_ = {0};  ///< Tokens since the last comma, for each open level.
};

}  // namespace

TextLimits migration_limits() noexcept {
  TextLimits limits;
  limits.bytes = std::size_t{16} * 1024 * 1024;
  limits.nesting = 128;
  return limits;
}

Result<std::vector<Token>> tokenize(std::string_view sql, const TextLimits& limits) {
  return Lexer(sql, limits).run();
}

std::string token_name(std::string_view sql, const Token& token) {
  std::string text(sql.substr(token.begin, token.end - token.begin));
  if (token.kind == TokenKind::word) {
    std::transform(text.begin(), text.end(), text.begin(), lower);
  } else if (token.kind == TokenKind::quoted && text.size() >= 2 && text.front() == '"') {
    std::string plain;
    for (std::size_t i = 1; i + 1 < text.size(); ++i) {
      plain += text[i];
      if (text[i] == '"') ++i;
    }
    return plain;
  }
  return text;
}

bool is_word(std::string_view sql, const Token& token, std::string_view keyword) {
  if (token.kind != TokenKind::word || token.end - token.begin != keyword.size()) return false;
  return std::equal(keyword.begin(), keyword.end(), sql.begin() + static_cast<std::ptrdiff_t>(token.begin),
                    [](char a, char b) { return a == lower(b); });
}

Position position_at(std::string_view text, std::size_t offset) {
  std::string_view before = text.substr(0, std::min(offset, text.size()));
  auto newline = before.rfind('\n');
  return {static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1,
          before.size() - (newline == npos ? 0 : newline + 1) + 1};
}

std::string position_text(std::string_view text, std::size_t offset) {
  Position position = position_at(text, offset);
  return "line " + std::to_string(position.line) + ", column " + std::to_string(position.column);
}

}  // namespace bulkhead::sql
