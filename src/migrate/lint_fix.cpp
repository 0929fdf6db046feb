#include <algorithm>

#include "migrate/lint.hpp"
#include "migrate/lint_edit.hpp"
#include "migrate/lint_judge.hpp"

namespace bulkhead::migrate {
namespace {

using sql::child_of;
using sql::list_of;
using sql::names_of;
using sql::node_of;
using sql::number_of;
using sql::Object;
using sql::text_of;
using sql::TokenKind;
using sql::Value;
using sql::value_of;

constexpr std::string_view tenant_column = "tenant_id uuid not null default bulkhead.tenant_id()";

bool has_tenant(const std::vector<std::string>& columns) {
  return std::find(columns.begin(), columns.end(), "tenant_id") != columns.end();
}

/// The edits of one file. The model is that of all files: a table's mark may stand in a later one.
class FileFixer {
 public:
  FileFixer(const ParsedFile& file, const ParsedFiles& files, const Model& model,
            std::vector<Change>& changes)
      : file_(file), files_(files), model_(model), changes_(changes) {}

  std::string run() {
    for (const ParsedStatement& statement : file_.statements) fix(statement);
    return apply_edits(file_.text, 0, file_.text.size(), std::move(edits_));
  }

 private:
  void note(std::size_t offset, std::string what) {
    changes_.push_back({file_.name, sql::position_at(file_.text, offset).line, std::move(what)});
  }
  void add(std::vector<Edit> edits) { std::move(edits.begin(), edits.end(), std::back_inserter(edits_)); }

  void fix(const ParsedStatement& statement) {
    if (const char* why = superfluous(statement)) {
      add(edit::comment_out(file_, statement, why));
      return note(file_.begin_of(statement), std::string("took out a statement: ") + why);
    }
    plain_names(statement);
    if (statement.tag == "CreateStmt") create_table(statement);
    if (statement.tag == "AlterTableStmt") alter_table(statement);
    if (statement.tag == "IndexStmt") create_index(statement);
    if (statement.tag == "ViewStmt") create_view(statement);
    if (statement.tag == "ViewStmt") show_tenant(statement);
    if (statement.tag == "CreateFunctionStmt") fix_search_path(statement);
    for (const ModelTable* table : to_mark(statement)) append_call(statement, *table);
  }

  [[nodiscard]] const ModelTable* table_of(const Object& node) const {
    const Object* range = child_of(node, "relation");
    return range != nullptr ? model_.table(relation_name(*range)) : nullptr;
  }

  /// Why a statement has no place in a migration and may go; nullptr when it stays.
  [[nodiscard]] const char* superfluous(const ParsedStatement& statement) const {
    const Object& node = *statement.node;
    if (file_.directive("allow", file_.begin_of(statement)) != nullptr) return nullptr;
    if (statement.tag == "TransactionStmt") return "each migration runs in a transaction of its own";
    if (statement.tag == "VariableSetStmt") return "a migration has its role and search_path already";
    if (auto call = plain_call(statement); call && call->name == "set_config")
      return "a migration has its settings already";
    if (statement.tag == "AlterOwnerStmt") return "bulkhead_owner owns all";
    if (statement.tag == "GrantStmt" && grants_too_much(node))
      return "tenant_table() and shared_table() grant what is right";
    if (statement.tag == "AlterTableStmt" && only_owner(node)) return "bulkhead_owner owns all";
    const ModelTable* table = table_of(node);
    bool rows = statement.tag == "InsertStmt" && table != nullptr && table->tenant();
    for (const Value& column : list_of(node, "cols")) {
      const Object* target = node_of(column, "ResTarget");
      rows &= target == nullptr || text_of(*target, "name") != "tenant_id";
    }
    if (rows)
      return "a migration has no tenant; load these rows for each, or put `bulkhead: shared` before the "
             "table";
    return nullptr;
  }

