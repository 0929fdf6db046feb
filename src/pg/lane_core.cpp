#include "pg/lane_core.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace bulkhead::pg {
namespace {

namespace asio = boost::asio;

/// How long the clean-up of a returned session may take.
constexpr std::chrono::seconds cleanup_time{5};
/// One is enough for a connection that was meddled with; a second in case that there are two.
constexpr unsigned residue_retries = 2;
/// Beats what ALTER ROLE or ALTER DATABASE may have set for the login, which the login itself may change.
constexpr const char* session_options =
    "-c DateStyle=ISO -c TimeZone=UTC -c IntervalStyle=postgres -c role=none -c row_security=on -c "
    "search_path=public "
    "-c default_transaction_read_only=off -c default_transaction_isolation=read\\ committed "
    "-c statement_timeout=0 -c lock_timeout=0 -c standard_conforming_strings=on -c bytea_output=hex "
    "-c extra_float_digits=1";

Error unavailable(std::string internal) {
  return Error(Errc::database_unavailable, "The database cannot be reached").internal(std::move(internal));
}

/// What somebody's SQL left on a connection and a unit's own prologue cannot put right: a role, with which the bind fails,
/// and read-only transactions, of which this one has begun. The unit was rolled back, so it can be sent again.
bool failed_by_residue(const Job& job) {
  const Outcome& outcome = job.outcome;
  if (!outcome.error || job.in_session || job.unit.prologue == 0) return false;
  const std::string_view state = outcome.error->sqlstate();
  return (state == "25006" && !job.unit.read_only) ||
         (state == "42501" && outcome.rows.size() < job.unit.prologue);
}

Error deadline_passed(const char* where) {
  return Error(Errc::deadline_exceeded, std::string("The deadline passed while the statement ") + where);
}

}  // namespace

LaneCore::LaneCore(asio::io_context& io, const std::string& conninfo, LaneSettings settings)
    : io_(io),
      settings_(settings),
      conninfo_(Conninfo::parse(conninfo)),
      deadline_timer_(io),
      quiet_timer_(io),
      idle_timer_(io),
      random_(std::random_device{}()),
      rollback_(std::make_shared<Shape>("rollback")),
      check_(std::make_shared<Shape>("select coalesce(current_setting('bulkhead.context', true), '') = '' "
                                     "and current_user = session_user")) {
  const auto set = [](LaneState& lane, std::size_t connections, std::size_t depth) {
    lane.connections_max = std::max<std::size_t>(connections, 1);
    lane.depth = std::max<std::size_t>(depth, 1);
  };
  set(lanes_[static_cast<std::size_t>(Lane::read)], settings.read_connections, settings.read_depth);
  set(lanes_[static_cast<std::size_t>(Lane::write)], settings.write_connections, settings.write_depth);
  set(lanes_[static_cast<std::size_t>(Lane::slow)], settings.slow_connections, 1);
  set(lanes_[session_lane], settings.session_connections, 1);
  lanes_[static_cast<std::size_t>(Lane::read)].fill_first = true;
  lanes_[static_cast<std::size_t>(Lane::write)].spread = true;
  if (conninfo_.has_value() && conninfo_->get("options").empty()) {
    own_options_ = true;
    conninfo_->set("options", session_options);
  }
}

// ---- taking jobs

std::optional<Error> LaneCore::refuse(const Job& job) const {
  if (conninfo_.has_error()) return conninfo_.error();
  if (stopped_ || draining_) return unavailable("the lanes are being drained");
  if (job.unit.steps.empty()) return Error(Errc::internal, "a unit needs at least one step");
  if (job.deadline <= std::chrono::steady_clock::now()) return deadline_passed("was about to be sent");
  const LaneState& lane = lanes_[job.lane];
  if (lane.queue.empty()) return std::nullopt;
  if (lane.queue.size() >= settings_.queue_max) {
    return Error(Errc::overloaded, "Too many statements are waiting").hint("Try again in a moment.");
  }
  if (lane.queue.size_of(job.fairness_key) >= settings_.tenant_share_max) {
    return Error(Errc::overloaded, "Too many statements of this tenant are waiting")
        .hint("Try again in a moment.");
  }
  return std::nullopt;
}

