#include "pg/pipeline_machine.hpp"

#include <utility>

namespace bulkhead::pg {
namespace {

// After a server or a pooler was killed, libpq can return NULL for ever without the Sync (PostgreSQL bug
// 17948).
constexpr std::size_t max_stray_nulls = 3;
constexpr std::size_t max_spare_flights = 32;

}  // namespace

PipelineMachine::PipelineMachine(std::size_t statements) : cache_(statements), unnamed_(statements == 0) {}

std::span<const Action> PipelineMachine::submit(std::uint64_t unit, std::span<const std::uint64_t> shapes,
                                                UnitTraits traits) {
  actions_.clear();
  if (!accepts()) return done();
  Flight flight = take_spare();
  flight.unit = unit;
  flight.traits = traits;
  std::uint32_t step = 0;
  for (const std::uint64_t shape : shapes) submit_step(flight, step++, shape);
  emit(Action::Kind::sync, unit);
  flights_.push_back(std::move(flight));
  ++outstanding_;
  evict();
  return done();
}

void PipelineMachine::submit_step(Flight& flight, std::uint32_t step, std::uint64_t shape) {
  if (unnamed_) {
    flight.ops.push_back(Op{Op::Kind::execute, step, shape, 0});
    emit(Action::Kind::execute_unnamed, flight.unit, step);
    return;
  }
  const StatementCache::Entry* entry = cache_.use(shape);
  // A retry rides on nobody's prepare but its own: the other unit may fail again before it gets there.
  bool rides = entry != nullptr && !entry->confirmed;
  for (const Op& op : flight.ops) rides = rides && op.statement != entry->number;
  std::uint64_t statement = 0;
  if (entry == nullptr || (rides && flight.traits.own_prepares)) {
    statement = next_statement_++;
    cache_.enter(shape, statement);
    flight.ops.push_back(Op{Op::Kind::prepare, step, shape, statement});
    emit(Action::Kind::prepare, flight.unit, step, statement);
  } else {
    statement = entry->number;
  }
  flight.ops.push_back(Op{Op::Kind::execute, step, shape, statement});
  emit(Action::Kind::execute, flight.unit, step, statement);
}

/// Frees what the unit just sent has pushed out. Later than the unit: statements that it uses itself stay
/// usable in it.
void PipelineMachine::evict() {
  while (const auto entry = cache_.evict()) {
    // One that is still being prepared is freed when its confirmation arrives and the cache does not know it.
    if (entry->confirmed) send_own(Action::Kind::deallocate, entry->number);
  }
}

/// A unit of the machine's own, with its own Sync: if it fails, nobody else does.
void PipelineMachine::send_own(Action::Kind kind, std::uint64_t statement) {
  Flight flight = take_spare();
  flight.traits.may_stay_open = true;  // In the session lane a transaction may be open around it.
  flight.ops.push_back(Op{Op::Kind::other, 0, 0, statement});
  emit(kind, 0, 0, statement);
  emit(Action::Kind::sync);
  flights_.push_back(std::move(flight));
}

std::span<const Action> PipelineMachine::reply(Reply reply) {
  actions_.clear();
  nulls_ = 0;
  if (closed_) return done();
  const bool expected = !flights_.empty() && !flights_.front().null_due &&
                        flights_.front().answered < flights_.front().ops.size();
  if (reply == Reply::shutdown) {
    // With a step still unanswered the unit had not come to its commit; without one the commit may have
    // happened. The units behind it never began: the server ended here, in order.
    break_all(expected, true);
    return done();
  }
  if (fails_at_sync(reply)) return done();
  if (!expected || reply == Reply::unexpected) {
    break_all(false, false);
    return done();
  }
  Flight& flight = flights_.front();
  const Op op = flight.ops[flight.answered++];
  flight.null_due = true;
  // Skipped is what follows a failure in the same unit, and nothing else may.
  if ((reply == Reply::skipped) != flight.failed) {
    break_all(false, false);
    return done();
  }
  switch (reply) {
    case Reply::success:
      if (op.kind == Op::Kind::prepare) confirm(op);
      if (op.kind == Op::Kind::execute) emit(Action::Kind::keep_rows, flight.unit, op.step);
      break;
    case Reply::skipped:
      skip(op);
      break;
    default:
      fail(flight, op, reply);
      break;
  }
  return done();
}

/// Every step was answered, and the commit that the Sync stands for failed: a constraint that is checked only now
/// (DEFERRABLE INITIALLY DEFERRED). It ends its unit and touches no other.
bool PipelineMachine::fails_at_sync(Reply reply) {
  if (reply != Reply::error && reply != Reply::cancelled) return false;
  if (flights_.empty()) return false;
  Flight& flight = flights_.front();
  if (flight.null_due || flight.failed || flight.answered < flight.ops.size()) return false;
  flight.failed = flight.null_due = true;
  if (flight.unit != 0) emit(Action::Kind::keep_error, flight.unit, flight.ops.back().step);
  return true;
}

void PipelineMachine::confirm(const Op& op) {
  if (cache_.confirm(op.shape, op.statement)) return;
  // Evicted or replaced while it was under way: nobody will use it, so free it.
  const bool freed = op.statement < forgotten_below_;
  if (!freed) to_free_.push_back(op.statement);
}

void PipelineMachine::fail(Flight& flight, const Op& op, Reply reply) {
  flight.failed = true;
  if (op.kind == Op::Kind::prepare) cache_.forget(op.shape, op.statement);
  if (flight.unit == 0) return;  // DEALLOCATE of a statement that was never prepared.
  const bool stale = reply == Reply::unknown_statement || reply == Reply::stale_plan;
  if (stale && op.kind == Op::Kind::execute) {
    // We have not freed it, so somebody's SQL has. What else it left behind on this connection is anybody's guess.
    if (reply == Reply::unknown_statement && cache_.confirmed(op.shape, op.statement)) retired_ = true;
    const bool held = cache_.forget(op.shape, op.statement);
    if (held && reply == Reply::stale_plan) to_free_.push_back(op.statement);
    flight.retry = flight.traits.may_retry;
  }
  // Our cancel request was meant for another unit and hit this one.
  if (reply == Reply::cancelled && cancelled_ && !flight.given_up) flight.retry = flight.traits.may_retry;
  if (!flight.retry) emit(Action::Kind::keep_error, flight.unit, op.step);
}

void PipelineMachine::skip(const Op& op) {
  if (op.kind == Op::Kind::prepare) cache_.forget(op.shape, op.statement);
}

std::span<const Action> PipelineMachine::null_result() {
  actions_.clear();
  if (closed_) return done();
  if (!flights_.empty() && flights_.front().null_due) {
    flights_.front().null_due = false;
    return done();
  }
  if (++nulls_ >= max_stray_nulls) break_all(false, false);
  return done();
}

std::span<const Action> PipelineMachine::sync(AfterSync status) {
  actions_.clear();
  nulls_ = 0;
  if (closed_) return done();
  const bool expected = !flights_.empty() && !flights_.front().null_due &&
                        flights_.front().answered == flights_.front().ops.size();
  if (!expected) {
    break_all(false, false);
    return done();
  }
  Flight flight = std::move(flights_.front());
  flights_.pop_front();
  end_flight(std::move(flight), status);
  return done();
}

void PipelineMachine::end_flight(Flight flight, AfterSync status) {
  if (flight.unit != 0) {
    --outstanding_;
    emit(flight.retry ? Action::Kind::retry : Action::Kind::complete, flight.unit);
  }
  const bool in_transaction = status == AfterSync::open || status == AfterSync::failed;
  const bool clean = status == AfterSync::idle || (in_transaction && flight.traits.may_stay_open) ||
                     (status == AfterSync::more_outstanding && !flights_.empty());
  if (spare_.size() < max_spare_flights) spare_.push_back(std::move(flight));
  if (!clean) {
    // A transaction outlived its unit: whoever comes next would run inside it.
    break_all(false, false);
    return;
  }
  if (retired_ && flights_.empty()) {
    closed_ = true;
    emit(Action::Kind::close);
    return;
  }
  // Only here: a command queued between an error and the NULL that follows it makes libpq swallow that NULL.
  for (const std::uint64_t statement : to_free_) {
    if (accepts()) send_own(Action::Kind::deallocate, statement);
  }
  to_free_.clear();
  const bool next_given_up = !flights_.empty() && flights_.front().given_up;
  if (next_given_up && !cancelled_) emit(Action::Kind::arm_grace, flights_.front().unit);
}

std::span<const Action> PipelineMachine::broken() {
  actions_.clear();
  if (!closed_) break_all(false, false);
  return done();
}

/// Ends every outstanding unit and the connection. A unit that had failed was rolled back whatever happened
/// to the connection afterwards; of the others the caller of this function knows whether they can have had an
/// effect.
void PipelineMachine::break_all(bool first_not_run, bool rest_not_run) {
  closed_ = true;
  bool not_run = first_not_run;
  for (const Flight& flight : flights_) {
    const Action::Kind fate = not_run || flight.failed ? Action::Kind::not_run : Action::Kind::lost;
    if (flight.unit != 0) emit(fate, flight.unit);
    not_run = rest_not_run;
  }
  flights_.clear();
  outstanding_ = 0;
  emit(Action::Kind::close);
}

std::span<const Action> PipelineMachine::give_up(std::uint64_t unit) {
  actions_.clear();
  for (std::size_t index = 0; index < flights_.size(); ++index) {
    Flight& flight = flights_[index];
    if (flight.unit != unit || flight.given_up) continue;
    flight.given_up = true;
    flight.traits.may_retry = false;
    flight.retry = false;
    // A cancel request hits what runs when it arrives. Only for the first in line is that this unit.
    if (index == 0 && !cancelled_) {
      cancelled_ = retired_ = true;
      emit(Action::Kind::cancel, unit);
    }
  }
  return done();
}

std::span<const Action> PipelineMachine::grace_over(std::uint64_t unit) {
  actions_.clear();
  if (closed_ || cancelled_ || flights_.empty() || flights_.front().unit != unit) return done();
  cancelled_ = retired_ = true;
  emit(Action::Kind::cancel, unit);
  return done();
}

std::span<const Action> PipelineMachine::forget_statements() {
  actions_.clear();
  if (!accepts() || unnamed_) return done();
  cache_.clear();
  forgotten_below_ = next_statement_;
  send_own(Action::Kind::deallocate_all, 0);
  return done();
}

std::span<const Action> PipelineMachine::retire() {
  actions_.clear();
  if (closed_) return done();
  retired_ = true;
  if (flights_.empty()) {
    closed_ = true;
    emit(Action::Kind::close);
  }
  return done();
}

PipelineMachine::Flight PipelineMachine::take_spare() {
  if (spare_.empty()) return {};
  Flight flight = std::move(spare_.back());
  spare_.pop_back();
  flight.unit = 0;
  flight.ops.clear();
  flight.answered = 0;
  flight.null_due = flight.failed = flight.retry = flight.given_up = false;
  flight.traits = UnitTraits();
  return flight;
}

}  // namespace bulkhead::pg