  static bool only_owner(const Object& node) {
    const auto& commands = list_of(node, "cmds");
    return !commands.empty() && std::all_of(commands.begin(), commands.end(), [](const Value& value) {
      const Object* command = node_of(value, "AlterTableCmd");
      return command != nullptr && text_of(*command, "subtype") == "AT_ChangeOwner";
    });
  }

  static bool grants_too_much(const Object& node) {
    if (!sql::flag_of(node, "is_grant")) return false;
    if (!grant_excess(node).empty()) return true;
    for (const Value& value : list_of(node, "grantees")) {
      const Object* role = node_of(value, "RoleSpec");
      if (role == nullptr || !text_of(*role, "rolename").starts_with("app_")) return true;
    }
    return false;
  }

  /// public.x → x, also in nextval('public.x').
  void plain_names(const ParsedStatement& statement) {
    bool body = statement.tag == "CreateFunctionStmt" || statement.tag == "DoStmt";
    bool found = false;
    for (std::size_t i = statement.first; i < statement.last; ++i) {
      const sql::Token& token = file_.code[i];
      bool qualifier =
          file_.word_at(i, "public") && i + 1 < statement.last && file_.code[i + 1].kind == TokenKind::dot;
      if (qualifier) edits_.push_back({token.begin, file_.code[i + 1].end, ""});
      bool sequence = token.kind == TokenKind::string && !body &&
                      file_.token_text(i).starts_with("'public.") && i >= 2 &&
                      file_.word_at(i - 2, "nextval");
      if (sequence) edits_.push_back({token.begin + 1, token.begin + 8, ""});
      found |= qualifier || sequence;
    }
    if (found) note(file_.begin_of(statement), "took the schema public off names");
  }

  // ---- constraints

  struct Constraint {
    const Object* node = nullptr;
    std::size_t from = 0, to = 0;  ///< Tokens.
  };

  /// Edits of one constraint's own text; `column` is set for a column's constraint, whose text lacks a column
  /// list.
  std::vector<Edit> constraint_edits(const ModelTable& table, const Constraint& c,
                                     const std::string& column) {
    std::string_view kind = text_of(*c.node, "contype");
    if (kind == "CONSTR_FOREIGN") return reference_edits(table, c, column);
    if (kind != "CONSTR_PRIMARY" && kind != "CONSTR_UNIQUE" && kind != "CONSTR_EXCLUSION") return {};
    auto keys = names_of(list_of(*c.node, "keys"));
    if (!column.empty()) keys = {column};
    if (has_tenant(keys) || c.node->contains("indexname")) return {};
    bool exclusion = kind == "CONSTR_EXCLUSION";
    if (exclusion && leads_exclusion(c)) return {};
    note(file_.code[c.from].begin,
         std::string(kind == "CONSTR_PRIMARY" ? "primary key"
                     : exclusion              ? "exclusion constraint (needs the extension btree_gist)"
                                              : "unique constraint") +
             " of " + table.name + " begins with tenant_id");
    if (exclusion) return edit::lead_columns(file_, c.from, c.to, "tenant_id with =, ");
    if (column.empty()) return edit::lead_columns(file_, c.from, c.to);
    // unique [nulls [not] distinct] | primary key
    std::size_t last = file_.find_word(c.from, c.to, kind == "CONSTR_PRIMARY" ? "key" : "unique");
    if (file_.word_at(last + 1, "nulls") && last + 1 < c.to) last += file_.word_at(last + 2, "not") ? 3 : 2;
    std::size_t at = file_.code[last].end;
    return {{at, at, " " + tenant_list(keys)}};
  }

  bool leads_exclusion(const Constraint& c) const {
    std::size_t open = file_.find_kind(c.from, c.to, TokenKind::open);
    return file_.word_at(open + 1, "tenant_id");
  }