struct LaneCore::Submit {
  LaneCore* core;
  template <class Handler>
  void operator()(Handler handler, JobPtr job) const {
    job->take_handler(Job::Handler(std::move(handler)));
    core->watch(*job);
    core->enter(std::move(job));
  }
};

struct LaneCore::SubmitOn {
  LaneCore* core;
  Connection* connection;
  template <class Handler>
  void operator()(Handler handler, JobPtr job) const {
    job->take_handler(Job::Handler(std::move(handler)));
    core->watch(*job);
    connection->submit(std::move(job));
  }
};

Task<JobPtr> LaneCore::run(JobPtr job) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(JobPtr)>(Submit{this}, asio::use_awaitable,
                                                                           std::move(job));
}

Task<JobPtr> LaneCore::run_on(std::shared_ptr<Connection> connection, JobPtr job) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(JobPtr)>(
      SubmitOn{this, connection.get()}, asio::use_awaitable, std::move(job));
}

/// Puts the job under its deadline and its caller's cancellation.
void LaneCore::watch(Job& job) {
  job.serial = next_serial_++;
  arm_deadline(job.deadline);
  auto slot = asio::get_associated_cancellation_slot(job.handler);
  if (!slot.is_connected()) return;
  job.has_slot = true;
  slot.assign([weak = weak_from_this(), serial = job.serial](asio::cancellation_type) {
    const auto core = weak.lock();
    if (!core) return;
    // Not from within the canceller's stack: the answer resumes the cancelled coroutine.
    asio::post(core->io_, [core, serial] { core->caller_left(serial); });
  });
}

void LaneCore::enter(JobPtr job) {
  LaneState& lane = lanes_[job->lane];
  // Straight to a connection, unless others wait already.
  Connection* connection = lane.queue.empty() ? pick(lane) : nullptr;
  if (connection != nullptr) {
    connection->submit(std::move(job));
    if (lane.spread) grow(lane);
    return;
  }
  lane.queue.push(std::move(job));
  settle(lane);
  deliver_soon();
}

// ---- connections

/// Sends what can be sent, opens what is missing, and answers those that nobody can serve.
void LaneCore::settle(LaneState& lane) {
  if (stopped_) return;
  while (!lane.queue.empty()) {
    Connection* connection = pick(lane);
    if (connection == nullptr) break;
    connection->submit(lane.queue.pop());
  }
  grow(lane);
  // Who waits for the budget is served once there is room.
  if (!lane.queue.empty() && lane.connections.empty() && lane.failures > 0) fail_waiting(lane);
}

Connection* LaneCore::pick(LaneState& lane) const {
  Connection* best = nullptr;
  for (const auto& connection : lane.connections) {
    if (!connection->accepts() || connection->outstanding() >= lane.depth) continue;
    if (best == nullptr) {
      best = connection.get();
    } else if (lane.fill_first ? connection->outstanding() > best->outstanding()
                               : connection->outstanding() < best->outstanding()) {
      best = connection.get();
    }
  }
  return best;
}

bool LaneCore::wants_connection(const LaneState& lane) const {
  if (lane.connections.size() >= lane.connections_max) return false;
  std::size_t connecting = 0, idle = 0, working = 0;
  for (const auto& connection : lane.connections) {
    if (connection->connecting()) {
      ++connecting;
    } else if (connection->accepts()) {
      ++(connection->outstanding() == 0 ? idle : working);
    }
  }
  if (lane.queue.size() > connecting * lane.depth) return true;
  return lane.spread && connecting == 0 && idle == 0 && working > 0;
}

void LaneCore::grow(LaneState& lane) {
  while (!draining_ && wants_connection(lane)) {
    if (lane.failures > 0 && std::chrono::steady_clock::now() < lane.next_attempt) return;
    if (!may_open()) return;
    open(lane);
  }
}

