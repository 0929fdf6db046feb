#include <algorithm>
#include <array>

#include "migrate/lint_judge.hpp"

namespace bulkhead::migrate {
namespace {

using namespace std::string_view_literals;
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

template <std::size_t N>
bool among(const std::array<std::string_view, N>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

constexpr std::array foreign_statements = {"CreateForeignTableStmt"sv,  "CreateForeignServerStmt"sv,
                                           "CreateFdwStmt"sv,           "CreateUserMappingStmt"sv,
                                           "ImportForeignSchemaStmt"sv, "AlterForeignServerStmt"sv,
                                           "CreateSubscriptionStmt"sv,  "CreatePublicationStmt"sv};
constexpr std::array role_statements = {"CreateRoleStmt"sv,       "AlterRoleStmt"sv,
                                        "AlterRoleSetStmt"sv,     "DropRoleStmt"sv,
                                        "GrantRoleStmt"sv,        "AlterOwnerStmt"sv,
                                        "ReassignOwnedStmt"sv,    "DropOwnedStmt"sv,
                                        "AlterDatabaseStmt"sv,    "AlterDefaultPrivilegesStmt"sv,
                                        "AlterDatabaseSetStmt"sv, "AlterSystemStmt"sv};
constexpr std::array app_roles = {"app_viewer"sv, "app_member"sv, "app_admin"sv, "app_owner"sv};
constexpr std::array foreign_extensions = {"dblink"sv,     "postgres_fdw"sv, "file_fdw"sv, "adminpack"sv,
                                           "plpython3u"sv, "plperlu"sv,      "pltclu"sv};

/// Whether a body of code (plpgsql, SQL) holds one of these sequences of words.
bool holds_words(std::string_view body, std::initializer_list<std::string_view> words) {
  auto tokens = sql::tokenize(body, migration_limits());
  if (!tokens) return false;
  std::vector<sql::Token> code;
  std::copy_if(tokens->begin(), tokens->end(), std::back_inserter(code),
               [](const sql::Token& token) { return token.kind != sql::TokenKind::comment; });
  for (std::size_t i = 0; i + words.size() <= code.size(); ++i) {
    std::size_t k = 0;
    while (k < words.size() && sql::is_word(body, code[i + k], words.begin()[k])) ++k;
    if (k == words.size()) return true;
  }
  return false;
}

class StatementJudge {
 public:
  StatementJudge(const ParsedFile& file, std::size_t file_index, const ParsedStatement& statement,
                 const Model& model, Report& report)
      : file_(file),
        index_(file_index),
        statement_(statement),
        node_(*statement.node),
        model_(model),
        report_(report) {}

  void run() {
    const std::string& tag = statement_.tag;
    names_outside(*statement_.value);
    if (tag == "CreateStmt") create_table();
    if (tag == "CreateTableAsStmt") create_table_as();
    if (tag == "SelectStmt") select();
    if (tag == "CreateFunctionStmt") function();
    if (tag == "ViewStmt") view();
    if (tag == "AlterFunctionStmt") alter_function();
    if (tag == "DoStmt") code_body("a DO block");
    if (tag == "GrantStmt") grant(node_);
    if (tag == "CreatePolicyStmt" || tag == "AlterPolicyStmt") policy();
    if (tag == "AlterTableStmt") alter_table();
    if (tag == "DropStmt") drop();
    if (tag == "RuleStmt") add("rewrite-rule", "a rule rewrites statements with the owner's rights");
    if (tag == "VariableSetStmt") add("session-state", "a migration sets " + variable());
    if (tag == "TransactionStmt") add("transaction-command", "a transaction command in a migration");
    if (tag == "VacuumStmt") vacuum();
    if (tag == "IndexStmt" && flag_of(node_, "concurrent")) {
      add("transaction-command", "CREATE INDEX CONCURRENTLY cannot run in the migration's transaction");
    }
    if (tag == "InsertStmt" || tag == "CopyStmt") rows();
    if (tag == "TruncateStmt") add("truncate", "TRUNCATE empties the table for all tenants");
    if (tag == "CreateExtensionStmt") extension();
    if (tag == "CreateSchemaStmt") add("outside-app", "a schema of one's own");
    if (among(foreign_statements, tag))
      add("foreign-data", "data of another server, or a stream of all tenants' changes");
    if (among(role_statements, tag))
      add("role-statement", "a migration changes roles, owners or default privileges");
    large_objects();
  }

 private:
  void add(std::string_view rule, std::string message, std::string suggestion = "", std::int64_t offset = 0) {
    std::size_t at = offset > 0 ? static_cast<std::size_t>(offset) : file_.begin_of(statement_);
    report_.add(rule, {index_, at}, std::move(message), std::move(suggestion));
  }

  /// RangeVars of another schema; system catalogues may be read.
  void names_outside(const Value& value) {
    if (value.is_array()) {
      for (const Value& element : value.get_array()) names_outside(element);
      return;
    }
    if (!value.is_object()) return;
    const Object& object = value.get_object();
    std::string_view schema = text_of(object, "schemaname");
    if (object.contains("relname") && !schema.empty() && schema != "app" && schema != "pg_catalog" &&
        schema != "information_schema") {
      add("outside-app",
          "name " + std::string(schema) + "." + relation_name(object) + " is outside the schema app",
          relation_name(object), number_of(object, "location"));
    }
    for (const auto& [key, inner] : object) names_outside(inner);
  }

  void create_table() {
    for (const Value& element : list_of(node_, "tableElts")) {
      if (const Object* like = node_of(element, "TableLikeClause")) {
        const Object* source = child_of(*like, "relation");
        add("copied-table", "columns taken over by LIKE", "",
            source != nullptr ? number_of(*source, "location") : 0);
      }
      const Object* column = node_of(element, "ColumnDef");
      const Object* type = column != nullptr ? child_of(*column, "typeName") : nullptr;
      auto names = type != nullptr ? names_of(list_of(*type, "names")) : std::vector<std::string>{};
      if (!names.empty() && names.back() == "lo") {
        add("large-object", "a column of large objects", "", number_of(*column, "location"));
      }
    }
  }

  void create_table_as() {
    if (text_of(node_, "objtype") == "OBJECT_MATVIEW") {
      add("materialized-view", "a materialized view cannot have row-level security");
    } else {
      add("copied-table", "a table made from a query");
    }
  }

  void select() {
    if (node_.contains("intoClause")) add("copied-table", "a table made from a query");
    bool sets = any_below(*statement_.value, "FuncCall", [](const Object& call) {
      auto names = names_of(list_of(call, "funcname"));
      return !names.empty() && names.back() == "set_config";
    });
    if (sets) add("session-state", "a migration calls set_config");
  }

  void large_objects() {
    bool calls = any_below(*statement_.value, "FuncCall", [](const Object& call) {
      auto names = names_of(list_of(call, "funcname"));
      return !names.empty() &&
             (names.back().starts_with("lo_") || names.back() == "loread" || names.back() == "lowrite");
    });
    if (calls) add("large-object", "a function of large objects");
    bool dblink = any_below(*statement_.value, "FuncCall", [](const Object& call) {
      auto names = names_of(list_of(call, "funcname"));
      return !names.empty() && names.back().starts_with("dblink");
    });
    if (dblink) add("foreign-data", "dblink");
  }

  struct Function {
    bool definer = false, leakproof = false, immutable = false, fixed_path = false, native = false;
    std::string body;
  };

  static Function read_function(const boost::json::array& options) {
    Function f;
    for (const Value& value : options) {
      const Object* option = node_of(value, "DefElem");
      const Value* argument = option != nullptr ? value_of(*option, "arg") : nullptr;
      if (argument == nullptr) continue;
      std::string_view name = text_of(*option, "defname");
      const Object *flag = node_of(*argument, "Boolean"), *text = node_of(*argument, "String");
      if (name == "security") f.definer = flag != nullptr && flag_of(*flag, "boolval");
      if (name == "leakproof") f.leakproof = flag != nullptr && flag_of(*flag, "boolval");
      if (name == "volatility") f.immutable = text != nullptr && text_of(*text, "sval") == "immutable";
      if (name == "language" && text != nullptr) {
        f.native = text_of(*text, "sval") == "c" || text_of(*text, "sval") == "internal";
      }
      if (name == "set") f.fixed_path |= fixed_path(*argument);
      if (name != "as") continue;
      if (const Object* list = node_of(*argument, "List")) {
        for (const std::string& part : names_of(list_of(*list, "items"))) f.body += part + "\n";
      }
      if (text != nullptr) f.body += text_of(*text, "sval");
    }
    return f;
  }

  static bool fixed_path(const Value& value) {
    const Object* set = node_of(value, "VariableSetStmt");
    if (set == nullptr || text_of(*set, "name") != "search_path") return false;
    const auto& arguments = list_of(*set, "args");
    return !arguments.empty() && sql::string_constant(arguments[arguments.size() - 1]) == "pg_temp";
  }

  void function() {
    Function f = read_function(list_of(node_, "options"));
    auto names = names_of(list_of(node_, "funcname"));
    std::string name = names.empty() ? "" : names.back();
    if (names.size() == 2 && names[0] != "app")
      add("outside-app", "function " + names[0] + "." + name + " is outside the schema app", name);
    definer(f, name);
    if (!f.definer && wants_search_path(statement_, model_))
      add("function-search-path", "function " + name + " has no fixed search_path");
    if (f.leakproof) add("leakproof", "function " + name + " is LEAKPROOF");
    if (f.native) add("foreign-data", "function " + name + " is native code");
    bool reads = holds_words(f.body, {"tenant_id"}) || holds_words(f.body, {"current_setting"});
    if (f.immutable && reads)
      add("tenant-immutable", "function " + name + " reads the tenant and is IMMUTABLE");
    judge_body(f.body, "function " + name);
  }

  void view() {
    const Value* query = value_of(node_, "query");
    const Object* range = child_of(node_, "view");
    if (query == nullptr || range == nullptr) return;
    for (const KeyGroup& group : key_groups(*query, model_)) {
      add("group-by-key", "view " + relation_name(*range) + " groups by a primary key without its tenant_id",
          "group by …, " + group.column, static_cast<std::int64_t>(group.offset));
    }
  }

  void definer(const Function& f, const std::string& name) {
    if (!f.definer) return;
    const Directive* reason = file_.directive("definer", file_.begin_of(statement_));
    if (reason == nullptr || reason->reason.empty()) {
      add("definer-reason", "function " + name + " is SECURITY DEFINER and nothing says why");
    }
    if (!f.fixed_path)
      add("definer-search-path", "function " + name + " has no fixed search_path that ends with pg_temp");
  }

  void alter_function() {
    Function f = read_function(list_of(node_, "actions"));
    const Object* target = child_of(node_, "func");
    auto names = target != nullptr ? names_of(list_of(*target, "objname")) : std::vector<std::string>{};
    std::string name = names.empty() ? "" : names.back();
    if (f.leakproof) add("leakproof", "function " + name + " is made LEAKPROOF");
    if (f.immutable)
      add("tenant-immutable", "function " + name + " is made IMMUTABLE afterwards",
          "create or replace function … stable");
    if (f.definer) definer(f, name);
  }

  void code_body(const std::string& what) {
    Function f = read_function(list_of(node_, "args"));
    judge_body(f.body, what);
  }

  void judge_body(std::string_view body, const std::string& what) {
    bool sets = holds_words(body, {"set_config"}) || holds_words(body, {"set", "role"}) ||
                holds_words(body, {"set", "local", "role"}) || holds_words(body, {"reset", "role"}) ||
                holds_words(body, {"row_security"}) ||
                body.find("bulkhead.context") != std::string_view::npos;
    if (sets) add("tenant-context", what + " sets the tenant's context or a role");
    if (holds_words(body, {"lo_import"}) || holds_words(body, {"lo_from_bytea"}) ||
        holds_words(body, {"lo_create"})) {
      add("large-object", what + " makes large objects");
    }
    if (holds_words(body, {"dblink"}) || holds_words(body, {"dblink_exec"}))
      add("foreign-data", what + " calls dblink");
  }

  void grant(const Object& statement) {
    if (!flag_of(statement, "is_grant")) return;
    std::string_view type = text_of(statement, "objtype");
    bool tables = type == "OBJECT_TABLE" || type.empty();
    const auto& privileges = list_of(statement, "privileges");
    bool too_much = privileges.empty();
    for (const Value& value : privileges) {
      const Object* privilege = node_of(value, "AccessPriv");
      std::string_view name = privilege != nullptr ? text_of(*privilege, "priv_name") : "";
      too_much |= name.empty() || name == "truncate" || name == "references" || name == "trigger";
    }
    if (tables && too_much) add("grant-too-much", "GRANT gives rights that pass row-level security");
    for (const Value& value : list_of(statement, "grantees")) {
      const Object* role = node_of(value, "RoleSpec");
      if (role == nullptr) continue;
      std::string_view name = text_of(*role, "rolename");
      bool is_public = text_of(*role, "roletype") == "ROLESPEC_PUBLIC";
      if (!is_public && among(app_roles, name)) continue;
      add("grant-to", "GRANT to " + (is_public ? std::string("PUBLIC") : std::string(name)), "",
          number_of(*role, "location"));
    }
  }

  static bool is_true(const Value& value) {
    const Object* constant = node_of(value, "A_Const");
    const Object* flag = constant != nullptr ? child_of(*constant, "boolval") : nullptr;
    return flag != nullptr && flag_of(*flag, "boolval");
  }

  static bool names_tenant(const Value& value) {
    return any_below(value, "ColumnRef", [](const Object& column) {
      auto names = names_of(list_of(column, "fields"));
      return !names.empty() && names.back() == "tenant_id";
    });
  }

  void policy() {
    std::string name(text_of(node_, "policy_name"));
    if (name.starts_with("bulkhead_")) add("rls-off", "policy " + name + " is Bulkhead's own");
    const Object* range = child_of(node_, "table");
    const ModelTable* table = range != nullptr ? model_.table(relation_name(*range)) : nullptr;
    bool create = statement_.tag == "CreatePolicyStmt";
    if (table == nullptr || !table->tenant() || (create && !flag_of(node_, "permissive"))) return;
    bool named = false;
    for (std::string_view part : {"qual"sv, "with_check"sv}) {
      const Value* condition = value_of(node_, part);
      if (condition == nullptr) continue;
      named |= names_tenant(*condition);
      if (is_true(*condition)) return add("policy-open", "policy " + name + " is true for every row");
      if (!names_tenant(*condition))
        return add("policy-open", "policy " + name + " does not name the tenant");
    }
    if (create && !named) add("policy-open", "policy " + name + " does not name the tenant");
  }

  void alter_table() {
    for (const Value& value : list_of(node_, "cmds")) {
      const Object* command = node_of(value, "AlterTableCmd");
      if (command == nullptr) continue;
      std::string_view kind = text_of(*command, "subtype");
      if (kind == "AT_DisableRowSecurity") add("rls-off", "row-level security is switched off");
      if (kind == "AT_NoForceRowSecurity")
        add("rls-off", "FORCE is taken off: the owner would see all tenants");
      if (kind == "AT_ChangeOwner") add("role-statement", "the table gets another owner");
      if (kind == "AT_AddInherit")
        add("partition-unmarked", "INHERIT: rows of the child are read through the parent");
    }
  }

  void drop() {
    if (text_of(node_, "removeType") != "OBJECT_POLICY") return;
    for (const Value& object : list_of(node_, "objects")) {
      const Object* list = node_of(object, "List");
      auto names = list != nullptr ? names_of(list_of(*list, "items")) : std::vector<std::string>{};
      if (!names.empty() && names.back().starts_with("bulkhead_"))
        add("rls-off", "policy " + names.back() + " is Bulkhead's own");
    }
  }

  [[nodiscard]] std::string variable() const {
    std::string name(text_of(node_, "name"));
    return name.empty() ? "session variables" : name;
  }

  void vacuum() {
    if (flag_of(node_, "is_vacuumcmd"))
      add("transaction-command", "VACUUM cannot run in the migration's transaction");
  }

  void rows() {
    if (statement_.tag == "CopyStmt" && !flag_of(node_, "is_from")) return;
    const Object* range = child_of(node_, "relation");
    const ModelTable* table = range != nullptr ? model_.table(relation_name(*range)) : nullptr;
    if (table == nullptr || !table->tenant()) return;
    for (const Value& value : list_of(node_, "cols")) {
      const Object* column = node_of(value, "ResTarget");
      if (column != nullptr && text_of(*column, "name") == "tenant_id") return;
    }
    add("rows-of-a-tenant", "rows for tenant table " + table->name + " in a migration, which has no tenant");
  }

  void extension() {
    std::string_view name = text_of(node_, "extname");
    if (name == "lo") add("large-object", "the extension lo");
    if (among(foreign_extensions, name)) add("foreign-data", "the extension " + std::string(name));
  }

  const ParsedFile& file_;
  std::size_t index_;
  const ParsedStatement& statement_;
  const Object& node_;
  const Model& model_;
  Report& report_;
};

}  // namespace

void judge_statement(const ParsedFile& file, std::size_t file_index, const ParsedStatement& statement,
                     const Model& model, Report& report) {
  StatementJudge(file, file_index, statement, model, report).run();
}

}  // namespace bulkhead::migrate