  std::vector<Edit> reference_edits(const ModelTable& table, const Constraint& c, const std::string& column) {
    const Object* range = child_of(*c.node, "pktable");
    const ModelTable* target = range != nullptr ? model_.table(relation_name(*range)) : nullptr;
    std::size_t offset = file_.code[c.from].begin;
    if (target == nullptr) {
      note(offset, "left a foreign key of " + table.name +
                       ": the table that it refers to is not in these migrations");
      return {};
    }
    if (!target->tenant()) return {};
    auto own = names_of(list_of(*c.node, "fk_attrs"));
    if (!column.empty()) own = {column};
    ModelReference reference;
    reference.target = target->name;
    reference.target_columns = names_of(list_of(*c.node, "pk_attrs"));
    auto there = referenced_columns(reference, model_);
    std::size_t references = file_.find_word(c.from, c.to, "references");
    bool lead = !has_tenant(own);
    bool lead_there = lead && !has_tenant(reference.target_columns);
    auto edits = edit::reference(file_, references, c.to, own, there, lead_there);
    if (lead && column.empty()) {
      auto more = edit::lead_columns(file_, c.from, references);
      edits.insert(edits.begin(), more.begin(), more.end());
    } else if (lead) {
      std::size_t at = file_.code[references].begin;
      edits.insert(edits.begin(), {at, at, "foreign key " + tenant_list(own) + " "});
    }
    if (!edits.empty())
      note(offset, "foreign key of " + table.name + " to " + target->name + " carries tenant_id");
    return edits;
  }

  // ---- columns

  /// Takes constraints that must name the tenant out of a column's definition; returns them as table
  /// constraints.
  std::vector<std::string> lift_constraints(const ModelTable& table, const Object& definition,
                                            std::size_t to) {
    std::vector<std::string> lifted;
    std::string column(text_of(definition, "colname"));
    for (const Constraint& c : column_constraints(definition, to)) {
      std::string_view kind = text_of(*c.node, "contype");
      if (kind != "CONSTR_PRIMARY" && kind != "CONSTR_UNIQUE" && kind != "CONSTR_FOREIGN") continue;
      auto edits = constraint_edits(table, c, column);
      if (edits.empty()) continue;
      std::size_t begin = file_.code[c.from].begin, end = file_.code[c.to - 1].end;
      lifted.push_back(apply_edits(file_.text, begin, end, without_public(c, std::move(edits))));
      edits_.push_back(edit::remove(file_, c.from, c.to));
      drop_edits_inside(begin, end);
    }
    return lifted;
  }

  std::vector<Edit> without_public(const Constraint& c, std::vector<Edit> edits) const {
    for (std::size_t i = c.from; i + 1 < c.to; ++i) {
      if (!file_.word_at(i, "public") || file_.code[i + 1].kind != TokenKind::dot) continue;
      edits.push_back({file_.code[i].begin, file_.code[i + 1].end, ""});
    }
    return edits;
  }

  /// The removal just added swallows what was planned inside it.
  void drop_edits_inside(std::size_t begin, std::size_t end) {
    Edit removal = edits_.back();
    edits_.pop_back();
    std::erase_if(edits_, [&](const Edit& e) { return e.begin >= begin && e.end <= end; });
    edits_.push_back(std::move(removal));
  }

  /// A column's constraints with their tokens; DEFERRABLE and the like belong to the one before.
  std::vector<Constraint> column_constraints(const Object& definition, std::size_t to) const {
    std::vector<Constraint> found;
    for (const Value& value : list_of(definition, "constraints")) {
      const Object* node = node_of(value, "Constraint");
      if (node == nullptr || text_of(*node, "contype").starts_with("CONSTR_ATTR")) continue;
      std::size_t from = file_.token_at(static_cast<std::size_t>(number_of(*node, "location")));
      if (!found.empty()) found.back().to = from;
      found.push_back({node, from, to});
    }
    return found;
  }

  // ---- statements

