#include <algorithm>
#include <span>

#include "api/openapi/names.hpp"
#include "api/openapi/parts.hpp"
#include "api/openapi/schema.hpp"

namespace bulkhead::api::openapi {

namespace {

using boost::json::array;
using boost::json::object;
using sql::Function;
using Overloads = std::vector<const Function*>;

/// The tenant is nobody's to say. A function that can do without being told is shown without that parameter.
bool is_tenant(const sql::Column& column) {
  return column.name == sql::tenant_column;
}

bool is_shown(const Function& function, Role role) {
  return function.rights.allow(sql::Right::execute, role) &&
         std::none_of(function.parameters.begin(), function.parameters.end(),
                      [](const sql::Column& taken) { return is_tenant(taken) && !taken.has_default; });
}

bool takes_whole_body(const Function& function) {
  return function.parameters.size() == 1 && function.parameters.front().name.empty();
}

std::string_view media_of_body(const sql::Column& parameter) {
  if (parameter.type == "text") return "text/plain";
  if (parameter.type == "xml") return "text/xml";
  if (parameter.type == "bytea") return "application/octet-stream";
  return "application/json";
}

/// The functions of one name, which share a path.
class FunctionPart {
 public:
  FunctionPart(const Reader& reader, Overloads overloads)
      : reader_(reader), overloads_(std::move(overloads)), first_(*overloads_.front()) {}

  void add(Parts& parts) const {
    object operations;
    const bool reads = std::any_of(overloads_.begin(), overloads_.end(),
                                   [](const Function* of) { return !of->is_volatile; });
    if (reads) operations["get"] = get();
    operations["post"] = post();
    parts.paths.add("/rest/v1/rpc/" + path_segment(first_.name), operations);
  }

 private:
  [[nodiscard]] object operation(std::string_view verb) const {
    object out{{"operationId", std::string(verb) + "_" + component_name(first_.name)},
               {"tags", array{functions_tag}}};
    add_comment(out, first_.comment);
    return out;
  }

  [[nodiscard]] object responses() const {
    object answers;
    for (const Function* of : overloads_) {
      object answer{{"description", of->returns == Function::Returns::nothing ? "No Content" : "OK"}};
      if (of->returns != Function::Returns::nothing) answer["content"] = result(*of);
      const std::string_view status = of->returns == Function::Returns::nothing ? "204" : "200";
      if (!answers.contains(status)) answers[status] = std::move(answer);
    }
    answers["default"] = reference("responses", error_name);
    return answers;
  }

  [[nodiscard]] object result(const Function& of) const {
    const object one = result_row(of);
    if (of.returns == Function::Returns::row && of.set) return row_content(one);
    return content("application/json", of.set ? object{{"type", "array"}, {"items", one}} : one);
  }

  [[nodiscard]] object result_row(const Function& of) const {
    const auto& columns = of.row.columns;
    if (of.returns == Function::Returns::value && !columns.empty())
      return schema_of(columns.front(), true, reader_.relations);
    const sql::Relation* relation = reader_.relations.find(of.relation);
    if (relation != nullptr && reader_.sees(*relation))
      return reference("schemas", component_name(of.relation));
    object properties;
    for (const sql::Column& column : columns)
      if (!is_tenant(column)) properties[column.name] = schema_of(column, true, reader_.relations);
    return {{"type", "object"}, {"properties", std::move(properties)}};
  }

  [[nodiscard]] bool has_parameter(std::string_view name) const {
    return std::any_of(overloads_.begin(), overloads_.end(),
                       [&](const Function* of) { return of->parameter(name) != nullptr; });
  }

  [[nodiscard]] bool is_required(const std::string& name) const {
    return std::all_of(overloads_.begin(), overloads_.end(), [&](const Function* of) {
      const sql::Column* taken = of->parameter(name);
      return taken != nullptr && !taken->has_default;
    });
  }

