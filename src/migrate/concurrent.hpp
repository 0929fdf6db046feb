#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <bulkhead/result.hpp>

#include "sql/guard/tree.hpp"

namespace bulkhead::migrate {

// Files marked `-- bulkhead: concurrent` run outside a transaction: each statement must be one that a later run may do again.

/// Why a statement (its node and the node's tag) cannot stand in such a file; empty if it can.
[[nodiscard]] std::string_view not_concurrent(std::string_view tag, const sql::Object& node);

/// The same for a text, as an error that names file, line and column.
[[nodiscard]] Result<void> check_concurrent(std::string_view sql, const std::string& file_name);

/// The index that a statement CREATE INDEX CONCURRENTLY makes; nullopt for another statement.
struct ConcurrentIndex {
  std::string name, table;
};
[[nodiscard]] std::optional<ConcurrentIndex> concurrent_index(std::string_view statement);

}  // namespace bulkhead::migrate