  void create_table(const ParsedStatement& statement) {
    const Object& node = *statement.node;
    const ModelTable* table = table_of(node);
    if (table == nullptr || !table->tenant() || node.contains("ofTypename") || node.contains("partbound"))
      return;
    const Object* range = child_of(node, "relation");
    std::size_t name = file_.token_at(static_cast<std::size_t>(number_of(*range, "location")));
    std::size_t open = file_.find_kind(name, statement.last, TokenKind::open);
    if (open == statement.last) return;
    std::size_t close = file_.matching(open);
    auto items = file_.split(open + 1, close);
    const auto& elements = list_of(node, "tableElts");
    if (items.size() != elements.size()) return;
    // Where the tenant's column is edited decides where new ones are put, so it goes first.
    if (table->column("tenant_id") == nullptr) add_tenant_column(*table, open, items);
    std::vector<std::string> lifted;
    for (std::size_t i = 0; i < items.size(); ++i) {
      for (std::string& text : fix_element(*table, elements[i], items[i])) lifted.push_back(std::move(text));
    }
    if (lifted.empty()) return;
    std::size_t end = file_.code[close - 1].end;
    for (const std::string& text : lifted) edits_.push_back({end, end, "," + separator(open) + text});
  }

  /// The white space between the parenthesis and the first column: new lines look like the founder's.
  [[nodiscard]] std::string separator(std::size_t open) const {
    std::size_t begin = file_.code[open].end, line = file_.text.find('\n', begin);
    std::size_t first = file_.code[open + 1].begin;
    if (line >= first) return " ";
    std::size_t start = file_.text.rfind('\n', first);
    std::string indent = file_.text.substr(start, first - start);
    return indent.find_first_not_of(" \t\r\n") == std::string::npos ? indent : "\n  ";
  }

  void add_tenant_column(const ModelTable& table, std::size_t open,
                         const std::vector<std::pair<std::size_t, std::size_t>>& items) {
    note(file_.code[open].begin, "table " + table.name + " got the column tenant_id");
    std::size_t at = items.empty() ? file_.code[open].end : file_.code[open + 1].begin;
    std::string text(tenant_column);
    if (!items.empty()) text += "," + separator(open);
    edits_.push_back({at, at, std::move(text)});
  }

  std::vector<std::string> fix_element(const ModelTable& table, const Value& element,
                                       std::pair<std::size_t, std::size_t> item) {
    if (const Object* constraint = node_of(element, "Constraint")) {
      add(constraint_edits(table, {constraint, item.first, item.second}, ""));
    }
    const Object* definition = node_of(element, "ColumnDef");
    if (definition == nullptr) return {};
    if (text_of(*definition, "colname") == "tenant_id")
      return fix_tenant_column(table, item), std::vector<std::string>{};
    return lift_constraints(table, *definition, item.second);
  }

  void fix_tenant_column(const ModelTable& table, std::pair<std::size_t, std::size_t> item) {
    const ModelColumn* column = table.column("tenant_id");
    if (column == nullptr || (column->not_null && column->tenant_default && column->type == "uuid")) return;
    std::size_t begin = file_.code[item.first].begin;
    if (column->type != "uuid" || column->array)
      return note(begin, "left tenant_id of " + table.name + ": it is not a uuid");
    edits_.push_back({begin, file_.code[item.second - 1].end, std::string(tenant_column)});
    note(begin, "tenant_id of " + table.name + " is not null and defaults to the tenant");
  }

  void alter_table(const ParsedStatement& statement) {
    const ModelTable* table = table_of(*statement.node);
    if (table == nullptr || !table->tenant()) return;
    const Object* range = child_of(*statement.node, "relation");
    std::size_t name = file_.token_at(static_cast<std::size_t>(number_of(*range, "location")));
    while (name + 2 < statement.last && file_.code[name + 1].kind == TokenKind::dot) name += 2;
    auto items = file_.split(name + 1, statement.last);
    const auto& commands = list_of(*statement.node, "cmds");
    if (items.size() != commands.size()) return;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const Object* command = node_of(commands[i], "AlterTableCmd");
      const Value* definition = command != nullptr ? value_of(*command, "def") : nullptr;
      if (definition == nullptr) continue;
      std::string_view kind = text_of(*command, "subtype");
      const Object *constraint = node_of(*definition, "Constraint"),
                   *column = node_of(*definition, "ColumnDef");
      if (kind == "AT_AddConstraint" && constraint != nullptr) {
        std::size_t from = file_.token_at(static_cast<std::size_t>(number_of(*constraint, "location")));
        add(constraint_edits(*table, {constraint, from, items[i].second}, ""));
      }
      if (kind != "AT_AddColumn" || column == nullptr) continue;
      std::size_t end = file_.code[items[i].second - 1].end;
      for (const std::string& text : lift_constraints(*table, *column, items[i].second)) {
        edits_.push_back({end, end, ", add " + text});
      }
    }
  }

