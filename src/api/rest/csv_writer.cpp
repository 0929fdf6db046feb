#include "api/rest/csv_writer.hpp"

#include <string_view>

namespace bulkhead::api {

namespace {

void append_field(std::string& out, std::string_view text) {
  if (!text.empty() && text.find_first_of("\"\\(), \t\n\r\v\f") == std::string_view::npos) {
    out.append(text);
    return;
  }
  out.push_back('"');
  for (char c : text) {
    if (c == '"' || c == '\\') out.push_back(c);
    out.push_back(c);
  }
  out.push_back('"');
}

}  // namespace

void append_csv(std::string& out, const Rows& rows, const data::OutputShape& shape) {
  if (rows.empty()) return;
  for (std::size_t column = 0; column < shape.columns.size(); ++column) {
    if (column > 0) out.push_back(',');
    out.append(shape.columns[column].name);
  }
  for (std::size_t row = 0; row < rows.size(); ++row) {
    out.push_back('\n');
    for (std::size_t column = 0; column < shape.columns.size(); ++column) {
      if (column > 0) out.push_back(',');
      if (!rows.is_null(row, column)) append_field(out, rows.text(row, column));
    }
  }
}

}  // namespace bulkhead::api
