#include "migrate/lint_model.hpp"

#include <algorithm>

namespace bulkhead::migrate {

using sql::child_of;
using sql::flag_of;
using sql::list_of;
using sql::names_of;
using sql::node_of;
using sql::number_of;
using sql::Object;
using sql::text_of;
using sql::Value;
using sql::value_of;

namespace {

template <class List, class Name>
auto find_named(List& list, const Name& name) {
  auto it = std::find_if(list.begin(), list.end(), [&](const auto& element) { return element.name == name; });
  return it == list.end() ? nullptr : &*it;
}

char action(const Object& node, std::string_view field) {
  std::string_view text = text_of(node, field);
  return text.empty() ? 'a' : text[0];
}

bool is_serial(std::string_view type) {
  return type == "serial" || type == "bigserial" || type == "smallserial" || type == "serial4" ||
         type == "serial8" || type == "serial2";
}

bool is_tenant_default(const Value& expression) {
  const Object* call = node_of(expression, "FuncCall");
  if (call == nullptr) return false;
  auto names = names_of(list_of(*call, "funcname"));
  return names == std::vector<std::string>{"bulkhead", "tenant_id"} ||
         names == std::vector<std::string>{"tenant_id"};
}

bool draws_sequence(const Value& expression) {
  return any_below(expression, "FuncCall", [](const Object& call) {
    auto names = names_of(list_of(call, "funcname"));
    return !names.empty() && names.back() == "nextval";
  });
}

}  // namespace

ModelColumn* ModelTable::column(std::string_view column_name) {
  return find_named(columns, column_name);
}
const ModelColumn* ModelTable::column(std::string_view column_name) const {
  return find_named(columns, column_name);
}

const ModelKey* ModelTable::primary() const {
  auto it = std::find_if(keys.begin(), keys.end(),
                         [](const ModelKey& k) { return k.kind == ModelKey::Kind::primary; });
  return it == keys.end() ? nullptr : &*it;
}

std::string relation_name(const Object& range) {
  return std::string(text_of(range, "relname"));
}

std::string marked_name(std::string_view argument) {
  if (argument.starts_with("app.")) argument.remove_prefix(4);
  if (argument.size() >= 2 && argument.front() == '"') {
    return sql::token_name(argument, {sql::TokenKind::quoted, 0, argument.size()});
  }
  return std::string(argument);
}

std::optional<PlainCall> plain_call(const ParsedStatement& statement) {
  if (statement.tag != "SelectStmt") return std::nullopt;
  const auto& outputs = list_of(*statement.node, "targetList");
  if (outputs.size() != 1 || statement.node->contains("fromClause")) return std::nullopt;
  const Object* output = node_of(outputs[0], "ResTarget");
  const Value* value = output != nullptr ? value_of(*output, "val") : nullptr;
  const Object* call = value != nullptr ? node_of(*value, "FuncCall") : nullptr;
  if (call == nullptr) return std::nullopt;
  auto names = names_of(list_of(*call, "funcname"));
  const auto& arguments = list_of(*call, "args");
  auto argument = arguments.empty() ? std::nullopt : sql::string_constant(arguments[0]);
  return PlainCall{names.size() > 1 ? names[0] : "", names.empty() ? "" : names.back(),
                   argument.value_or("")};
}

void relations_below(const Value& value, std::vector<std::string>& out) {
  if (value.is_array()) {
    for (const Value& element : value.get_array()) relations_below(element, out);
  } else if (value.is_object()) {
    const Object& object = value.get_object();
    if (object.contains("relname")) out.push_back(relation_name(object));
    for (const auto& [key, inner] : object) relations_below(inner, out);
  }
}

bool any_below(const Value& value, std::string_view tag, const std::function<bool(const Object&)>& test) {
  if (value.is_array()) {
    const auto& array = value.get_array();
    return std::any_of(array.begin(), array.end(), [&](const Value& v) { return any_below(v, tag, test); });
  }
  if (!value.is_object()) return false;
  if (const Object* node = node_of(value, tag); node != nullptr && test(*node)) return true;
  const Object& object = value.get_object();
  return std::any_of(object.begin(), object.end(),
                     [&](const auto& field) { return any_below(field.value(), tag, test); });
}

const ModelTable* Model::table(std::string_view name) const {
  auto it = tables.find(name);
  return it == tables.end() ? nullptr : &it->second;
}

/// One statement applied to the model.
class Replay {
 public:
  Replay(Model& model, const ParsedFile& file, std::size_t file_index, const ParsedStatement& statement)
      : model_(model), file_(file), file_index_(file_index), statement_(statement), node_(*statement.node) {}

