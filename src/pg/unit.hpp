#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/error.hpp>
#include <bulkhead/rows.hpp>

namespace bulkhead::pg {

/// One SQL text that will be prepared on each connection that meets it. Make one per (statement shape,
/// PostgreSQL role, schema): a cached plan of a table with row-level security is thrown away when the same
/// prepared statement runs under another role. Immutable, shared between threads.
class Shape {
 public:
  /// `parameter_types`: type OIDs of the first parameters, for those that PostgreSQL cannot infer from where they stand
  /// (0: let it infer).
  explicit Shape(std::string sql, std::vector<std::uint32_t> parameter_types = {});
  [[nodiscard]] const std::string& sql() const noexcept { return sql_; }
  [[nodiscard]] const std::vector<std::uint32_t>& parameter_types() const noexcept {
    return parameter_types_;
  }
  /// Unique in this process; the key of a connection's statement cache.
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }

 private:
  std::string sql_;
  std::vector<std::uint32_t> parameter_types_;
  std::uint64_t id_;
};
using ShapeRef = std::shared_ptr<const Shape>;

/// Parameters in text form, owned. Values must not hold NUL bytes (callers refuse those before).
class Params {
 public:
  void add(std::string_view value);
  void add_null();
  void reserve(std::size_t values, std::size_t bytes);
  [[nodiscard]] std::size_t size() const noexcept { return offsets_.size(); }
  /// nullptr for NULL; NUL-terminated.
  [[nodiscard]] const char* value(std::size_t index) const noexcept;

 private:
  std::string arena_;
  std::vector<std::int64_t> offsets_;  // -1: NULL
};

struct Step {
  ShapeRef shape;
  Params params;
};

/// One unit of work: its steps run in order as one implicit transaction with its own Sync, and with no other
/// unit's steps between. A failing step rolls the unit back, and later steps do not run.
struct Unit {
  std::vector<Step> steps;
  /// How many of the first steps are the caller's own, which cannot fail on a connection that is as it was made. When
  /// PostgreSQL refuses one of them for want of a privilege (42501), an earlier unit has left a role behind; when it
  /// refuses a later one as read-only (25006), a setting: the connection is retired, and the unit, of which nothing was
  /// done, is sent again on another. 0: errors are answers.
  std::size_t prologue = 0;
  bool read_only = false;  ///< It makes itself read-only: 25006 is an answer.
};

/// What became of a unit that reached the server and was answered up to its Sync.
struct Outcome {
  std::vector<Rows> rows;  ///< One per step that completed.
  std::optional<Error>
      error;  ///< Of step `rows.size()`, or of the commit when all steps are there: `Errc::statement_failed` with SQLSTATE. `message()`
              ///< is PostgreSQL's primary message, not yet fit for a client; DETAIL, HINT
              ///< and CONTEXT are in `internal()`.
  std::string constraint, table, column;  ///< PostgreSQL's error fields n, t and c of `error`.
  std::string detail, hint;               ///< D and H. They may quote anybody's row; see data/failure.hpp.
};

}  // namespace bulkhead::pg
