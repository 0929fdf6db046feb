#include "sql/guard/guard.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include "sql/guard/tree.hpp"

namespace bulkhead::sql {
namespace {

using namespace std::string_view_literals;
using boost::json::array;

/// Names of WITH queries that are visible at a place.
using Names = std::set<std::string, std::less<>>;
/// Conditions whose AND terms restrict a FROM item. Each may be null.
using Conditions = std::vector<const Value*>;

/// A tenant relation at its query level, waiting for its tie.
struct Use {
  std::string alias;
  std::int64_t location = 0;
  Conditions conditions;
};

/// Every kind of node that a harmless statement is made of. What is not here is refused, so a construct that
/// nobody thought of does not pass.
constexpr std::array known_nodes = {
    "A_ArrayExpr"sv,  "A_Const"sv,       "A_Expr"sv,      "A_Indices"sv,        "A_Indirection"sv,
    "A_Star"sv,       "BoolExpr"sv,      "BooleanTest"sv, "CaseExpr"sv,         "CaseWhen"sv,
    "CoalesceExpr"sv, "CollateClause"sv, "ColumnRef"sv,   "FuncCall"sv,         "GroupingFunc"sv,
    "GroupingSet"sv,  "IndexElem"sv,     "List"sv,        "MinMaxExpr"sv,       "MultiAssignRef"sv,
    "NamedArgExpr"sv, "NullTest"sv,      "ParamRef"sv,    "ResTarget"sv,        "RowExpr"sv,
    "SelectStmt"sv,   "SetToDefault"sv,  "SortBy"sv,      "SQLValueFunction"sv, "String"sv,
    "Integer"sv,      "Float"sv,         "Boolean"sv,     "BitString"sv,        "SubLink"sv,
    "TypeCast"sv,     "TypeName"sv,      "WindowDef"sv,   "InsertStmt"sv,       "UpdateStmt"sv,
    "DeleteStmt"sv,
};

class Guard {
 public:
  Guard(std::string_view sql, const Relations& relations) : sql_(sql), relations_(relations) {}

  Result<GuardedStatement> run(const Value& tree) {
    const array& statements = list_of(tree.get_object(), "stmts");
    if (statements.empty()) return refuse("the text holds no statement", 0, "write one statement");
    if (statements.size() > 1) {
      return refuse("more than one statement", number_of(statements[1].get_object(), "stmt_location"),
                    "send each statement by itself; a transaction takes several");
    }
    const Value* statement = value_of(statements[0].get_object(), "stmt");
    if (statement == nullptr) return refuse("the text holds no statement", 0, "write one statement");
    BULKHEAD_CHECK(any_statement(*statement, {}));
    BULKHEAD_CHECK(attributes());
    for (std::int64_t location : tenant_uses_) {
      if (!tenant_ties_.contains(location)) {
        return refuse("$1 is the tenant and is used as an ordinary value", location,
                      "number your own parameters from $2");
      }
    }
    result_.tenant_param = !tenant_uses_.empty();
    return result_;
  }

 private:
  Error refuse(const std::string& what, std::int64_t where, std::string hint) const {
    auto offset = static_cast<std::size_t>(std::max<std::int64_t>(where, 0));
    return Error(Errc::statement_refused, "refused SQL: " + what + " (" + position_text(sql_, offset) + ")")
        .hint(std::move(hint));
  }

  Result<void> any_statement(const Value& value, const Names& names) {
    auto [tag, node] = tagged(value);
    if (tag == "SelectStmt") return select(*node, names);
    if (tag == "InsertStmt") return insert(*node, names);
    if (tag == "UpdateStmt") return update(*node, names);
    if (tag == "DeleteStmt") return remove(*node, names);
    return refuse(
        "only SELECT, INSERT, UPDATE and DELETE are allowed, this is " + std::string(tag), 0,
        "settings, roles, transactions, COPY, DO, CALL and DDL belong to migrations or to the server");
  }

  // ---- query levels

