#pragma once

#include <cstddef>
#include <string>
#include <string_view>
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
    const Called* called = nullptr;
  };
  /// One output with `*` already taken apart.
  struct Flat {
    const Column* column = nullptr;
    const statement::Output* output = nullptr;
    [[nodiscard]] const statement::Embed* embed() const { return output ? output->embed.get() : nullptr; }
    [[nodiscard]] std::string_view name() const;
  };

  [[nodiscard]] Result<const Relation*> relation(std::string_view name) const;
  [[nodiscard]] Result<const Relation*> writable(std::string_view name) const;
  [[nodiscard]] Result<const Column*> column(const Relation& of, std::string_view name) const;
  [[nodiscard]] std::string next_alias(char prefix);

  void from(std::string& out, const Scope& scope);
  /// True if something was written.
  bool tenant_predicate(std::string& out, const Scope& scope);
  void parameter(std::string& out, const statement::Value& value);

  [[nodiscard]] Result<std::vector<Flat>> flatten(const std::vector<statement::Output>& outputs,
                                                  const Relation& of) const;
  [[nodiscard]] Result<JsonKind> expression(std::string& out, const Scope& scope, const Flat& flat) const;
  /// The top level's output list with its guards; the joins that its embeds need go to `joins`.
  [[nodiscard]] Result<void> outputs(std::string& list, std::string& joins,
                                     const std::vector<statement::Output>& outputs, const Scope& scope);
  /// A lateral join that gives `alias.j` (JSON) and, if true is returned, `alias.g` (tenant ids).
  [[nodiscard]] Result<bool> embed(std::string& joins, const statement::Embed& embed, const Scope& origin,
                                   const std::string& alias, std::size_t depth);
  /// What a row of an embed gathers beside its fields.
  struct EmbeddedRow {
    std::string joins;
    std::vector<std::string> guards;  ///< Expressions that hold tenant ids.
    bool wide = false;                ///< `fields` are a select list, else json_build_object's arguments.
  };
  [[nodiscard]] Result<void> embedded_fields(std::string& fields, EmbeddedRow& row,
                                             const std::vector<Flat>& flats, const Scope& scope,
                                             std::size_t depth);
  [[nodiscard]] Result<bool> embedded_row(std::string& out, const statement::Embed& embed,
                                          const Scope& origin, const Relationship& way, std::size_t depth);
  [[nodiscard]] Result<void> count(Rendered& rendered, const statement::Select& select, const Scope& scope,
                                   bool with_tenant);

  /// ` where …` with the tenant predicate first.
  [[nodiscard]] Result<void> where(std::string& out, const Scope& scope,
                                   const statement::Condition& condition);
  [[nodiscard]] Result<void> condition(std::string& out, const Scope& scope,
                                       const statement::Condition& condition);
  [[nodiscard]] Result<void> compare(std::string& out, const Scope& scope,
                                     const statement::Condition& condition);
  [[nodiscard]] Result<void> order(std::string& out, const Scope& scope,
                                   const std::vector<statement::Order>& order);
  void range(std::string& out, const statement::Select& select);

  [[nodiscard]] Result<void> insert_source(std::string& out, const statement::Insert& insert,
                                           const Relation& into);
  [[nodiscard]] Result<void> assignments(std::string& out, const statement::Update& update,
                                         const Relation& of);
  void cell_value(std::string& out, const statement::Cell& cell, const Column& column);
  void recordset(std::string& out, const std::vector<const Column*>& columns);
  void written_row_check(std::string& out, const Scope& scope) const;
  /// The function with its arguments, as an entry of FROM.
  void from_function(std::string& out, const Scope& scope);
  void bounded_range(std::string& out, const statement::Call& call);
  void argument(std::string& out, const statement::Value& value, const Column& parameter);
  void type_name(std::string& out, const Column& column);
  [[nodiscard]] Result<void> conflict(std::string& out, const statement::Insert& insert,
                                      const Relation& into);
  /// What a write is to tell of its rows.
  struct Returning {
    const std::optional<std::vector<statement::Output>>& outputs;
    const std::vector<statement::Order>& order;
    std::optional<std::uint64_t> at_most;
    bool tells_inserted = false;
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
  unsigned aliases_ = 0;
  pg::Params params_;
  std::vector<OutputColumn> columns_;
  std::vector<std::size_t> guards_;

 public:
  [[nodiscard]] bool tenant_used() const noexcept { return tenant_used_; }
};

}  // namespace bulkhead::sql
