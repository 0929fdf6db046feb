#include <algorithm>
#include <array>

#include "migrate/concurrent.hpp"
#include "migrate/lint_code.hpp"
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

/// Settings that are the server's business alone.
bool binds(std::string_view setting) {
  return setting == "role" || setting == "session_authorization" || setting == "row_security" ||
         setting == "session_replication_role" || setting.starts_with("bulkhead.");
}

/// Where a statement stands that was found in a body of code: the outer statement's place, and what it is.
struct Within {
  std::size_t offset = 0;
  std::string what;
};

class StatementJudge {
 public:
  StatementJudge(const ParsedFile& file, std::size_t file_index, const ParsedStatement& statement,
                 const Model& model, Report& report, const Within* within = nullptr)
      : file_(file),
        index_(file_index),
        statement_(statement),
        node_(*statement.node),
        model_(model),
        report_(report),
        within_(within) {}

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
    if (tag == "VariableSetStmt") set_variable();
    if (tag == "TransactionStmt") add("transaction-command", "a transaction command in a migration");
    if (file_.concurrent && within_ == nullptr) outside_transaction();
    if (tag == "VacuumStmt" && !file_.concurrent) vacuum();
    if (tag == "IndexStmt" && !file_.concurrent) concurrently("CREATE");
    if (tag == "DropStmt" && !file_.concurrent) concurrently("DROP");
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
    if (within_ != nullptr) {
      at = within_->offset;
      message = within_->what + ": " + message;
    }
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
    std::string body, binds;  ///< `binds`: a setting that the function must not have.
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
      if (name == "set") read_setting(*argument, f);
      if (name != "as") continue;
      if (const Object* list = node_of(*argument, "List")) {
        for (const std::string& part : names_of(list_of(*list, "items"))) f.body += part + "\n";
      }
      if (text != nullptr) f.body += text_of(*text, "sval");
    }
    return f;
  }

  static void read_setting(const Value& value, Function& f) {
    const Object* set = node_of(value, "VariableSetStmt");
    if (set == nullptr) return;
    std::string_view name = text_of(*set, "name");
    if (migrate::binds(name)) f.binds = name;
    const auto& arguments = list_of(*set, "args");
    f.fixed_path |= name == "search_path" && !arguments.empty() &&
                    sql::string_constant(arguments[arguments.size() - 1]) == "pg_temp";
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
    if (!f.binds.empty()) add("tenant-context", "function " + name + " sets " + f.binds);
    if (node_.contains("sql_body")) f.body = written_body();
    bool reads = holds_words(f.body, {"tenant_id"}) || holds_words(f.body, {"current_setting"});
    if (f.immutable && reads)
      add("tenant-immutable", "function " + name + " reads the tenant and is IMMUTABLE");
    judge_body(f.body, "function " + name);
    if (runs_made_up_sql(f.body)) {
      add("dynamic-sql", "function " + name + " runs SQL that it makes up");
    }
  }

  /// The text of BEGIN ATOMIC … END or of RETURN ….
  [[nodiscard]] std::string written_body() const {
    std::size_t from = file_.find_word(statement_.first, statement_.last, "atomic");
    if (from == statement_.last) from = file_.find_word(statement_.first, statement_.last, "return");
    std::size_t begin = from < statement_.last ? file_.code[from].begin : file_.begin_of(statement_);
    return file_.text.substr(begin, file_.code[statement_.last - 1].end - begin);
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
    if (!model_.definers.contains(name)) {
      add("definer-reason", "function " + name + " is SECURITY DEFINER and nothing says why",
          "comment on function " + name + "(…) is 'bulkhead: definer <reason>';");
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
    if (!f.binds.empty()) add("tenant-context", "function " + name + " is made to set " + f.binds);
  }

  void code_body(const std::string& what) {
    Function f = read_function(list_of(node_, "args"));
    judge_body(f.body, what);
  }

  /// The body, and the texts of the strings in it, which it may execute.
  void judge_body(std::string_view body, const std::string& what) {
    for (const std::string& text : code_texts(body)) {
      judge_words(text, what);
      for (const std::string& definition : definitions_in(text)) judge_definition(definition, what);
    }
  }

  /// What needs no statement to be wrong; and texts that only lack a name, such as `'set role ' || x`.
  void judge_words(std::string_view text, const std::string& what) {
    bool sets = sets_what_binds(text) || holds_words(text, {"row_security"}) ||
                text.find("bulkhead.context") != std::string_view::npos || is_begun(text, {"set", "role"}) ||
                is_begun(text, {"set", "local", "role"}) || is_begun(text, {"set", "session", "role"}) ||
                is_begun(text, {"set", "session", "authorization"});
    if (sets) add("tenant-context", what + " sets the tenant's context or a role");
    bool roles = is_begun(text, {"alter", "role"}) || is_begun(text, {"create", "role"}) ||
                 is_begun(text, {"drop", "role"}) || is_begun(text, {"alter", "user"}) ||
                 is_begun(text, {"create", "user"});
    if (roles) add("role-statement", what + " makes or changes roles");
    if (holds_words(text, {"lo_import"}) || holds_words(text, {"lo_from_bytea"}) ||
        holds_words(text, {"lo_create"})) {
      add("large-object", what + " makes large objects");
    }
    if (holds_words(text, {"dblink"}) || holds_words(text, {"dblink_exec"}))
      add("foreign-data", what + " calls dblink");
  }

  /// A statement in a body is judged as if it stood in the file. What does not parse was no statement.
  void judge_definition(const std::string& text, const std::string& what) {
    ParsedFile inner(SourceFile{file_.name, text});
    Within place{within_ != nullptr ? within_->offset : file_.begin_of(statement_),
                 within_ != nullptr ? within_->what : what};
    for (const ParsedStatement& statement : inner.statements) {
      StatementJudge(inner, index_, statement, model_, report_, &place).run();
    }
  }

  void set_variable() {
    std::string_view name = text_of(node_, "name");
    // A function may have settings of its own, as long as they bind nobody.
    if (within_ == nullptr) add("session-state", "a migration sets " + variable());
    if (within_ != nullptr && binds(name)) add("tenant-context", "it sets " + std::string(name));
  }

  void grant(const Object& statement) {
    if (!flag_of(statement, "is_grant")) return;
    if (std::string excess = grant_excess(statement); !excess.empty()) add("grant-too-much", excess);
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

  void concurrently(std::string_view verb) {
    if (flag_of(node_, "concurrent"))
      add("transaction-command",
          std::string(verb) + " INDEX CONCURRENTLY cannot run in the migration's transaction",
          "put it into a file of its own that begins with the line -- bulkhead: concurrent");
  }

  void outside_transaction() {
    const std::string_view why = not_concurrent(statement_.tag, node_);
    if (!why.empty()) add("concurrent-file", std::string(why) + " in a file marked concurrent");
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
  const Within* within_;  ///< Null for a statement of the file itself.
};

/// Whether a privilege on this kind of object lets its holder past row-level security, or see what others do.
bool exceeds(std::string_view type, std::string_view privilege) {
  if (type == "OBJECT_TABLE" || type.empty())
    return privilege.empty() || privilege == "truncate" || privilege == "references" ||
           privilege == "trigger";
  if (type == "OBJECT_SEQUENCE" || type == "OBJECT_SCHEMA") return privilege != "usage";
  return type != "OBJECT_FUNCTION" && type != "OBJECT_PROCEDURE" && type != "OBJECT_ROUTINE" &&
         type != "OBJECT_TYPE" && type != "OBJECT_DOMAIN";
}

}  // namespace

std::string grant_excess(const Object& statement) {
  std::string_view type = text_of(statement, "objtype");
  const auto& privileges = list_of(statement, "privileges");
  bool too_much = privileges.empty() && exceeds(type, "");
  for (const Value& value : privileges) {
    const Object* privilege = node_of(value, "AccessPriv");
    too_much |= exceeds(type, privilege != nullptr ? text_of(*privilege, "priv_name") : "");
  }
  if (flag_of(statement, "grant_option")) return "WITH GRANT OPTION lets the app's roles grant";
  if (!too_much) return "";
  if (type == "OBJECT_SEQUENCE") return "GRANT gives more than USAGE on a sequence, which serves all tenants";
  return type == "OBJECT_TABLE" || type.empty() ? "GRANT gives rights that pass row-level security"
                                                : "GRANT gives rights that the app's roles must not have";
}

void judge_statement(const ParsedFile& file, std::size_t file_index, const ParsedStatement& statement,
                     const Model& model, Report& report) {
  StatementJudge(file, file_index, statement, model, report).run();
}

}  // namespace bulkhead::migrate
