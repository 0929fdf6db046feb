#include <algorithm>
#include <array>
#include <cctype>

#include "migrate/runner.hpp"
#include "sql/guard/tree.hpp"

namespace bulkhead::migrate {
namespace {

bool word_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & '\x80') != 0;
}

/// Walks over SQL text word by word, past comments, strings, quoted names and dollar quotes. It knows just
/// enough of the language to find where statements begin; what they mean is PostgreSQL's business.
class Scanner {
 public:
  explicit Scanner(std::string_view text, std::size_t from = 0) : text_(text), at_(from) {}

  struct Token {
    std::size_t at = 0;
    std::string word;  ///< Lower case; one punctuation character; empty at the end.
  };

  Token next() {
    for (;;) {
      skip_blank();
      if (at_ >= text_.size()) return {at_, ""};
      const std::size_t start = at_;
      const char c = text_[at_];
      if (c == '\'' || c == '"') {
        skip_quoted(c, false);
        return {start, "'"};
      }
      if ((c == 'e' || c == 'E') && at_ + 1 < text_.size() && text_[at_ + 1] == '\'') {
        ++at_;
        skip_quoted('\'', true);
        return {start, "'"};
      }
      if (c == '$' && skip_dollar_quote()) return {start, "'"};
      if (word_character(c)) {
        std::string word;
        while (at_ < text_.size() && (word_character(text_[at_]) || text_[at_] == '$')) {
          word += static_cast<char>(std::tolower(static_cast<unsigned char>(text_[at_++])));
        }
        return {start, word};
      }
      ++at_;
      return {start, std::string(1, c)};
    }
  }

 private:
  void skip_blank() {
    while (at_ < text_.size()) {
      if (std::isspace(static_cast<unsigned char>(text_[at_])) != 0) {
        ++at_;
      } else if (text_.substr(at_, 2) == "--") {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (text_.substr(at_, 2) == "/*") {
        std::size_t depth = 0;  // Block comments nest in SQL.
        do {
          if (text_.substr(at_, 2) == "/*") {
            ++depth;
            at_ += 2;
          } else if (text_.substr(at_, 2) == "*/") {
            --depth;
            at_ += 2;
          } else {
            ++at_;
          }
        } while (depth > 0 && at_ < text_.size());
      } else {
        return;
      }
    }
  }

  void skip_quoted(char quote, bool backslashes) {
    ++at_;
    while (at_ < text_.size()) {
      if (backslashes && text_[at_] == '\\') {
        at_ += 2;
      } else if (text_[at_] != quote) {
        ++at_;
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == quote) {
        at_ += 2;
      } else {
        ++at_;
        return;
      }
    }
    at_ = text_.size();
  }

  bool skip_dollar_quote() {
    std::size_t end = at_ + 1;
    while (end < text_.size() && word_character(text_[end])) ++end;
    if (end >= text_.size() || text_[end] != '$') return false;
    if (end > at_ + 1 && std::isdigit(static_cast<unsigned char>(text_[at_ + 1])) != 0) return false;
    const std::string_view tag = text_.substr(at_, end + 1 - at_);
    const auto close = text_.find(tag, end + 1);
    at_ = close == std::string_view::npos ? text_.size() : close + tag.size();
    return true;
  }

  std::string_view text_;
  std::size_t at_;
};

/// Why a statement that begins with these words is refused; empty if it is not.
std::string_view refused(const std::string& first, const std::string& second) {
  constexpr std::string_view transaction =
      "a migration file is one transaction, which Bulkhead begins and commits itself; take the command out";
  for (const std::string_view word :
       {"begin", "commit", "end", "rollback", "abort", "savepoint", "release"}) {
    if (first == word) return transaction;
  }
  if ((first == "start" || first == "prepare") && second == "transaction") return transaction;
  if ((first == "set" || first == "reset") && (second == "role" || second == "session")) {
    return "migrations run as bulkhead_owner; a file must not change the role";
  }
  if (first == "\\") return "psql's backslash commands are not SQL; take the line out";
  return "";
}

Error refusal(std::string_view sql, std::size_t at, const std::string& file_name, const std::string& what,
              std::string_view why) {
  const auto where = line_column(sql, characters(sql.substr(0, at)) + 1);
  return Error(Errc::migration_failed, file_name + ":" + std::to_string(where.line) + ":" +
                                           std::to_string(where.column) + ": " + what +
                                           " cannot stand in a migration")
      .hint(std::string(why));
}

}  // namespace

