#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <bulkhead/result.hpp>

#include "catalog/cells.hpp"
#include "migrate/bootstrap.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::migrate {

// A database that holds placements but not the catalog, and the schemas in it. `admin` is always a connection of the
// operator to that very database. Everything here is idempotent: who died in the middle does it again. Migrations of
// these schemas: `migrate_target` (runner.hpp).

/// What the server needs to reach a database. Secrets: never log them.
struct DatabaseSecrets {
  std::string password;             ///< Of the database's login.
  std::int32_t binding_key_id = 0;  ///< The newest signing key,
  std::string binding_secret;       ///< its 32 bytes, hex.
};

/// Installs roles, schema `bulkhead` and (for pools and silos) schema `app` with its row of bulkhead.target in a database,
/// with a login of its own, which alone may connect to it; brings up to date what an earlier Bulkhead installed. In one
/// transaction. `known` (from the catalog) is kept where it still holds: else the login gets a new password, and a new
/// signing key is made; the former one stays valid for an hour. `login`: made where there is none; a name that needs no
/// quotes. Errors: as `bootstrap`, `usage` for a login's name.
[[nodiscard]] Result<DatabaseSecrets> prepare_database(pg::Blocking& admin, catalog::DatabaseKind kind,
                                                       const std::string& login, BindingMode binding,
                                                       const DatabaseSecrets& known = {});

/// True when `prepare_database` would change nothing but secrets: the database is what this program installs.
[[nodiscard]] Result<bool> is_prepared(pg::Blocking& admin, catalog::DatabaseKind kind,
                                       const std::string& login, BindingMode binding);

/// A new signing key of such a database; the former ones stay valid for `overlap_seconds`. The password is left empty.
[[nodiscard]] Result<DatabaseSecrets> make_binding_key(pg::Blocking& admin, std::int64_t overlap_seconds,
                                                       std::int32_t former_id = 0);

/// t_ and 16 hex digits: what a schema of a shard is called.
[[nodiscard]] bool is_tenant_schema(std::string_view name) noexcept;

/// Makes a schema of a shard with its four roles (SCHEMA_viewer, SCHEMA_member, SCHEMA_admin, SCHEMA_owner: each inherits
/// the app's role of that name, may use this schema and no other, and is granted to `login`), and its row of
/// bulkhead.target at version 0. In one transaction. Error: `usage` for a name that is no tenant schema's.
[[nodiscard]] Result<void> prepare_schema(pg::Blocking& admin, const std::string& login,
                                          const std::string& schema);
/// Takes it out again, rows and roles, residency and ledger; what is not there is no error.
[[nodiscard]] Result<void> drop_schema(pg::Blocking& admin, const std::string& schema);

}  // namespace bulkhead::migrate
