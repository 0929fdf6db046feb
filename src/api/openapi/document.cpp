#include "api/openapi/document.hpp"

#include <algorithm>
#include <array>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <fmt/format.h>

#include "api/openapi/names.hpp"
#include "api/openapi/parts.hpp"
#include "base/json.hpp"

namespace bulkhead::api::openapi {

namespace {

using boost::json::object;

struct Shared {
  std::string_view name, parameter, in, type, description;
};
constexpr std::array<Shared, 12> shared_parameters{{
    {"select", "select", "query", "string",
     "Columns, with related rows in parentheses: `id,title,artist(name)`"},
    {"order", "order", "query", "string", "`title.desc.nullslast,id`"},
    {"limit", "limit", "query", "integer", "Rows at most"},
    {"offset", "offset", "query", "integer", "Rows that are passed over"},
    {"or", "or", "query", "string", "`(id.eq.1,title.like.A*)`: one of these"},
    {"and", "and", "query", "string", "`(id.gt.1,id.lt.9)`: all of these"},
    {"columns", "columns", "query", "string", "Members of the body that are meant; others are passed over"},
    {"on_conflict", "on_conflict", "query", "string",
     "Columns of the unique key that an upsert goes by; else the primary key"},
    {"range", "Range", "header", "string", "`0-9`: the first ten rows"},
    {"prefer.read", "Prefer", "header", "string", "`count=exact`: the number of all rows, in Content-Range"},
    {"prefer.insert", "Prefer", "header", "string",
     "`return=representation`, `resolution=merge-duplicates` or `ignore-duplicates`, `missing=default`"},
    {"prefer.write", "Prefer", "header", "string", "`return=representation`, `max-affected=1`"},
}};

// `details` and `hint` are null where there is nothing to say. Problem documents (RFC 9457) have the members of the data API's
// errors, too.
constexpr std::string_view error_schema =
    R"({"type": "object", "required": ["code", "message", "details", "hint"],
  "properties": {"code": {"type": "string"}, "message": {"type": "string"}, "details": {"type": ["string", "null"]},
  "hint": {"type": ["string", "null"]}}})";
constexpr std::string_view problem_schema =
    R"({"type": "object", "required": ["type", "title", "status", "detail", "code"], "properties": {
  "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
  "code": {"type": "string"}, "message": {"type": "string"}, "details": {"type": ["string", "null"]},
  "hint": {"type": ["string", "null"]}, "trace_id": {"type": "string"}}})";

void add_shared(Parts& parts) {
  for (const Shared& shared : shared_parameters)
    parts.parameters.add(shared.name, object{{"name", shared.parameter},
                                             {"in", shared.in},
                                             {"description", shared.description},
                                             {"schema", object{{"type", shared.type}}}});
  parts.schemas.add(error_name, boost::json::parse(error_schema));
  parts.schemas.add(problem_name, boost::json::parse(problem_schema));
  object answers = content("application/json", reference("schemas", error_name));
  answers["application/problem+json"] = object{{"schema", reference("schemas", problem_name)}};
  parts.responses.add(error_name,
                      object{{"description", "What went wrong"}, {"content", std::move(answers)}});
}

std::size_t columns_of(const sql::Relations& relations) {
  std::size_t columns = 0;
  for (const sql::Relation& relation : relations.all()) columns += relation.columns.size();
  return columns;
}

void add_all(Parts& parts, const Reader& reader, const Subject& subject) {
  std::vector<const sql::Relation*> relations;
  for (const sql::Relation& relation : subject.relations->all()) relations.push_back(&relation);
  std::sort(relations.begin(), relations.end(),
            [](const auto* a, const auto* b) { return a->name < b->name; });
  for (const sql::Relation* relation : relations) add_relation(parts, reader, *relation);
  const auto& functions = subject.relations->functions();
  for (std::size_t at = 0; at < functions.size();) {
    const auto overloads = subject.relations->overloads(functions[at].name);
    add_function(parts, reader, overloads);
    at += overloads.size();
  }
  add_handlers(parts, subject.routes);
}