  Result<Names> with(const Object& statement, Names names) {
    const Object* clause = child_of(statement, "withClause");
    if (clause == nullptr) return names;
    const array& queries = list_of(*clause, "ctes");
    auto name_of = [](const Value& query) {
      const Object* node = node_of(query, "CommonTableExpr");
      return std::string(node != nullptr ? text_of(*node, "ctename") : "");
    };
    // Only WITH RECURSIVE sees its own names; else a query sees the ones before it, and its own name is still
    // the table.
    if (flag_of(*clause, "recursive")) {
      for (const Value& query : queries) names.insert(name_of(query));
    }
    for (const Value& query : queries) {
      const Object* node = node_of(query, "CommonTableExpr");
      const Value* inner = node != nullptr ? value_of(*node, "ctequery") : nullptr;
      if (inner == nullptr)
        return refuse("a WITH query that the guard does not know", 0, "write it as a sub-select");
      if (node->contains("search_clause") || node->contains("cycle_clause")) {
        return refuse("SEARCH and CYCLE are not allowed", number_of(*node, "location"),
                      "write the columns out");
      }
      BULKHEAD_CHECK(any_statement(*inner, names));
      names.insert(name_of(query));
    }
    return names;
  }

  Result<void> select(const Object& statement, const Names& outer) {
    if (statement.contains("intoClause")) {
      return refuse("SELECT INTO makes a table", 0, "tables are made by migrations");
    }
    BULKHEAD_TRY(Names names, with(statement, outer));
    for (std::string_view side : {"larg"sv, "rarg"sv}) {
      if (const Object* operand = child_of(statement, side)) BULKHEAD_CHECK(select(*operand, names));
    }
    std::vector<Use> uses;
    const Value* where = value_of(statement, "whereClause");
    for (const Value& item : list_of(statement, "fromClause")) {
      BULKHEAD_CHECK(from_item(item, {where}, names, uses));
    }
    BULKHEAD_CHECK(tie(uses, list_of(statement, "fromClause").size() == 1 && uses.size() == 1 &&
                                 node_of(list_of(statement, "fromClause")[0], "RangeVar") != nullptr));
    if (statement.contains("lockingClause")) result_.writes = true;
    return fields(statement, {"withClause", "larg", "rarg", "fromClause", "lockingClause"}, names);
  }

  Result<void> insert(const Object& statement, const Names& outer) {
    result_.writes = true;
    BULKHEAD_TRY(Names names, with(statement, outer));
    const Object* target = child_of(statement, "relation");
    BULKHEAD_CHECK(write_target(target));
    std::string name(text_of(*target, "relname"));
    std::int64_t where = number_of(*target, "location");
    BULKHEAD_TRY(std::size_t place, tenant_place(list_of(statement, "cols"), name, where));
    const Value* source = value_of(statement, "selectStmt");
    const Object* rows = source != nullptr ? node_of(*source, "SelectStmt") : nullptr;
    if (rows == nullptr) {
      return refuse("INSERT without values cannot give tenant_id", where,
                    "insert into " + name + " (tenant_id, …) values ($1, …)");
    }
    BULKHEAD_CHECK(inserted_rows(*rows, place, name, where));
    BULKHEAD_CHECK(select(*rows, names));
    if (const Object* conflict = child_of(statement, "onConflictClause")) {
      BULKHEAD_CHECK(on_conflict(*conflict, where, names));
    }
    return fields(statement, {"withClause", "relation", "selectStmt", "onConflictClause"}, names);
  }

  Result<void> update(const Object& statement, const Names& outer) {
    BULKHEAD_CHECK(no_tenant_assigned(list_of(statement, "targetList")));
    return change(statement, outer, "fromClause");
  }
  Result<void> remove(const Object& statement, const Names& outer) {
    return change(statement, outer, "usingClause");
  }

  Result<void> change(const Object& statement, const Names& outer, std::string_view from) {
    result_.writes = true;
    BULKHEAD_TRY(Names names, with(statement, outer));
    const Object* target = child_of(statement, "relation");
    BULKHEAD_CHECK(write_target(target));
    const Value* where = value_of(statement, "whereClause");
    std::vector<Use> uses;
    BULKHEAD_TRY(std::string alias, alias_of(*target));
    uses.push_back({std::move(alias), number_of(*target, "location"), {where}});
    for (const Value& item : list_of(statement, from)) BULKHEAD_CHECK(from_item(item, {where}, names, uses));
    BULKHEAD_CHECK(tie(uses, list_of(statement, from).empty()));
    return fields(statement, {"withClause", "relation", from}, names);
  }

  // ---- FROM

