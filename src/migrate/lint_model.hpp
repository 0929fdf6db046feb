#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>

#include "migrate/lint_source.hpp"

namespace bulkhead::migrate {

/// Where something was written: for the finding about it.
struct Place {
  std::size_t file = 0, offset = 0;
};

struct ModelColumn {
  std::string name, type;  ///< Last part of the type's name, as PostgreSQL calls it (int4, numeric, …).
  bool array = false, not_null = false, tenant_default = false, sequence = false;
  Place place;
};

/// A primary key, unique or exclusion constraint, or an index. An expression is "" among the columns.
struct ModelKey {
  enum class Kind : std::uint8_t { primary, unique, exclusion, index };
  Kind kind = Kind::index;
  std::string name, method;
  std::vector<std::string> columns;
  Place place;
};

struct ModelReference {
  std::vector<std::string> columns;
  std::string target;
  std::vector<std::string> target_columns;             ///< Empty: the target's primary key.
  char on_delete = 'a', on_update = 'a', match = 's';  ///< As in pg_constraint.
  std::vector<std::string> set_columns;
  std::string name;
  Place place;
};

struct ModelTable {
  /// `open`: neither marked. `exempt`: the founder allowed that with a reason, the rules of tenant tables do
  /// not apply.
  enum class Mark : std::uint8_t { open, tenant, shared, exempt };
  std::string name;
  Mark mark = Mark::open;
  bool wants_shared = false;  ///< `-- bulkhead: shared`
  std::string parent;         ///< Partitioned or inherited table.
  std::vector<ModelColumn> columns;
  std::vector<ModelKey> keys;
  std::vector<ModelReference> references;
  Place place;

  /// Unmarked tables are taken for tenant tables: that is what `fix` will make of them.
  [[nodiscard]] bool tenant() const { return mark == Mark::tenant || (mark == Mark::open && !wants_shared); }
  [[nodiscard]] bool shared() const { return mark == Mark::shared || (mark == Mark::open && wants_shared); }
  [[nodiscard]] ModelColumn* column(std::string_view column_name);
  [[nodiscard]] const ModelColumn* column(std::string_view column_name) const;
  [[nodiscard]] const ModelKey* primary() const;
};

struct ModelView {
  std::string name;
  bool invoker = false, shows_tenant = false;
  std::vector<std::string> reads;
  Place place;
};

/// The app's schema as it stands after the statements that were given to it. A pure replay of DDL: it judges
/// nothing.
class Model {
 public:
  void apply(const ParsedFile& file, std::size_t file_index, const ParsedStatement& statement);

  std::map<std::string, ModelTable, std::less<>> tables;
  std::map<std::string, ModelView, std::less<>> views;
  std::set<std::string, std::less<>> enums;
  /// Functions whose comment says why they are SECURITY DEFINER.
  std::set<std::string, std::less<>> definers;
  std::set<std::string, std::less<>>
      routines;  ///< Functions, sequences, types: what a body may call by name.

  [[nodiscard]] const ModelTable* table(std::string_view name) const;

  /// For `fix`: tables that a later statement drops or renames are still there under their old name.
  bool keep_former_tables = false;
};

/// Name of a RangeVar's relation without its schema.
[[nodiscard]] std::string relation_name(const sql::Object& range);
/// The table that `tenant_table('…')` or `shared_table('…')` names: `app.x`, `x` and `"X"` are understood.
[[nodiscard]] std::string marked_name(std::string_view argument);
/// The function called by `select f('…')` when the statement is nothing but that call: its name and its first
/// argument.
struct PlainCall {
  std::string schema, name, argument;
};
[[nodiscard]] std::optional<PlainCall> plain_call(const ParsedStatement& statement);
/// Collects the names of all relations below `value`.
void relations_below(const sql::Value& value, std::vector<std::string>& out);
/// True when a node of `tag` stands below `value` for which `test` holds.
[[nodiscard]] bool any_below(const sql::Value& value, std::string_view tag,
                             const std::function<bool(const sql::Object&)>& test);

}  // namespace bulkhead::migrate
