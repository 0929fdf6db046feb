#include "migrate/lint_edit.hpp"

#include <algorithm>
#include <numeric>

namespace bulkhead::migrate {

using sql::TokenKind;

std::string apply_edits(std::string_view text, std::size_t begin, std::size_t end, std::vector<Edit> edits) {
  std::vector<std::size_t> order(edits.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(edits[a].begin, a) < std::pair(edits[b].begin, b);
  });
  std::string out;
  std::size_t at = begin;
  for (std::size_t index : order) {
    const Edit& edit = edits[index];
    if (edit.begin < at || edit.end > end) continue;
    out.append(text.substr(at, edit.begin - at)).append(edit.text);
    at = edit.end;
  }
  return out.append(text.substr(at, end - at));
}

std::string identifier(std::string_view name) {
  bool plain = !name.empty() && (name[0] < '0' || name[0] > '9');
  for (char c : name) plain &= (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  // The keywords that cannot be a column's name as they stand.
  static const std::set<std::string_view> reserved = {
      "all",  "analyse",  "analyze",  "and",     "any",      "array",      "as",        "asc",
      "both", "case",     "cast",     "check",   "collate",  "column",     "create",    "default",
      "desc", "distinct", "do",       "else",    "end",      "except",     "false",     "fetch",
      "for",  "foreign",  "from",     "grant",   "group",    "having",     "in",        "initially",
      "into", "lateral",  "leading",  "limit",   "not",      "null",       "offset",    "on",
      "only", "or",       "order",    "placing", "primary",  "references", "returning", "select",
      "some", "table",    "then",     "to",      "trailing", "true",       "union",     "unique",
      "user", "using",    "variadic", "when",    "where",    "window",     "with"};
  if (plain && !reserved.contains(name)) return std::string(name);
  std::string out = "\"";
  for (char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

std::string tenant_list(const std::vector<std::string>& columns) {
  std::string out = "(tenant_id";
  for (const std::string& column : columns) {
    if (column != "tenant_id") out += ", " + identifier(column);
  }
  return out + ")";
}

namespace edit {

std::vector<Edit> lead_columns(const ParsedFile& file, std::size_t from, std::size_t to,
                               std::string_view text) {
  std::size_t open = file.find_kind(from, to, TokenKind::open);
  if (open == to) return {};
  return {{file.code[open].end, file.code[open].end, std::string(text)}};
}

std::vector<Edit> reference(const ParsedFile& file, std::size_t from, std::size_t to,
                            const std::vector<std::string>& own_columns,
                            const std::vector<std::string>& target_columns, bool lead) {
  std::vector<Edit> edits;
  std::size_t name = from + 1;
  while (name + 2 < to && file.code[name + 1].kind == TokenKind::dot) name += 2;
  bool columns = name + 1 < to && file.code[name + 1].kind == TokenKind::open;
  if (lead && columns) edits = lead_columns(file, name + 1, to);
  if (lead && !columns) {
    std::size_t at = file.code[name].end;
    edits.push_back({at, at, " " + tenant_list(target_columns)});
  }
  for (std::size_t i = name + 1; i + 1 < to; ++i) {
    if (file.word_at(i, "match") && file.word_at(i + 1, "full")) edits.push_back(remove(file, i, i + 2));
    bool sets =
        i + 3 < to && file.word_at(i, "on") && file.word_at(i + 1, "delete") && file.word_at(i + 2, "set");
    if (!sets || (i + 4 < to && file.code[i + 4].kind == TokenKind::open)) continue;
    std::string list;
    for (const std::string& column : own_columns) {
      if (column != "tenant_id") list += (list.empty() ? "" : ", ") + identifier(column);
    }
    std::size_t at = file.code[i + 3].end;
    edits.push_back({at, at, " (" + list + ")"});
  }
  return edits;
}

Edit remove(const ParsedFile& file, std::size_t from, std::size_t to) {
  std::size_t begin = file.code[from].begin, end = file.code[to - 1].end;
  std::size_t before = from == 0 ? 0 : file.code[from - 1].end;
  std::string_view gap = std::string_view(file.text).substr(before, begin - before);
  // A comment between the two stays where it is.
  if (gap.find_first_not_of(" \t\r\n") == std::string_view::npos) begin = before;
  return {begin, end, ""};
}

std::vector<Edit> comment_out(const ParsedFile& file, const ParsedStatement& statement,
                              std::string_view why) {
  std::size_t begin = file.begin_of(statement), end = file.code[statement.last - 1].end;
  bool semicolon =
      statement.last < file.code.size() && file.code[statement.last].kind == TokenKind::semicolon;
  if (semicolon) end = file.code[statement.last].end;
  std::vector<Edit> edits;
  edits.push_back({begin, begin, "-- bulkhead: fixed " + std::string(why) + "\n-- "});
  for (std::size_t at = file.text.find('\n', begin); at < end; at = file.text.find('\n', at + 1)) {
    edits.push_back({at + 1, at + 1, "-- "});
  }
  std::size_t next = file.text.find_first_not_of(" \t\r", end);
  bool more = next != std::string::npos && file.text[next] != '\n' && file.text.compare(next, 2, "--") != 0;
  if (more) edits.push_back({end, end, "\n"});
  return edits;
}

Edit append_statement(const ParsedFile& file, const ParsedStatement& after, const std::string& statement) {
  bool semicolon = after.last < file.code.size() && file.code[after.last].kind == TokenKind::semicolon;
  std::size_t at = file.code[semicolon ? after.last : after.last - 1].end;
  std::string text = (semicolon ? "\n" : ";\n") + statement;
  if (!semicolon) return {at, at, text};
  // A comment at the line's end belongs to the statement before.
  std::size_t next = file.text.find_first_not_of(" \t\r", at);
  if (next != std::string::npos && file.text.compare(next, 2, "--") == 0)
    at = std::min(file.text.find('\n', next), file.text.size());
  return {at, at, text};
}

}  // namespace edit

}  // namespace bulkhead::migrate