void LaneCore::open(LaneState& lane) {
  const auto index = static_cast<std::size_t>(&lane - lanes_.data());
  auto connection = std::make_shared<Connection>(io_, *this, settings_, index);
  lane.connections.push_back(connection);
  connection->connect(*conninfo_);
  watch_idle();
}

// ---- what is shared with others

struct ConnectionBudget::Impl {
  explicit Impl(std::size_t bound) : most(std::max<std::size_t>(bound, 1)) {}
  std::size_t most, taken = 0;
  std::size_t coming = 0;                       // Asked back, and not closed yet.
  std::vector<LaneCore*> members;               // The one that opened last is the last.
  std::deque<std::weak_ptr<LaneCore>> waiting;  // In turn.

  /// Who has its turn and no longer wants a connection lets the next one have it.
  void pass(const LaneCore& core) {
    if (taken >= most || waiting.empty() || waiting.front().lock().get() != &core) return;
    waiting.pop_front();
    wake();
  }
  void wake() {
    while (!waiting.empty() && waiting.front().expired()) waiting.pop_front();
    if (!waiting.empty() && taken < most) waiting.front().lock()->room();
  }

  /// Asks for one connection back, from whom it hurts least.
  void ask_back() {
    if (coming >= waiting.size()) return;
    for (LaneCore* member : std::vector(members))
      if (member->give_way(false)) {
        ++coming;
        return;
      }
    LaneCore* richest = nullptr;
    for (LaneCore* member : members)
      if (richest == nullptr || member->connection_count() > richest->connection_count()) richest = member;
    if (richest != nullptr && richest->give_way(true)) ++coming;
  }
};

ConnectionBudget::ConnectionBudget(std::size_t most) : impl_(std::make_unique<Impl>(most)) {}
ConnectionBudget::~ConnectionBudget() = default;

std::size_t ConnectionBudget::taken() const noexcept {
  return impl_->taken;
}

void LaneCore::share(ConnectionBudget& budget) {
  budget_ = &budget;
  budget.impl_->members.insert(budget.impl_->members.begin(), this);
}

bool LaneCore::may_open() {
  if (budget_ == nullptr) return true;
  auto& budget = *budget_->impl_;
  const auto self = weak_from_this();
  const auto is_self = [this](const auto& waiting) { return waiting.lock().get() == this; };
  const bool waits = std::any_of(budget.waiting.begin(), budget.waiting.end(), is_self);
  const bool first = budget.waiting.empty() || is_self(budget.waiting.front());
  if (budget.taken < budget.most && first) {
    if (waits) budget.waiting.pop_front();
    ++budget.taken;
    const auto own = std::find(budget.members.begin(), budget.members.end(), this);
    std::rotate(own, own + 1, budget.members.end());
    return true;
  }
  if (!waits) budget.waiting.push_back(self);
  budget.ask_back();
  return false;
}

bool LaneCore::give_way(bool busy_too) {
  for (LaneState& lane : lanes_) {
    for (const auto& connection : lane.connections) {
      if (!connection->accepts() || connection->leased) continue;
      const bool idle = connection->outstanding() == 0 && !connection->busy() && lane.queue.empty();
      if (!idle && !busy_too) continue;
      connection->retire();  // `progressed` follows; at once where nothing is outstanding
      return true;
    }
  }
  return false;
}

/// A connection of somebody's was closed. Not from within that one's stack.
void LaneCore::room() {
  asio::post(io_, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->stopped_) return;
    for (LaneState& lane : self->lanes_) self->settle(lane);
    if (self->budget_ != nullptr) self->budget_->impl_->pass(*self);
  });
}

std::size_t LaneCore::connection_count() const noexcept {
  std::size_t count = 0;
  for (const LaneState& lane : lanes_) count += lane.connections.size();
  return count;
}

/// One timer for all: what was idle at two looks in a row is closed.
void LaneCore::watch_idle() {
  if (watching_idle_ || settings_.idle_timeout.count() == 0) return;
  watching_idle_ = true;
  idle_timer_.expires_after(settings_.idle_timeout);
  idle_timer_.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
    const auto self = weak.lock();
    if (ec || !self || self->stopped_) return;
    self->watching_idle_ = false;
    self->close_idle();
  });
}

