#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <bulkhead/result.hpp>

#include "data/signer.hpp"
#include "pg/blocking.hpp"

namespace bulkhead {
class EmbeddedPostgres;
}

namespace bulkhead::runtime {

/// Which PostgreSQL a command works on: the embedded one of a data folder, or an existing server.
struct DatabaseChoice {
  std::filesystem::path data_dir;  ///< `--data DIR`
  std::string url;                 ///< `--database URL`; wins over nothing: both together are refused.
};

/// A database that commands and servers work on, opened with the operator's rights. Holds the embedded
/// PostgreSQL while it is used, if it had to be started.
class Workspace {
 public:
  /// With a data folder: attaches to its running PostgreSQL or starts it (and stops it in the destructor if
  /// this started it). With a URL: connects. Errors: `environment` (no PostgreSQL binaries, folder in use),
  /// `database_unavailable`, `usage`.
  enum class Use : std::uint8_t {
    server,   ///< Takes the data folder for itself.
    command,  ///< Works beside a running server; needs an existing data folder.
  };
  [[nodiscard]] static Result<Workspace> open(const DatabaseChoice& choice, Use use);
  Workspace(Workspace&&) noexcept;
  Workspace& operator=(Workspace&&) noexcept;
  ~Workspace();

  /// Installs roles, schemas and functions, or brings them up to date; idempotent. Sets the binding.
  [[nodiscard]] Result<void> prepare(bool binding_signed);
  /// The database must be prepared already; nothing is changed.
  [[nodiscard]] Result<void> log_in();
  /// For `serve`: the same, and the two logins are mended if SQL has changed their passwords or settings.
  [[nodiscard]] Result<void> log_in_mended();

  /// What is known to be wrong with this PostgreSQL and bears on tenants; see `known_defect`.
  [[nodiscard]] Result<std::string> known_defect() const;

  /// A new connection with the operator's rights.
  [[nodiscard]] Result<pg::Blocking> admin() const;
  /// What the server's data plane and its view of the catalog log in with; after `prepare`.
  [[nodiscard]] const std::string& login_conninfo() const noexcept { return login_; }
  [[nodiscard]] const std::string& catalog_conninfo() const noexcept { return catalog_; }
  /// The key that signs tenant contexts now; after `prepare`.
  [[nodiscard]] const data::BindingKey& binding_key() const noexcept { return key_; }
  /// The same, read again: after a rotation. Any thread.
  [[nodiscard]] Result<data::BindingKey> read_binding_key() const;
  /// Starts the embedded PostgreSQL again if it has died; true if it had. Ends soon when `give_up` says so.
  [[nodiscard]] Result<bool> revive(const std::function<bool()>& give_up = {});
  /// Stops the embedded PostgreSQL, if there is one and nobody else uses it; see EmbeddedPostgres::stop. The
  /// destructor does the same and tells nobody.
  [[nodiscard]] Result<void> stop(std::chrono::milliseconds patience);

 private:
  Workspace();
  std::unique_ptr<EmbeddedPostgres> embedded_;
  std::string admin_, login_, catalog_;
  data::BindingKey key_;
};

}  // namespace bulkhead::runtime