  /// What the result's rows are chosen by, where no parameter has the name.
  void add_shared(array& parameters) const {
    if (first_.returns != Function::Returns::row) return;
    for (const std::string_view name : {"select", "order", "limit", "offset"})
      if (!has_parameter(name)) parameters.push_back(shared_parameter(name));
    if (first_.set) parameters.push_back(shared_parameter("prefer.read"));
  }

  [[nodiscard]] object get() const {
    array parameters;
    std::vector<std::string_view> seen;
    for (const Function* of : overloads_)
      for (const sql::Column& taken : of->parameters) {
        if (taken.name.empty() || is_tenant(taken)) continue;
        if (std::find(seen.begin(), seen.end(), taken.name) != seen.end()) continue;
        seen.push_back(taken.name);
        parameters.push_back(in_query(*of, taken));
      }
    add_shared(parameters);
    object out = operation("get");
    if (!parameters.empty()) out["parameters"] = std::move(parameters);
    out["responses"] = responses();
    return out;
  }

  // Arrays stand there as PostgreSQL writes them, and JSON as its text; a variadic parameter may come several times.
  [[nodiscard]] object in_query(const Function& of, const sql::Column& taken) const {
    object parameter{{"name", taken.name}, {"in", "query"}, {"required", is_required(taken.name)}};
    object schema = schema_of(taken, false, reader_.relations);
    const boost::json::value* type = schema.if_contains("type");
    const bool plain = type != nullptr && *type != "array";
    if (!plain && of.variadic && &taken == &of.parameters.back())
      schema = {{"type", "array"}, {"items", object{{"type", "string"}}}};
    else if (!plain)
      schema = {{"type", "string"}, {"format", taken.type}};
    parameter["schema"] = std::move(schema);
    return parameter;
  }

  [[nodiscard]] object arguments(const Function& of) const {
    object properties;
    array required;
    for (const sql::Column& taken : of.parameters) {
      if (is_tenant(taken)) continue;
      properties[taken.name] = schema_of(taken, true, reader_.relations);
      if (!taken.has_default && !(of.variadic && &taken == &of.parameters.back()))
        required.emplace_back(taken.name);
    }
    object schema{{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
    if (!required.empty()) schema["required"] = std::move(required);
    return schema;
  }

  [[nodiscard]] object bodies() const {
    array named;
    object out;
    for (const Function* of : overloads_) {
      if (!takes_whole_body(*of)) {
        named.push_back(arguments(*of));
        continue;
      }
      const std::string_view media = media_of_body(of->parameters.front());
      object schema;
      if (media != "application/json") schema["type"] = "string";
      out[media] = object{{"schema", std::move(schema)}};
    }
    if (named.size() == 1)
      out["application/json"] = object{{"schema", named.front()}};
    else if (named.size() > 1)
      out["application/json"] = object{{"schema", object{{"anyOf", std::move(named)}}}};
    return out;
  }

  [[nodiscard]] object post() const {
    array parameters;
    add_shared(parameters);
    object out = operation("call");
    if (!parameters.empty()) out["parameters"] = std::move(parameters);
    // A function without parameters takes a body with nothing in it, or none.
    const bool needs_body = std::none_of(overloads_.begin(), overloads_.end(), [](const Function* of) {
      return std::all_of(of->parameters.begin(), of->parameters.end(),
                         [](const sql::Column& taken) { return taken.has_default; });
    });
    out["requestBody"] = object{{"required", needs_body}, {"content", bodies()}};
    out["responses"] = responses();
    return out;
  }

  const Reader& reader_;
  Overloads overloads_;
  const Function& first_;
};

}  // namespace

void add_function(Parts& parts, const Reader& reader, std::span<const Function> overloads) {
  Overloads shown;
  for (const Function& of : overloads)
    if (is_shown(of, reader.role)) shown.push_back(&of);
  if (!shown.empty()) FunctionPart(reader, std::move(shown)).add(parts);
}

}  // namespace bulkhead::api::openapi
