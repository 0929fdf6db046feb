#include "sql/codegen/codegen.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace bulkhead::codegen {
namespace {

// Keywords and alternative tokens of C++20, sorted for the binary search.
constexpr auto keywords = std::to_array<std::string_view>(
    {"alignas",     "alignof",  "and",        "and_eq",    "asm",       "auto",         "bitand",
     "bitor",       "bool",     "break",      "case",      "catch",     "char",         "char16_t",
     "char32_t",    "char8_t",  "class",      "co_await",  "co_return", "co_yield",     "compl",
     "concept",     "const",    "const_cast", "consteval", "constexpr", "constinit",    "continue",
     "decltype",    "default",  "delete",     "do",        "double",    "dynamic_cast", "else",
     "enum",        "explicit", "export",     "extern",    "false",     "float",        "for",
     "friend",      "goto",     "if",         "inline",    "int",       "long",         "mutable",
     "namespace",   "new",      "noexcept",   "not",       "not_eq",    "nullptr",      "operator",
     "or",          "or_eq",    "private",    "protected", "public",    "register",     "reinterpret_cast",
     "requires",    "return",   "short",      "signed",    "sizeof",    "static",       "static_assert",
     "static_cast", "struct",   "switch",     "template",  "this",      "thread_local", "throw",
     "true",        "try",      "typedef",    "typeid",    "typename",  "union",        "unsigned",
     "using",       "virtual",  "void",       "volatile",  "wchar_t",   "while",        "xor",
     "xor_eq"});
static_assert(std::ranges::is_sorted(keywords));

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// `name` as a C++ identifier that is not in `taken`, and adds it there. Runs of what does not fit become one
/// `_`: two in a row are reserved to the implementation, as is a `_` in front.
std::string identifier(std::string_view name, std::set<std::string, std::less<>>& taken) {
  std::string made;
  for (char c : name) {
    if (is_letter(c) || is_digit(c))
      made.push_back(c);
    else if (made.empty() || made.back() != '_')
      made.push_back('_');
  }
  if (made.empty() || !is_letter(made.front())) made.insert(0, made.starts_with('_') ? "x" : "x_");
  if (std::ranges::binary_search(keywords, std::string_view(made))) made.push_back('_');
  if (taken.contains(made)) {
    const std::string stem = made.ends_with('_') ? made : made + "_";
    std::size_t number = 2;
    while (taken.contains(stem + std::to_string(number))) ++number;
    made = stem + std::to_string(number);
  }
  taken.insert(made);
  return made;
}

/// As a C++ string literal, quotes included. What is not printable ASCII is written in octal, which ends by
/// itself.
std::string literal(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20 || byte >= 0x7f) {
      out.push_back('\\');
      for (int shift = 6; shift >= 0; shift -= 3) out.push_back(static_cast<char>('0' + (byte >> shift & 7)));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

/// Readers of the header see the column's type and comment; neither may end the line comment and begin code.
std::string comment(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\\'; }, ' ');
  return out;
}

void append_column(std::string& out, const std::string& relation_struct, const sql::Column& column,
                   bool writable, std::set<std::string, std::less<>>& members) {
  const std::string value(cpp_type(column.type));
  const std::string type = column.nullable ? "std::optional<" + value + ">" : value;
  out += "  bulkhead::Column<" + relation_struct + ", " + literal(column.name) + ", " + type;
  if (writable && column.generated) out += ", bulkhead::Access::read_only";
  out += "> " + identifier(column.name, members) + ";  ///< " + comment(column.type);
  if (column.has_default) out += ", has a default";
  out += "\n";
}

void append_relation(std::string& out, const sql::Relation& relation,
                     std::set<std::string, std::less<>>& names) {
  const std::string object = identifier(relation.name, names);
  const std::string type = identifier(object + "_t", names);
  const bool writable = relation.tenant && !relation.view;
  out += "\n/// ";
  out += relation.view     ? "A view: read only."
         : relation.tenant ? "A tenant table."
                           : "A shared table: read only.";
  if (!relation.comment.empty()) out += " " + comment(relation.comment);
  out += "\n";
  out += "struct " + type + " {\n";
  out += "  static constexpr bulkhead::RelationTraits bulkhead_relation{" + literal(relation.name) + ", " +
         (writable ? "true" : "false") + "};\n";
  std::set<std::string, std::less<>> members{type, "bulkhead_relation", "bulkhead", "std"};
  for (const sql::Column& column : relation.columns) append_column(out, type, column, writable, members);
  out += "};\ninline constexpr " + type + " " + object + "{};\n";
}

}  // namespace

std::string_view cpp_type(std::string_view type) noexcept {
  // "numeric(10,2)", "timestamp(3) without time zone": the modifier does not change the C++ type.
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 9> exact{{
      {"boolean", "bool"},
      {"smallint", "std::int16_t"},
      {"integer", "std::int32_t"},
      {"bigint", "std::int64_t"},
      {"real", "double"},
      {"double precision", "double"},
      {"uuid", "bulkhead::Uuid"},
      {"date", "bulkhead::Date"},
      {"numeric", "bulkhead::Decimal"},
  }};
  for (const auto& [name, cpp] : exact)
    if (type == name) return cpp;
  if (type.ends_with("[]")) return "std::string";
  if (type.starts_with("numeric(")) return "bulkhead::Decimal";
  if (type.starts_with("timestamp") && type.ends_with(" without time zone"))
    return "bulkhead::LocalTimestamp";
  if (type.starts_with("timestamp") && type.ends_with(" with time zone")) return "bulkhead::Timestamp";
  return "std::string";
}

std::string generate(const sql::Relations& relations, std::string_view ns) {
  std::vector<const sql::Relation*> sorted;
  for (const sql::Relation& relation : relations.all()) sorted.push_back(&relation);
  std::ranges::sort(sorted, {},
                    [](const sql::Relation* relation) -> const std::string& { return relation->name; });

  std::string out =
      "#pragma once\n\n"
      "// Written by `bulkhead codegen` from the database's relations. Do not edit: change a migration, then "
      "run it again.\n"
      "// clang-format off\n\n"
      "#include <bulkhead/query.hpp>\n\n"
      "#include <cstdint>\n#include <optional>\n#include <string>\n\n";
  out += "namespace " + std::string(ns) + " {\n";
  std::set<std::string, std::less<>> names{"bulkhead", "std"};
  for (const sql::Relation* relation : sorted) append_relation(out, *relation, names);
  out += "\n}  // namespace " + std::string(ns) + "\n";
  return out;
}

}  // namespace bulkhead::codegen
