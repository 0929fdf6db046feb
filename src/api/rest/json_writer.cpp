#include "api/rest/json_writer.hpp"

#include <utility>

#include <bulkhead/json.hpp>

#include "api/rest/json_text.hpp"

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

void append_row_without_nulls(std::string& out, const Rows& rows, const data::OutputShape& shape,
                              std::size_t row) {
  char before = '{';
  for (std::size_t column = 0; column < shape.columns.size(); ++column) {
    const std::string_view text = rows.text(row, column);
    const bool raw = shape.columns[column].kind == sql::JsonKind::raw;
    if (rows.is_null(row, column) || (raw && text == "null")) continue;
    out.push_back(std::exchange(before, ','));
    out.append(shape.keys[column], 1);
    if (raw)
      append_without_nulls(out, text);
    else
      append_value(out, text, shape.columns[column].kind);
  }
  out.append(before == '{' ? "{}" : "}");
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

void append_row(std::string& out, const Rows& rows, const data::OutputShape& shape, std::size_t row,
                bool without_nulls) {
  if (without_nulls) return append_row_without_nulls(out, rows, shape, row);
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

void append_rows(std::string& out, const Rows& rows, const data::OutputShape& shape, bool without_nulls) {
  out.push_back('[');
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (row > 0) out.append(",\n ");
    append_row(out, rows, shape, row, without_nulls);
  }
  out.push_back(']');
}

}  // namespace bulkhead::api
