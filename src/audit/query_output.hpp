#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/rows.hpp>

#include "catalog/records.hpp"

namespace bulkhead::audit {

enum class RowFormat : std::uint8_t { csv, jsonl };
[[nodiscard]] std::optional<RowFormat> parse_row_format(std::string_view name) noexcept;

/// Writes rows of many tenants with `tenant_id` and `tenant_slug` in front: CSV (RFC 4180; NULL is an empty field, an
/// empty text is quoted) under one header, or one JSON object a line. One thread at a time.
class RowWriter {
 public:
  using Write = std::function<Result<void>(std::string_view)>;
  RowWriter(RowFormat format, Write write) : format_(format), write_(std::move(write)) {}

  /// Errors: `usage` when two columns have one name; `conflict` when the columns are not those of the rows before (CSV);
  /// `tenant_mismatch` when a column `tenant_id` is another tenant's: the alarm; what `write` returns.
  [[nodiscard]] Result<void> write(const catalog::TenantRecord& tenant, const Rows& rows);

 private:
  [[nodiscard]] Result<void> take_columns(const Rows& rows);
  void append_csv(const std::string& id, const std::string& slug, const Rows& rows, std::size_t row);
  void append_json(const std::string& id, const std::string& slug, const Rows& rows, std::size_t row);

  RowFormat format_;
  Write write_;
  std::vector<std::string> header_;       ///< Of the CSV; empty before the first rows.
  std::vector<std::size_t> shown_;        ///< Columns of the rows at hand, without `tenant_id`.
  std::optional<std::size_t> tenant_id_;  ///< Where that is.
  std::string text_;
};

}  // namespace bulkhead::audit
