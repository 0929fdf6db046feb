#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sql/guard/tree.hpp"
#include "sql/relations.hpp"

namespace bulkhead::sql::test {

/// Whether PostgreSQL's own grammar finds each tenant relation of a rendered statement bound to the tenant: wherever a
/// SELECT's FROM has it, that SELECT's WHERE or the join's ON has `alias.tenant_id = $1` as a condition that all else is
/// added to. Reads the parse tree, so that neither names nor literals can look like a predicate.
class Bound {
 public:
  explicit Bound(const Relations& relations) : relations_(relations) {}

  /// What is wrong with `text`; nullopt: nothing.
  [[nodiscard]] std::optional<std::string> wrong(std::string_view text) {
    wrong_.reset();
    auto tree = parse_tree(text);
    if (tree.has_error()) {
      // Deeper than what is judged here is no statement that the fuzzer's short texts can make.
      const bool limit = tree.error().message().find("nested too deep") != std::string_view::npos;
      return limit ? std::nullopt : std::optional(std::string(tree.error().message()));
    }
    visit(*tree);
    return wrong_;
  }

 private:
  using Names = std::vector<std::string>;

  void visit(const Value& value) {
    if (value.is_array())
      for (const Value& element : value.get_array()) visit(element);
    if (!value.is_object()) return;
    for (const auto& [name, member] : value.get_object()) {
      if (name == "SelectStmt" && member.is_object()) judge(member.get_object());
      visit(member);
    }
  }

  void judge(const Object& select) {
    Names tenants, bound;
    for (const Value& item : list_of(select, "fromClause")) source(item, tenants, bound);
    if (const Value* where = value_of(select, "whereClause")) conjunction(*where, bound);
    for (const std::string& alias : tenants)
      if (std::find(bound.begin(), bound.end(), alias) == bound.end()) wrong_ = alias + " is not bound";
  }

  void source(const Value& item, Names& tenants, Names& bound) {
    if (const Object* join = node_of(item, "JoinExpr")) {
      for (const char* side : {"larg", "rarg"})
        if (const Value* part = value_of(*join, side)) source(*part, tenants, bound);
      if (const Value* quals = value_of(*join, "quals"); quals && text_of(*join, "jointype") == "JOIN_INNER")
        conjunction(*quals, bound);
    }
    if (const Object* table = node_of(item, "RangeVar")) {
      const Relation* relation = relations_.find(text_of(*table, "relname"));
      if (text_of(*table, "schemaname") == "app" && (!relation || relation->tenant))
        add_alias(*table, tenants);
    }
    if (const Object* function = node_of(item, "RangeFunction"); function && is_relationship(*function))
      add_alias(*function, tenants);
  }

  static void add_alias(const Object& item, Names& tenants) {
    const Object* alias = child_of(item, "alias");
    tenants.emplace_back(alias ? text_of(*alias, "aliasname") : "a relation without an alias");
  }

  static bool is_relationship(const Object& function) {
    for (const Value& list : list_of(function, "functions"))
      if (const Object* items = node_of(list, "List"))
        for (const Value& call : list_of(*items, "items"))
          if (const Object* found = node_of(call, "FuncCall")) {
            const Names names = names_of(list_of(*found, "funcname"));
            if (names.size() == 2 && names.front() == "app") return true;
          }
    return false;
  }

  static void conjunction(const Value& condition, Names& bound) {
    if (const Object* both = node_of(condition, "BoolExpr"); both && text_of(*both, "boolop") == "AND_EXPR")
      for (const Value& part : list_of(*both, "args")) conjunction(part, bound);
    const Object* equals = node_of(condition, "A_Expr");
    if (!equals || names_of(list_of(*equals, "name")) != Names{"="}) return;
    const Value *left = value_of(*equals, "lexpr"), *right = value_of(*equals, "rexpr");
    const Object* column = left ? node_of(*left, "ColumnRef") : nullptr;
    const Object* param = right ? node_of(*right, "ParamRef") : nullptr;
    if (!column || !param || number_of(*param, "number") != 1) return;
    const Names names = names_of(list_of(*column, "fields"));
    if (names.size() == 2 && names.back() == tenant_column) bound.push_back(names.front());
  }

  const Relations& relations_;
  std::optional<std::string> wrong_;
};

}  // namespace bulkhead::sql::test
