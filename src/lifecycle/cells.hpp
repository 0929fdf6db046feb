#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <bulkhead/result.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

/// How many tenants of each model a cell may hold; none: no bound.
struct Capacity {
  std::optional<std::int32_t> row, schema, silo;
};

struct NewCell {
  NewCell() = default;
  std::string name;       ///< As a slug.
  std::string admin_url;  ///< With the operator's rights; may hold a password, so it is never shown.
  std::string
      data_url;  ///< Where servers reach it; empty: as the operator does. No user, no password, no database.
  std::string region;
  bool pooler = false;  ///< data_url leads to a transaction pooler.
  Capacity capacity;
};

/// A cell and what it holds.
struct Cell {
  std::string name, region, data_url, pool;
  bool pooler = false, open = true;
  Capacity capacity;
  std::int64_t row = 0, schema = 0, silo = 0;  ///< Tenants.
  std::int64_t databases = 0;
};

/// What of a connection string says where the server is, and nothing about who connects to what.
[[nodiscard]] Result<std::string> server_of(const std::string& url);

/// By name.
[[nodiscard]] Result<std::vector<Cell>> list_cells(pg::Blocking& catalog);
/// Error: `not_found`.
[[nodiscard]] Result<Cell> find_cell(pg::Blocking& catalog, const std::string& name);

/// Registers a PostgreSQL server and prepares a pool for row tenants in it, at the app's version as the catalog keeps it; open
/// for new tenants afterwards. May be repeated after it failed on the way. Errors: `usage` (name, URLs), `already_exists`
/// (the name, the server), `config_invalid` (too old, too few rights), `database_unavailable`.
[[nodiscard]] Result<Cell> add_cell(pg::Blocking& catalog, const NewCell& wanted);

/// A closed cell takes no new tenants; those it has stay. Error: `not_found`.
[[nodiscard]] Result<void> set_cell_open(pg::Blocking& catalog, const std::string& name, bool open);

}  // namespace bulkhead::lifecycle
