#include "api/rest/error_details.hpp"

#include <algorithm>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <bulkhead/json.hpp>

namespace bulkhead::api {

namespace {

namespace json = boost::json;

std::optional<std::string> text_of(const json::value& value) {
  if (const json::string* text = value.if_string()) return std::string(text->data(), text->size());
  if (const bool* flag = value.if_bool()) return std::string(*flag ? "t" : "f");
  if (value.is_int64()) return std::to_string(value.get_int64());
  if (value.is_uint64()) return std::to_string(value.get_uint64());
  return std::nullopt;
}

// The last name in quotes: the constraint, or the table that refers to it.
std::string_view last_quoted(std::string_view message) {
  const std::size_t close = message.rfind('"');
  if (close == std::string_view::npos || close == 0) return {};
  const std::size_t open = message.rfind('"', close - 1);
  return open == std::string_view::npos ? std::string_view() : message.substr(open + 1, close - open - 1);
}

// `Key (a, b)=(x, y)`; empty where a value is not known.
std::string key_text(const std::vector<std::string>& names, const std::vector<std::string>& from,
                     const SentRow& sent) {
  std::string columns, values;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::optional<std::string> value = sent.value(from[i]);
    if (!value) return {};
    columns.append(i > 0 ? ", " : "").append(names[i]);
    values.append(i > 0 ? ", " : "").append(*value);
  }
  if (columns.empty()) return {};
  return "Key (" + columns + ")=(" + values + ")";
}

std::string duplicate(std::string_view constraint, const sql::Relation& written, const SentRow& sent) {
  const auto& names = written.unique_names;
  const auto found = std::find(names.begin(), names.end(), constraint);
  if (found == names.end() || std::find(found + 1, names.end(), constraint) != names.end()) return {};
  const auto& key = written.unique_keys[static_cast<std::size_t>(found - names.begin())];
  const std::string text = key_text(key, key, sent);
  return text.empty() ? text : text + " already exists.";
}

std::string unmatched(std::string_view message, const sql::Relations& relations, const sql::Relation& written,
                      const SentRow& sent) {
  const bool inserted = message.starts_with("insert or update");
  for (const sql::ForeignKey* key : relations.around(written.name)) {
    if (message.find("\"" + key->name + "\"") == std::string_view::npos) continue;
    if (inserted && key->from == written.name) {
      const std::string text = key_text(key->from_columns, key->from_columns, sent);
      return text.empty() ? text : text + " is not present in table \"" + key->to + "\".";
    }
    if (!inserted && key->to == written.name) {
      SentRow named;  // the row as it was: the one that the filters name
      named.where = sent.where;
      const std::string text = key_text(key->to_columns, key->to_columns, named);
      return text.empty() ? text : text + " is still referenced from table \"" + key->from + "\".";
    }
  }
  return {};
}

}  // namespace

std::optional<std::string> SentRow::value(std::string_view column) const {
  if (!json.empty()) {
    const auto parsed = parse_json(json);
    const json::object* row = parsed.has_value() ? parsed->if_object() : nullptr;
    const json::array* rows = parsed.has_value() ? parsed->if_array() : nullptr;
    if (rows && rows->size() == 1) row = rows->front().if_object();
    if (!row) return std::nullopt;
    if (const json::value* given = row->if_contains(column)) return text_of(*given);
  }
  if (!where || where->kind != statement::Condition::Kind::all || where->negated) return std::nullopt;
  for (const statement::Condition& filter : where->children)
    if (filter.kind == statement::Condition::Kind::compare && filter.op == statement::Operator::eq &&
        !filter.negated && filter.column == column)
      return filter.value;
  return std::nullopt;
}

Error with_key_details(const Error& error, const sql::Relations& relations, const sql::Relation& written,
                       const SentRow& sent) {
  std::string details;
  if (error.sqlstate() == "23505") details = duplicate(last_quoted(error.message()), written, sent);
  if (error.sqlstate() == "23503") details = unmatched(error.message(), relations, written, sent);
  if (details.empty()) return error;
  return Error(error).details(std::move(details));
}

}  // namespace bulkhead::api