void LaneCore::close_idle() {
  for (LaneState& lane : lanes_) {
    for (const auto& connection : std::vector(lane.connections)) {
      const std::uint64_t served = connection->stats().syncs;
      const bool idle = connection->ready() && !connection->leased && !connection->busy() &&
                        connection->outstanding() == 0 && connection->served_at_last_look == served;
      connection->served_at_last_look = served;
      if (idle) connection->close_now();
    }
  }
  if (connection_count() > 0) watch_idle();
}

void LaneCore::connected(Connection& connection) {
  ++counted_.connects;
  LaneState& lane = lanes_[connection.lane()];
  lane.failures = 0;
  settle(lane);
}

void LaneCore::connect_failed(Connection& connection, Error error) {
  const auto self = shared_from_this();
  LaneState& lane = lanes_[connection.lane()];
  remove(connection);
  if (own_options_ && error.internal().find("unsupported startup parameter") != std::string_view::npos) {
    // PgBouncer passes on only the parameters that it tracks.
    own_options_ = false;
    conninfo_->set("options", "");
  } else {
    const auto doubled = settings_.backoff_min * (1U << std::min(lane.failures, 10U));
    const auto longest = std::min<std::chrono::milliseconds>(doubled, settings_.backoff_max);
    std::uniform_int_distribution<std::int64_t> jitter(longest.count() / 2, longest.count());
    ++lane.failures;
    lane.next_attempt = std::chrono::steady_clock::now() + std::chrono::milliseconds(jitter(random_));
    lane.last_error = std::move(error);
  }
  settle(lane);
  deliver();
}

void LaneCore::fail_waiting(LaneState& lane) {
  while (!lane.queue.empty()) {
    JobPtr job = lane.queue.pop();
    job->failure = lane.last_error;
    finish(std::move(job));
  }
}

void LaneCore::remove(Connection& connection) {
  LaneState& lane = lanes_[connection.lane()];
  const auto is_it = [&connection](const auto& held) { return held.get() == &connection; };
  const auto found = std::find_if(lane.connections.begin(), lane.connections.end(), is_it);
  if (found == lane.connections.end()) return;
  counted_.syncs += connection.stats().syncs;
  counted_.prepares += connection.stats().prepares;
  counted_.cancels += connection.stats().cancels;
  lane.connections.erase(found);
  give_back(1);
}

void LaneCore::give_back(std::size_t connections) {
  if (budget_ == nullptr || connections == 0) return;
  auto& budget = *budget_->impl_;
  budget.taken -= connections;
  budget.coming -= std::min(budget.coming, connections);
  budget.wake();
}

void LaneCore::progressed(Connection& connection) {
  const auto self = shared_from_this();
  LaneState& lane = lanes_[connection.lane()];
  if (connection.closed()) {
    ++counted_.disconnects;
    remove(connection);
  }
  for (const auto& condemned : std::exchange(to_close_, {})) condemned->close_now();
  for (const auto& suspect : std::exchange(to_retire_, {})) suspect->retire();
  settle(lane);
  deliver();
  // This connection may be idle now, and somebody may wait for one.
  if (budget_ != nullptr && !budget_->impl_->waiting.empty()) budget_->impl_->ask_back();
}

void LaneCore::cancel_wanted(CancelPtr cancel) {
  if (!cancels_) cancels_.emplace(2);
  asio::post(*cancels_, [cancel = std::move(cancel)] {
    // A failure shows in the unit not ending; the connection's patience then closes it.
    std::array<char, 256> why{};
    PQcancel(cancel.get(), why.data(), static_cast<int>(why.size()));
  });
}

// ---- answers