  Result<void> from_item(const Value& item, Conditions conditions, const Names& names,
                         std::vector<Use>& uses) {
    auto [tag, node] = tagged(item);
    if (tag == "RangeVar") return relation(*node, std::move(conditions), names, uses);
    if (tag == "JoinExpr") return join(*node, conditions, names, uses);
    if (tag == "RangeSubselect") {
      const Value* query = value_of(*node, "subquery");
      return query != nullptr ? any_statement(*query, names) : Result<void>();
    }
    if (tag == "RangeFunction") {
      if (node->contains("coldeflist")) {
        return refuse("a function with a column definition list", 0, "read from tables of the app");
      }
      for (const Value& call : list_of(*node, "functions")) BULKHEAD_CHECK(expression(call, names));
      function_aliases(*node);
      return {};
    }
    return refuse(std::string(tag) + " is not allowed in FROM", 0,
                  "read from tables, sub-selects and functions");
  }

  Result<void> relation(const Object& range, Conditions conditions, const Names& names,
                        std::vector<Use>& uses) {
    std::string_view name = text_of(range, "relname");
    if (text_of(range, "schemaname").empty() && names.contains(name)) return {};
    BULKHEAD_TRY(const Relation* found, known(range));
    if (!found->tenant) return {};
    BULKHEAD_TRY(std::string alias, alias_of(range));
    uses.push_back({std::move(alias), number_of(range, "location"), std::move(conditions)});
    return {};
  }

  Result<void> join(const Object& node, const Conditions& outer, const Names& names, std::vector<Use>& uses) {
    std::string_view type = text_of(node, "jointype");
    const Value* on = value_of(node, "quals");
    Conditions inner = outer;
    inner.push_back(on);
    bool left = type == "JOIN_LEFT", right = type == "JOIN_RIGHT", full = type == "JOIN_FULL";
    // The ON of an outer join restricts its nullable side alone; that of a full join neither.
    Conditions for_left = left ? outer : right ? Conditions{on} : full ? Conditions{} : inner;
    Conditions for_right = right ? outer : left ? Conditions{on} : full ? Conditions{} : inner;
    std::size_t before = uses.size();
    if (const Value* side = value_of(node, "larg")) BULKHEAD_CHECK(from_item(*side, for_left, names, uses));
    if (const Value* side = value_of(node, "rarg")) BULKHEAD_CHECK(from_item(*side, for_right, names, uses));
    if (node.contains("alias") && uses.size() > before) {
      return refuse("a join with an alias hides the tenant relations in it", uses[before].location,
                    "leave out the alias of the join, give one to each table");
    }
    if (full && uses.size() > before) {
      return refuse("a full join cannot be tied to the tenant", uses[before].location,
                    "join two sub-selects: (select … where tenant_id = $1)");
    }
    return on != nullptr ? expression(*on, names) : Result<void>();
  }

  Result<const Relation*> known(const Object& range) const {
    std::string schema(text_of(range, "schemaname")), name(text_of(range, "relname"));
    std::int64_t where = number_of(range, "location");
    if (!text_of(range, "catalogname").empty() || (!schema.empty() && schema != "app")) {
      return refuse("relation " + schema + "." + name + " is outside the app's schema", where,
                    "name tables of the app without a schema; system catalogues are not for handlers");
    }
    const Relation* found = relations_.find(name);
    if (found == nullptr) {
      return refuse("relation " + name + " is not a table of the app", where,
                    "only tables marked by tenant_table() or shared_table() and WITH names can be read");
    }
    return found;
  }

  Result<void> write_target(const Object* target) const {
    if (target == nullptr) return refuse("a statement without a target", 0, "name a table");
    BULKHEAD_TRY(const Relation* found, known(*target));
    if (found->tenant) return {};
    return refuse("shared table " + found->name + " is written by migrations only",
                  number_of(*target, "location"), "write to a tenant table");
  }

  Result<std::string> alias_of(const Object& range) const {
    const Object* alias = child_of(range, "alias");
    if (alias == nullptr) return std::string(text_of(range, "relname"));
    if (!list_of(*alias, "colnames").empty()) {
      return refuse("an alias that renames the columns of a tenant relation", number_of(range, "location"),
                    "leave out the list of column names");
    }
    return std::string(text_of(*alias, "aliasname"));
  }

  // ---- the tie

