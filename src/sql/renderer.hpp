#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sql/relationships.hpp"
#include "sql/render.hpp"

namespace bulkhead::sql {

/// One rendering; inside this room only. Every relation is named through `from()`, which is the only place
/// that writes a table's name, and every `from()` of a tenant relation is followed by its
/// `tenant_predicate()`.
class Renderer {
 public:
  Renderer(const Relations& relations, std::string_view schema, std::string_view tenant, const Walls& walls,
           bool tenant_param);

  [[nodiscard]] Result<Rendered> select(const statement::Select& select);
  [[nodiscard]] Result<Rendered> insert(const statement::Insert& insert);
  [[nodiscard]] Result<Rendered> update(const statement::Update& update);
  [[nodiscard]] Result<Rendered> remove(const statement::Delete& remove);
  [[nodiscard]] Result<Rendered> call(const statement::Call& call);

 private:
  /// A call as it stands in a FROM.
  struct Called {
    const Function* function;
    const statement::Call* call;
    bool apart = false;  ///< It was made in a CTE `f`, and once.
  };
  /// A relation under the name it has in the statement, or the rows that a function returns.
  struct Scope {
    const Relation* relation;
    std::string alias;
    std::string row = {};  ///< What a function of its row is called with, where that is not the alias.
    const ComputedRelationship* function = nullptr;  ///< The rows are what it returns
    std::string argument = {};                       ///< of this row.
    const Called* called = nullptr;                  ///< The rows are those of a call.
  };
  /// A value of a row of the output, before it is known whether rows are put together.
  struct Field {
    std::string name;
    std::string expression;  ///< Empty: the number of rows.
    JsonKind kind = JsonKind::string;
    bool convert = false;            ///< To be JSON it must be made JSON.
    bool embedded = false;           ///< JSON that was made here.
    bool distinct = false;           ///< In an array only once, and not as NULL.
    const Column* column = nullptr;  ///< If it is that column as it is.
    statement::Aggregate aggregate = statement::Aggregate::none;
    std::string_view aggregate_cast = {};
    bool partial =
        false;  ///< The expression is itself an aggregate, of a part of the rows; for avg it is their sum,
    std::string rows = {};  ///< and this how many there are.
  };
  /// An embed that was joined.
  struct Joined {
    std::string_view name;
    std::string alias;
    bool to_one = false;
    std::vector<std::pair<const statement::Order*, std::string>> orders;  ///< Its columns to order by.
  };
  /// A row of the output.
  struct Level {
    std::vector<Field> fields;
    std::string joins;                ///< What the fields need beside the relation.
    std::vector<std::string> guards;  ///< Expressions that hold a foreign tenant's id, or NULL.
    std::vector<Joined> embeds;
    bool aggregated = false;
    [[nodiscard]] const Joined* find(std::string_view name) const noexcept;
  };

  [[nodiscard]] Result<const Relation*> relation(std::string_view name) const;
  [[nodiscard]] Result<const Relation*> writable(std::string_view name) const;
  [[nodiscard]] Result<const Column*> column(const Relation& of, std::string_view name) const;
  [[nodiscard]] std::string next_alias(char prefix);

  void from(std::string& out, const Scope& scope);
  /// True if something was written.
  bool tenant_predicate(std::string& out, const Scope& scope);
  /// The tenant of a row where it is not the one that is bound; else NULL.
  [[nodiscard]] std::string foreign_tenant(std::string_view alias) const;
  /// A place for a value, which is named by where it stands in the statement itself: a copy's would be lost.
  void parameter(std::string& out, const ValueRef& value);
  /// A place for what the statement's fingerprint holds, and so is no other for a statement of the same.
  void constant(std::string& out, std::string_view value);

  /// A column of the scope's row, or a step into it.
  [[nodiscard]] Result<std::string> value(const Scope& scope, const Column& column,
                                          const std::vector<statement::JsonStep>& path);
  [[nodiscard]] Result<void> add_field(Level& level, const Scope& scope, const statement::Output& output);
  void show(Field& field, const Column& column) const;
  void add_columns(Level& level, const Scope& scope) const;
  /// What is read of a row of `scope`, at this depth of embedding. `flat`: the rows become arrays, to which embeds to many
  /// add theirs.
  [[nodiscard]] Result<Level> level(const statement::Select& select, const Scope& scope, std::size_t depth,
                                    bool flat = false);
  /// What the aggregate makes of the rows of a part, as columns of a select list called as `part()` has it.
  static void partial_columns(std::string& out, const Field& field, std::size_t number);
  /// The aggregate of all rows.
  [[nodiscard]] static std::string aggregated(const Field& field);
  /// A field as it stands in a select list; `json`: made JSON where it is none.
  [[nodiscard]] static std::string finished(const Field& field, const Level& level, bool json);
  /// ` group by …` of the fields by their places in the select list.
  static void group(std::string& out, const Level& level);

  /// The top level's output list with its guards.
  void output_list(std::string& list, const Level& level, const Scope& scope);