  void create_index(const ParsedStatement& statement) {
    const Object& node = *statement.node;
    if (sql::flag_of(node, "concurrent") && !file_.concurrent) {
      std::size_t word = file_.find_word(statement.first, statement.last, "concurrently");
      edits_.push_back(edit::remove(file_, word, word + 1));
      note(file_.begin_of(statement), "took out CONCURRENTLY: each migration runs in a transaction");
    }
    const ModelTable* table = table_of(node);
    if (table == nullptr || !table->tenant() || text_of(node, "accessMethod") != "btree") return;
    std::vector<std::string> columns;
    for (const Value& value : list_of(node, "indexParams")) {
      const Object* element = node_of(value, "IndexElem");
      if (element != nullptr) columns.emplace_back(text_of(*element, "name"));
    }
    if (has_tenant(columns)) return;
    const Object* range = child_of(node, "relation");
    std::size_t name = file_.token_at(static_cast<std::size_t>(number_of(*range, "location")));
    add(edit::lead_columns(file_, name, statement.last));
    note(file_.begin_of(statement), "index of " + table->name + " begins with tenant_id");
  }

  void create_view(const ParsedStatement& statement) {
    const Object& node = *statement.node;
    const Object* range = child_of(node, "view");
    auto it = range != nullptr ? model_.views.find(relation_name(*range)) : model_.views.end();
    if (it == model_.views.end() || it->second.invoker) return;
    std::size_t name = file_.token_at(static_cast<std::size_t>(number_of(*range, "location")));
    std::size_t as = file_.find_word(name, statement.last, "as");
    if (as == statement.last) return;
    std::size_t offset = file_.begin_of(statement);
    if (list_of(node, "options").empty()) {
      std::size_t at = file_.code[as - 1].end;
      edits_.push_back({at, at, " with (security_invoker = true)"});
    } else {
      for (const Value& option : list_of(node, "options")) {
        const Object* element = node_of(option, "DefElem");
        if (element != nullptr && text_of(*element, "defname") == "security_invoker") {
          return note(offset, "left view " + it->first + ": it says security_invoker = false");
        }
      }
      add(edit::lead_columns(file_, file_.find_word(name, as, "with"), as, "security_invoker = true, "));
    }
    note(offset, "view " + it->first + " reads with its caller's rights");
  }

  /// Groups by the tenant where it groups by a key, and shows the tenant, where the view's query is simple
  /// enough to say how.
  void show_tenant(const ParsedStatement& statement) {
    const Value* query = value_of(*statement.node, "query");
    const Object* select = query != nullptr ? node_of(*query, "SelectStmt") : nullptr;
    const Object* range = child_of(*statement.node, "view");
    if (select == nullptr || range == nullptr) return;
    for (const KeyGroup& group : key_groups(*query, model_)) {
      std::size_t at = file_.token_at(group.offset);
      while (at + 2 < statement.last && file_.code[at + 1].kind == TokenKind::dot) at += 2;
      std::size_t end = file_.code[at].end;
      edits_.push_back({end, end, ", " + group.column});
      note(group.offset, "view " + relation_name(*range) + " groups by " + group.column + ", too");
    }
    auto it = model_.views.find(relation_name(*range));
    const bool shown = it == model_.views.end() || it->second.shows_tenant;
    if (shown || !list_of(*statement.node, "aliases").empty()) return;
    const auto column = tenant_output(*select, model_);
    std::size_t as = file_.find_word(statement.first, statement.last, "as");
    std::size_t from = file_.find_word(as, statement.last, "from");
    if (!column || from == statement.last) return;
    std::size_t end = file_.code[from - 1].end;
    edits_.push_back({end, end, ", " + *column});
    note(file_.begin_of(statement), "view " + it->first + " shows " + *column);
  }