  /// `lone`: the level has this one relation and nothing else, so an unqualified tenant_id can only be its
  /// own.
  Result<void> tie(const std::vector<Use>& uses, bool lone) {
    for (const Use& use : uses) {
      bool tied = false;
      for (const Value* condition : use.conditions)
        tied |= condition != nullptr && ties(*condition, use.alias, lone);
      if (!tied) {
        return refuse("tenant relation " + use.alias + " is read without its tenant", use.location,
                      "add " + use.alias +
                          ".tenant_id = $1 as an AND term of this level's WHERE (for the nullable side "
                          "of an outer join: of its ON)");
      }
    }
    return {};
  }

  bool ties(const Value& condition, std::string_view alias, bool lone) {
    if (const Object* both = node_of(condition, "BoolExpr")) {
      if (text_of(*both, "boolop") != "AND_EXPR") return false;
      bool tied = false;
      for (const Value& term : list_of(*both, "args")) tied |= ties(term, alias, lone);
      return tied;
    }
    const Object* term = node_of(condition, "A_Expr");
    if (term == nullptr || text_of(*term, "kind") != "AEXPR_OP") return false;
    if (names_of(list_of(*term, "name")) != std::vector<std::string>{"="}) return false;
    const Value *left = value_of(*term, "lexpr"), *right = value_of(*term, "rexpr");
    if (left == nullptr || right == nullptr) return false;
    if (node_of(*left, "ColumnRef") == nullptr) std::swap(left, right);
    const Object* column = node_of(*left, "ColumnRef");
    if (column == nullptr) return false;
    auto names = names_of(list_of(*column, "fields"));
    bool qualified = names.size() == 2 && names[0] == alias && names[1] == "tenant_id";
    bool alone = lone && names.size() == 1 && names[0] == "tenant_id";
    return (qualified || alone) && mark_tenant(*right);
  }

  /// True for `$1` and `$1::uuid`, which is then a use of the tenant that is allowed.
  bool mark_tenant(const Value& value) {
    const Value* inner = &value;
    if (const Object* cast = node_of(value, "TypeCast")) {
      const Object* type = child_of(*cast, "typeName");
      inner = value_of(*cast, "arg");
      if (type == nullptr || inner == nullptr || type->contains("arrayBounds")) return false;
      if (names_of(list_of(*type, "names")) != std::vector<std::string>{"uuid"}) return false;
    }
    const Object* parameter = node_of(*inner, "ParamRef");
    if (parameter == nullptr || number_of(*parameter, "number") != 1) return false;
    tenant_ties_.insert(number_of(*parameter, "location"));
    return true;
  }

  // ---- INSERT

  Result<std::size_t> tenant_place(const array& columns, const std::string& name, std::int64_t where) const {
    std::size_t place = columns.size();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const Object* column = node_of(columns[i], "ResTarget");
      if (column == nullptr || text_of(*column, "name") != "tenant_id") continue;
      if (column->contains("indirection"))
        return refuse("tenant_id with a subscript", where, "name tenant_id alone");
      place = i;
    }
    if (place < columns.size()) return place;
    return refuse("INSERT into tenant table " + name + " without tenant_id in its column list", where,
                  "insert into " + name + " (tenant_id, …) values ($1, …)");
  }

  /// Every row that `rows` yields has `$1` at `place`.
  Result<void> inserted_rows(const Object& rows, std::size_t place, const std::string& name,
                             std::int64_t where) {
    auto wrong = [&] {
      return refuse("a row of INSERT into " + name + " does not have $1 as tenant_id", where,
                    "give $1 for tenant_id in each row, or select $1 in its place without a * before it");
    };
    if (rows.contains("larg")) {
      const Object *left = child_of(rows, "larg"), *right = child_of(rows, "rarg");
      if (left == nullptr || right == nullptr) return wrong();
      BULKHEAD_CHECK(inserted_rows(*left, place, name, where));
      return inserted_rows(*right, place, name, where);
    }
    if (rows.contains("valuesLists")) {
      for (const Value& row : list_of(rows, "valuesLists")) {
        const Object* list = node_of(row, "List");
        if (list == nullptr) return wrong();
        const array& items = list_of(*list, "items");
        if (place >= items.size() || !mark_tenant(items[place])) return wrong();
      }
      return {};
    }
    const array& outputs = list_of(rows, "targetList");
    if (place >= outputs.size()) return wrong();
    for (std::size_t i = 0; i <= place; ++i) {
      const Object* output = node_of(outputs[i], "ResTarget");
      const Value* value = output != nullptr ? value_of(*output, "val") : nullptr;
      if (value == nullptr || has_star(*value)) return wrong();
      if (i == place && !mark_tenant(*value)) return wrong();
    }
    return {};
  }

