#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "api/control/handlers.hpp"

namespace bulkhead::api::control {
namespace {

using boost::json::array;
using boost::json::object;

/// What the routes answer with.
constexpr std::string_view schemas = R"({
  "Tenant": {"type": "object", "required": ["id", "slug", "name", "plan", "status", "suspended_reason", "model", "cell"], "properties": {
    "id": {"type": "string", "format": "uuid"}, "slug": {"type": "string"}, "name": {"type": "string"}, "plan": {"type": "string"},
    "status": {"enum": ["active", "suspended", "deleting"]}, "suspended_reason": {"type": ["string", "null"]},
    "model": {"enum": ["row", "schema", "silo"]}, "cell": {"type": "string"}}},
  "Membership": {"type": "object", "required": ["user_id", "name", "kind", "role", "status", "issuer", "subject", "made_at"], "properties": {
    "user_id": {"type": "string", "format": "uuid"}, "name": {"type": "string"}, "kind": {"enum": ["person", "service"]}, "role": {"enum": ["owner", "admin", "member", "viewer"]},
    "status": {"enum": ["active", "suspended"]}, "issuer": {"type": "string"}, "subject": {"type": "string"},
    "made_at": {"type": "string", "format": "date-time"}}},
  "ActAs": {"type": "object", "required": ["id", "user_id", "role", "actor", "reason", "made_at", "expires_at", "ended_at"], "properties": {
    "id": {"type": "string", "format": "uuid"}, "user_id": {"type": ["string", "null"], "format": "uuid"},
    "role": {"enum": ["owner", "admin", "member", "viewer"]}, "actor": {"type": "string"}, "reason": {"type": "string"},
    "made_at": {"type": "string", "format": "date-time"}, "expires_at": {"type": "string", "format": "date-time"},
    "ended_at": {"type": ["string", "null"], "format": "date-time"}}},
  "ActAsBegun": {"type": "object", "required": ["id", "user_id", "role", "actor", "reason", "made_at", "expires_at", "ended_at", "token"], "properties": {
    "id": {"type": "string", "format": "uuid"}, "user_id": {"type": ["string", "null"], "format": "uuid"},
    "role": {"enum": ["owner", "admin", "member", "viewer"]}, "actor": {"type": "string"}, "reason": {"type": "string"},
    "made_at": {"type": "string", "format": "date-time"}, "expires_at": {"type": "string", "format": "date-time"},
    "ended_at": {"type": ["string", "null"], "format": "date-time"},
    "token": {"type": "string"}}},
  "Domain": {"type": "object", "required": ["host", "verified", "verified_by", "made_at", "dns_name", "dns_value", "http_url"], "properties": {
    "host": {"type": "string"}, "verified": {"type": "boolean"}, "verified_by": {"enum": ["dns", "http", null]},
    "dns_name": {"type": "string"}, "dns_value": {"type": "string"}, "http_url": {"type": "string"}, "made_at": {"type": "string", "format": "date-time"}}},
  "EventEndpoint": {"type": "object", "required": ["id", "url", "state", "reason", "pending", "dead", "failures", "next_attempt"], "properties": {
    "id": {"type": "string", "format": "uuid"}, "url": {"type": "string"}, "state": {"enum": ["active", "disabled"]}, "reason": {"type": ["string", "null"]},
    "pending": {"type": "integer"}, "dead": {"type": "integer"}, "failures": {"type": "integer"}, "next_attempt": {"type": ["string", "null"], "format": "date-time"}}},
  "EventEndpointMade": {"type": "object", "required": ["id", "url", "state", "reason", "pending", "dead", "failures", "next_attempt", "secret"], "properties": {
    "id": {"type": "string", "format": "uuid"}, "url": {"type": "string"}, "state": {"enum": ["active", "disabled"]}, "reason": {"type": ["string", "null"]},
    "pending": {"type": "integer"}, "dead": {"type": "integer"}, "failures": {"type": "integer"}, "next_attempt": {"type": ["string", "null"], "format": "date-time"},
    "secret": {"type": "string"}}},
  "Event": {"type": "object", "required": ["specversion", "id", "source", "type", "time"]},
  "DeadEvent": {"type": "object", "required": ["id", "type", "time", "endpoint", "url", "attempts", "error"], "properties": {
    "id": {"type": "string"}, "type": {"type": "string"}, "time": {"type": "string", "format": "date-time"}, "endpoint": {"type": "string", "format": "uuid"},
    "url": {"type": "string"}, "attempts": {"type": "integer"}, "error": {"type": "string"}}},
  "Deliveries": {"type": "object", "required": ["deliveries"], "properties": {"deliveries": {"type": "integer"}}},
  "Events": {"type": "object", "required": ["enabled", "journals"], "properties": {
    "enabled": {"type": "boolean"}, "journals": {"type": "array", "items": {"type": "object", "properties": {
      "cell": {"type": "string"}, "database": {"type": "string"}, "replication_slot": {"type": "string"}, "uses": {"type": "string"},
      "since": {"type": "string", "format": "date-time"}, "retained": {"type": ["string", "null"]}}}}}},
  "Plan": {"type": "object", "required": ["name", "model", "cell", "region", "pool"], "properties": {
    "name": {"type": "string"}, "model": {"enum": ["row", "schema", "silo"]}, "cell": {"type": ["string", "null"]},
    "region": {"type": ["string", "null"]}, "pool": {"type": "integer", "minimum": 0}}},
  "Counts": {"type": "object", "required": ["row", "schema", "silo"], "properties": {
    "row": {"type": ["integer", "null"]}, "schema": {"type": ["integer", "null"]}, "silo": {"type": ["integer", "null"]}}},
  "Cell": {"type": "object", "required": ["name", "region", "status", "tenants", "capacity"], "properties": {
    "name": {"type": "string"}, "region": {"type": ["string", "null"]}, "status": {"enum": ["open", "closed"]},
    "tenants": {"$ref": "#/components/schemas/Counts"}, "capacity": {"$ref": "#/components/schemas/Counts"}}},
  "MoveEstimate": {"type": "object", "required": ["from", "to", "rows", "bytes", "seconds", "pause_ms", "measured", "tables"], "properties": {
    "from": {"type": "string"}, "to": {"type": "string"}, "rows": {"type": "integer"}, "bytes": {"type": "integer"},
    "seconds": {"type": "number"}, "pause_ms": {"type": "number"}, "measured": {"type": "boolean"},
    "tables": {"type": "array", "items": {"type": "object", "properties": {
      "name": {"type": "string"}, "rows": {"type": "integer"}, "bytes": {"type": "integer"}}}}}},
  "Operation": {"type": "object", "required": ["id", "kind", "tenant_id", "subject", "state", "step", "steps_done", "steps_total",
      "error", "progress", "result", "due", "actor", "made_at", "updated_at"], "properties": {
    "id": {"type": "string", "format": "uuid"}, "kind": {"type": "string"}, "tenant_id": {"type": ["string", "null"], "format": "uuid"},
    "subject": {"type": "string"}, "state": {"enum": ["pending", "running", "done", "failed", "cancelled"]},
    "step": {"type": ["string", "null"]}, "steps_done": {"type": "integer"}, "steps_total": {"type": "integer"},
    "error": {"type": ["string", "null"]}, "result": {"type": "object"},
    "progress": {"type": "object", "properties": {
      "phase": {"type": "string"}, "rows_done": {"type": "number"}, "rows_total": {"type": "number"}, "bytes_done": {"type": "number"},
      "rows_per_s": {"type": "number"}, "lag_bytes": {"type": "number"}, "pause_ms": {"type": "number"},
      "tables": {"type": "array", "items": {"type": "object", "properties": {
        "name": {"type": "string"}, "rows": {"type": "number"}, "done": {"type": ["number", "boolean"]}}}}}}, "due": {"type": "string", "format": "date-time"},
    "actor": {"type": "string"}, "made_at": {"type": "string", "format": "date-time"}, "updated_at": {"type": "string", "format": "date-time"}}},
  "AuditEntry": {"type": "object", "required": ["seq", "at", "actor", "action", "subject", "tenant_id", "details", "previous", "hash"], "properties": {
    "seq": {"type": "integer"}, "at": {"type": "string", "format": "date-time"}, "actor": {"type": "string"}, "action": {"type": "string"},
    "subject": {"type": "string"}, "tenant_id": {"type": ["string", "null"], "format": "uuid"}, "details": {"type": "object"},
    "previous": {"type": "string"}, "hash": {"type": "string"}}},
  "Certificate": {"type": "object", "required": ["statement", "jws"], "properties": {
    "statement": {"type": "object"}, "jws": {"type": "string"}}},
  "Document": {"type": "object"},
  "Problem": {"type": "object", "required": ["type", "title", "status", "detail", "code"], "properties": {
    "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
    "code": {"type": "string"}, "message": {"type": "string"}, "details": {"type": ["string", "null"]}, "hint": {"type": ["string", "null"]},
    "trace_id": {"type": "string"}}}
})";