void LaneCore::ended(Connection& connection, JobPtr job, Fate fate) {
  if (fate == Fate::answered && failed_by_residue(*job)) {
    to_retire_.push_back(connection.shared_from_this());
    if (job->retries < residue_retries) fate = Fate::retry;
  }
  if (fate == Fate::retry) {
    if (job->given_up) return;
    ++job->retries;
    job->outcome = Outcome();
    lanes_[job->lane].queue.push_first(std::move(job));
    return;
  }
  const bool rolled_back = fate == Fate::not_run || (fate == Fate::lost && job->lost_is_rolled_back);
  if (rolled_back) {
    job->failure =
        Error(Errc::database_unavailable, "The connection to the database was lost; nothing was changed")
            .internal(connection.last_words());
  } else if (fate == Fate::lost) {
    job->failure = Error(Errc::upstream_failed, "The connection to the database was lost before it answered")
                       .internal(connection.last_words());
  }
  const bool good = !job->failure && !job->outcome.error;
  if (job->takes_session && good) {
    connection.leased = true;
    if (job->handler) {
      job->session = connection.shared_from_this();
    } else {
      to_close_.push_back(connection.shared_from_this());  // Nobody is left who would end the transaction.
    }
  }
  if (job->ends_session) {
    const bool clean = good && !connection.stale && job->outcome.rows.at(0).text(0, 0) == "t" &&
                       connection.status() == AfterSync::idle;
    if (clean) {
      connection.leased = false;
    } else {
      to_close_.push_back(connection.shared_from_this());
    }
    return;
  }
  finish(std::move(job));
}

void LaneCore::finish(JobPtr job) {
  ++counted_.units;
  if (job->failure || job->outcome.error) ++counted_.failed_units;
  if (job->handler) finished_.push_back(std::move(job));
}

/// For jobs that end within their caller's own call, from where no one may be resumed.
void LaneCore::deliver_soon() {
  if (posted_ || finished_.empty()) return;
  posted_ = true;
  asio::post(io_, [self = shared_from_this()] {
    self->posted_ = false;
    self->deliver();
  });
}

void LaneCore::deliver() {
  const auto self = shared_from_this();
  while (!finished_.empty()) {
    JobPtr job = std::move(finished_.front());
    finished_.pop_front();
    Job::Handler handler(std::move(job->handler));
    if (job->has_slot) asio::get_associated_cancellation_slot(handler).clear();
    std::move(handler)(std::move(job));
  }
  if (draining_ && quiet()) quiet_timer_.cancel();
}

// ---- deadlines

void LaneCore::arm_deadline(Deadline deadline) {
  if (deadline >= armed_) return;
  armed_ = deadline;
  deadline_timer_.expires_at(deadline);
  deadline_timer_.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
    const auto core = weak.lock();
    if (!ec && core && !core->stopped_) core->expire();
  });
}

/// Answers everyone whose deadline has passed and arms the timer for the next one.
void LaneCore::expire() {
  const Deadline now = std::chrono::steady_clock::now();
  armed_ = Deadline::max();
  Deadline next = Deadline::max();
  for (LaneState& lane : lanes_) {
    const auto late = [now](const Job& job) { return job.deadline <= now; };
    for (JobPtr& job : lane.queue.take_if(late)) {
      job->failure = deadline_passed("was waiting for a connection");
      finish(std::move(job));
    }
    next = std::min(next, lane.queue.earliest_deadline());
    for (const auto& connection : std::vector(lane.connections)) {
      std::vector<std::uint64_t> ids;
      for (const JobPtr& job : connection->jobs()) {
        if (job->given_up) continue;
        if (job->deadline > now) {
          next = std::min(next, job->deadline);
          continue;
        }
        ids.push_back(job->id);
        if (job->handler) finish(answer_early(*job, deadline_passed("was running")));
        job->given_up = true;
      }
      for (const std::uint64_t id : ids) connection->give_up(id);
    }
  }
  arm_deadline(next);
  deliver();
}

/// What the caller of an outstanding job gets while the job itself runs to its Sync.
JobPtr LaneCore::answer_early(Job& job, Error error) {
  auto answer = std::make_unique<Job>();
  answer->handler.swap(job.handler);
  answer->has_slot = std::exchange(job.has_slot, false);
  answer->failure = std::move(error);
  return answer;
}

