#pragma once

#include <filesystem>
#include <string>

#include <bulkhead/result.hpp>

#include "base/config.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle::backup {

/// `[backup]` of a bulkhead.toml into the catalog, where commands without the app's folder find it.
[[nodiscard]] Result<void> sync_backup_settings(pg::Blocking& catalog, const AppConfig& config);

/// The store's URL: `wanted`, else what the catalog has, else `backups` in the folder of an embedded PostgreSQL, which is made
/// (`data_dir`; empty: there is none). Error: `config_invalid`.
[[nodiscard]] Result<std::string> backup_store(pg::Blocking& catalog, const std::string& wanted,
                                               const std::filesystem::path& data_dir);
/// How many days a tenant can be restored back.
[[nodiscard]] Result<std::uint32_t> backup_keep_days(pg::Blocking& catalog);

}  // namespace bulkhead::lifecycle::backup
