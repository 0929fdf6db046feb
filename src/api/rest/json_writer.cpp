#include "api/rest/json_writer.hpp"

#include <bulkhead/json.hpp>

namespace bulkhead::api {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// `2021-01-01 00:00:00+00` becomes `2021-01-01T00:00:00+00:00`, as to_json() gives it. `infinity` and its
// like stay.
void append_timestamp(std::string& out, std::string_view text, bool zone) {
  out.push_back('"');
  const std::size_t begin = out.size();
  out.append(text);
  if (std::size_t space = text.find(' ');
      space != std::string_view::npos && space > 0 && is_digit(text[space - 1])) {
    out[begin + space] = 'T';
    if (zone) {
      std::size_t sign = text.find_last_of("+-");
      std::size_t end = std::min(text.find(' ', space + 1), text.size());  // " BC" may follow
      if (sign != std::string_view::npos && sign > space && end == sign + 3) out.insert(begin + end, ":00");
    }
  }
  out.push_back('"');
}

}  // namespace

void append_value(std::string& out, std::string_view text, sql::JsonKind kind) {
  switch (kind) {
    case sql::JsonKind::raw:
      out.append(text);
      return;
    case sql::JsonKind::boolean:
      out.append(text == "t" ? "true" : "false");
      return;
    case sql::JsonKind::number:
      // NaN and Infinity are numbers to PostgreSQL and strings to JSON.
      if (text.size() > 1 && text.front() == '-' ? is_digit(text[1])
                                                 : !text.empty() && is_digit(text.front()))
        out.append(text);
      else
        append_json_string(out, text);
      return;
    case sql::JsonKind::timestamp:
      append_timestamp(out, text, false);
      return;
    case sql::JsonKind::timestamptz:
      append_timestamp(out, text, true);
      return;
    case sql::JsonKind::string:
      append_json_string(out, text);
      return;
  }
}

void append_row(std::string& out, const Rows& rows, const data::OutputShape& shape, std::size_t row) {
  if (shape.columns.empty()) {
    out.append("{}");
    return;
  }
  for (std::size_t column = 0; column < shape.columns.size(); ++column) {
    out.append(shape.keys[column]);
    std::string_view text = rows.text(row, column);
    if (text.empty() && rows.is_null(row, column))
      out.append("null");
    else
      append_value(out, text, shape.columns[column].kind);
  }
  out.push_back('}');
}

void append_rows(std::string& out, const Rows& rows, const data::OutputShape& shape) {
  out.push_back('[');
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (row > 0) out.append(",\n ");
    append_row(out, rows, shape, row);
  }
  out.push_back(']');
}

}  // namespace bulkhead::api
