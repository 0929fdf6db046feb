#include "api/openapi/schema.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include <boost/json/array.hpp>

namespace bulkhead::api::openapi {

namespace {

using boost::json::array;
using boost::json::object;

/// A type of PostgreSQL's own. An empty `format` is told as the type's name.
struct Known {
  std::uint32_t oid;
  std::string_view name, type, format;
};
constexpr std::array<Known, 17> known_types{{
    {16, "boolean", "boolean", ""},
    {20, "bigint", "integer", "int64"},
    {21, "smallint", "integer", "int32"},
    {23, "integer", "integer", "int32"},
    {26, "oid", "integer", "int64"},
    {700, "real", "number", "float"},
    {701, "double precision", "number", "double"},
    {1700, "numeric", "number", ""},
    {25, "text", "string", ""},
    {1043, "character varying", "string", ""},
    {1042, "character", "string", ""},
    {1082, "date", "string", "date"},
    {1184, "timestamp with time zone", "string", "date-time"},
    {2950, "uuid", "string", "uuid"},
    {17, "bytea", "string", "bytea"},
    {114, "json", "", ""},
    {3802, "jsonb", "", ""},
}};

const Known* known(std::uint32_t oid) {
  const auto* found = std::find_if(known_types.begin(), known_types.end(),
                                   [&](const Known& type) { return type.oid == oid; });
  return found == known_types.end() ? nullptr : found;
}

/// "character varying(40)" → "character varying" and 40.
struct Written {
  std::string_view name;
  std::optional<unsigned> length;
};

Written written(std::string_view type) {
  Written out{type.substr(0, type.find('(')), {}};
  if (out.name.size() == type.size() || !out.name.starts_with("character")) return out;
  unsigned length = 0;
  const char* const begin = type.data() + out.name.size() + 1;
  if (std::from_chars(begin, type.data() + type.size(), length).ec == std::errc()) out.length = length;
  return out;
}

const Known* known(std::string_view name) {
  const auto* found = std::find_if(known_types.begin(), known_types.end(),
                                   [&](const Known& type) { return type.name == name; });
  return found == known_types.end() ? nullptr : found;
}

void set_type(object& schema, std::string_view type, bool nullable) {
  if (nullable)
    schema["type"] = array{type, "null"};
  else
    schema["type"] = type;
}

object known_schema(const Known& type, std::optional<unsigned> length, bool nullable) {
  object schema;
  if (!type.type.empty()) set_type(schema, type.type, nullable);
  if (!type.format.empty()) schema["format"] = type.format;
  if (length) schema["maxLength"] = *length;
  return schema;
}

object array_schema(std::string_view element, bool nullable) {
  object schema;
  set_type(schema, "array", nullable);
  const Written of = written(element);
  const Known* const type = known(of.name);
  schema["items"] = type != nullptr ? known_schema(*type, of.length, true) : object();
  return schema;
}

object enum_schema(const std::vector<std::string>& values, bool nullable) {
  object schema;
  set_type(schema, "string", nullable);
  array allowed;
  for (const std::string& value : values) allowed.emplace_back(value);
  if (nullable) allowed.emplace_back(nullptr);
  schema["enum"] = std::move(allowed);
  return schema;
}

}  // namespace

object schema_of(const sql::Column& column, bool nullable, const sql::Relations& enums) {
  // The app says what a value of the domain looks like, in SQL.
  if (!column.as_json.empty()) return {};
  if (column.type.ends_with("[]"))
    return array_schema(std::string_view(column.type).substr(0, column.type.size() - 2), nullable);
  if (const auto& values = enums.enum_values(column.type_oid); !values.empty())
    return enum_schema(values, nullable);
  if (const Known* type = known(column.type_oid))
    return known_schema(*type, written(column.type).length, nullable);
  // What is taken apart or converted (composite types, those of extensions) may look like anything.
  if (column.convert) return {};
  object schema;
  set_type(schema, "string", nullable);
  schema["format"] = written(column.type).name;
  return schema;
}

}  // namespace bulkhead::api::openapi