std::size_t characters(std::string_view text) noexcept {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
  return count;
}

bool is_concurrent(std::string_view sql) {
  // Lines before the first statement: blank ones and comments.
  for (std::size_t at = 0; at < sql.size();) {
    const std::size_t end = std::min(sql.find('\n', at), sql.size());
    std::string_view line = sql.substr(at, end - at);
    at = end + 1;
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) continue;
    line = line.substr(first, line.find_last_not_of(" \t\r") + 1 - first);
    if (line == "-- bulkhead: concurrent") return true;
    if (!line.starts_with("--")) return false;
  }
  return false;
}

std::vector<StatementRange> split_statements(std::string_view sql) {
  const auto tree = sql::parse_tree(sql, sql::migration_limits());
  if (tree.has_error() || !tree->is_object()) return {{0, sql.size()}};
  std::vector<StatementRange> out;
  for (const sql::Value& raw : sql::list_of(tree->get_object(), "stmts")) {
    const sql::Object& statement = raw.get_object();
    StatementRange range;
    range.begin = static_cast<std::size_t>(sql::number_of(statement, "stmt_location"));
    const auto length = static_cast<std::size_t>(sql::number_of(statement, "stmt_len"));
    range.end = length == 0 ? sql.size() : range.begin + length;
    // Blanks, comments and empty statements before it are not where it begins.
    Scanner scanner(sql.substr(0, range.end), range.begin);
    auto token = scanner.next();
    while (token.word == ";") token = scanner.next();
    range.begin = token.at;
    if (range.begin < range.end) out.push_back(range);
  }
  return out;
}

LineColumn line_column(std::string_view text, std::size_t position) noexcept {
  LineColumn out;
  std::size_t seen = 0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xc0) == 0x80) continue;
    if (++seen >= position) break;
    if (c == '\n') {
      ++out.line;
      out.column = 1;
    } else {
      ++out.column;
    }
  }
  return out;
}

Result<void> check_statements(std::string_view sql, const std::string& file_name) {
  Scanner scanner(sql);
  auto token = scanner.next();
  while (!token.word.empty()) {
    if (token.word == ";") {
      token = scanner.next();
      continue;
    }
    const auto first = token;
    token = scanner.next();
    if (const auto why = refused(first.word, token.word); !why.empty()) {
      std::string what = first.word;
      if (what == "start" || what == "prepare" || what == "set" || what == "reset") what += " " + token.word;
      for (char& c : what) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      return refusal(sql, first.at, file_name, what, why);
    }
    // To the end of the statement; the body of BEGIN ATOMIC … END holds semicolons of its own.
    std::size_t depth = 0;
    bool from = false, begun = false;
    while (!token.word.empty() && (token.word != ";" || depth > 0)) {
      if (token.word == "\\") return refusal(sql, token.at, file_name, "\\", refused("\\", ""));
      if (first.word == "copy" && from && token.word == "stdin") {
        return refusal(sql, first.at, file_name, "COPY FROM STDIN", "write the rows as INSERT statements");
      }
      from = token.word == "from";
      if (begun && token.word == "atomic") depth = 1;
      begun = token.word == "begin";
      if (depth > 0 && token.word == "case") ++depth;
      if (depth > 0 && token.word == "end") --depth;
      token = scanner.next();
    }
  }
  return {};
}

}  // namespace bulkhead::migrate