  void run() {
    const std::string& tag = statement_.tag;
    if (tag == "CreateStmt") return create_table();
    if (tag == "AlterTableStmt") return alter_table();
    if (tag == "IndexStmt") return create_index();
    if (tag == "ViewStmt") return create_view();
    if (tag == "DropStmt") return drop();
    if (tag == "RenameStmt") return rename();
    if (tag == "SelectStmt") return mark();
    if (tag == "CommentStmt") return comment();
    if (tag == "CreateEnumStmt") {
      auto names = names_of(list_of(node_, "typeName"));
      if (!names.empty()) model_.enums.insert(names.back());
    }
    note_routine();
  }

 private:
  /// A sequence of a serial column has its table's name in its own.
  void note_routine() {
    for (std::string_view field : {"funcname", "typeName", "domainname"}) {
      auto names = names_of(list_of(node_, field));
      if (statement_.tag.starts_with("Create") && !names.empty()) model_.routines.insert(names.back());
    }
    const Object* sequence = statement_.tag == "CreateSeqStmt" ? child_of(node_, "sequence") : nullptr;
    if (sequence != nullptr) model_.routines.insert(relation_name(*sequence));
  }

  [[nodiscard]] Place place(std::int64_t offset) const {
    return {file_index_, offset > 0 ? static_cast<std::size_t>(offset) : file_.begin_of(statement_)};
  }
  [[nodiscard]] Place here() const { return {file_index_, file_.begin_of(statement_)}; }

  ModelTable* target() {
    const Object* range = child_of(node_, "relation");
    auto it = range == nullptr ? model_.tables.end() : model_.tables.find(relation_name(*range));
    return it == model_.tables.end() ? nullptr : &it->second;
  }

  void create_table() {
    const Object* range = child_of(node_, "relation");
    if (range == nullptr) return;
    ModelTable table;
    table.name = relation_name(*range);
    if (flag_of(node_, "if_not_exists") && model_.tables.contains(table.name)) return;
    table.place = place(number_of(*range, "location"));
    table.wants_shared = file_.directive("shared", file_.begin_of(statement_)) != nullptr;
    const Directive* allow = file_.directive("allow", file_.begin_of(statement_));
    if (allow != nullptr && allow->argument == "unmarked-table") table.mark = ModelTable::Mark::exempt;
    for (const Value& parent : list_of(node_, "inhRelations")) {
      if (const Object* named = node_of(parent, "RangeVar")) inherit(table, relation_name(*named));
    }
    for (const Value& element : list_of(node_, "tableElts")) {
      if (const Object* definition = node_of(element, "ColumnDef")) column(table, *definition);
      if (const Object* constraint = node_of(element, "Constraint")) add_constraint(table, *constraint, "");
    }
    model_.tables[table.name] = std::move(table);
  }

  void inherit(ModelTable& table, const std::string& parent_name) {
    table.parent = parent_name;
    const ModelTable* parent = model_.table(parent_name);
    if (parent == nullptr) return;
    table.wants_shared |= parent->shared();
    table.columns = parent->columns;
    // A partition gets its parent's keys; a child by INHERITS does not.
    if (child_of(node_, "partbound") != nullptr) table.keys = parent->keys;
  }

  void column(ModelTable& table, const Object& definition) {
    ModelColumn added;
    added.name = text_of(definition, "colname");
    added.place = place(number_of(definition, "location"));
    read_type(definition, added);
    added.sequence = is_serial(added.type);
    // The default is set before keys are read: a column's constraints come in any order.
    table.columns.push_back(added);
    std::size_t index = table.columns.size() - 1;
    for (const Value& value : list_of(definition, "constraints")) {
      const Object* constraint = node_of(value, "Constraint");
      if (constraint == nullptr) continue;
      column_constraint(table.columns[index], *constraint);
      add_constraint(table, *constraint, added.name);
    }
  }

  static void read_type(const Object& definition, ModelColumn& column) {
    const Object* type = child_of(definition, "typeName");
    if (type == nullptr) return;
    auto names = names_of(list_of(*type, "names"));
    column.type = names.empty() ? "" : names.back();
    column.array = !list_of(*type, "arrayBounds").empty();
  }

  static void column_constraint(ModelColumn& column, const Object& constraint) {
    std::string_view kind = text_of(constraint, "contype");
    if (kind == "CONSTR_NOTNULL" || kind == "CONSTR_PRIMARY") column.not_null = true;
    if (kind == "CONSTR_IDENTITY") column.sequence = true;
    const Value* expression = value_of(constraint, "raw_expr");
    if (kind == "CONSTR_DEFAULT" && expression != nullptr) {
      column.tenant_default = is_tenant_default(*expression);
      column.sequence |= draws_sequence(*expression);
    }
  }

