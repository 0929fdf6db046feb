#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

/// A table that an import may fill.
struct ImportTable {
  std::string name;
  bool tenant = false;
  std::vector<std::string> primary_key;   ///< Without tenant_id.
  std::map<std::string, bool> columns;    ///< Name → generated (not to be written). Without tenant_id.
  std::set<std::string> always_identity;  ///< Of those that are generated: COPY may write them all the same.
  std::set<std::string> refers_to;        ///< Tables its foreign keys name, itself left out.
  bool refers_to_itself = false;
};
using ImportTables = std::map<std::string, ImportTable>;

/// Those whose values cannot be computed again, by name; without tenant_id.
[[nodiscard]] std::vector<std::string> stored_columns(const ImportTable& table);

/// Reads the catalogues.
[[nodiscard]] Result<ImportTables> read_tables(pg::Blocking& admin, std::string_view schema);

/// `wanted`, each after those it refers to. Error: they refer to each other in a circle.
[[nodiscard]] Result<std::vector<std::string>> foreign_key_order(const ImportTables& tables,
                                                                 const std::vector<std::string>& wanted);

}  // namespace bulkhead::lifecycle