object text_schema(const Field& field) {
  object out{{"type", "string"}, {"maxLength", field.longest}};
  if (field.allowed.empty()) return out;
  array names;
  for (const std::string_view name : field.allowed) names.emplace_back(name);
  out["enum"] = std::move(names);
  return out;
}

object parameter(std::string_view name, std::string_view in, bool required, std::string_view description,
                 object schema) {
  return {{"name", name},
          {"in", in},
          {"required", required},
          {"description", description},
          {"schema", std::move(schema)}};
}

array parameters_of(const Route& route) {
  array out;
  for (std::size_t at = route.path.find('{'); at != std::string_view::npos;
       at = route.path.find('{', at + 1)) {
    const std::string_view name = route.path.substr(at + 1, route.path.find('}', at) - at - 1);
    out.push_back(
        parameter(name, "path", true, name == "tenant" ? "slug or id" : name, {{"type", "string"}}));
  }
  for (const Field& field : route.query)
    out.push_back(parameter(field.name, "query", field.required, field.description, text_schema(field)));
  if (route.page) {
    out.push_back(
        parameter("limit", "query", false, "items of a page",
                  {{"type", "integer"}, {"minimum", 1}, {"maximum", page_most}, {"default", page_default}}));
    out.push_back(parameter("cursor", "query", false, "next of the page before", {{"type", "string"}}));
  }
  if (route.method == Method::post)
    out.push_back(parameter("Idempotency-Key", "header", false,
                            "the same request with the same key is done once, for 24 hours",
                            {{"type", "string"}, {"minLength", 1}, {"maxLength", 255}}));
  return out;
}