  struct Embedding {
    const statement::Embed* embed;
    const Scope* origin;
    std::string alias;
    std::size_t depth;
    std::vector<const statement::Order*> orders;  ///< Terms of the origin's that name it.
    bool flat = false;                            ///< Its rows are the origin's, however many they are.
  };
  /// Joins an embed to `level`, laterally, and adds its fields.
  [[nodiscard]] Result<void> join_embed(Level& level, const statement::Output& output, const Scope& origin,
                                        const statement::Select& select, std::size_t depth, bool flat);
  /// The rows of an embed as a select that gives `j` (JSON) and, if true is returned, `g` (a foreign tenant).
  [[nodiscard]] Result<bool> embedded_rows(std::string& out, const Embedding& embedding,
                                           const Relationship& way, Joined& joined);
  /// The rows of a spread embed: `c0`, `c1`, … for its fields, `j` for their presence, perhaps `g`.
  [[nodiscard]] Result<bool> spread_rows(std::string& out, const Embedding& embedding,
                                         const Relationship& way, Joined& joined, std::vector<Field>& fields);
  [[nodiscard]] Scope target_scope(const Relationship& way, const Scope& origin);
  [[nodiscard]] Result<void> export_orders(std::string& out, const Embedding& embedding, const Scope& scope,
                                           const Level& level, Joined& joined);
  /// ` from …` with the junction, the level's joins, the filters and the way to the origin.
  [[nodiscard]] Result<void> embedded_source(std::string& out, const Embedding& embedding,
                                             const Relationship& way, const Scope& scope,
                                             const Scope& junction, const Level& level);
  void embedded_range(std::string& out, const statement::Select& select, const Relationship& way);

  [[nodiscard]] Result<void> count(Rendered& rendered, const statement::Select& select, const Scope& scope,
                                   bool aggregated, bool with_tenant);
  [[nodiscard]] Result<std::string> counted_rows(const statement::Select& select, const Scope& scope,
                                                 bool aggregated, std::string& foreign);

  /// ` where …` with the tenant predicate first. `level`: whose embeds a filter may name.
  [[nodiscard]] Result<void> where(std::string& out, const Scope& scope,
                                   const statement::Condition& condition, const Level* level = nullptr);
  [[nodiscard]] Result<void> condition(std::string& out, const Scope& scope,
                                       const statement::Condition& condition, const Level* level);
  [[nodiscard]] Result<void> compare(std::string& out, const Scope& scope,
                                     const statement::Condition& condition, const Level* level);
  [[nodiscard]] Result<void> comparison(std::string& out, std::string_view value, const Column& column,
                                        const statement::Condition& condition);
  /// A value to compare a column with.
  void compared_value(std::string& out, const Column& column, const statement::Condition& condition);
  [[nodiscard]] Result<void> order(std::string& out, const Scope& scope,
                                   const std::vector<statement::Order>& order, const Level& level);
  [[nodiscard]] Result<std::string> ordered_by(const statement::Order& term, const Scope& scope,
                                               const Level& level);
  void range(std::string& out, const std::optional<std::uint64_t>& limit,
             const std::optional<std::uint64_t>& offset);

  [[nodiscard]] Result<void> insert_source(std::string& out, const statement::Insert& insert,
                                           const Relation& into);
  [[nodiscard]] Result<void> assignments(std::string& out, const statement::Update& update,
                                         const Relation& of);
  void cell_value(std::string& out, const statement::Cell& cell, const Column& column);
  /// `r(…)`, the names and types of what JSON holds, and a value of it as it is stored.
  void recordset(std::string& out, const std::vector<const Column*>& columns);
  void recordset_value(std::string& out, const Column& column);
  void written_row_check(std::string& out, const Scope& scope) const;
  /// The function with its arguments, as an entry of FROM.
  void from_function(std::string& out, const Scope& scope);
  void bounded_range(std::string& out, const statement::Call& call);
  void argument(std::string& out, const statement::Value& value, const Column& parameter);
  void type_name(std::string& out, const Column& column);
  /// True of a row that the upsert inserted.
  [[nodiscard]] std::string is_new(const statement::Insert& insert, const Relation& into);
  [[nodiscard]] Result<void> conflict(std::string& out, const statement::Insert& insert,
                                      const Relation& into);
  /// What a write is to tell of its rows.
  struct Returning {
    const std::optional<std::vector<statement::Output>>& outputs;
    const std::vector<statement::Order>& order;
    std::optional<std::uint64_t> at_most;
    std::string inserted = {};  ///< Says of a row whether it is new; empty: it is not asked.
  };
  /// Ends a write: RETURNING, or a CTE around it where embeds, an order or the row count need one.
  [[nodiscard]] Result<Rendered> finish_write(std::string write, const Scope& scope, const Returning& asked);
  /// A scalar that is NULL, or fails where `rows` has more than `at_most`, or another number than that
  /// (single_violation).
  void limit_check(std::string& out, std::uint64_t at_most, bool exactly, std::string_view rows);
  [[nodiscard]] Rendered finish(std::string text);

  const Relations& relations_;
  std::string_view schema_;
  std::string_view tenant_;
  Walls walls_;
  bool tenant_param_;
  bool tenant_used_ = false;
  bool own_guard_ = false;
  bool aggregates_ = false, plain_ = false;
  std::optional<std::uint64_t> embed_limit_;
  unsigned aliases_ = 0;
  pg::Params params_;
  std::vector<std::optional<ValueRef>> sources_;
  std::vector<OutputColumn> columns_;
  std::vector<std::size_t> guards_;

 public:
  [[nodiscard]] bool tenant_used() const noexcept { return tenant_used_; }
};

}  // namespace bulkhead::sql
