#pragma once

#include <cstddef>
#include <functional>
#include <map>
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
/// The same, a few rows at a time, each of which `pass` is told the bytes and may wait: not comparable with what `digest` says. In a
/// transaction.
[[nodiscard]] Result<std::string> digest_in_steps(pg::Blocking& connection, const TenantTable& table,
                                                  const std::string& schema, const TenantId& tenant,
                                                  const std::function<void(std::size_t bytes)>& pass);
/// The same as `digest`, of the rows with these keys, of each table that has some in `keys`, in the order of the tables: one statement.
[[nodiscard]] Result<std::vector<std::string>> digests(pg::Blocking& connection,
                                                       const std::vector<TenantTable>& tables,
                                                       const std::string& schema, const TenantId& tenant,
                                                       const std::map<std::string, RowKeys>& keys);
/// By which name a table stands in such a map.
[[nodiscard]] std::string key_name(const TenantTable& table);

/// `{"a","b"}`: an array of texts as PostgreSQL reads it.
[[nodiscard]] std::string array_text(const std::vector<std::string_view>& values);

}  // namespace bulkhead::journal
