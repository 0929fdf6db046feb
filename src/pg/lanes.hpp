#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include <bulkhead/context.hpp>
#include <bulkhead/result.hpp>
#include <bulkhead/task.hpp>

#include "pg/unit.hpp"

namespace bulkhead::pg {

/// Which queue a unit goes to (DESIGN section 4, Lanes).
enum class Lane : std::uint8_t {
  read,   ///< Few connections, deep pipeline: the backend does not sleep between units.
  write,  ///< More connections, shallow: each commit flushes on its own connection.
  slow,   ///< Shapes that have been slow: one outstanding each, so that nobody queues behind them.
};

struct LaneSettings {
  LaneSettings() = default;
  std::size_t read_connections = 2, read_depth = 16;
  std::size_t write_connections = 8, write_depth = 2;
  std::size_t slow_connections = 2;
  std::size_t session_connections = 4;
  std::size_t queue_max = 2048;  ///< Units waiting per lane; beyond it `Errc::overloaded`.
  std::size_t tenant_share_max =
      512;  ///< Waiting units of one fairness key per lane; beyond it `overloaded`.
  std::size_t statements_per_connection = 256;   ///< Prepared statements kept, least recently used first out.
  std::size_t prepares_per_connection = 65'536;  ///< Then a new connection takes its place.
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds backoff_min{50}, backoff_max{2000};  ///< Reconnect delay, doubled and jittered.
  std::chrono::milliseconds idle_timeout{
      0};  ///< A connection that nobody uses for so long is closed; 0: never.
};

/// Counters for metrics; monotonic since start.
struct LaneCounters {
  std::uint64_t units = 0, failed_units = 0, syncs = 0, connects = 0, disconnects = 0, cancels = 0,
                prepares = 0;
  std::size_t waiting = 0, outstanding = 0, connections = 0;
};

/// Bounds how many connections all Lanes of one io thread that share it have together. Where the bound is reached, an idle
/// connection of another Lanes makes place, or else one of the Lanes that has most is closed once it is through with what
/// it has; who asked waits in turn. Outlives its Lanes. Not thread-safe: one an io thread.
class ConnectionBudget {
 public:
  explicit ConnectionBudget(std::size_t most);
  ~ConnectionBudget();
  ConnectionBudget(const ConnectionBudget&) = delete;
  ConnectionBudget& operator=(const ConnectionBudget&) = delete;
  /// Open or being opened.
  [[nodiscard]] std::size_t taken() const noexcept;

 private:
  friend class LaneCore;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// An interactive transaction on a connection of its own (the session lane): BEGIN, then units one at a time,
/// each with its own Sync, then COMMIT. If it is destroyed before `commit()` the connection is rolled back,
/// or closed if that is not possible, before anyone else gets it.
class Session {
 public:
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  [[nodiscard]] Task<Result<Outcome>> run(Unit unit, Deadline deadline);
  /// An error means: not committed, except `Errc::upstream_failed`, which means that nobody knows.
  [[nodiscard]] Task<Result<void>> commit(Deadline deadline);
  [[nodiscard]] Task<Result<void>> rollback(Deadline deadline);

 private:
  friend class Lanes;
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The connections of one io thread to one database under one login, in lanes. Connections open lazily and in
/// parallel, reconnect with backoff, and are closed if they come back other than idle.
///
/// Thread: the executor's thread alone. Lifetime: outlives every task it returned (the io thread drains
/// first).
class Lanes {
 public:
  /// `conninfo`: a libpq connection string or URI. `budget`: shared with other Lanes of the thread; nullptr: none.
  Lanes(boost::asio::any_io_executor executor, std::string conninfo, LaneSettings settings,
        ConnectionBudget* budget = nullptr);
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  /// Sends the unit as one pipelined implicit transaction, one round trip, and waits for its answer.
  /// `fairness_key`: tenants take turns (deficit round robin) when units wait.
  /// Errors: `database_unavailable` (never sent: safe to retry), `upstream_failed` (sent, answer lost:
  /// outcome unknown), `overloaded`, `deadline_exceeded` (cancelled at the server; for a write the outcome is
  /// unknown). A statement's own failure is no error here: it is in `Outcome::error`.
  [[nodiscard]] Task<Result<Outcome>> run(Lane lane, Unit unit, Deadline deadline,
                                          std::uint64_t fairness_key = 0);

  /// Begins an interactive transaction. `begin`: its first unit, run after BEGIN in the same round trip.
  [[nodiscard]] Task<Result<Session>> begin(Deadline deadline);

  /// True if a connection is up or can be opened now (for readiness).
  [[nodiscard]] Task<Result<void>> ping(Deadline deadline);

  /// Prepared statements may be wrong after a migration: forget them on every connection, between units.
  void forget_statements();

  [[nodiscard]] LaneCounters counters() const;

  /// No new units; those under way finish; then the connections close.
  [[nodiscard]] Task<void> drain(Deadline deadline);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead::pg
