#pragma once

#include <cstdint>
#include <string>

#include <bulkhead/result.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::migrate {

/// How the tenant reaches PostgreSQL (DESIGN section 4, Binding): signed is the default and the wall against
/// injection.
enum class BindingMode : std::uint8_t { signed_context, plain };

struct BootstrapOptions {
  BootstrapOptions() = default;
  BindingMode binding = BindingMode::signed_context;
};

/// What a server process needs to know of a bootstrapped database. Secrets: never log them.
struct Credentials {
  std::string login_password;    ///< Of bulkhead_login.
  std::string catalog_password;  ///< Of bulkhead_catalog.
  std::int32_t binding_key_id = 0;
  std::string
      binding_secret;  ///< 32 bytes: the newest key that signs tenant contexts. Also there in plain mode.
};

/// Installs or updates roles, schemas, functions and passwords in the connected database; idempotent, in one
/// transaction under an advisory lock, so that servers may start at the same time. `admin`: a superuser, or
/// the database's owner with CREATEROLE. When the database is up to date it looks only whether the two
/// logins still work, and mends them if not. Errors:
/// `config_invalid` when a newer Bulkhead made the database, `statement_failed` with PostgreSQL's report.
[[nodiscard]] Result<Credentials> bootstrap(pg::Blocking& admin, const BootstrapOptions& options = {});

/// Looks whether the two logins of a bootstrapped database work as they should, and mends their passwords and settings
/// if not: a login may change its own, and so may SQL that somebody injects. `admin`: as for `bootstrap`.
[[nodiscard]] Result<Credentials> mend_logins(pg::Blocking& admin);

/// Reads the credentials of a bootstrapped database (a server does so again when a key was rotated).
[[nodiscard]] Result<Credentials> read_credentials(pg::Blocking& admin);

/// A new signing key; the former one stays valid for `overlap_seconds`. Returns the new key's id.
[[nodiscard]] Result<std::int32_t> rotate_binding_key(pg::Blocking& admin,
                                                      std::int64_t overlap_seconds = 3600);

}  // namespace bulkhead::migrate
