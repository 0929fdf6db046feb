#include "pg/connection.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <boost/asio/post.hpp>

#include <unistd.h>

namespace bulkhead::pg {
namespace {

namespace asio = boost::asio;

/// A unit whose caller gave up while others ran before it gets this long before it is cancelled: most need
/// less, and a cancel costs the connection.
constexpr std::chrono::milliseconds grace{250};
/// How long a cancelled unit may take to end before the connection is given up with everything on it.
constexpr std::chrono::milliseconds cancel_patience{5000};
constexpr unsigned max_retries = 2;

/// A statement's name on the connection: "b", its number, and its secret. PostgreSQL keeps 63 characters of a name.
class StatementName {
 public:
  StatementName(std::uint64_t number, const StatementSecret& secret) {
    constexpr std::string_view digits = "0123456789abcdef";
    text_[0] = 'b';
    char* end = std::to_chars(text_.data() + 1, text_.data() + 21, number).ptr;
    *end++ = '_';
    for (const unsigned char byte : secret) {
      *end++ = digits[byte >> 4];
      *end++ = digits[byte & 15];
    }
  }
  [[nodiscard]] const char* c_str() const noexcept { return text_.data(); }

 private:
  std::array<char, 1 + 20 + 1 + 2 * sizeof(StatementSecret) + 1> text_{};
};

StatementSecret make_secret() {
  StatementSecret secret;
  if (getentropy(secret.data(), secret.size()) != 0)
    throw std::runtime_error("the kernel gave no random bytes");
  return secret;
}

bool equals(const char* text, const char* expected) {
  return text != nullptr && std::strcmp(text, expected) == 0;
}

/// True for the tags of commands that begin, end or divide a transaction. None may stand inside a unit: units
/// behind it on the connection would run in a transaction that is not theirs.
bool is_transaction_command(const char* tag) {
  switch (tag[0]) {
    case 'B':
    case 'C':
    case 'P':
    case 'R':
    case 'S':
      break;
    default:
      return false;
  }
  for (const char* name : {"BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "PREPARE TRANSACTION",
                           "COMMIT PREPARED", "ROLLBACK PREPARED", "SAVEPOINT", "RELEASE"}) {
    if (std::strcmp(tag, name) == 0) return true;
  }
  return false;
}

}  // namespace

Connection::Connection(asio::io_context& io, ConnectionOwner& owner, const LaneSettings& settings,
                       std::size_t lane)
    : io_(io),
      owner_(&owner),
      settings_(settings),
      lane_(lane),
      descriptor_(io),
      timer_(io),
      machine_(settings.statements_per_connection) {}

Connection::~Connection() {
  shut();
}

// ---- connecting

void Connection::connect(Conninfo conninfo) {
  asio::post(io_, [self = shared_from_this(), info = std::move(conninfo)] { self->start_connect(info); });
}

void Connection::start_connect(const Conninfo& conninfo) {
  if (state_ != State::connecting) return;
  const auto keywords = conninfo.keywords();
  const auto values = conninfo.values();
  pg_ = PQconnectStartParams(keywords.data(), values.data(), 0);
  if (pg_ == nullptr) return fail_connect("out of memory");
  if (PQstatus(pg_) == CONNECTION_BAD) return fail_connect(connection_message(pg_));
  PQsetNoticeReceiver(pg_, [](void*, const PGresult*) {}, nullptr);

  timer_.expires_after(settings_.connect_timeout);
  timer_.async_wait([self = shared_from_this()](boost::system::error_code ec) {
    if (!ec && self->state_ == State::connecting) self->fail_connect("timed out while connecting");
  });
  // libpq: before the first PQconnectPoll behave as if it had said "writing".
  descriptor_.assign(PQsocket(pg_));
  descriptor_.async_wait(Descriptor::wait_write, [self = shared_from_this()](boost::system::error_code ec) {
    if (!ec) self->poll_connect();
  });
}

void Connection::poll_connect() {
  if (state_ != State::connecting) return;
  // PQconnectPoll may close the socket and open another, even one with the same number: let go of it before.
  descriptor_.release();
  const PostgresPollingStatusType polled = PQconnectPoll(pg_);
  if (polled == PGRES_POLLING_FAILED) return fail_connect(connection_message(pg_));
  descriptor_.assign(PQsocket(pg_));
  if (polled == PGRES_POLLING_OK) return finish_connect();
  const auto direction = polled == PGRES_POLLING_READING ? Descriptor::wait_read : Descriptor::wait_write;
  descriptor_.async_wait(direction, [self = shared_from_this()](boost::system::error_code ec) {
    if (!ec) self->poll_connect();
  });
}

void Connection::finish_connect() {
  timer_.cancel();
  if (PQsetnonblocking(pg_, 1) != 0 || PQenterPipelineMode(pg_) != 1)
    return fail_connect(connection_message(pg_));
  state_ = State::ready;
  await_readable();
  owner_->connected(*this);
}

void Connection::fail_connect(const std::string& reason) {
  const auto self = shared_from_this();
  const Error error = Error(Errc::database_unavailable, "The database cannot be reached").internal(reason);
  shut();
  owner_->connect_failed(*this, error);
}

void Connection::shut() noexcept {
  state_ = State::closed;
  timer_.cancel();
  // Asio must let go of the socket before libpq closes it.
  if (descriptor_.is_open()) descriptor_.release();
  if (pg_ != nullptr) PQfinish(std::exchange(pg_, nullptr));
}

// ---- units

void Connection::submit(JobPtr job) {
  shapes_.clear();
  for (const Step& step : job->unit.steps) shapes_.push_back(step.shape->id());
  UnitTraits traits;
  traits.may_retry = !job->in_session && job->retries < max_retries;
  traits.may_stay_open = job->in_session;
  traits.own_prepares = job->retries > 0;
  job->id = next_id_++;
  job->outcome.rows.reserve(job->unit.steps.size());
  jobs_.push_back(std::move(job));
  perform(machine_.submit(jobs_.back()->id, shapes_, traits));
  // Bounds the secrets that are kept.
  if (secrets_.size() > settings_.prepares_per_connection) retire();
}

void Connection::give_up(std::uint64_t job_id) {
  perform(machine_.give_up(job_id));
}

void Connection::forget_statements() {
  if (ready()) perform(machine_.forget_statements());
}

void Connection::retire() {
  if (ready()) perform(machine_.retire());
}

void Connection::close_now() {
  if (closed()) return;
  if (ready()) return perform(machine_.broken());
  shut();
  announce_close();
}

/// Later, because this may run within `submit`, from where the owner must not be called back.
void Connection::announce_close() {
  asio::post(io_, [self = shared_from_this()] {
    if (self->owner_ != nullptr) self->owner_->progressed(*self);
  });
}

void Connection::abort() noexcept {
  owner_ = nullptr;
  shut();
  jobs_.clear();
}

AfterSync Connection::status() const noexcept {
  switch (PQtransactionStatus(pg_)) {
    case PQTRANS_IDLE:
      return AfterSync::idle;
    case PQTRANS_INTRANS:
      return AfterSync::open;
    case PQTRANS_INERROR:
      return AfterSync::failed;
    case PQTRANS_ACTIVE:
      return AfterSync::more_outstanding;
    case PQTRANS_UNKNOWN:
      break;
  }
  return AfterSync::unknown;
}

/// Does what the machine said. `actions` stays valid meanwhile: nothing in here calls the machine until the
/// end.
void Connection::perform(std::span<const Action> actions) {
  bool sent = true, synced = false, close = false;
  for (const Action& action : actions) {
    switch (action.kind) {
      case Action::Kind::prepare:
      case Action::Kind::execute:
      case Action::Kind::execute_unnamed:
      case Action::Kind::deallocate:
      case Action::Kind::deallocate_all:
        sent = sent && send(action);
        break;
      case Action::Kind::sync:
        sent = sent && PQpipelineSync(pg_) == 1;
        synced = true;
        ++stats_.syncs;
        break;
      case Action::Kind::keep_rows:
        jobs_.front()->outcome.rows.emplace_back(result_.release());
        break;
      case Action::Kind::keep_error: {
        Outcome& outcome = jobs_.front()->outcome;
        outcome.error = error_of(result_.get());
        outcome.constraint = error_field(result_.get(), PG_DIAG_CONSTRAINT_NAME);
        outcome.table = error_field(result_.get(), PG_DIAG_TABLE_NAME);
        outcome.column = error_field(result_.get(), PG_DIAG_COLUMN_NAME);
        outcome.detail = error_field(result_.get(), PG_DIAG_MESSAGE_DETAIL);
        outcome.hint = error_field(result_.get(), PG_DIAG_MESSAGE_HINT);
        break;
      }
      case Action::Kind::complete:
        end_front(Fate::answered);
        break;
      case Action::Kind::retry:
        end_front(Fate::retry);
        break;
      case Action::Kind::not_run:
        end_front(Fate::not_run);
        break;
      case Action::Kind::lost:
        end_front(Fate::lost);
        break;
      case Action::Kind::cancel:
        request_cancel();
        break;
      case Action::Kind::arm_grace:
        arm_grace(action.unit, grace);
        break;
      case Action::Kind::close:
        close = true;
        break;
    }
  }
  if (!sent && !close) return perform(machine_.broken());
  if (close) {
    shut();
    announce_close();
    return;
  }
  if (synced) flush();
}

const StatementSecret& Connection::secret_of(std::uint64_t statement) {
  while (secrets_.size() <= statement) secrets_.push_back(make_secret());
  return secrets_[statement];
}

bool Connection::send(const Action& action) {
  if (action.kind == Action::Kind::execute_unnamed) return send_step(action.step, nullptr);
  if (action.kind == Action::Kind::deallocate_all)
    return PQsendQueryParams(pg_, "deallocate all", 0, nullptr, nullptr, nullptr, nullptr, 0) == 1;
  const StatementName name(action.statement, secret_of(action.statement));
  switch (action.kind) {
    case Action::Kind::deallocate: {
      const std::string sql = std::string("deallocate ") + name.c_str();
      return PQsendQueryParams(pg_, sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0) == 1;
    }
    case Action::Kind::prepare:
      ++stats_.prepares;
      return send_prepare(name.c_str(), *jobs_.back()->unit.steps[action.step].shape);
    default:
      return send_step(action.step, name.c_str());
  }
}

bool Connection::send_prepare(const char* name, const Shape& shape) {
  const std::vector<std::uint32_t>& types = shape.parameter_types();
  return PQsendPrepare(pg_, name, shape.sql().c_str(), static_cast<int>(types.size()), types.data()) == 1;
}

bool Connection::send_step(std::size_t number, const char* name) {
  const Step& step = jobs_.back()->unit.steps[number];
  const std::size_t count = step.params.size();
  values_.resize(count);
  for (std::size_t index = 0; index < count; ++index) values_[index] = step.params.value(index);
  if (name == nullptr) {
    std::vector<std::uint32_t> types = step.shape->parameter_types();
    types.resize(count);
    return PQsendQueryParams(pg_, step.shape->sql().c_str(), static_cast<int>(count), types.data(),
                             values_.data(), nullptr, nullptr, 0) == 1;
  }
  return PQsendQueryPrepared(pg_, name, static_cast<int>(count), values_.data(), nullptr, nullptr, 0) == 1;
}

void Connection::flush() {
  const int left = PQflush(pg_);
  if (left < 0) return perform(machine_.broken());
  if (left == 0 || writing_) return;
  // The read side stays armed meanwhile, so a server that blocks on its own output is always drained.
  writing_ = true;
  descriptor_.async_wait(Descriptor::wait_write, [self = shared_from_this()](boost::system::error_code ec) {
    self->writing_ = false;
    if (!ec && self->ready()) self->flush();
  });
}

void Connection::request_cancel() {
  ++stats_.cancels;
  if (PGcancel* cancel = PQgetCancel(pg_)) owner_->cancel_wanted(CancelPtr(cancel, FreeCancel()));
  timer_.expires_after(cancel_patience);
  timer_.async_wait([self = shared_from_this()](boost::system::error_code ec) {
    if (!ec && self->ready()) self->close_now();
  });
}

void Connection::arm_grace(std::uint64_t unit, std::chrono::milliseconds delay) {
  timer_.expires_after(delay);
  timer_.async_wait([self = shared_from_this(), unit](boost::system::error_code ec) {
    if (!ec && self->ready()) self->perform(self->machine_.grace_over(unit));
  });
}

void Connection::end_front(Fate fate) {
  JobPtr job = std::move(jobs_.front());
  jobs_.pop_front();
  if (fate == Fate::lost || fate == Fate::not_run) last_words_ = connection_message(pg_);
  owner_->ended(*this, std::move(job), fate);
}

// ---- results

void Connection::await_readable() {
  descriptor_.async_wait(Descriptor::wait_read, [self = shared_from_this()](boost::system::error_code ec) {
    if (!ec && self->ready()) self->on_readable();
  });
}

void Connection::on_readable() {
  const bool consumed = PQconsumeInput(pg_) == 1;
  read_results();
  // What had arrived before the end is still in libpq's buffer and was read above.
  if (ready() && (!consumed || PQstatus(pg_) != CONNECTION_OK)) perform(machine_.broken());
  if (!ready()) return;  // `perform` has posted the news.
  await_readable();
  owner_->progressed(*this);
}

void Connection::read_results() {
  while (ready() && machine_.busy() && PQisBusy(pg_) == 0) {
    take_result(ResultPtr(PQgetResult(pg_)));
  }
}

void Connection::take_result(ResultPtr result) {
  if (!result) return perform(machine_.null_result());
  if (PQresultStatus(result.get()) == PGRES_PIPELINE_SYNC) return perform(machine_.sync(status()));
  const bool own_words = PQresultStatus(result.get()) == PGRES_FATAL_ERROR &&
                         PQresultErrorField(result.get(), PG_DIAG_SQLSTATE) == nullptr;
  if (own_words) {
    // libpq's own report of a broken connection, not the server's answer to a statement.
    return perform(machine_.broken());
  }
  result_ = std::move(result);
  perform(machine_.reply(classify_result()));
  result_.reset();
}

Reply Connection::classify_result() const {
  PGresult* result = result_.get();
  switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
      return Reply::success;
    case PGRES_COMMAND_OK: {
      const bool in_session = !jobs_.empty() && jobs_.front()->in_session;
      return !in_session && is_transaction_command(PQcmdStatus(result)) ? Reply::unexpected : Reply::success;
    }
    case PGRES_EMPTY_QUERY:
      return Reply::success;
    case PGRES_PIPELINE_ABORTED:
      return Reply::skipped;
    case PGRES_FATAL_ERROR:
      break;
    default:
      return Reply::unexpected;
  }
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
  const char* severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  if (equals(state, "57P01") && equals(severity, "FATAL")) return Reply::shutdown;
  if (equals(state, "57014")) return Reply::cancelled;
  if (equals(state, "26000")) return Reply::unknown_statement;
  // 0A000 is every "not supported"; the function that raised it tells this one apart in any language.
  if (equals(state, "0A000") && equals(function, "RevalidateCachedQuery")) return Reply::stale_plan;
  return Reply::error;
}

}  // namespace bulkhead::pg
