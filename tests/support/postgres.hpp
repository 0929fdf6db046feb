#pragma once

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "migrate/bootstrap.hpp"
#include "pg/blocking.hpp"
#include "runtime/embedded_postgres.hpp"

namespace bulkhead::test {

/// A bootstrapped database of its own in the test program's private PostgreSQL cluster.
struct Database {
  std::string name;
  std::string admin;    ///< Connection string of the superuser.
  std::string login;    ///< Of bulkhead_login, as a server logs in.
  std::string catalog;  ///< Of bulkhead_catalog.
  migrate::Credentials credentials;

  /// Throws std::runtime_error when it cannot connect.
  [[nodiscard]] pg::Blocking connect_admin() const;
  [[nodiscard]] pg::Blocking connect_login() const;
};

/// How a cluster of a test runs: quicker than one that must survive the end of the machine.
[[nodiscard]] EmbeddedSettings quick_postgres();

/// One private PostgreSQL cluster for the whole test program (the real server, embedded as in production,
/// without fsync). It starts at the first use and goes when the program ends, even when that is killed.
class Postgres {
 public:
  /// Throws std::runtime_error when PostgreSQL cannot start: an integration test without its database must
  /// fail loudly.
  [[nodiscard]] static Postgres& shared();
  /// Another cluster, for tests with two cells.
  [[nodiscard]] static Postgres& second();
  ~Postgres();
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;

  /// Connection string of the superuser to `database`.
  [[nodiscard]] std::string admin(std::string_view database = "bulkhead") const;
  /// A new empty database (no Bulkhead in it).
  [[nodiscard]] std::string make_empty_database();
  /// A new bootstrapped database, copied from a template that is made once: about 50 ms. `plain`: binding
  /// without signature.
  [[nodiscard]] Database make_database(bool plain = false);
  /// Runs a migration's text as `bulkhead_owner` with search_path app, in a transaction. Throws on an error.
  static void migrate(const Database& database, std::string_view sql);
  /// Makes a tenant (catalog, placement, residency) and returns its id. Throws on an error.
  [[nodiscard]] static std::string make_tenant(const Database& database, std::string_view slug);
  /// The postmaster's process id, for tests that kill it, and the way to bring it back.
  [[nodiscard]] int postmaster_pid() const;
  void revive();
  /// Kills the whole cluster, as a machine that is switched off.
  void kill_cluster();

 private:
  Postgres();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The signed context (or the bare id in plain mode) for `tenant` and `role`, made by the operator's
/// function.
[[nodiscard]] std::string context(pg::Blocking& admin, std::string_view tenant, std::string_view role,
                                  int valid_seconds = 120);

/// The same server and database under another login (libpq takes the last of two settings of one name).
[[nodiscard]] std::string with_login(const std::string& conninfo, std::string_view user,
                                     std::string_view password);

/// The value of a successful result; otherwise throws std::runtime_error with the error's text.
template <class T>
T must(Result<T> result) {
  if (result.has_error()) {
    throw std::runtime_error(std::string(result.error().message()) + " " +
                             std::string(result.error().internal()));
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// `../shared/NAME` beside the checkout, or an empty path where that is absent (then the test skips, saying
/// so).
[[nodiscard]] std::filesystem::path shared_data(std::string_view name);

}  // namespace bulkhead::test
