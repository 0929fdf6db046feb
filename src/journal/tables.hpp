#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::journal {

/// A table that holds rows of tenants.
struct TenantTable {
  struct Column {
    std::string name;
    std::string type;              ///< As SQL in a session whose search_path is pg_catalog.
    bool always_identity = false;  ///< GENERATED ALWAYS AS IDENTITY: no update may set it.
  };
  std::string name;
  bool counters = false;         ///< bulkhead.counter, which belongs to no schema of the app's.
  std::vector<Column> columns;   ///< Stored ones, tenant_id included; generated ones are computed again.
  std::vector<std::string> key;  ///< The primary key's, without tenant_id.
  bool binary = true;            ///< Its values mean the same in another database, as bytes.
  double rows = 0;               ///< As the planner takes it: of all tenants.

  /// Its place in a database whose tenant lives in `schema`, quoted.
  [[nodiscard]] std::string place(std::string_view schema) const;
  /// Its stored columns, quoted, with commas.
  [[nodiscard]] std::string column_list() const;
  [[nodiscard]] const Column* find(std::string_view column) const noexcept;
};

/// Settings of a session that copies, applies or compares rows: what a value looks like does not depend on who asks, a peer that
/// is gone is noticed within seconds. Error: `config_invalid` where row-level security would hide rows from this login.
[[nodiscard]] Result<void> prepare_session(pg::Blocking& connection);
/// And neither triggers nor foreign keys act on what is written. Error: `config_invalid` where the login may not.
[[nodiscard]] Result<void> prepare_target_session(pg::Blocking& connection);
/// What such a session's errors say: that it was the target's disk which is full.
[[nodiscard]] Error of_target(const Error& error);

/// The tables with rows of tenants in a schema, by name, and the counters. `connection`: prepared.
[[nodiscard]] Result<std::vector<TenantTable>> tenant_tables(pg::Blocking& connection,
                                                             const std::string& schema);
/// Whether rows of the one fit into the other. Error: `conflict`, naming a table that does not.
[[nodiscard]] Result<void> check_same(const std::vector<TenantTable>& source,
                                      const std::vector<TenantTable>& target);

}  // namespace bulkhead::journal