object media(std::string_view type, object schema) {
  return {{type, object{{"schema", std::move(schema)}}}};
}

object body_of(const Route& route) {
  object properties;
  array required;
  for (const Field& field : route.body) {
    object schema = text_schema(field);
    schema["description"] = field.description;
    properties[field.name] = std::move(schema);
    if (field.required) required.emplace_back(field.name);
  }
  object schema{{"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}};
  const bool needed = !required.empty();
  if (needed) schema["required"] = std::move(required);
  return {{"required", needed}, {"content", media("application/json", std::move(schema))}};
}

object reference(std::string_view schema) {
  return {{"$ref", "#/components/schemas/" + std::string(schema)}};
}

object answer_schema(const Route& route) {
  object one = reference(route.schema);
  if (!route.page) return one;
  object items{{"type", "array"}, {"items", std::move(one)}};
  return {{"type", "object"},
          {"required", array{"items", "next"}},
          {"properties",
           object{{"items", std::move(items)}, {"next", object{{"type", array{"string", "null"}}}}}}};
}

object answers_of(const Route& route) {
  object success{{"description", route.summary}};
  if (route.stream)
    success["content"] = media("text/event-stream", {{"type", "string"},
                                                     {"contentMediaType", "application/json"},
                                                     {"contentSchema", answer_schema(route)}});
  else if (!route.schema.empty())
    success["content"] = media("application/json", answer_schema(route));
  object problem{{"description", "What went wrong"}};
  problem["content"] = media("application/problem+json", reference("Problem"));
  object out{{std::to_string(route.success), std::move(success)}, {"default", std::move(problem)}};
  if (route.other != 0)
    out[std::to_string(route.other)] =
        object{{"description", route.summary},
               {"content", media("application/json", reference(route.other_schema))}};
  return out;
}

object operation_of(const Route& route) {
  object out{{"operationId", route.id}, {"summary", route.summary}};
  if (array parameters = parameters_of(route); !parameters.empty()) out["parameters"] = std::move(parameters);
  if (!route.body.empty()) out["requestBody"] = body_of(route);
  out["responses"] = answers_of(route);
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c | 0x20);
  return out;
}

object document() {
  object paths;
  for (const Route& route : routes()) {
    if (!paths.contains(route.path)) paths[route.path] = object();
    paths[route.path].get_object()[lower(method_name(route.method))] = operation_of(route);
  }
  object bearer{{"type", "http"}, {"scheme", "bearer"}, {"bearerFormat", "JWT"}};
  return {{"openapi", "3.1.0"},
          {"info",
           object{{"title", "Bulkhead control API"},
                  {"version", "1"},
                  {"description", "For operators: see `bulkhead operator add`. Everybody else gets 403."}}},
          {"servers", array{object{{"url", "/control/v1"}}}},
          {"security", array{object{{"operator", array()}}}},
          {"paths", std::move(paths)},
          {"components", object{{"securitySchemes", object{{"operator", std::move(bearer)}}},
                                {"schemas", boost::json::parse(schemas)}}}};
}

}  // namespace

const std::string& openapi() {
  static const std::string text = boost::json::serialize(document());
  return text;
}

Result<Answer> get_openapi(Call&) {
  return Answer{boost::json::parse(openapi()), ""};
}

}  // namespace bulkhead::api::control
