#pragma once

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "pg/conninfo.hpp"
#include "pg/job.hpp"
#include "pg/pipeline_machine.hpp"
#include "pg/result.hpp"

namespace bulkhead::pg {

struct FreeCancel {
  void operator()(PGcancel* cancel) const noexcept { PQfreeCancel(cancel); }
};
using CancelPtr = std::shared_ptr<PGcancel>;

/// How a job's stay on a connection ended.
enum class Fate : std::uint8_t { answered, retry, not_run, lost };

/// Whom a connection reports to, on the io thread. `ended` and `cancel_wanted` may come from within a call
/// into the connection, the others never do.
class ConnectionOwner {
 public:
  virtual void connected(Connection& connection) = 0;
  virtual void connect_failed(Connection& connection, Error error) = 0;
  /// The connection gives the job back. Must not call into the connection.
  virtual void ended(Connection& connection, JobPtr job, Fate fate) = 0;
  /// Everything that had arrived was read; the connection may have room, or be closed.
  virtual void progressed(Connection& connection) = 0;
  /// A cancel request to be sent where blocking is allowed.
  virtual void cancel_wanted(CancelPtr cancel) = 0;

 protected:
  ~ConnectionOwner() = default;
};

/// What makes a prepared statement's name unguessable. SQL's PREPARE and DEALLOCATE work on the same names as the
/// protocol, so whoever injects SQL and can guess one puts a statement of his own in its place, which would run for the
/// next tenant with that tenant's context. One a statement, not one a connection: DEALLOCATE shows the name that it
/// frees in pg_stat_activity.
using StatementSecret = std::array<unsigned char, 16>;

struct ConnectionStats {
  std::uint64_t syncs = 0, prepares = 0, cancels = 0;
};

/// The sockets around a PipelineMachine: one libpq connection in pipeline mode on one io thread.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(boost::asio::io_context& io, ConnectionOwner& owner, const LaneSettings& settings,
             std::size_t lane);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Begins to connect; `connected` or `connect_failed` follows, never from within this call.
  void connect(Conninfo conninfo);

  /// Precondition: `accepts()`.
  void submit(JobPtr job);
  /// The caller of that outstanding job is gone or out of time: cancels it at the server if it is the one
  /// that runs.
  void give_up(std::uint64_t job_id);
  void forget_statements();
  /// Closes once the outstanding units are answered.
  void retire();
  /// Closes now; outstanding jobs end as `lost`, then `progressed` follows, not from within this call.
  void close_now();
  /// Closes now and tells nobody: outstanding jobs are destroyed. For the owner's destruction.
  void abort() noexcept;

  /// Jobs whose callers still wait, in order, for the deadline scan.
  [[nodiscard]] const std::deque<JobPtr>& jobs() const noexcept { return jobs_; }
  [[nodiscard]] std::size_t lane() const noexcept { return lane_; }
  [[nodiscard]] bool ready() const noexcept { return state_ == State::ready; }
  [[nodiscard]] bool connecting() const noexcept { return state_ == State::connecting; }
  [[nodiscard]] bool retired() const noexcept { return !machine_.accepts(); }
  [[nodiscard]] bool closed() const noexcept { return state_ == State::closed; }
  [[nodiscard]] bool accepts() const noexcept { return ready() && !leased && machine_.accepts(); }
  [[nodiscard]] std::size_t outstanding() const noexcept { return machine_.outstanding(); }
  [[nodiscard]] bool busy() const noexcept { return machine_.busy(); }
  /// The transaction status; meaningful when nothing is outstanding.
  [[nodiscard]] AfterSync status() const noexcept;
  [[nodiscard]] const ConnectionStats& stats() const noexcept { return stats_; }
  /// libpq's words about why the connection ended.
  [[nodiscard]] const std::string& last_words() const noexcept { return last_words_; }

  std::uint64_t served_at_last_look = 0;  ///< Of the owner, when it looks for idle connections.
  bool leased = false;  ///< Belongs to a Session: the lanes give it nothing. Set by the owner.
  bool stale = false;  ///< Leased while its prepared statements became doubtful: close it when it comes back.

 private:
  enum class State : std::uint8_t { connecting, ready, closed };

  void start_connect(const Conninfo& conninfo);
  void poll_connect();
  void finish_connect();
  void fail_connect(const std::string& reason);
  void await_readable();
  void on_readable();
  void read_results();
  void take_result(ResultPtr result);
  [[nodiscard]] Reply classify_result() const;
  void perform(std::span<const Action> actions);
  [[nodiscard]] bool send(const Action& action);
  /// Executes a step of the last job by its prepared statement's name, or, without a name, parses it as well.
  [[nodiscard]] bool send_step(std::size_t number, const char* name);
  [[nodiscard]] const StatementSecret& secret_of(std::uint64_t statement);
  [[nodiscard]] bool send_prepare(const char* name, const Shape& shape);
  void flush();
  void request_cancel();
  void arm_grace(std::uint64_t unit, std::chrono::milliseconds delay);
  void end_front(Fate fate);
  void shut() noexcept;
  void announce_close();

  using Descriptor = boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

  boost::asio::io_context& io_;
  ConnectionOwner* owner_;
  LaneSettings settings_;
  std::size_t lane_;
  State state_ = State::connecting;
  PGconn* pg_ = nullptr;
  Descriptor descriptor_;
  boost::asio::steady_timer
      timer_;  // Connecting: the timeout. Ready: the grace of a given-up unit, or of a cancel.
  PipelineMachine machine_;
  std::vector<StatementSecret> secrets_;  // By the statement's number.
  std::deque<JobPtr> jobs_;
  ResultPtr result_;  // The result whose actions are being performed.
  std::uint64_t next_id_ = 1;
  bool writing_ = false;
  std::string last_words_;
  ConnectionStats stats_;
  std::vector<std::uint64_t> shapes_;  // Scratch of submit.
  std::vector<const char*> values_;    // Scratch of send_step.
};

}  // namespace bulkhead::pg