  /// `*`, `t.*` and `(row).*` stand for any number of outputs.
  static bool has_star(const Value& value) {
    const Object* column = node_of(value, "ColumnRef");
    const Object* indirection = node_of(value, "A_Indirection");
    if (column == nullptr && indirection == nullptr) return false;
    const array& parts =
        column != nullptr ? list_of(*column, "fields") : list_of(*indirection, "indirection");
    return std::any_of(parts.begin(), parts.end(),
                       [](const Value& part) { return node_of(part, "A_Star") != nullptr; });
  }

  Result<void> on_conflict(const Object& conflict, std::int64_t where, const Names& names) {
    const Object* infer = child_of(conflict, "infer");
    const array& arbiter = infer != nullptr ? list_of(*infer, "indexElems") : list_of(conflict, "none");
    const Object* first = arbiter.empty() ? nullptr : node_of(arbiter[0], "IndexElem");
    if (first == nullptr || text_of(*first, "name") != "tenant_id") {
      return refuse("the conflict target does not begin with tenant_id", where,
                    "write on conflict (tenant_id, …); a constraint's name does not show its columns");
    }
    BULKHEAD_CHECK(no_tenant_assigned(list_of(conflict, "targetList")));
    return fields(conflict, {}, names);
  }

  Result<void> no_tenant_assigned(const array& targets) const {
    for (const Value& target : targets) {
      const Object* column = node_of(target, "ResTarget");
      if (column != nullptr && text_of(*column, "name") == "tenant_id") {
        return refuse("tenant_id is assigned", number_of(*column, "location"),
                      "a row never changes its tenant");
      }
    }
    return {};
  }

  // ---- expressions: everything below a statement that is not a query level of its own

  /// All fields of a node but `handled`.
  Result<void> fields(const Object& node, std::initializer_list<std::string_view> handled,
                      const Names& names) {
    for (const auto& [key, value] : node) {
      std::string_view field = key;
      if (std::find(handled.begin(), handled.end(), field) != handled.end()) continue;
      BULKHEAD_CHECK(expression(value, names));
    }
    return {};
  }

  Result<void> expression(const Value& value, const Names& names) {
    if (value.is_array()) {
      for (const Value& element : value.get_array()) BULKHEAD_CHECK(expression(element, names));
      return {};
    }
    if (!value.is_object()) return {};
    auto [tag, node] = tagged(value);
    if (node == nullptr) return untagged(value.get_object(), names);
    std::string_view name = tag;
    if (std::find(known_nodes.begin(), known_nodes.end(), name) == known_nodes.end()) {
      return refuse(std::string(tag) + " is not allowed", number_of(*node, "location"),
                    "use plain expressions, sub-selects and function calls");
    }
    if (tag == "SelectStmt") return select(*node, names);
    if (tag == "InsertStmt" || tag == "UpdateStmt" || tag == "DeleteStmt") return any_statement(value, names);
    if (tag == "FuncCall") BULKHEAD_CHECK(call(*node));
    if (tag == "A_Indirection") BULKHEAD_CHECK(indirection(*node));
    if (tag == "ColumnRef") column(*node);
    if (tag == "A_Expr") BULKHEAD_CHECK(operation(*node));
    if (tag == "ParamRef") BULKHEAD_CHECK(parameter(*node));
    if (tag == "TypeName") BULKHEAD_CHECK(type(*node));
    return fields(*node, {}, names);
  }

  /// A node whose type its place gives: of these only a type's name matters.
  Result<void> untagged(const Object& node, const Names& names) {
    if (node.contains("names") && node.contains("typemod")) BULKHEAD_CHECK(type(node));
    return fields(node, {}, names);
  }

