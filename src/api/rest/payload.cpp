#include "api/rest/payload.hpp"

#include <algorithm>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <bulkhead/json.hpp>

#include "api/rest/json_text.hpp"

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
  // PostgREST says no more of it, and clients compare.
  if (parsed.has_error())
    return Error(Errc::malformed_json, "Empty or invalid json")
        .internal(std::string(parsed.error().message()) + ", " + std::string(parsed.error().details()));
  return parsed;
}

// The text form of a value, or nullopt where it has none that is exact: a fraction was rounded to a double
// when it was read, and arrays and objects are PostgreSQL's to convert.
std::optional<statement::Cell> simple_cell(const json::value& value, const sql::Column* column) {
  statement::Cell cell;
  if (value.is_null()) return cell;
  // The app's own cast reads it, from JSON.
  if (column && !column->from_json.empty()) return std::nullopt;
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

std::vector<std::string> keys_of(const json::object& object) {
  std::vector<std::string> keys;
  keys.reserve(object.size());
  for (const auto& [key, value] : object) keys.emplace_back(key.data(), key.size());
  return keys;
}

Error invalid(std::string message) {
  return Error(Errc::payload_invalid, std::move(message));
}

// With `missing_default`, a column that no row has takes its default by not being named. An unknown one stays:
// whoever renders the statement says so.
template <class Has>
void leave_out_missing(std::vector<std::string>& names, const sql::Relation& into, const Has& has) {
  std::erase_if(names, [&](const std::string& name) { return into.column(name) && !has(name); });
}

// One row whose values all have a plain text form: parameters, so that one shape serves every such body.
bool plain_row(statement::Insert& insert, const sql::Relation& into, const json::object& object) {
  std::vector<statement::Cell> row;
  row.reserve(insert.columns.size());
  for (const std::string& name : insert.columns) {
    const json::value* value = object.if_contains(name);
    std::optional<statement::Cell> cell = value ? simple_cell(*value, into.column(name)) : statement::Cell();
    if (!cell) return false;
    row.push_back(std::move(*cell));
  }
  insert.rows.push_back(std::move(row));
  return true;
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
    if (!row.is_object()) return invalid("All object keys must match");
    if (columns) continue;
    const json::object& first = rows.front().get_object();
    bool same = row.get_object().size() == first.size();
    for (const auto& [key, value] : row.get_object()) same = same && first.contains(key);
    if (!same) return invalid("All object keys must match");
  }
  return {};
}

// Rows that lack different columns: only VALUES can say DEFAULT for one row and not for another. What has no plain
// text goes as the JSON that was sent.
void mixed_rows(statement::Insert& insert, const sql::Relation& into, const json::array& rows,
                std::string_view body) {
  const std::vector<ObjectText> texts = objects_of(body);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<statement::Cell>& cells = insert.rows.emplace_back();
    cells.reserve(insert.columns.size());
    for (const std::string& name : insert.columns) {
      const json::value* value = rows[i].get_object().if_contains(name);
      if (!value) {
        cells.push_back({std::nullopt, true});
        continue;
      }
      if (std::optional<statement::Cell> simple = simple_cell(*value, into.column(name))) {
        cells.push_back(std::move(*simple));
        continue;
      }
      // As everywhere, the last of two members of one name counts.
      const auto text = std::find_if(texts[i].rbegin(), texts[i].rend(),
                                     [&](const MemberText& member) { return member.name == name; });
      cells.push_back({std::string(text->value), false, true});
    }
  }
}

Result<statement::Insert> many_rows(const sql::Relation& into, const json::array& rows, std::string_view body,
                                    const Columns& columns, bool missing_default) {
  BULKHEAD_CHECK(check_rows(rows, columns));
  statement::Insert insert;
  insert.relation = into.name;
  if (rows.empty()) return insert;
  insert.columns = columns ? *columns : keys_of(rows.front().get_object());
  if (missing_default)
    leave_out_missing(insert.columns, into, [&](const std::string& name) {
      return std::any_of(rows.begin(), rows.end(),
                         [&](const json::value& row) { return row.get_object().contains(name); });
    });
  if (missing_default && !complete(rows, insert.columns))
    mixed_rows(insert, into, rows, body);
  else
    insert.json_rows = body;
  return insert;
}

Result<statement::Insert> one_row(const sql::Relation& into, const json::object& object,
                                  std::string_view body, const Columns& columns, bool missing_default) {
  statement::Insert insert;
  insert.relation = into.name;
  insert.columns = columns ? *columns : keys_of(object);
  if (missing_default)
    leave_out_missing(insert.columns, into, [&](const std::string& name) { return object.contains(name); });
  if (!plain_row(insert, into, object)) insert.json_rows.append("[").append(body).append("]");
  return insert;
}

// The object of a PATCH's body, and its text: alone, or as the only element of an array.
struct Changes {
  const json::object* object = nullptr;
  std::string_view text;
};

Changes changes_of(const json::value& parsed, std::string_view body) {
  if (const json::object* object = parsed.if_object()) return {object, body};
  const json::array* array = parsed.if_array();
  if (!array || array->size() != 1) return {};
  const std::size_t begin = body.find('[') + 1;
  return {array->front().if_object(), body.substr(begin, body.rfind(']') - begin)};
}

}  // namespace

Result<statement::Insert> parse_insert(const sql::Relation& into, std::string_view body,
                                       const Columns& columns, bool missing_default, std::size_t& rows,
                                       std::size_t json_depth) {
  BULKHEAD_TRY(const json::value parsed, parse_body(body, json_depth));
  rows = 0;
  if (const json::object* object = parsed.if_object()) {
    rows = 1;
    return one_row(into, *object, body, columns, missing_default);
  }
  if (const json::array* array = parsed.if_array()) {
    rows = array->size();
    return many_rows(into, *array, body, columns, missing_default);
  }
  // To PostgREST a number or a string holds no row.
  statement::Insert none;
  none.relation = into.name;
  return none;
}

Result<statement::Insert> parse_put(const sql::Relation& into, std::string_view body,
                                    std::size_t json_depth) {
  BULKHEAD_TRY(const json::value parsed, parse_body(body, json_depth));
  statement::Insert insert;
  insert.relation = into.name;
  if (const json::object* object = parsed.if_object()) {
    insert.columns = keys_of(*object);
    insert.json_rows.append("[").append(body).append("]");
  }
  if (const json::array* array = parsed.if_array(); array && !array->empty()) {
    BULKHEAD_CHECK(check_rows(*array, std::nullopt));
    insert.columns = keys_of(array->front().get_object());
    insert.json_rows = body;
  }
  return insert;
}

Result<statement::Update> parse_update(const sql::Relation& of, std::string_view body, const Columns& columns,
                                       bool missing_default, std::size_t json_depth) {
  BULKHEAD_TRY(const json::value parsed, parse_body(body, json_depth));
  statement::Update update;
  update.relation = of.name;
  if (const json::array* array = parsed.if_array(); array && array->empty()) return update;
  const Changes changes = changes_of(parsed, body);
  if (!changes.object) return invalid("Empty or invalid json").details("the body must be one object");
  for (const std::string& name : columns ? *columns : keys_of(*changes.object)) {
    const json::value* value = changes.object->if_contains(name);
    statement::Cell cell{std::nullopt, !value && missing_default};
    if (value) {
      std::optional<statement::Cell> simple = simple_cell(*value, of.column(name));
      if (!simple) update.json_row = changes.text;
      if (simple) cell = std::move(*simple);
    }
    update.assignments.emplace_back(name, std::move(cell));
  }
  return update;
}

}  // namespace bulkhead::api