std::string about(const Subject& subject, bool filters) {
  std::string text = fmt::format(
      "What the role `{}` may do. The data API, below /rest/v1, speaks PostgREST's dialect: rows are chosen "
      "by "
      "`column=operator.value`, and `select` reads related rows along. `Accept` chooses JSON, one object "
      "(application/vnd.pgrst.object+json) or CSV; HEAD answers like GET, without the rows. The tenant is "
      "that of "
      "the address or of the token, and is never said in a request.",
      role_name(subject.role));
  if (!filters) text += " There are too many columns for each one's filter to be a parameter here.";
  return text;
}

/// FNV-1a: two documents of one address that differ have different tags, but for chance.
std::string etag_of(const Document& document) {
  std::uint64_t hash = 14695981039346656037U;
  for (const std::string* piece : {&document.head, &document.tail})
    for (const char c : *piece) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return fmt::format("\"{:016x}-{:x}\"", hash, document.size());
}

void append_member(std::string& out, std::string_view name, const Members& members) {
  out.append(",\"").append(name).append("\":{").append(members.text()).append("}");
}

}  // namespace

void Members::add(std::string_view name, const boost::json::value& value) {
  if (!text_.empty()) text_.push_back(',');
  append_json_string(text_, name);
  text_.append(":").append(boost::json::serialize(value));
}

object shared_parameter(std::string_view name) {
  return reference("parameters", name);
}

object content(std::string_view media, object schema) {
  return {{media, object{{"schema", std::move(schema)}}}};
}

object row_content(const object& row) {
  object out = content("application/json", {{"type", "array"}, {"items", row}});
  out["application/vnd.pgrst.object+json"] = object{{"schema", row}};
  out["text/csv"] = object{{"schema", object{{"type", "string"}}}};
  return out;
}

void add_comment(object& operation, std::string_view comment) {
  if (comment.empty()) return;
  const std::size_t end = std::min(comment.find('\n'), comment.size());
  operation["summary"] = comment.substr(0, end);
  const std::size_t rest = comment.find_first_not_of('\n', end);
  if (rest != std::string_view::npos) operation["description"] = comment.substr(rest);
}

Document render(const Subject& subject) {
  const bool filters = columns_of(*subject.relations) <= most_filters;
  const Reader reader{*subject.relations, subject.role, filters};
  Parts parts;
  add_shared(parts);
  add_all(parts, reader, subject);

  Document document;
  const object info{{"title", subject.title.empty() ? "API" : subject.title},
                    {"version", std::to_string(subject.version)},
                    {"description", about(subject, filters)}};
  document.head =
      "{\"openapi\":\"3.1.0\",\"info\":" + boost::json::serialize(info) + ",\"servers\":[{\"url\":";
  std::string& tail = document.tail;
  tail = "}],\"security\":[{\"bearer\":[]}],\"tags\":" + boost::json::serialize(parts.tags);
  append_member(tail, "paths", parts.paths);
  tail.append(
      ",\"components\":{\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\","
      "\"bearerFormat\":"
      "\"JWT\"}},\"headers\":{\"Content-Range\":{\"description\":\"`0-9/100`: which rows these are, and of "
      "how many if "
      "they were counted\",\"schema\":{\"type\":\"string\"}}}");
  append_member(tail, "parameters", parts.parameters);
  append_member(tail, "responses", parts.responses);
  append_member(tail, "schemas", parts.schemas);
  tail.append(
      "},\"externalDocs\":{\"description\":\"PostgREST's "
      "dialect\",\"url\":\"https://docs.postgrest.org/\"}}");
  document.etag = etag_of(document);
  return document;
}

std::string Document::text(std::string_view prefix) const {
  std::string out;
  out.reserve(size() + prefix.size() + 8);
  out = head;
  append_json_string(out, prefix.empty() ? "/" : prefix);
  return out.append(tail);
}

}  // namespace bulkhead::api::openapi
