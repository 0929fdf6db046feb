#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

/// The statement tree: what is asked of which relation, before anyone knows which tenant asks or where it
/// lives. The data API's parser and the typed query builder make these; `sql/` renders them and puts the
/// tenant predicate in. Nothing here names `tenant_id`: a tree that does is refused when it is rendered
/// (unknown column).
///
/// Plain values: copyable, comparable in shape, no thread affinity.
namespace bulkhead::statement {

/// PostgreSQL's text form of a value; nullopt is NULL. Always sent as a bound parameter.
using Value = std::optional<std::string>;

/// Names are those of the dialect (PostgREST): `like` and `ilike` take PostgreSQL's `%`, already translated
/// from `*`.
enum class Operator : std::uint8_t {
  eq,
  neq,
  gt,
  gte,
  lt,
  lte,
  like,
  ilike,
  match,   ///< a regular expression
  imatch,  ///< the same, in any case
  in,      ///< `values`
  is,      ///< `value`: one of "null", "not_null", "true", "false", "unknown"
  is_distinct,
  fts,    ///< full text: to_tsquery(), in `language` if there is one
  plfts,  ///< plainto_tsquery()
  phfts,  ///< phraseto_tsquery()
  wfts,   ///< websearch_to_tsquery()
  cs,     ///< contains
  cd,     ///< is contained in
  ov,     ///< overlaps
  sl,     ///< strictly left of
  sr,     ///< strictly right of
  nxr,    ///< does not extend to the right of
  nxl,    ///< does not extend to the left of
  adj,    ///< adjacent to
};

/// A step into a JSON value: a key, or an index of an array (a number, maybe negative).
struct JsonStep {
  std::string key;
  bool index = false;
  bool text = false;  ///< `->>`: what is found as text, not as JSON.
};

struct Condition {
  enum class Kind : std::uint8_t { all, any, compare };
  enum class Quantifier : std::uint8_t { none, any, all };
  Kind kind = Kind::all;  ///< `all` without children is true.
  bool negated = false;
  std::vector<Condition> children;  ///< all, any
  std::string column;               ///< compare; with `is` null it may be the name of an embed.
  std::vector<JsonStep> path;       ///< compare: into the column.
  Operator op = Operator::eq;
  Quantifier quantifier = Quantifier::none;  ///< Then `value` is an array.
  Value value;
  std::vector<Value> values;  ///< `in`; empty matches nothing
  std::string language;       ///< fts and its like; empty: the database's own.

  [[nodiscard]] bool empty() const noexcept { return kind != Kind::compare && children.empty(); }
};

struct Order {
  enum class Nulls : std::uint8_t { unset, first, last };
  std::string column;
  bool descending = false;
  Nulls nulls = Nulls::unset;
  std::vector<JsonStep> path = {};  ///< Into the column.
  std::string embed = {};           ///< Not empty: the column is that of this embed, which is to one.
};

struct Embed;

/// What an output makes of all rows that are alike in the other outputs.
enum class Aggregate : std::uint8_t { none, count, sum, avg, min, max };

/// A column of the output: every column (`*`), one column, or an embedded relation.
struct Output {
  bool star = false;
  std::string column;
  std::string alias;  ///< Empty: the column's own name.
  std::string cast;   ///< Empty: none. A type name from the list that `sql/` allows.
  std::shared_ptr<const Embed> embed;
  std::vector<JsonStep> path;             ///< Into the column.
  Aggregate aggregate = Aggregate::none;  ///< Of the column; `count` without a column is the number of rows.
  std::string aggregate_cast;             ///< Of the aggregate, as `cast` is of what it is made of.
};

/// What is read of a relation.
struct Select {
  std::string relation;
  std::vector<Output> outputs;  ///< Empty means `*`.
  Condition where;
  std::vector<Order> order;
  std::optional<std::uint64_t> limit, offset;
  bool exact_count = false;  ///< Also count every row that `where` matches, in the same unit.
  bool aggregates = false;   ///< Aggregates may be used, at every level. Read of the outermost select alone,
  std::optional<std::uint64_t> embed_limit;  ///< as this: most rows of an embed to many.
  bool plain = false;  ///< Columns as PostgreSQL's text form, never as JSON (for CSV). Likewise.
};

/// A related relation inside a row: an object for to-one, an array for to-many. The only output `count`, where
/// the relation has no column of that name, is the number of rows.
struct Embed {
  Select
      select;  ///< `relation` is the target's name, or the foreign key column or constraint that leads to it.
  std::string alias;
  std::string hint;  ///< `!hint`: a constraint, column or junction that picks one of several relationships.
  bool inner = false;
  bool hidden = false;    ///< Nothing of it is in the output: with `inner`, it only says which rows are.
  bool spread = false;    ///< Its outputs are the row's own: each a value, or to many an array
  bool distinct = false;  ///< of values that differ and are not NULL.
};

/// A cell of a row to write.
struct Cell {
  Value value;
  bool use_default = false;
  bool json = false;  ///< `value` is JSON text, which PostgreSQL turns into the column's type.
};

/// What an INSERT does with a row whose key is there already.
struct Conflict {
  bool merge = false;                ///< The row that is there takes the new values; else it stays as it is.
  std::vector<std::string> columns;  ///< Of the key. Empty: the primary key.
};

struct Insert {
  std::string relation;
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;  ///< Each as long as `columns`.
  std::string json_rows;                ///< Instead of `rows`: a JSON array of objects; absent keys are NULL.
  std::optional<Conflict> conflict;     ///< None: a row whose key is there is an error.
  Condition where;                      ///< Which of `json_rows` are meant.
  std::optional<std::vector<Output>> returning;
  std::vector<Order> order;  ///< Of what is returned.
};

struct Update {
  std::string relation;
  std::vector<std::pair<std::string, Cell>> assignments;
  std::string
      json_row;  ///< Instead of the assignments' cells, defaults excepted: a JSON object of the columns.
  Condition where;
  std::optional<std::vector<Output>> returning;
  std::vector<Order> order;              ///< Of what is returned.
  std::optional<std::uint64_t> at_most;  ///< More rows touched: undone, and the error `not_singular`.
};

struct Delete {
  std::string relation;
  Condition where;
  std::optional<std::vector<Output>> returning;
  std::vector<Order> order;              ///< As for Update.
  std::optional<std::uint64_t> at_most;  ///< As for Update.
};

/// A function of the app, called, and what is read of its result.
struct Call {
  std::string function;  ///< Its name with the types of its parameters, which tells it from its overloads.
  /// By name; the one parameter that has none by an empty name. Values in PostgreSQL's text form.
  std::vector<std::pair<std::string, Value>> arguments;
  /// Instead of the arguments' values: a JSON object that has them by name.
  std::string json_arguments;
  Select select;                         ///< Without its relation.
  bool read_only = false;                ///< PostgreSQL refuses whatever it would write.
  std::optional<std::uint64_t> at_most;  ///< Of the rows that are read; as for Update.
  bool singular = false;                 ///< Of these there is exactly one, or it is undone, too.
};

using Statement = std::variant<Select, Insert, Update, Delete, Call>;

}  // namespace bulkhead::statement
