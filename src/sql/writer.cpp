#include "sql/writer.hpp"

namespace bulkhead::sql {

void append_identifier(std::string& out, std::string_view name) {
  out.push_back('"');
  for (char c : name) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
}

void append_column(std::string& out, std::string_view alias, std::string_view name) {
  out.append(alias).push_back('.');
  append_identifier(out, name);
}

void append_literal(std::string& out, std::string_view text) {
  if (text.find('\\') != std::string_view::npos) out.push_back('E');
  out.push_back('\'');
  for (char c : text) {
    if (c == '\'' || c == '\\') out.push_back(c);
    out.push_back(c);
  }
  out.push_back('\'');
}

}  // namespace bulkhead::sql