  /// A constraint of a table, or of `inline_column` when that is not empty.
  void add_constraint(ModelTable& table, const Object& constraint, const std::string& inline_column) {
    std::string_view kind = text_of(constraint, "contype");
    Place where = place(number_of(constraint, "location"));
    std::string name(text_of(constraint, "conname"));
    if (kind == "CONSTR_FOREIGN") return add_reference(table, constraint, inline_column);
    ModelKey key;
    key.name = name;
    key.place = where;
    if (kind == "CONSTR_PRIMARY") {
      key.kind = ModelKey::Kind::primary;
    } else if (kind == "CONSTR_UNIQUE") {
      key.kind = ModelKey::Kind::unique;
    } else if (kind == "CONSTR_EXCLUSION") {
      key.kind = ModelKey::Kind::exclusion;
    } else {
      return;
    }
    key.columns = names_of(list_of(constraint, "keys"));
    if (!inline_column.empty()) key.columns = {inline_column};
    if (key.kind == ModelKey::Kind::exclusion) key.columns = exclusion_columns(constraint);
    if (std::string_view index = text_of(constraint, "indexname"); !index.empty()) {
      auto* found = find_named(table.keys, index);
      if (found != nullptr) {
        found->kind = key.kind;
        return;
      }
    }
    if (key.kind == ModelKey::Kind::primary) {
      for (const std::string& column_name : key.columns) {
        if (ModelColumn* found = table.column(column_name)) found->not_null = true;
      }
    }
    table.keys.push_back(std::move(key));
  }

  static std::vector<std::string> exclusion_columns(const Object& constraint) {
    std::vector<std::string> columns;
    for (const Value& pair : list_of(constraint, "exclusions")) {
      const Object* list = node_of(pair, "List");
      if (list == nullptr) continue;
      const auto& items = list_of(*list, "items");
      const Object* element = items.empty() ? nullptr : node_of(items[0], "IndexElem");
      const Object* op = items.size() < 2 ? nullptr : node_of(items[1], "List");
      // Apart by anything but equality is not apart by tenant.
      bool equal = op != nullptr && names_of(list_of(*op, "items")).back() == "=";
      std::string_view name = element != nullptr ? text_of(*element, "name") : "";
      columns.emplace_back(name == "tenant_id" && !equal ? "" : name);
    }
    return columns;
  }

  void add_reference(ModelTable& table, const Object& constraint, const std::string& inline_column) {
    const Object* target = child_of(constraint, "pktable");
    if (target == nullptr) return;
    ModelReference reference;
    reference.name = text_of(constraint, "conname");
    reference.place = place(number_of(constraint, "location"));
    reference.columns = names_of(list_of(constraint, "fk_attrs"));
    if (!inline_column.empty()) reference.columns = {inline_column};
    reference.target = relation_name(*target);
    reference.target_columns = names_of(list_of(constraint, "pk_attrs"));
    reference.on_delete = action(constraint, "fk_del_action");
    reference.on_update = action(constraint, "fk_upd_action");
    reference.match = text_of(constraint, "fk_matchtype") == "f" ? 'f' : 's';
    reference.set_columns = names_of(list_of(constraint, "fk_del_set_cols"));
    table.references.push_back(std::move(reference));
  }

  void alter_table() {
    if (const Object* range = child_of(node_, "relation");
        range != nullptr && alter_view(relation_name(*range)))
      return;
    ModelTable* table = target();
    if (table == nullptr) return;
    for (const Value& command : list_of(node_, "cmds")) {
      if (const Object* inner = node_of(command, "AlterTableCmd")) alter(*table, *inner);
    }
  }

  bool alter_view(const std::string& name) {
    auto it = model_.views.find(name);
    if (it == model_.views.end()) return false;
    for (const Value& command : list_of(node_, "cmds")) {
      const Object* inner = node_of(command, "AlterTableCmd");
      if (inner == nullptr) continue;
      std::string_view kind = text_of(*inner, "subtype");
      const Value* definition = value_of(*inner, "def");
      const Object* list = definition != nullptr ? node_of(*definition, "List") : nullptr;
      if (list == nullptr) continue;
      if (kind == "AT_SetRelOptions") it->second.invoker |= invoker(list_of(*list, "items"));
      if (kind == "AT_ResetRelOptions") it->second.invoker = false;
    }
    return true;
  }