void LaneCore::caller_left(std::uint64_t serial) {
  if (stopped_) return;
  const Error gone(Errc::deadline_exceeded, "The caller went away");
  for (LaneState& lane : lanes_) {
    const auto is_it = [serial](const Job& job) { return job.serial == serial; };
    for (JobPtr& job : lane.queue.take_if(is_it)) {
      job->failure = gone;
      finish(std::move(job));
    }
    for (const auto& connection : std::vector(lane.connections)) {
      for (const JobPtr& job : connection->jobs()) {
        if (job->serial != serial || job->given_up) continue;
        const std::uint64_t id = job->id;
        if (job->handler) finish(answer_early(*job, gone));
        job->given_up = true;
        connection->give_up(id);
        break;
      }
    }
  }
  deliver();
}

// ---- the rest

void LaneCore::take_back(const std::shared_ptr<Connection>& connection) {
  if (stopped_ || connection->closed()) return;
  if (!connection->ready() || connection->retired() || connection->busy()) {
    connection->close_now();
    return;
  }
  const Deadline deadline = std::chrono::steady_clock::now() + cleanup_time;
  const auto submit = [&](const ShapeRef& shape, bool last) {
    auto job = std::make_unique<Job>();
    job->unit.steps.push_back(Step{shape, Params()});
    job->deadline = deadline;
    job->lane = session_lane;
    job->in_session = true;
    job->ends_session = last;
    if (connection->ready()) connection->submit(std::move(job));
  };
  if (connection->status() != AfterSync::idle) submit(rollback_, false);
  submit(check_, true);
  arm_deadline(deadline);
}

void LaneCore::forget_statements() {
  for (LaneState& lane : lanes_) {
    for (const auto& connection : std::vector(lane.connections)) {
      // A session's next statement must not meet a DEALLOCATE in its transaction: its connection is retired
      // instead.
      if (connection->leased) {
        connection->stale = true;
      } else {
        connection->forget_statements();
      }
    }
  }
}

LaneCounters LaneCore::counters() const {
  LaneCounters out = counted_;
  for (const LaneState& lane : lanes_) {
    out.waiting += lane.queue.size();
    for (const auto& connection : lane.connections) {
      if (connection->ready()) ++out.connections;
      out.outstanding += connection->outstanding();
      out.syncs += connection->stats().syncs;
      out.prepares += connection->stats().prepares;
      out.cancels += connection->stats().cancels;
    }
  }
  return out;
}

bool LaneCore::quiet() const {
  for (const LaneState& lane : lanes_) {
    if (!lane.queue.empty()) return false;
    for (const auto& connection : lane.connections) {
      if (connection->leased || connection->busy()) return false;
    }
  }
  return finished_.empty();
}

Task<void> LaneCore::drain(Deadline deadline) {
  const auto self = shared_from_this();
  draining_ = true;
  if (!quiet()) {
    quiet_timer_.expires_at(deadline);
    boost::system::error_code ignored;
    auto token = asio::redirect_error(asio::use_awaitable, ignored);
    co_await quiet_timer_.async_wait(token);
  }
  for (LaneState& lane : lanes_) {
    lane.last_error = unavailable("the lanes were drained");
    fail_waiting(lane);
    for (const auto& connection : std::vector(lane.connections)) connection->close_now();
  }
  deliver();
}

void LaneCore::stop() noexcept {
  stopped_ = true;
  deadline_timer_.cancel();
  quiet_timer_.cancel();
  idle_timer_.cancel();
  const std::size_t held = connection_count();
  for (LaneState& lane : lanes_) {
    for (const auto& connection : std::exchange(lane.connections, {})) connection->abort();
    lane.queue.take_if([](const Job&) { return true; }).clear();
  }
  if (budget_ != nullptr) {
    auto& members = budget_->impl_->members;
    members.erase(std::find(members.begin(), members.end(), this));
    try {
      give_back(held);
    } catch (const std::exception&) {
      // No memory to wake who waits: the next connection that closes does.
      static_cast<void>(held);
    }
    budget_ = nullptr;
  }
  cancels_.reset();
}

}  // namespace bulkhead::pg
