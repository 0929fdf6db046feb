#include "api/rest/payload.hpp"

#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <fmt/format.h>

#include <bulkhead/json.hpp>

namespace bulkhead::api {

namespace {

namespace json = boost::json;

std::string_view view(json::string_view text) {
  return {text.data(), text.size()};
}

Result<json::value> parse_body(std::string_view body, std::size_t json_depth) {
  JsonLimits limits;
  limits.depth = json_depth;
  auto parsed = parse_json(body, limits);
  if (parsed.has_error())
    return Error(Errc::malformed_json, "Empty or invalid json")
        .details(std::string(parsed.error().message()) + ", " + std::string(parsed.error().details()));
  return parsed;
}

// The text form of a value, or nullopt where it has none that is exact: a fraction was rounded to a double
// when it was read, and arrays and objects are PostgreSQL's to convert.
std::optional<statement::Cell> simple_cell(const json::value& value, const sql::Column* column) {
  statement::Cell cell;
  if (value.is_null()) return cell;
  if (column && column->is_json) {
    if (value.is_double() || value.is_structured()) return std::nullopt;
    cell.value = json::serialize(value);
    return cell;
  }
  switch (value.kind()) {
    case json::kind::string:
      cell.value = std::string(view(value.get_string()));
      return cell;
    case json::kind::bool_:
      cell.value = value.get_bool() ? "true" : "false";
      return cell;
    case json::kind::int64:
      cell.value = std::to_string(value.get_int64());
      return cell;
    case json::kind::uint64:
      cell.value = std::to_string(value.get_uint64());
      return cell;
    default:
      return std::nullopt;
  }
}

// PostgreSQL's array text of a JSON array, nested as it is.
Result<std::string> array_text(const json::array& array) {
  std::string out = "{";
  for (const json::value& element : array) {
    if (out.size() > 1) out.push_back(',');
    if (element.is_array()) {
      BULKHEAD_TRY(std::string inner, array_text(element.get_array()));
      out.append(inner);
      continue;
    }
    if (element.is_null()) {
      out.append("NULL");
      continue;
    }
    std::string text =
        element.is_string() ? std::string(view(element.get_string())) : json::serialize(element);
    out.push_back('"');
    for (char c : text) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    out.push_back('"');
  }
  return out + "}";
}

Result<statement::Cell> any_cell(const json::value& value, const sql::Column* column) {
  if (auto simple = simple_cell(value, column)) return std::move(*simple);
  statement::Cell cell;
  if (value.is_double() && !(column && column->is_json)) {
    cell.value = fmt::format("{}", value.get_double());
  } else if (value.is_array() && column && !column->is_json && column->convert) {
    BULKHEAD_TRY(std::string text, array_text(value.get_array()));
    cell.value = std::move(text);
  } else {
    cell.value = json::serialize(value);
  }
  return cell;
}

std::vector<std::string> keys_of(const json::object& object) {
  std::vector<std::string> keys;
  keys.reserve(object.size());
  for (const auto& [key, value] : object) keys.emplace_back(key.data(), key.size());
  return keys;
}

Error invalid(std::string message) {
  return Error(Errc::payload_invalid, std::move(message));
}

Result<statement::Insert> one_row(const sql::Relation& into, const json::object& object,
                                  std::string_view body, const Columns& columns, bool missing_default) {
  statement::Insert insert;
  insert.relation = into.name;
  insert.columns = columns ? *columns : keys_of(object);
  std::vector<statement::Cell> row;
  row.reserve(insert.columns.size());
  for (const std::string& name : insert.columns) {
    const json::value* value = object.if_contains(name);
    if (!value) {
      row.push_back({std::nullopt, missing_default});
      continue;
    }
    std::optional<statement::Cell> cell = simple_cell(*value, into.column(name));
    if (!cell && !missing_default) {
      insert.json_rows.append("[").append(body).append("]");
      return insert;
    }
    if (!cell) {
      BULKHEAD_TRY(cell, any_cell(*value, into.column(name)));
    }
    row.push_back(std::move(*cell));
  }
  insert.rows.push_back(std::move(row));
  return insert;
}

// True if every row has every column, so that no default is asked for.
bool complete(const json::array& rows, const std::vector<std::string>& columns) {
  for (const json::value& row : rows)
    for (const std::string& name : columns)
      if (!row.get_object().contains(name)) return false;
  return true;
}

Result<void> check_rows(const json::array& rows, const Columns& columns) {
  for (const json::value& row : rows) {
    if (!row.is_object())
      return invalid("Empty or invalid json").details("the array's elements must be objects");
    if (columns) continue;
    const json::object& first = rows.front().get_object();
    bool same = row.get_object().size() == first.size();
    for (const auto& [key, value] : row.get_object()) same = same && first.contains(key);
    if (!same) return invalid("All object keys must match");
  }
  return {};
}

Result<statement::Insert> many_rows(const sql::Relation& into, const json::array& rows, std::string_view body,
                                    const Columns& columns, bool missing_default) {
  BULKHEAD_CHECK(check_rows(rows, columns));
  statement::Insert insert;
  insert.relation = into.name;
  if (rows.empty()) return insert;
  insert.columns = columns ? *columns : keys_of(rows.front().get_object());
  if (!missing_default || complete(rows, insert.columns)) {
    insert.json_rows = body;
    return insert;
  }
  for (const json::value& row : rows) {
    std::vector<statement::Cell>& cells = insert.rows.emplace_back();
    for (const std::string& name : insert.columns) {
      const json::value* value = row.get_object().if_contains(name);
      statement::Cell cell{std::nullopt, true};
      if (value) {
        BULKHEAD_TRY(cell, any_cell(*value, into.column(name)));
      }
      cells.push_back(std::move(cell));
    }
  }
  return insert;
}

}  // namespace

Result<statement::Insert> parse_insert(const sql::Relation& into, std::string_view body,
                                       const Columns& columns, bool missing_default, std::size_t& rows,
                                       std::size_t json_depth) {
  BULKHEAD_TRY(const json::value parsed, parse_body(body, json_depth));
  if (const json::object* object = parsed.if_object()) {
    rows = 1;
    return one_row(into, *object, body, columns, missing_default);
  }
  if (const json::array* array = parsed.if_array()) {
    rows = array->size();
    return many_rows(into, *array, body, columns, missing_default);
  }
  return invalid("Empty or invalid json").details("the body must be an object or an array of objects");
}

Result<statement::Update> parse_update(const sql::Relation& of, std::string_view body, const Columns& columns,
                                       std::size_t json_depth) {
  BULKHEAD_TRY(const json::value parsed, parse_body(body, json_depth));
  statement::Update update;
  update.relation = of.name;
  if (const json::array* array = parsed.if_array(); array && array->empty()) return update;
  const json::object* object = parsed.if_object();
  if (!object) return invalid("Empty or invalid json").details("the body must be one object");
  for (const std::string& name : columns ? *columns : keys_of(*object)) {
    const json::value* value = object->if_contains(name);
    statement::Cell cell;
    if (value) {
      std::optional<statement::Cell> simple = simple_cell(*value, of.column(name));
      if (!simple) update.json_row = body;
      if (simple) cell = std::move(*simple);
    }
    update.assignments.emplace_back(name, std::move(cell));
  }
  return update;
}

}  // namespace bulkhead::api
