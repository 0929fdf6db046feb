#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>

#include "catalog/records.hpp"
#include "lifecycle/import_tables.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

/// How many rows of a tenant a table has, and the SHA-256 of them as CSV.
struct TableDigest {
  std::string name;
  std::uint64_t rows = 0;
  std::string sha256;
};

/// One SHA-256 over those of all tables, by name: equal for equal rows (in databases that sort text alike), whenever they
/// were read.
[[nodiscard]] std::string digest_of(std::vector<TableDigest> tables);

/// Reads all rows of one tenant out of its placement, as one snapshot: a read-only transaction that ends with this object.
class TenantData {
 public:
  /// `placement`: the operator's connection to the tenant's database, without an open transaction.
  [[nodiscard]] static Result<TenantData> open(pg::Blocking& placement, const catalog::TenantRecord& tenant);
  TenantData(TenantData&& other) noexcept;
  TenantData& operator=(TenantData&&) = delete;
  ~TenantData();

  /// The tenant's tables, each after those it refers to; where they refer to each other in a circle, by name.
  [[nodiscard]] const std::vector<std::string>& tables() const noexcept { return order_; }
  [[nodiscard]] const ImportTables& known() const noexcept { return tables_; }
  [[nodiscard]] Result<std::uint64_t> count(const std::string& table);
  /// The rows in the order of their keys, as CSV with a header (RFC 4180, UTF-8), without tenant_id and generated columns: what
  /// `bulkhead tenant import` takes. Each piece is whole lines.
  [[nodiscard]] Result<TableDigest> read(const std::string& table,
                                         const std::function<void(std::string_view)>& piece);
  /// The counters of bulkhead.next_id: name, value.
  [[nodiscard]] Result<TableDigest> read_counters(const std::function<void(std::string_view)>& piece);

 private:
  TenantData(pg::Blocking& placement, const catalog::TenantRecord& tenant);
  [[nodiscard]] Result<TableDigest> copy(const std::string& name, const std::string& query,
                                         const std::function<void(std::string_view)>& piece);

  pg::Blocking* placement_;
  std::string tenant_, schema_;
  ImportTables tables_;
  std::vector<std::string> order_;
};

}  // namespace bulkhead::lifecycle