  void alter(ModelTable& table, const Object& command) {
    std::string_view kind = text_of(command, "subtype"), name = text_of(command, "name");
    const Value* definition = value_of(command, "def");
    if (kind == "AT_AddColumn" && definition != nullptr) {
      if (const Object* added = node_of(*definition, "ColumnDef");
          added && !table.column(text_of(*added, "colname"))) {
        column(table, *added);
      }
    } else if (kind == "AT_AddConstraint" && definition != nullptr) {
      if (const Object* constraint = node_of(*definition, "Constraint"))
        add_constraint(table, *constraint, "");
    } else if (kind == "AT_DropColumn") {
      drop_column(table, name);
    } else if (kind == "AT_DropConstraint") {
      drop_constraint(table, name);
    } else if (kind == "AT_AttachPartition" && definition != nullptr) {
      const Object* partition = node_of(*definition, "PartitionCmd");
      const Object* child = partition != nullptr ? child_of(*partition, "name") : nullptr;
      auto it = child == nullptr ? model_.tables.end() : model_.tables.find(relation_name(*child));
      if (it != model_.tables.end()) it->second.parent = table.name;
    } else if (ModelColumn* column_found = table.column(name)) {
      alter_column(*column_found, kind, definition);
    }
  }

  static void alter_column(ModelColumn& column, std::string_view kind, const Value* definition) {
    if (kind == "AT_SetNotNull") column.not_null = true;
    if (kind == "AT_DropNotNull") column.not_null = false;
    if (kind == "AT_AddIdentity") column.sequence = true;
    if (kind == "AT_ColumnDefault") {
      column.tenant_default = definition != nullptr && is_tenant_default(*definition);
      column.sequence = definition != nullptr && draws_sequence(*definition);
    }
    const Object* changed = definition != nullptr ? node_of(*definition, "ColumnDef") : nullptr;
    if (kind == "AT_AlterColumnType" && changed != nullptr) read_type(*changed, column);
  }

  static void drop_column(ModelTable& table, std::string_view name) {
    auto uses = [&](const auto& key) {
      return std::find(key.columns.begin(), key.columns.end(), name) != key.columns.end();
    };
    std::erase_if(table.columns, [&](const ModelColumn& column) { return column.name == name; });
    std::erase_if(table.keys, uses);
    std::erase_if(table.references, uses);
  }

  /// Constraints without a name got one from PostgreSQL.
  static void drop_constraint(ModelTable& table, std::string_view name) {
    auto named = [&](const auto& constraint, std::string_view suffix, bool with_columns) {
      if (!constraint.name.empty()) return constraint.name == name;
      std::string made = table.name;
      for (const std::string& column : constraint.columns) made += with_columns ? "_" + column : "";
      return made.append(suffix) == name;
    };
    std::erase_if(table.keys, [&](const ModelKey& key) {
      if (key.kind == ModelKey::Kind::index) return false;
      bool primary = key.kind == ModelKey::Kind::primary;
      return named(key, primary ? "_pkey" : key.kind == ModelKey::Kind::unique ? "_key" : "_excl", !primary);
    });
    std::erase_if(table.references, [&](const ModelReference& r) {
      ModelReference plain = r;
      // PostgreSQL names a composite key by its columns; the tenant's column is one of them or is not.
      return named(plain, "_fkey", true) ||
             (std::erase(plain.columns, "tenant_id") > 0 && named(plain, "_fkey", true));
    });
  }

  void create_index() {
    ModelTable* table = target();
    if (table == nullptr) return;
    ModelKey key;
    key.kind = flag_of(node_, "unique") ? ModelKey::Kind::unique : ModelKey::Kind::index;
    key.name = text_of(node_, "idxname");
    key.method = text_of(node_, "accessMethod");
    key.place = here();
    for (const Value& element : list_of(node_, "indexParams")) {
      const Object* part = node_of(element, "IndexElem");
      key.columns.emplace_back(part != nullptr ? text_of(*part, "name") : "");
    }
    table->keys.push_back(std::move(key));
  }

  static bool invoker(const boost::json::array& options) {
    for (const Value& option : options) {
      const Object* element = node_of(option, "DefElem");
      if (element == nullptr || text_of(*element, "defname") != "security_invoker") continue;
      const Value* argument = value_of(*element, "arg");
      if (argument == nullptr) return true;
      if (const Object* text = node_of(*argument, "String")) {
        std::string_view value = text_of(*text, "sval");
        return value == "true" || value == "on" || value == "yes" || value == "1";
      }
      const Object* number = node_of(*argument, "Integer");
      return number != nullptr && number_of(*number, "ival") == 1;
    }
    return false;
  }

