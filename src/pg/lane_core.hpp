#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "pg/connection.hpp"
#include "pg/conninfo.hpp"
#include "pg/fair_queue.hpp"
#include "pg/lanes.hpp"

namespace bulkhead::pg {

/// The inside of Lanes: queues, connections and deadlines. Held by shared pointer, so that a caller resumed
/// by it may destroy the Lanes.
class LaneCore final : public ConnectionOwner, public std::enable_shared_from_this<LaneCore> {
 public:
  static constexpr std::size_t session_lane = 3;
  static constexpr std::size_t lane_count = 4;

  LaneCore(boost::asio::io_context& io, const std::string& conninfo, LaneSettings settings);

  /// From now on connections count against this budget. Before any is opened.
  void share(ConnectionBudget& budget);
  /// The budget asks for one back: closes an idle connection, or, if `busy_too`, retires one that is not. False: none.
  [[nodiscard]] bool give_way(bool busy_too);
  /// The budget has room again.
  void room();
  [[nodiscard]] std::size_t connection_count() const noexcept;

  /// Why this job cannot be taken now, if so.
  [[nodiscard]] std::optional<Error> refuse(const Job& job) const;
  /// Hands the job in and waits until it comes back with `outcome` or `failure`. Precondition: `refuse` said
  /// nothing.
  [[nodiscard]] Task<JobPtr> run(JobPtr job);
  /// The same on a connection that a session holds.
  [[nodiscard]] Task<JobPtr> run_on(std::shared_ptr<Connection> connection, JobPtr job);
  /// A session is over: rolls back what is open, checks that nothing is left, and lets others use the
  /// connection.
  void take_back(const std::shared_ptr<Connection>& connection);

  void forget_statements();
  [[nodiscard]] LaneCounters counters() const;
  [[nodiscard]] Task<void> drain(Deadline deadline);
  /// Ends everything without a word. For the destruction of the Lanes.
  void stop() noexcept;

  void connected(Connection& connection) override;
  void connect_failed(Connection& connection, Error error) override;
  void ended(Connection& connection, JobPtr job, Fate fate) override;
  void progressed(Connection& connection) override;
  void cancel_wanted(CancelPtr cancel) override;

 private:
  struct LaneState {
    std::size_t connections_max = 0, depth = 0;
    bool fill_first = false;  // Read lane: one connection to its depth before the next.
    bool spread = false;      // Write lane: another connection rather than a second unit on one.
    FairQueue queue;
    std::vector<std::shared_ptr<Connection>> connections;
    unsigned failures = 0;  // Attempts to connect that failed in a row.
    Deadline next_attempt = Deadline::min();
    Error last_error;
  };

  struct Submit;
  struct SubmitOn;
  void enter(JobPtr job);
  void watch(Job& job);
  void settle(LaneState& lane);
  [[nodiscard]] Connection* pick(LaneState& lane) const;
  void grow(LaneState& lane);
  [[nodiscard]] bool wants_connection(const LaneState& lane) const;
  void open(LaneState& lane);
  [[nodiscard]] bool may_open();
  void give_back(std::size_t connections);
  void watch_idle();
  void close_idle();
  void fail_waiting(LaneState& lane);
  void remove(Connection& connection);
  void finish(JobPtr job);
  void deliver();
  void deliver_soon();
  void arm_deadline(Deadline deadline);
  void expire();
  void caller_left(std::uint64_t serial);
  [[nodiscard]] JobPtr answer_early(Job& job, Error error);
  [[nodiscard]] bool quiet() const;

  boost::asio::io_context& io_;
  LaneSettings settings_;
  Result<Conninfo> conninfo_;
  bool own_options_ = false;  // The conninfo's `options` are ours: a pooler that refuses them is met without.
  std::array<LaneState, lane_count> lanes_;
  std::deque<JobPtr> finished_;  // To be handed to their callers.
  std::vector<std::shared_ptr<Connection>> to_close_, to_retire_;
  boost::asio::steady_timer deadline_timer_;
  Deadline armed_ = Deadline::max();
  boost::asio::steady_timer quiet_timer_;  // drain() waits on it; cancelled when nothing is left.
  boost::asio::steady_timer idle_timer_;
  bool watching_idle_ = false;
  ConnectionBudget* budget_ = nullptr;
  std::optional<boost::asio::thread_pool> cancels_;
  std::minstd_rand random_;
  ShapeRef rollback_, check_;
  std::uint64_t next_serial_ = 1;
  LaneCounters counted_;  // What closed connections and finished units add up to.
  bool draining_ = false, stopped_ = false, posted_ = false;
};

}  // namespace bulkhead::pg