  Result<void> call(const Object& node) {
    auto names = names_of(list_of(node, "funcname"));
    std::int64_t where = number_of(node, "location");
    if (names.empty() || names.size() > 2)
      return refuse("a function name of this form", where, "call it by its name");
    const std::string& name = names.back();
    std::string schema = names.size() == 2 ? names[0] : "";
    if (schema == "bulkhead" && name == "tenant_id") return {};
    if (!schema.empty() && schema != "pg_catalog" && schema != "app") {
      return refuse("function " + schema + "." + name + " is outside the app's schema", where,
                    "call functions of the app or ordinary ones of PostgreSQL");
    }
    if (is_refused_function(name)) {
      return refuse("function " + name + " sets or reads the server's state or reaches outside", where,
                    "do this in a migration, or in the program");
    }
    // What a function of the app does is unknown here: it gets the writers' lane and lock.
    if (name == "nextval" || schema == "app") result_.writes = true;
    return {};
  }

  /// `(x).f` is `f(x)` in PostgreSQL wherever x has no column f, for scalars too.
  Result<void> indirection(const Object& node) const {
    for (const std::string& name : names_of(list_of(node, "indirection"))) {
      if (is_refused_function(name)) return refuse_attribute(name, 0);
    }
    return {};
  }

  Error refuse_attribute(const std::string& name, std::int64_t where) const {
    return refuse("attribute notation calls the function " + name +
                      ", which sets or reads the server's state or reaches outside",
                  where, "do this in a migration, or in the program; a column of this name needs its table");
  }

  /// Every name that a function in FROM goes by. Its row is a scalar when its result is one, so `f.g` may call
  /// g; the rows of tables and sub-selects are composites, which no refused function takes.
  void function_aliases(const Object& item) {
    if (const Object* alias = child_of(item, "alias")) {
      function_rows_.emplace(text_of(*alias, "aliasname"));
      return;
    }
    for (const Value& function : list_of(item, "functions")) {
      const Object* list = node_of(function, "List");
      const array& parts = list_of(list != nullptr ? *list : item, "items");
      const Object* call = parts.empty() ? nullptr : node_of(parts[0], "FuncCall");
      auto names = call != nullptr ? names_of(list_of(*call, "funcname")) : std::vector<std::string>{};
      if (!names.empty()) function_rows_.insert(names.back());
    }
  }

  void column(const Object& node) {
    auto names = names_of(list_of(node, "fields"));
    if (names.size() > 1 && is_refused_function(names.back())) {
      attributes_.push_back({names[names.size() - 2], names.back(), number_of(node, "location")});
    }
  }

  /// Judged at the end, when all of FROM was seen.
  Result<void> attributes() const {
    for (const Attribute& attribute : attributes_) {
      if (function_rows_.contains(attribute.row)) return refuse_attribute(attribute.name, attribute.where);
    }
    return {};
  }

  Result<void> operation(const Object& node) const {
    auto names = names_of(list_of(node, "name"));
    if (names.size() < 2 || names[0] == "pg_catalog") return {};
    return refuse("an operator of another schema", number_of(node, "location"), "use ordinary operators");
  }

  Result<void> parameter(const Object& node) {
    std::int64_t number = number_of(node, "number"), where = number_of(node, "location");
    if (number < 1 || number > 65535) return refuse("a parameter of this form", where, "write $2, $3, …");
    if (number == 1) tenant_uses_.insert(where);
    result_.params = std::max(result_.params, static_cast<std::uint32_t>(number));
    return {};
  }

  Result<void> type(const Object& node) const {
    auto names = names_of(list_of(node, "names"));
    std::int64_t where = number_of(node, "location");
    if (names.empty()) return {};
    bool outside = names.size() > 2 || (names.size() == 2 && names[0] != "pg_catalog" && names[0] != "app");
    if (outside || names.back().starts_with("reg") || names.back().starts_with("pg_")) {
      return refuse("type " + names.back() + " reaches into the system catalogues", where,
                    "cast to ordinary types and types of the app");
    }
    return {};
  }

  struct Attribute {
    std::string row, name;
    std::int64_t where = 0;
  };

  std::string_view sql_;
  const Relations& relations_;
  GuardedStatement result_;
  Names function_rows_;
  std::vector<Attribute> attributes_;
  std::set<std::int64_t> tenant_uses_, tenant_ties_;  ///< Where `$1` stands, and where it stands rightly.
};

}  // namespace

Result<GuardedStatement> guard(std::string_view sql, const Relations& relations) {
  BULKHEAD_TRY(Value tree, parse_tree(sql));
  return Guard(sql, relations).run(tree);
}

}  // namespace bulkhead::sql