  void create_view() {
    const Object* range = child_of(node_, "view");
    const Value* query = value_of(node_, "query");
    if (range == nullptr || query == nullptr) return;
    ModelView view;
    view.name = relation_name(*range);
    view.place = place(number_of(*range, "location"));
    view.invoker = invoker(list_of(node_, "options"));
    relations_below(*query, view.reads);
    view.shows_tenant = shows_tenant(*query);
    model_.views[view.name] = std::move(view);
  }

  /// A star at the top may show it, too; a column list of the view's own is looked at by name.
  static bool shows_tenant(const Value& query) {
    const Object* select = node_of(query, "SelectStmt");
    while (select != nullptr && child_of(*select, "larg") != nullptr) select = child_of(*select, "larg");
    if (select == nullptr) return false;
    for (const Value& output : list_of(*select, "targetList")) {
      const Object* target = node_of(output, "ResTarget");
      const Value* value = target != nullptr ? value_of(*target, "val") : nullptr;
      const Object* column = value != nullptr ? node_of(*value, "ColumnRef") : nullptr;
      if (target == nullptr) continue;
      std::string_view name = text_of(*target, "name");
      auto names = column != nullptr ? names_of(list_of(*column, "fields")) : std::vector<std::string>{};
      if (name == "tenant_id" ||
          (name.empty() && !names.empty() && (names.back() == "tenant_id" || names.back() == "*"))) {
        return true;
      }
    }
    return false;
  }

  void drop() {
    std::string_view type = text_of(node_, "removeType");
    for (const Value& object : list_of(node_, "objects")) {
      const Object* list = node_of(object, "List");
      if (list == nullptr) continue;
      auto names = names_of(list_of(*list, "items"));
      if (names.empty()) continue;
      if (type == "OBJECT_TABLE" && !model_.keep_former_tables) model_.tables.erase(names.back());
      if (type == "OBJECT_VIEW") model_.views.erase(names.back());
      if (type == "OBJECT_INDEX") {
        for (auto& [name, table] : model_.tables) {
          std::erase_if(table.keys, [&](const ModelKey& key) { return key.name == names.back(); });
        }
      }
    }
  }

  void rename() {
    ModelTable* table = target();
    if (table == nullptr) return;
    std::string from(text_of(node_, "subname")), to(text_of(node_, "newname"));
    std::string_view type = text_of(node_, "renameType");
    if (type == "OBJECT_COLUMN") return rename_column(*table, from, to);
    if (type != "OBJECT_TABLE") return;
    std::optional<ModelTable> former;
    if (model_.keep_former_tables) former = *table;
    auto moved = model_.tables.extract(table->name);
    moved.mapped().name = to;
    for (auto& [name, other] : model_.tables) {
      for (ModelReference& reference : other.references) {
        if (reference.target == moved.key()) reference.target = to;
      }
    }
    moved.key() = to;
    model_.tables.insert(std::move(moved));
    if (former) model_.tables[former->name] = *former;
  }

  static void rename_column(ModelTable& table, const std::string& from, const std::string& to) {
    if (ModelColumn* column = table.column(from)) column->name = to;
    for (ModelKey& key : table.keys) std::replace(key.columns.begin(), key.columns.end(), from, to);
    for (ModelReference& r : table.references) std::replace(r.columns.begin(), r.columns.end(), from, to);
  }

  void mark() {
    auto call = plain_call(statement_);
    if (!call || (!call->schema.empty() && call->schema != "bulkhead")) return;
    bool tenant = call->name == "tenant_table";
    if (!tenant && call->name != "shared_table") return;
    auto it = model_.tables.find(marked_name(call->argument));
    if (it == model_.tables.end()) return;
    it->second.mark = tenant ? ModelTable::Mark::tenant : ModelTable::Mark::shared;
  }

  /// `comment on function f(…) is '… bulkhead: definer <reason>'`
  void comment() {
    constexpr std::string_view mark = "bulkhead: definer ";
    std::string_view text = text_of(node_, "comment");
    const auto at = text.find(mark);
    if (at == std::string_view::npos ||
        text.find_first_not_of(" \n", at + mark.size()) == std::string_view::npos)
      return;
    const Value* object = value_of(node_, "object");
    const Object* function = object != nullptr ? node_of(*object, "ObjectWithArgs") : nullptr;
    auto names = function != nullptr ? names_of(list_of(*function, "objname")) : std::vector<std::string>{};
    if (!names.empty()) model_.definers.insert(names.back());
  }

  Model& model_;
  const ParsedFile& file_;
  std::size_t file_index_;
  const ParsedStatement& statement_;
  const Object& node_;
};

void Model::apply(const ParsedFile& file, std::size_t file_index, const ParsedStatement& statement) {
  Replay(*this, file, file_index, statement).run();
}

}  // namespace bulkhead::migrate
