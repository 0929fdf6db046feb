#include <algorithm>
#include <array>
#include <vector>

#include "api/openapi/names.hpp"
#include "api/openapi/parts.hpp"
#include "api/openapi/schema.hpp"

namespace bulkhead::api::openapi {

namespace {

using boost::json::array;
using boost::json::object;
using sql::Right;
using Columns = std::vector<const sql::Column*>;

/// What stands in a query string for itself; a column of such a name cannot be filtered by its name.
constexpr std::array<std::string_view, 10> words{"select",      "order", "limit", "offset",  "columns",
                                                 "on_conflict", "and",   "or",    "not.and", "not.or"};

object text_type() {
  return {{"type", "string"}};
}

/// One relation as one role sees it.
class RelationPart {
 public:
  RelationPart(Parts& parts, const Reader& reader, const sql::Relation& relation)
      : parts_(parts), reader_(reader), relation_(relation), name_(component_name(relation.name)) {
    for (const sql::Column& column : relation.columns) {
      if (allows(Right::select, column)) readable_.push_back(&column);
      if (relation.view || !relation.tenant || column.generated) continue;  // not written through the API
      if (allows(Right::insert, column)) insertable_.push_back(&column);
      if (allows(Right::update, column)) updatable_.push_back(&column);
    }
    removes_ = relation.tenant && !relation.view && relation.rights.allow(Right::remove, reader.role);
    // A table may have nothing that can be given.
    inserts_ = !insertable_.empty() ||
               (relation.tenant && !relation.view && relation.rights.allow(Right::insert, reader.role));
  }

  void add() {
    object operations;
    if (!readable_.empty()) {
      add_row();
      add_filters();
      operations["get"] = read();
    }
    add_written();
    if (inserts_) operations["post"] = insert();
    if (inserts_ && can_put()) operations["put"] = put();
    if (!updatable_.empty()) operations["patch"] = update();
    if (removes_) operations["delete"] = remove();
    if (operations.empty()) return;
    parts_.paths.add("/rest/v1/" + path_segment(relation_.name), operations);
    if (!relation_.comment.empty())
      parts_.tags.push_back(object{{"name", relation_.name}, {"description", relation_.comment}});
  }

 private:
  [[nodiscard]] bool allows(Right right, const sql::Column& column) const {
    return relation_.allows(right, column, reader_.role);
  }

  [[nodiscard]] const sql::ForeignKey* key_of(const std::string& column, std::size_t& place) const {
    const sql::ForeignKey* by_view = nullptr;
    for (const sql::ForeignKey* key : reader_.relations.around(relation_.name)) {
      if (key->from != relation_.name) continue;
      const auto at = std::find(key->from_columns.begin(), key->from_columns.end(), column);
      const sql::Relation* to = reader_.relations.find(key->to);
      if (at == key->from_columns.end() || to == nullptr || !reader_.sees(*to)) continue;
      if (to->view && by_view != nullptr) continue;
      place = static_cast<std::size_t>(at - key->from_columns.begin());
      if (!to->view) return key;
      by_view = key;
    }
    return by_view;
  }

  // Keys are told in the way that PostgREST's document tells them, since clients read it.
  [[nodiscard]] std::string description(const sql::Column& column) const {
    std::string notes;
    const auto& key = relation_.primary_key;
    if (std::find(key.begin(), key.end(), column.name) != key.end()) notes += "\nThis is a Primary Key.<pk/>";
    std::size_t place = 0;
    if (const sql::ForeignKey* to = key_of(column.name, place)) {
      const std::string& other = to->to_columns[place];
      notes += "\nThis is a Foreign Key to `" + to->to + "." + other + "`.<fk table='" + to->to +
               "' column='" + other + "'/>";
    }
    std::string text = column.comment;
    if (!notes.empty()) text.append(text.empty() ? "" : "\n\n").append("Note:").append(notes);
    return text;
  }

  [[nodiscard]] object property(const sql::Column& column) const {
    object schema = schema_of(column, column.nullable, reader_.relations);
    if (std::string text = description(column); !text.empty()) schema["description"] = text;
    return schema;
  }

  /// A row as it comes where `select` is not said: with all of its columns.
  void add_row() {
    object properties;
    array required;
    for (const sql::Column* column : readable_) {
      object schema = property(*column);
      if (column->generated) schema["readOnly"] = true;
      properties[column->name] = std::move(schema);
      required.emplace_back(column->name);
    }
    for (const sql::Column& computed : relation_.computed) {
      object schema = schema_of(computed, true, reader_.relations);
      schema["readOnly"] = true;
      schema["description"] = "A function of the row, read where `select` names it.";
      properties[computed.name] = std::move(schema);
    }
    object schema{
        {"type", "object"}, {"properties", std::move(properties)}, {"required", std::move(required)}};
    if (!relation_.comment.empty()) schema["description"] = relation_.comment;
    parts_.schemas.add(name_, schema);
    object answer{{"description", "Rows"},
                  {"headers", object{{"Content-Range", reference("headers", "Content-Range")}}},
                  {"content", row_content(reference("schemas", name_))}};
    parts_.responses.add(name_, answer);
  }

