#include <algorithm>
#include <cctype>

#include "migrate/lint_edit.hpp"
#include "migrate/lint_judge.hpp"

namespace bulkhead::migrate {

using sql::child_of;
using sql::list_of;
using sql::names_of;
using sql::node_of;
using sql::number_of;
using sql::Object;
using sql::text_of;
using sql::Value;
using sql::value_of;

namespace {

/// A tenant table in a FROM, and what the query calls it.
struct Source {
  const ModelTable* table = nullptr;
  std::string name;
};

std::optional<Source> source_of(const Value& item, const Model& model) {
  const Object* range = node_of(item, "RangeVar");
  const ModelTable* table = range != nullptr ? model.table(relation_name(*range)) : nullptr;
  if (table == nullptr || !table->tenant()) return std::nullopt;
  const Object* alias = child_of(*range, "alias");
  return Source{table, alias != nullptr ? std::string(text_of(*alias, "aliasname")) : table->name};
}

void sources_below(const Value& item, const Model& model, std::vector<Source>& out) {
  if (const Object* join = node_of(item, "JoinExpr")) {
    for (std::string_view side : {"larg", "rarg"}) {
      if (const Value* inner = value_of(*join, side)) sources_below(*inner, model, out);
    }
  } else if (auto source = source_of(item, model)) {
    out.push_back(std::move(*source));
  }
}

/// The names of a column reference: {"p", "id"} or {"id"}.
std::vector<std::string> column_names(const Value& value) {
  const Object* column = node_of(value, "ColumnRef");
  return column != nullptr ? names_of(list_of(*column, "fields")) : std::vector<std::string>{};
}

std::string tenant_of(const Source& source) {
  return identifier(source.name) + ".tenant_id";
}

/// The table whose whole key, the tenant aside, is this column.
const Source* keyed_by(const std::vector<std::string>& names, const std::vector<Source>& sources) {
  for (const Source& source : sources) {
    const ModelKey* key = source.table->primary();
    if (key == nullptr || names.empty() || (names.size() > 1 && names[names.size() - 2] != source.name))
      continue;
    std::vector<std::string> columns = key->columns;
    std::erase(columns, "tenant_id");
    if (columns == std::vector<std::string>{names.back()}) return &source;
  }
  return nullptr;
}

void groups_of(const Object& select, const Model& model, std::vector<KeyGroup>& out) {
  std::vector<Source> sources;
  for (const Value& item : list_of(select, "fromClause")) sources_below(item, model, sources);
  const auto& groups = list_of(select, "groupClause");
  const bool named = std::any_of(groups.begin(), groups.end(), [](const Value& group) {
    const auto names = column_names(group);
    return !names.empty() && names.back() == "tenant_id";
  });
  if (named) return;
  for (const Value& group : groups) {
    const Source* source = keyed_by(column_names(group), sources);
    if (source == nullptr) continue;
    const auto offset = static_cast<std::size_t>(number_of(*node_of(group, "ColumnRef"), "location"));
    out.push_back({offset, tenant_of(*source)});
  }
}

void groups_below(const Value& value, const Model& model, std::vector<KeyGroup>& out) {
  if (value.is_array()) {
    for (const Value& element : value.get_array()) groups_below(element, model, out);
  } else if (value.is_object()) {
    const Object& object = value.get_object();
    if (object.contains("groupClause")) groups_of(object, model, out);
    for (const auto& [key, inner] : object) groups_below(inner, model, out);
  }
}

/// The first table of a FROM, which only RIGHT and FULL joins leave empty.
std::optional<Source> first_source(const Value& item, const Model& model) {
  const Object* join = node_of(item, "JoinExpr");
  if (join == nullptr) return source_of(item, model);
  const std::string_view type = text_of(*join, "jointype");
  const Value* left = value_of(*join, "larg");
  if (left == nullptr || (type != "JOIN_INNER" && type != "JOIN_LEFT")) return std::nullopt;
  return first_source(*left, model);
}

/// Whether `name` stands in `body` as a word, or begins one after an underscore: a serial column's sequence has
/// its table's name in front.
bool names(std::string_view body, std::string_view name) {
  const auto letter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  for (std::size_t at = body.find(name); at != std::string_view::npos; at = body.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    const bool begins = at == 0 || (!letter(body[at - 1]) && body[at - 1] != '_');
    if (begins && (end == body.size() || !letter(body[end]))) return true;
  }
  return false;
}

/// Whether a body names what only the search_path finds.
bool names_app(std::string_view body, const Model& model) {
  const auto entry_named = [body](const auto& entry) { return names(body, entry.first); };
  return std::any_of(model.tables.begin(), model.tables.end(), entry_named) ||
         std::any_of(model.views.begin(), model.views.end(), entry_named) ||
         std::any_of(model.routines.begin(), model.routines.end(),
                     [body](const std::string& name) { return names(body, name); });
}

}  // namespace

std::vector<KeyGroup> key_groups(const Value& query, const Model& model) {
  std::vector<KeyGroup> out;
  groups_below(query, model, out);
  return out;
}

std::optional<std::string> tenant_output(const Object& select, const Model& model) {
  const auto& from = list_of(select, "fromClause");
  if (from.empty() || select.contains("distinctClause") || child_of(select, "larg") != nullptr ||
      select.contains("valuesLists") || select.contains("withClause"))
    return std::nullopt;
  const auto source = first_source(from[0], model);
  if (!source) return std::nullopt;
  const auto& groups = list_of(select, "groupClause");
  if (groups.empty()) {
    // An aggregate of all rows looks like any function's call here.
    const Value* outputs = value_of(select, "targetList");
    const bool calls =
        outputs != nullptr && any_below(*outputs, "FuncCall", [](const Object&) { return true; });
    if (calls || select.contains("havingClause")) return std::nullopt;
    return tenant_of(*source);
  }
  for (const Value& group : groups) {
    const auto names = column_names(group);
    if (names == std::vector<std::string>{source->name, "tenant_id"}) return tenant_of(*source);
    const Source* keyed = keyed_by(names, {*source});
    if (keyed != nullptr) return tenant_of(*source);
  }
  return std::nullopt;
}

bool wants_search_path(const ParsedStatement& statement, const Model& model) {
  if (statement.tag != "CreateFunctionStmt" || statement.node->contains("sql_body")) return false;
  std::string body, language;
  for (const Value& value : list_of(*statement.node, "options")) {
    const Object* option = node_of(value, "DefElem");
    const Value* argument = option != nullptr ? value_of(*option, "arg") : nullptr;
    if (argument == nullptr) continue;
    const std::string_view name = text_of(*option, "defname");
    const Object *list = node_of(*argument, "List"), *text = node_of(*argument, "String");
    const Object* set = node_of(*argument, "VariableSetStmt");
    if (name == "set" && set != nullptr && text_of(*set, "name") == "search_path") return false;
    if (name == "language" && text != nullptr) language = text_of(*text, "sval");
    if (name == "as" && list != nullptr) {
      for (const std::string& part : names_of(list_of(*list, "items"))) body += part;
    }
  }
  // SET keeps a function in SQL from being written into its caller's statement, so only where it is needed.
  return language == "plpgsql" || (language == "sql" && names_app(body, model));
}

}  // namespace bulkhead::migrate
