#include <algorithm>
#include <map>
#include <set>

#include <boost/json/parse.hpp>

#include "api/openapi/handlers.hpp"
#include "api/openapi/names.hpp"
#include "api/openapi/parts.hpp"
#include "base/ascii.hpp"
#include "base/json.hpp"

namespace bulkhead::api::openapi {

namespace {

using boost::json::array;
using boost::json::object;

/// Of a text that `check_description` has found to be right.
object schema(const std::string& text) {
  return text.empty() ? object() : boost::json::parse(text).as_object();
}

std::vector<std::string> names_in(std::string_view path) {
  std::vector<std::string> names;
  for (std::size_t at = path.find('{'); at != std::string_view::npos; at = path.find('{', at + 1))
    names.emplace_back(path.substr(at + 1, path.find('}', at) - at - 1));
  return names;
}

/// `get_v1_invoices_invoice_id` of GET /v1/invoices/{invoice_id}
std::string id_of(const Route& route) {
  std::string id = lower(method_name(route.method));
  bool gap = true;
  for (const char c : route.path) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (word && gap) id.push_back('_');
    if (word) id.push_back(c);
    gap = !word;
  }
  return id;
}

array parameters_of(const Route& route) {
  array out;
  for (const std::string& name : names_in(route.path))
    out.push_back(
        object{{"name", name}, {"in", "path"}, {"required", true}, {"schema", object{{"type", "string"}}}});
  for (const auto& [name, wanted] : schema(route.about.query))
    out.push_back(object{{"name", name}, {"in", "query"}, {"schema", wanted}});
  return out;
}

bool takes_body(const Route& route) {
  return route.method == Method::post || route.method == Method::put || route.method == Method::patch;
}

object responses_of(const RouteDescription& about) {
  object answer{{"description", about.summary.empty() ? "OK" : about.summary}};
  if (!about.response.empty() || about.response_type != "application/json")
    answer["content"] = content(about.response_type, schema(about.response));
  object problem{{"description", "What went wrong"},
                 {"content", content("application/problem+json", reference("schemas", problem_name))}};
  return {{std::to_string(about.status), std::move(answer)}, {"default", std::move(problem)}};
}

/// What the route asks of its caller and allows a request, for who reads it.
void add_limits(object& operation, const Route& route) {
  if (!route.access.permission.empty()) operation["x-permission"] = route.access.permission;
  operation["x-role"] = role_name(route.access.at_least);
  if (route.limits.body_bytes) operation["x-body-limit-bytes"] = *route.limits.body_bytes;
  if (route.limits.deadline) operation["x-deadline-ms"] = route.limits.deadline->count();
}

object operation_of(const Route& route, std::set<std::string>& ids) {
  const std::string plain = id_of(route);
  std::string id = plain;
  for (int other = 2; !ids.insert(id).second; ++other) id = plain + "_" + std::to_string(other);
  const RouteDescription& about = route.about;
  object out{{"operationId", id}, {"tags", array{handlers_tag}}};
  if (!about.summary.empty()) out["summary"] = about.summary;
  if (!about.details.empty()) out["description"] = about.details;
  if (array parameters = parameters_of(route); !parameters.empty()) out["parameters"] = std::move(parameters);
  if (!about.request.empty() || (takes_body(route) && about.request_type != "application/json"))
    out["requestBody"] =
        object{{"required", true}, {"content", content(about.request_type, schema(about.request))}};
  else if (takes_body(route))
    out["requestBody"] = object{{"content", content(about.request_type, object())}};
  out["responses"] = responses_of(about);
  add_limits(out, route);
  return out;
}

Result<object> check_object(const Route& route, const std::string& text, std::string_view what) {
  if (text.empty()) return object();
  const auto wrong = [&](std::string why) {
    return Error(Errc::config_invalid, "the description of the route " + route.path + " has a " +
                                           std::string(what) + " that " + std::move(why))
        .hint("a JSON Schema as text, as in {\"type\": \"object\"}; docs/guide/openapi.md");
  };
  auto parsed = parse_json(text);
  if (parsed.has_error()) return wrong("is no JSON: " + std::string(parsed.error().message()));
  if (!parsed->is_object()) return wrong("is no object");
  // What it would refer to need not be in the document that a role gets.
  if (text.find("\"$ref\"") != std::string::npos) return wrong("refers to another");
  return std::move(parsed->get_object());
}

}  // namespace

Result<void> check_description(const Route& route) {
  BULKHEAD_CHECK(check_object(route, route.about.request, "request"));
  BULKHEAD_CHECK(check_object(route, route.about.response, "response"));
  BULKHEAD_TRY(const object query, check_object(route, route.about.query, "query"));
  for (const auto& [name, wanted] : query)
    if (!wanted.is_object())
      return Error(Errc::config_invalid, "the description of the route " + route.path +
                                             " has a query parameter " + std::string(name) +
                                             " that is no schema")
          .hint("as in {\"limit\": {\"type\": \"integer\"}}");
  if (route.about.status < 200 || route.about.status > 299)
    return Error(Errc::config_invalid,
                 "the description of the route " + route.path + " has a status that is no success");
  return {};
}

void add_handlers(Parts& parts, const std::vector<const Route*>& routes) {
  // A later route of the same method and path replaces the earlier one.
  std::map<std::string_view, std::map<Method, const Route*>> paths;
  for (const Route* route : routes) paths[route->path][route->method] = route;
  std::set<std::string> ids;
  for (const auto& [path, methods] : paths) {
    object operations;
    for (const auto& [method, route] : methods)
      if (method != Method::other) operations[lower(method_name(method))] = operation_of(*route, ids);
    parts.paths.add(path, operations);
  }
}

}  // namespace bulkhead::api::openapi