  [[nodiscard]] object writable(const Columns& columns) const {
    object properties;
    for (const sql::Column* column : columns) properties[column->name] = property(*column);
    return {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  }

  /// What may be written: all of it optional in an update, but not in an insert.
  void add_written() {
    const bool updates = !updatable_.empty();
    if (updates) parts_.schemas.add(name_ + ".update", writable(updatable_));
    if (!inserts_) return;
    object schema;
    if (updates && updatable_ == insertable_)
      schema["allOf"] = array{reference("schemas", name_ + ".update")};
    else
      schema = writable(insertable_);
    array required;
    for (const sql::Column* column : insertable_)
      if (!column->nullable && !column->has_default) required.emplace_back(column->name);
    if (!required.empty()) schema["required"] = std::move(required);
    parts_.schemas.add(name_ + ".insert", schema);
  }

  [[nodiscard]] std::string filter_name(const sql::Column& column) const {
    return "rowFilter." + name_ + "." + component_name(column.name);
  }

  void add_filters() {
    if (!reader_.filters) return;
    for (const sql::Column* column : readable_) {
      if (!can_be_filtered(*column)) continue;
      parts_.parameters.add(filter_name(*column), object{{"name", filter_parameter(column->name)},
                                                         {"in", "query"},
                                                         {"description", "`operator.value`, as in `eq.1`"},
                                                         {"schema", text_type()}});
    }
  }

  [[nodiscard]] static bool can_be_filtered(const sql::Column& column) {
    return std::find(words.begin(), words.end(), column.name) == words.end();
  }

  void filters(array& parameters) const {
    if (!reader_.filters) return;
    for (const sql::Column* column : readable_)
      if (can_be_filtered(*column)) parameters.push_back(reference("parameters", filter_name(*column)));
  }

  static void shared(array& parameters, std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) parameters.push_back(shared_parameter(name));
  }

  [[nodiscard]] object operation(std::string_view verb, array parameters, object responses) const {
    object out{{"operationId", std::string(verb) + "_" + name_}, {"tags", array{relation_.name}}};
    add_comment(out, relation_.comment);
    out["parameters"] = std::move(parameters);
    responses["default"] = reference("responses", error_name);
    out["responses"] = std::move(responses);
    return out;
  }

  /// The rows, where they may be read and are asked for.
  [[nodiscard]] object rows(std::string_view otherwise) const {
    if (readable_.empty()) return {{"description", otherwise}};
    return reference("responses", name_);
  }

  [[nodiscard]] object read() const {
    array parameters;
    filters(parameters);
    shared(parameters, {"select", "order", "limit", "offset", "or", "and", "range", "prefer.read"});
    return operation("list", std::move(parameters), {{"200", rows("OK")}, {"206", rows("Partial Content")}});
  }

  [[nodiscard]] object body(std::string_view kind, bool several) const {
    const object one = reference("schemas", name_ + "." + std::string(kind));
    object schema = one;
    if (several) schema = {{"anyOf", array{one, object{{"type", "array"}, {"items", one}}}}};
    return {{"required", true}, {"content", content("application/json", std::move(schema))}};
  }

  [[nodiscard]] object insert() const {
    array parameters;
    shared(parameters, {"select", "columns", "on_conflict", "prefer.insert"});
    object out = operation("insert", std::move(parameters), {{"200", rows("OK")}, {"201", rows("Created")}});
    out["requestBody"] = body("insert", true);
    return out;
  }

  [[nodiscard]] bool can_put() const {
    const auto& key = relation_.primary_key;
    return reader_.filters && !updatable_.empty() && !key.empty() &&
           std::all_of(key.begin(), key.end(), [&](const std::string& name) {
             const sql::Column* column = relation_.column(name);
             return column != nullptr && can_be_filtered(*column) && allows(Right::select, *column);
           });
  }

  [[nodiscard]] object put() const {
    array parameters;
    for (const std::string& name : relation_.primary_key)
      parameters.push_back(object{{"name", filter_parameter(name)},
                                  {"in", "query"},
                                  {"required", true},
                                  {"description", "`eq.` and the key of the row"},
                                  {"schema", text_type()}});
    shared(parameters, {"select", "prefer.write"});
    object out = operation("put", std::move(parameters),
                           {{"200", rows("OK")}, {"201", rows("Created")}, {"204", nothing()}});
    out["requestBody"] = body("insert", false);
    return out;
  }

  [[nodiscard]] static object nothing() { return {{"description", "No Content"}}; }

  [[nodiscard]] object update() const {
    array parameters;
    filters(parameters);
    shared(parameters, {"or", "and", "select", "order", "limit", "columns", "prefer.write"});
    object out = operation("update", std::move(parameters), {{"200", rows("OK")}, {"204", nothing()}});
    out["requestBody"] = body("update", false);
    return out;
  }

  [[nodiscard]] object remove() const {
    array parameters;
    filters(parameters);
    shared(parameters, {"or", "and", "select", "order", "limit", "prefer.write"});
    return operation("delete", std::move(parameters), {{"200", rows("OK")}, {"204", nothing()}});
  }

  Parts& parts_;
  const Reader& reader_;
  const sql::Relation& relation_;
  std::string name_;
  Columns readable_, insertable_, updatable_;
  bool removes_ = false, inserts_ = false;
};

}  // namespace

bool Reader::sees(const sql::Relation& relation) const {
  return std::any_of(relation.columns.begin(), relation.columns.end(),
                     [&](const sql::Column& column) { return relation.allows(Right::select, column, role); });
}

void add_relation(Parts& parts, const Reader& reader, const sql::Relation& relation) {
  RelationPart(parts, reader, relation).add();
}

}  // namespace bulkhead::api::openapi
