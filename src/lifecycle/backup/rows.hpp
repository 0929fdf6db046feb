#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/uuid.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::lifecycle::backup {

// A tenant's rows in COPY's text format, as backups keep them: without tenant_id and what is computed.

/// Tenants' counters as a table among the others.
inline constexpr std::string_view counters_table = "bulkhead.counter";

/// A table as a backup knows it.
struct TableShape {
  std::string name;                  ///< In the tenant's schema, or `counters_table`.
  std::vector<std::string> columns;  ///< That are kept, by name.
  std::vector<std::string> key;      ///< Its primary key without tenant_id.
};

/// How many rows, and a hash of them that does not know their order: the sum of their SHA-256, as numbers of 256 bits.
class RowsHash {
 public:
  void add(std::string_view row);
  [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::string hex() const;

 private:
  std::uint64_t rows_ = 0;
  std::array<std::uint64_t, 4> sum_{};
};

/// What values look like must not depend on who asks. To be run in a transaction.
[[nodiscard]] Result<void> set_formats(pg::Blocking& connection);

/// The tables of a schema that have rows of tenants, and their counters. Any transaction.
[[nodiscard]] Result<std::vector<TableShape>> shapes_of(pg::Blocking& connection, const std::string& schema);

/// `"schema"."table"`.
[[nodiscard]] std::string place_of(const pg::Blocking& connection, const std::string& schema,
                                   const std::string& table);

/// The tenant's rows of one table, a line each, in any order.
[[nodiscard]] Result<void> copy_rows(pg::Blocking& connection, const std::string& schema,
                                     const TableShape& shape, const TenantId& tenant,
                                     const std::function<void(std::string_view line)>& row);

/// `a, "b"` of names.
[[nodiscard]] std::string identifiers(const pg::Blocking& connection, const std::vector<std::string>& names);

}  // namespace bulkhead::lifecycle::backup
