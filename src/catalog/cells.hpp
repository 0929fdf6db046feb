#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>

#include "catalog/records.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::catalog {

// Cells and the databases in them: the operator's side, blocking, over a connection to the catalog.

/// The cell in which the catalog itself lives.
inline constexpr std::string_view own_cell = "default";

/// `adopted`: one that was there before, with tables that the app's migrations did not make.
enum class DatabaseKind : std::uint8_t { pool, shard, silo, adopted };
[[nodiscard]] std::string_view database_kind_name(DatabaseKind kind) noexcept;
[[nodiscard]] std::string_view model_name(Model model) noexcept;
[[nodiscard]] std::optional<Model> parse_model(std::string_view name) noexcept;

/// The PostgreSQL role that a unit takes on where the tenant lives: the app's own, or in a schema of the tenant's own that
/// schema's. The signed context names it.
[[nodiscard]] std::string bound_role(const Placement& placement, Role role);

/// A database that holds placements.
struct DatabaseRecord {
  std::string cell, name;
  DatabaseKind kind = DatabaseKind::pool;
  std::string state;  ///< making, ready, dropping
  std::string login;  ///< The one role by which servers reach it.
};

/// All of them, or those of one cell; by cell and name.
[[nodiscard]] Result<std::vector<DatabaseRecord>> list_databases(pg::Blocking& catalog,
                                                                 std::string_view cell = {});

/// A connection with the operator's rights to a database of a cell. Errors: `not_found` (no such cell),
/// `database_unavailable`, naming the cell.
[[nodiscard]] Result<pg::Blocking> connect_to(pg::Blocking& catalog, std::string_view cell,
                                              std::string_view database);
/// The same to the database that the cell was registered with: for CREATE DATABASE and the like.
[[nodiscard]] Result<pg::Blocking> connect_to_cell(pg::Blocking& catalog, std::string_view cell);

/// How servers log in to a placement's database. A secret: never log it.
struct DatabaseLogin {
  std::string name, password;
};
/// Error: `not_found`.
[[nodiscard]] Result<DatabaseLogin> login_of(pg::Blocking& catalog, const Placement& placement);

}  // namespace bulkhead::catalog
