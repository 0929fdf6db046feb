#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "pg/statement_cache.hpp"

namespace bulkhead::pg {

/// What the connection has to do next, in the order given.
struct Action {
  enum class Kind : std::uint8_t {
    // Towards the server. `unit` is the one being submitted.
    prepare,          ///< Prepare `step`'s shape under the number `statement`.
    execute,          ///< Execute `step` with the prepared statement `statement`.
    execute_unnamed,  ///< Parse and execute `step` without a name (no statement is kept on this connection).
    deallocate,       ///< DEALLOCATE `statement`; no caller waits for it.
    deallocate_all,   ///< DEALLOCATE ALL; no caller waits for it.
    sync,             ///< Close the unit, then flush.
    // About the result that was just read, which belongs to `step` of `unit`.
    keep_rows,
    keep_error,
    // Towards the callers.
    complete,  ///< The unit was answered up to its Sync.
    retry,     ///< It was rolled back for a reason that is ours, not the caller's: submit it again.
    not_run,   ///< The connection is gone and the unit certainly had no effect.
    lost,      ///< The connection is gone and nobody knows the outcome.
    // About the connection.
    cancel,     ///< Ask the server to cancel what runs now; the connection is retired already.
    arm_grace,  ///< A unit that its caller gave up runs now: call `grace_over(unit)` in a while.
    close,      ///< Nothing more will come of this connection.
  };
  Kind kind;
  std::uint64_t unit = 0;  ///< 0: the machine's own.
  std::uint32_t step = 0;
  std::uint64_t statement = 0;

  friend bool operator==(const Action&, const Action&) = default;
};

/// What a result means, as the connection read it.
enum class Reply : std::uint8_t {
  success,            ///< Rows, a command tag, or "prepared".
  error,              ///< The statement failed; the rest of its unit will be `skipped`.
  unknown_statement,  ///< It failed because the server does not hold that prepared statement.
  stale_plan,         ///< It failed because the tables changed: "cached plan must not change result type".
  cancelled,          ///< It failed with query_canceled.
  shutdown,           ///< FATAL admin_shutdown: the server said that it ends this connection here, in order.
  skipped,            ///< Not run: an earlier step of its unit failed.
  unexpected,         ///< Anything that the pipeline protocol does not have (COPY, a result without a query).
};

/// A connection's transaction status after a Sync. libpq tells it only when nothing else is outstanding.
enum class AfterSync : std::uint8_t { idle, open, failed, more_outstanding, unknown };

/// How a unit may be treated.
struct UnitTraits {
  UnitTraits() = default;
  bool may_retry = true;       ///< Its transaction ends with its Sync, and it has retries left.
  bool may_stay_open = false;  ///< Session lane: a transaction may be open after its Sync.
  bool own_prepares = false;   ///< A retry: do not ride on another unit's unconfirmed prepare.
};

/// The wire logic of one pipelined connection, without I/O: events in, actions out. Units are answered in the
/// order in which they were submitted; each is closed by its own Sync, so an error ends its unit and touches
/// no other.
///
/// Statements are prepared within the unit that first needs them, right before their use: one round trip, and
/// names resolve under the role that the unit has bound by then. Until the server has confirmed it, a later
/// unit may ride on that prepare; should it fail, the rider is retried once with prepares of its own.
///
/// A statement that the server had confirmed and no longer knows was taken by somebody's DEALLOCATE: the connection is
/// retired.
///
/// Every event returns the actions that follow from it; the span is valid until the next event. After `close`
/// every event returns nothing.
class PipelineMachine {
 public:
  /// `statements`: how many are kept prepared; 0 for none (unnamed statements, behind a transaction pooler).
  explicit PipelineMachine(std::size_t statements);

  /// A unit was handed over. `unit` > 0 and unique on this connection; `shapes` the ids of its steps' shapes,
  /// at least one. Precondition: `accepts()`.
  std::span<const Action> submit(std::uint64_t unit, std::span<const std::uint64_t> shapes,
                                 UnitTraits traits);
  /// A result arrived that is neither NULL nor a Sync.
  std::span<const Action> reply(Reply reply);
  /// PQgetResult returned NULL.
  std::span<const Action> null_result();
  /// A Sync's answer arrived.
  std::span<const Action> sync(AfterSync status);
  /// The connection failed, or bytes could not be sent.
  std::span<const Action> broken();
  /// The caller's deadline passed or the caller went away. Its unit still runs to its Sync; its outcome will
  /// be dropped
  /// (`complete` comes all the same).
  std::span<const Action> give_up(std::uint64_t unit);
  /// The time that `arm_grace` asked for has passed.
  std::span<const Action> grace_over(std::uint64_t unit);
  /// Prepared statements may be wrong from now on.
  std::span<const Action> forget_statements();
  /// No further units; closes when those outstanding are answered.
  std::span<const Action> retire();

  [[nodiscard]] bool accepts() const noexcept { return !retired_ && !closed_; }
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  /// True while the server owes an answer.
  [[nodiscard]] bool busy() const noexcept { return !flights_.empty(); }
  /// Callers' units outstanding.
  [[nodiscard]] std::size_t outstanding() const noexcept { return outstanding_; }
  [[nodiscard]] std::size_t statements() const noexcept { return cache_.size(); }

 private:
  struct Op {
    enum class Kind : std::uint8_t { prepare, execute, other };
    Kind kind;
    std::uint32_t step;
    std::uint64_t shape, statement;
  };
  /// A unit between its submission and the answer to its Sync.
  struct Flight {
    std::uint64_t unit = 0;
    std::vector<Op> ops;
    std::size_t answered = 0;  // Ops whose result has come.
    bool null_due = false;     // The NULL that ends the last answered op has not come yet.
    bool failed = false;       // An op failed: the rest comes as skipped.
    bool retry = false;
    bool given_up = false;
    UnitTraits traits;
  };

  std::span<const Action> done() const { return {actions_.data(), actions_.size()}; }
  void emit(Action::Kind kind, std::uint64_t unit = 0, std::uint32_t step = 0, std::uint64_t statement = 0) {
    actions_.push_back(Action{kind, unit, step, statement});
  }
  void submit_step(Flight& flight, std::uint32_t step, std::uint64_t shape);
  void send_own(Action::Kind kind, std::uint64_t statement);
  void evict();
  bool fails_at_sync(Reply reply);
  void confirm(const Op& op);
  void fail(Flight& flight, const Op& op, Reply reply);
  void skip(const Op& op);
  void end_flight(Flight flight, AfterSync status);
  void break_all(bool first_not_run, bool rest_not_run);
  Flight take_spare();

  StatementCache cache_;
  bool unnamed_;
  std::deque<Flight> flights_;
  std::vector<Flight> spare_;  // Ended flights, kept for their memory.
  std::vector<Action> actions_;
  std::vector<std::uint64_t> to_free_;  // Statements to be freed behind the unit that is being answered.
  std::uint64_t next_statement_ = 1;
  std::uint64_t forgotten_below_ = 0;  // DEALLOCATE ALL was sent behind every prepare with a lower number.
  std::size_t outstanding_ = 0;
  std::size_t nulls_ = 0;  // NULLs in a row where none was due.
  bool cancelled_ = false, retired_ = false, closed_ = false;
};

}  // namespace bulkhead::pg
