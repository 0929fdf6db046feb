#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>

#include "migrate/bootstrap.hpp"
#include "migrate/runner.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::migrate {

// A database that holds placements but not the catalog, and the schemas in it. `admin` is always a connection of the
// operator to that very database. Everything here is idempotent: who died in the middle does it again.

/// What the server needs to reach a database. Secrets: never log them.
struct DatabaseSecrets {
  std::string password;             ///< Of the database's login.
  std::int32_t binding_key_id = 0;  ///< The newest signing key,
  std::string binding_secret;       ///< its 32 bytes, hex.
};

/// Installs roles, schema `bulkhead` and (for pools and silos) schema `app` in a database, with a login of its own, which
/// alone may connect to it. Gives the login a new password and makes a signing key when there is none; `known` (from the
/// catalog) is kept where it still holds.
[[nodiscard]] Result<DatabaseSecrets> prepare_database(pg::Blocking& admin, const std::string& login,
                                                       BindingMode binding,
                                                       const DatabaseSecrets& known = {});

/// Makes a schema of a shard with its four roles (SCHEMA_viewer, SCHEMA_member, SCHEMA_admin, SCHEMA_owner: each inherits
/// the app's role of that name, may use this schema and no other, and is granted to `login`), and its row of
/// bulkhead.target at version 0. `schema`: t_ and 16 hex digits.
[[nodiscard]] Result<void> prepare_schema(pg::Blocking& admin, const std::string& login,
                                          const std::string& schema);
/// Takes it out again, rows and roles and ledger and all; what is not there is no error.
[[nodiscard]] Result<void> drop_schema(pg::Blocking& admin, const std::string& schema);

/// Applies what this schema's ledger lacks. All of it in one transaction, so that a target is at its old version or at its
/// new one; a file marked `-- bulkhead: concurrent` ends the transaction before it and runs outside of one. As
/// run_migrations() otherwise, which is this for schema `app` of the catalog's database.
[[nodiscard]] Result<RunReport> migrate_target(pg::Blocking& admin, const std::string& schema,
                                               const std::vector<MigrationFile>& files,
                                               const RunOptions& options = {});

}  // namespace bulkhead::migrate
