#include "pg/lanes.hpp"

#include <utility>

#include <boost/asio/query.hpp>

#include "pg/lane_core.hpp"

namespace bulkhead::pg {
namespace {

namespace asio = boost::asio;

/// The reactor's objects are much cheaper with the io_context's own executor than with a type-erased one.
asio::io_context& io_of(const asio::any_io_executor& executor) {
  return static_cast<asio::io_context&>(asio::query(executor, asio::execution::context));
}

JobPtr make_job(std::size_t lane, Unit unit, Deadline deadline) {
  auto job = std::make_unique<Job>();
  job->lane = lane;
  job->unit = std::move(unit);
  job->deadline = deadline;
  return job;
}

Result<Outcome> take_outcome(JobPtr job) {
  if (job->failure) return *std::move(job->failure);
  return std::move(job->outcome);
}

ShapeRef shape_of(const char* sql) {
  return std::make_shared<Shape>(sql);
}

Unit unit_of(ShapeRef shape) {
  Unit unit;
  unit.steps.push_back(Step{std::move(shape), Params()});
  return unit;
}

}  // namespace

// ---- Lanes

struct Lanes::Impl {
  std::shared_ptr<LaneCore> core;
  ShapeRef begin = shape_of("begin"), ping = shape_of("select 1");
};

Lanes::Lanes(asio::any_io_executor executor, std::string conninfo, LaneSettings settings,
             ConnectionBudget* budget)
    : impl_(std::make_unique<Impl>()) {
  impl_->core = std::make_shared<LaneCore>(io_of(executor), conninfo, settings);
  if (budget != nullptr) impl_->core->share(*budget);
}

Lanes::~Lanes() {
  impl_->core->stop();
}

Task<Result<Outcome>> Lanes::run(Lane lane, Unit unit, Deadline deadline, std::uint64_t fairness_key) {
  const std::shared_ptr<LaneCore> core = impl_->core;
  JobPtr job = make_job(static_cast<std::size_t>(lane), std::move(unit), deadline);
  job->fairness_key = fairness_key;
  if (auto refused = core->refuse(*job)) co_return *std::move(refused);
  JobPtr answered = co_await core->run(std::move(job));
  co_return take_outcome(std::move(answered));
}

Task<Result<void>> Lanes::ping(Deadline deadline) {
  Unit unit = unit_of(impl_->ping);
  Result<Outcome> outcome = co_await run(Lane::read, std::move(unit), deadline, 0);
  if (outcome.has_error()) co_return outcome.error();
  if (outcome->error) co_return *outcome->error;
  co_return Result<void>();
}

void Lanes::forget_statements() {
  impl_->core->forget_statements();
}

LaneCounters Lanes::counters() const {
  return impl_->core->counters();
}

Task<void> Lanes::drain(Deadline deadline) {
  return impl_->core->drain(deadline);
}

// ---- Session

struct Session::Impl {
  std::shared_ptr<LaneCore> core;
  std::shared_ptr<Connection> connection;
  bool over = false;
  ShapeRef commit = shape_of("commit"), rollback = shape_of("rollback");

  ~Impl() {
    if (!over) core->take_back(connection);
  }

  /// Why nothing more can be sent in this transaction, if so.
  [[nodiscard]] std::optional<Error> refuse() const {
    if (over) return Error(Errc::internal, "the transaction is over");
    if (!connection->ready() || connection->retired()) {
      return Error(Errc::database_unavailable,
                   "The transaction's connection was lost; nothing of it was committed")
          .internal(connection->last_words());
    }
    if (connection->busy()) return Error(Errc::internal, "a transaction runs one unit at a time");
    return std::nullopt;
  }

  void end() {
    over = true;
    core->take_back(connection);
  }
};

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Task<Result<Session>> Lanes::begin(Deadline deadline) {
  const std::shared_ptr<LaneCore> core = impl_->core;
  JobPtr job = make_job(LaneCore::session_lane, unit_of(impl_->begin), deadline);
  job->in_session = true;
  job->takes_session = true;
  job->lost_is_rolled_back = true;
  if (auto refused = core->refuse(*job)) co_return *std::move(refused);
  JobPtr answered = co_await core->run(std::move(job));
  if (answered->failure) co_return *answered->failure;
  if (answered->outcome.error) co_return *answered->outcome.error;
  auto impl = std::make_unique<Session::Impl>();
  impl->core = core;
  impl->connection = std::move(answered->session);
  co_return Session(std::move(impl));
}

Task<Result<Outcome>> Session::run(Unit unit, Deadline deadline) {
  // Copies: the Session may be gone when the answer comes.
  const std::shared_ptr<LaneCore> core = impl_->core;
  const std::shared_ptr<Connection> connection = impl_->connection;
  JobPtr job = make_job(LaneCore::session_lane, std::move(unit), deadline);
  job->in_session = true;
  job->lost_is_rolled_back = true;
  if (auto refused = impl_->refuse()) co_return *std::move(refused);
  if (job->unit.steps.empty()) co_return Error(Errc::internal, "a unit needs at least one step");
  JobPtr answered = co_await core->run_on(connection, std::move(job));
  co_return take_outcome(std::move(answered));
}

Task<Result<void>> Session::commit(Deadline deadline) {
  if (auto refused = impl_->refuse()) co_return *std::move(refused);
  const std::shared_ptr<LaneCore> core = impl_->core;
  const std::shared_ptr<Connection> connection = impl_->connection;
  if (connection->status() != AfterSync::open) {
    // PostgreSQL would answer COMMIT with ROLLBACK and call it a success.
    impl_->end();
    co_return Error(Errc::statement_failed,
                    "The transaction was rolled back because one of its statements failed")
        .sqlstate("25P02");
  }
  JobPtr job = make_job(LaneCore::session_lane, unit_of(impl_->commit), deadline);
  job->in_session = true;
  JobPtr answered = co_await core->run_on(connection, std::move(job));
  impl_->end();
  if (answered->failure) {
    const bool rolled_back = answered->failure->code() == Errc::database_unavailable;
    if (rolled_back) co_return *answered->failure;
    co_return Error(Errc::upstream_failed,
                    "The database did not answer whether the transaction was committed")
        .internal(std::string(answered->failure->message()));
  }
  if (answered->outcome.error) co_return *answered->outcome.error;
  co_return Result<void>();
}

Task<Result<void>> Session::rollback(Deadline deadline) {
  if (auto refused = impl_->refuse()) co_return *std::move(refused);
  const std::shared_ptr<LaneCore> core = impl_->core;
  const std::shared_ptr<Connection> connection = impl_->connection;
  JobPtr job = make_job(LaneCore::session_lane, unit_of(impl_->rollback), deadline);
  job->in_session = true;
  job->lost_is_rolled_back = true;
  JobPtr answered = co_await core->run_on(connection, std::move(job));
  impl_->end();
  // A lost connection rolls back as well.
  if (answered->failure && answered->failure->code() != Errc::database_unavailable)
    co_return *answered->failure;
  if (answered->outcome.error) co_return *answered->outcome.error;
  co_return Result<void>();
}

}  // namespace bulkhead::pg
