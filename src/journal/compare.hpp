#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/uuid.hpp>

#include "journal/tables.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::journal {

/// The values of a row's key, without tenant_id, as text.
using RowKey = std::vector<std::string>;
using RowKeys = std::set<RowKey>;

/// How many rows the tenant has in a table, and a hash of them that does not depend on their order: equal text for equal rows.
[[nodiscard]] Result<std::string> digest(pg::Blocking& connection, const TenantTable& table,
                                         const std::string& schema, const TenantId& tenant);
/// The same of the rows with these keys.
[[nodiscard]] Result<std::string> digest(pg::Blocking& connection, const TenantTable& table,
                                         const std::string& schema, const TenantId& tenant,
                                         const RowKeys& keys);

/// `{"a","b"}`: an array of texts as PostgreSQL reads it.
[[nodiscard]] std::string array_text(const std::vector<std::string_view>& values);

}  // namespace bulkhead::journal
