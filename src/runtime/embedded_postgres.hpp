#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include <bulkhead/result.hpp>

namespace bulkhead {

struct EmbeddedSettings {
  EmbeddedSettings() = default;
  /// Further lines of postgresql.conf, after Bulkhead's own.
  std::vector<std::pair<std::string, std::string>> parameters;
  std::chrono::milliseconds start_timeout{20'000};
};

/// Bulkhead's own PostgreSQL cluster in `DIR/postgres` (DESIGN section 5): a unix socket in a directory of
/// mode 0700, no TCP; never as root (user `postgres`, else `nobody`). Who may log in as Bulkhead's own logins
/// is a matter of the user of the machine (`peer`), not of passwords. PostgreSQL runs
/// as a process of its own: it outlives a killed Bulkhead, and the next start adopts it.
///
/// Where root keeps DIR closed to others (under /root, say), the cluster lives in /var/lib/bulkhead/… and
/// `DIR/postgres` is a link to it.
///
/// Thread: any, one at a time.
class EmbeddedPostgres {
 public:
  /// For a server: takes DIR for itself, makes the cluster at the first start, starts or adopts PostgreSQL.
  /// Errors (`environment`): no PostgreSQL 15 or newer, DIR in use by another server, no permission, start
  /// failed.
  [[nodiscard]] static Result<std::unique_ptr<EmbeddedPostgres>> start(const std::filesystem::path& dir,
                                                                       const EmbeddedSettings& settings = {});
  /// For a command: uses what runs, beside a server or not; starts PostgreSQL if nothing runs.
  [[nodiscard]] static Result<std::unique_ptr<EmbeddedPostgres>> attach(
      const std::filesystem::path& dir, const EmbeddedSettings& settings = {});
  /// Stops, if this is the last user of the cluster.
  ~EmbeddedPostgres();
  EmbeddedPostgres(const EmbeddedPostgres&) = delete;
  EmbeddedPostgres& operator=(const EmbeddedPostgres&) = delete;

  /// libpq connection string of the superuser to the database `bulkhead`. Holds the password: never log it.
  [[nodiscard]] const std::string& conninfo() const noexcept;
  /// The postmaster.
  [[nodiscard]] pid_t pid() const noexcept;
  /// PostgreSQL ran already.
  [[nodiscard]] bool adopted() const noexcept;
  /// Where the cluster's files are.
  [[nodiscard]] const std::filesystem::path& home() const noexcept;

  /// Starts PostgreSQL again if it has died; true if it had. Clients see connection errors until then.
  /// `give_up` is asked every few milliseconds while it starts; when it says true, the result is false.
  [[nodiscard]] Result<bool> revive(const std::function<bool()>& give_up = {});
  /// Fast shutdown (sessions are ended, nothing committed is lost), unless another process still uses the
  /// cluster; that one stops it then. A PostgreSQL that has not ended after `patience` is told to end at
  /// once, which loses nothing committed either but lets the next start recover. Returns a second later at
  /// most; the error tells what has become of it. Idempotent.
  [[nodiscard]] Result<void> stop(std::chrono::milliseconds patience = std::chrono::seconds(20));

 private:
  struct Impl;
  explicit EmbeddedPostgres(std::unique_ptr<Impl> impl);
  [[nodiscard]] static Result<std::unique_ptr<EmbeddedPostgres>> open(const std::filesystem::path& dir,
                                                                      const EmbeddedSettings& settings,
                                                                      bool exclusive);
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead
