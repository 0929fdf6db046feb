#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <bulkhead/result.hpp>

#include "migrate/bootstrap.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::migrate {

// What the bootstraps of the catalog's database and of all others have in common.

[[nodiscard]] std::string_view binding_name(BindingMode mode);

/// The texts of these files of sql/, one after the other.
[[nodiscard]] std::string sql_files(std::initializer_list<std::string_view> names);

/// The digest of what is installed in the database; empty for none. Error: `config_invalid` when a newer Bulkhead did it.
[[nodiscard]] Result<std::string> installed_digest(pg::Blocking& admin);
/// Notes what was installed, in its transaction, as bulkhead_system.
[[nodiscard]] Result<void> note_installed(pg::Blocking& admin, const std::string& digest, BindingMode mode,
                                          const std::string& login);

/// Until the transaction's end nobody else bootstraps this database.
[[nodiscard]] Result<void> lock_bootstrap(pg::Blocking& admin);
/// `change` in one transaction, which is tried again when another server does the same. Errors say what rights are missing.
[[nodiscard]] Result<void> in_bootstrap_transaction(pg::Blocking& admin,
                                                    const std::function<Result<void>()>& change);

/// The login, in this database, has settings of its own.
[[nodiscard]] Result<bool> has_settings(pg::Blocking& admin, const std::string& login);

}  // namespace bulkhead::migrate