  /// `set search_path` before AS: requests have another search_path than migrations.
  void fix_search_path(const ParsedStatement& statement) {
    if (!wants_search_path(statement, model_)) return;
    std::size_t as = file_.find_word(statement.first, statement.last, "as");
    while (as + 1 < statement.last && file_.code[as + 1].kind != TokenKind::string)
      as = file_.find_word(as + 1, statement.last, "as");
    if (as + 1 >= statement.last) return;
    std::size_t at = file_.code[as - 1].end;
    edits_.push_back({at, at, " set search_path = app, pg_temp"});
    note(file_.begin_of(statement), "a function finds the app's tables, whoever calls it");
  }

  // ---- tenant_table() and shared_table()

  /// The unmarked tables whose call is to follow this statement: the one that gives the table its primary
  /// key, because tenant_table() asks for it, else the one that makes the table.
  [[nodiscard]] std::vector<const ModelTable*> to_mark(const ParsedStatement& statement) const {
    const ModelTable* table = nullptr;
    if (statement.tag == "CreateStmt" || statement.tag == "AlterTableStmt") table = table_of(*statement.node);
    if (table == nullptr || table->mark != ModelTable::Mark::open) return {};
    if (anchor(*table) != statement.node) return {};
    return {table};
  }

  [[nodiscard]] const Object* anchor(const ModelTable& table) const {
    const Object* made = nullptr;
    for (const auto& file : files_) {
      for (const ParsedStatement& statement : file->statements) {
        bool create = statement.tag == "CreateStmt";
        if ((!create && statement.tag != "AlterTableStmt") || table_of(*statement.node) != &table) continue;
        if (create && made == nullptr) made = statement.node;
        if (made != nullptr && gives_primary_key(statement)) return statement.node;
      }
    }
    return made;
  }

  static bool gives_primary_key(const ParsedStatement& statement) {
    return any_below(*statement.value, "Constraint", [](const Object& constraint) {
      return text_of(constraint, "contype") == "CONSTR_PRIMARY";
    });
  }

  void append_call(const ParsedStatement& statement, const ModelTable& table) {
    std::string function = table.wants_shared ? "shared_table" : "tenant_table";
    std::string name = identifier(table.name), argument;
    // The function takes a name with a dot for a qualified one.
    if (name.find('.') != std::string::npos) name = "app." + name;
    for (char c : name) argument += c == '\'' ? std::string("''") : std::string(1, c);
    edits_.push_back(
        edit::append_statement(file_, statement, "select bulkhead." + function + "('" + argument + "');"));
    note(file_.begin_of(statement), "table " + table.name + " is marked by " + function + "()");
  }

  const ParsedFile& file_;
  const ParsedFiles& files_;
  const Model& model_;
  std::vector<Change>& changes_;
  std::vector<Edit> edits_;
};

}  // namespace

Fixed fix(std::span<const SourceFile> files) {
  ParsedFiles parsed = parse_files(files);
  Model model = build_model(parsed, true);
  Fixed fixed;
  for (std::size_t i = 0; i < files.size(); ++i) {
    std::string text = files[i].text;
    if (!parsed[i]->broken) text = FileFixer(*parsed[i], parsed, model, fixed.changes).run();
    fixed.files.push_back({files[i].name, std::move(text)});
  }
  fixed.left = lint(fixed.files);
  return fixed;
}

}  // namespace bulkhead::migrate
