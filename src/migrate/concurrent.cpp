#include "migrate/concurrent.hpp"

#include <algorithm>

#include "migrate/runner.hpp"
#include "sql/guard/lexer.hpp"

namespace bulkhead::migrate {
namespace {

/// The only statement of a text: its tag and node; nullopt when our grammar does not take it.
struct Parsed {
  sql::Value tree;
  std::string tag;
  const sql::Object* node = nullptr;
};
std::optional<Parsed> parse_one(std::string_view statement) {
  auto tree = sql::parse_tree(statement, sql::migration_limits());
  if (tree.has_error() || !tree->is_object()) return std::nullopt;
  Parsed out;
  out.tree = std::move(*tree);
  const auto& statements = sql::list_of(out.tree.get_object(), "stmts");
  if (statements.size() != 1) return std::nullopt;
  const sql::Value* wrapped = sql::value_of(statements.front().get_object(), "stmt");
  if (wrapped == nullptr) return std::nullopt;
  const auto [tag, node] = sql::tagged(*wrapped);
  if (node == nullptr) return std::nullopt;
  out.tag = tag;
  out.node = node;
  return out;
}

bool validates_alone(const sql::Object& alter) {
  const auto& commands = sql::list_of(alter, "cmds");
  return std::all_of(commands.begin(), commands.end(), [](const sql::Value& command) {
    const sql::Object* node = sql::node_of(command, "AlterTableCmd");
    return node != nullptr && sql::text_of(*node, "subtype") == "AT_ValidateConstraint";
  });
}

}  // namespace

std::string_view not_concurrent(std::string_view tag, const sql::Object& node) {
  if (tag == "IndexStmt") {
    if (!sql::flag_of(node, "concurrent")) return "CREATE INDEX without CONCURRENTLY";
    return sql::text_of(node, "idxname").empty() ? "an index without a name, which a later run could not find"
                                                 : "";
  }
  if (tag == "DropStmt" && sql::flag_of(node, "concurrent"))
    return sql::flag_of(node, "missing_ok") ? "" : "DROP INDEX CONCURRENTLY without IF EXISTS";
  if (tag == "AlterTableStmt" && validates_alone(node)) return "";
  if (tag == "VacuumStmt") return "";
  return "a statement that needs a transaction, or that a later run could not do again";
}

Result<void> check_concurrent(std::string_view sql, const std::string& file_name) {
  for (const StatementRange& range : split_statements(sql)) {
    const auto parsed = parse_one(sql.substr(range.begin, range.end - range.begin));
    if (!parsed) continue;  // PostgreSQL says what is wrong with it.
    const auto why = not_concurrent(parsed->tag, *parsed->node);
    if (why.empty()) continue;
    const auto at = line_column(sql, characters(sql.substr(0, range.begin)) + 1);
    return Error(Errc::migration_failed, file_name + ":" + std::to_string(at.line) + ":" +
                                             std::to_string(at.column) + ": " + std::string(why) +
                                             " cannot stand in a file marked concurrent")
        .hint(
            "such a file runs outside a transaction and may be run again: create index concurrently NAME …, "
            "drop "
            "index "
            "concurrently if exists, alter table … validate constraint, analyze; put the rest into another "
            "file");
  }
  return {};
}

std::optional<ConcurrentIndex> concurrent_index(std::string_view statement) {
  const auto parsed = parse_one(statement);
  if (!parsed || parsed->tag != "IndexStmt" || !sql::flag_of(*parsed->node, "concurrent"))
    return std::nullopt;
  ConcurrentIndex out;
  out.name = sql::text_of(*parsed->node, "idxname");
  if (const sql::Object* relation = sql::child_of(*parsed->node, "relation"))
    out.table = sql::text_of(*relation, "relname");
  return out;
}

}  // namespace bulkhead::migrate
