#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pg/pipeline_machine.hpp"

namespace bulkhead::pg {
namespace {

using Kind = Action::Kind;
using Actions = std::vector<Action>;

Actions copy(std::span<const Action> actions) {
  return {actions.begin(), actions.end()};
}

std::vector<Kind> kinds(std::span<const Action> actions) {
  std::vector<Kind> out;
  for (const Action& action : actions) out.push_back(action.kind);
  return out;
}

const std::vector<std::uint64_t> bind_and_read{101, 102};

Actions submit(PipelineMachine& machine, std::uint64_t unit, const std::vector<std::uint64_t>& shapes,
               UnitTraits traits = UnitTraits()) {
  return copy(machine.submit(unit, shapes, traits));
}

/// Answers an op and its NULL; returns what the answer led to.
Actions answer(PipelineMachine& machine, Reply reply) {
  Actions out = copy(machine.reply(reply));
  EXPECT_TRUE(machine.closed() || machine.null_result().empty());
  return out;
}

Actions end_unit(PipelineMachine& machine, AfterSync status = AfterSync::idle) {
  return copy(machine.sync(status));
}

/// Submits and answers a unit so that its statements are prepared.
void warm(PipelineMachine& machine, std::uint64_t unit, const std::vector<std::uint64_t>& shapes) {
  const Actions sent = submit(machine, unit, shapes);
  for (const Action& action : sent) {
    if (action.kind == Kind::prepare || action.kind == Kind::execute) answer(machine, Reply::success);
  }
  end_unit(machine);
}

TEST(PipelineMachine, FirstUsePreparesWithinTheUnitRightBeforeItsUse) {
  PipelineMachine machine(8);
  const Actions sent = submit(machine, 1, bind_and_read);
  const Actions expected{{Kind::prepare, 1, 0, 1},
                         {Kind::execute, 1, 0, 1},
                         {Kind::prepare, 1, 1, 2},
                         {Kind::execute, 1, 1, 2},
                         {Kind::sync, 1, 0, 0}};
  EXPECT_EQ(sent, expected);
  EXPECT_TRUE(answer(machine, Reply::success).empty());
  EXPECT_EQ(answer(machine, Reply::success), (Actions{{Kind::keep_rows, 1, 0, 0}}));
  EXPECT_TRUE(answer(machine, Reply::success).empty());
  EXPECT_EQ(answer(machine, Reply::success), (Actions{{Kind::keep_rows, 1, 1, 0}}));
  EXPECT_EQ(end_unit(machine), (Actions{{Kind::complete, 1, 0, 0}}));
  EXPECT_FALSE(machine.busy());
  EXPECT_EQ(kinds(submit(machine, 2, bind_and_read)),
            (std::vector{Kind::execute, Kind::execute, Kind::sync}));
}

TEST(PipelineMachine, AUnitBehindRidesOnAPrepareThatIsUnderWay) {
  PipelineMachine machine(8);
  submit(machine, 1, bind_and_read);
  EXPECT_EQ(kinds(submit(machine, 2, bind_and_read)),
            (std::vector{Kind::execute, Kind::execute, Kind::sync}));
  EXPECT_EQ(machine.outstanding(), 2U);
}

TEST(PipelineMachine, TheSameShapeTwiceInAUnitIsPreparedOnce) {
  PipelineMachine machine(8);
  UnitTraits retry;
  retry.own_prepares = true;
  EXPECT_EQ(kinds(submit(machine, 1, {5, 5}, retry)),
            (std::vector{Kind::prepare, Kind::execute, Kind::execute, Kind::sync}));
}

TEST(PipelineMachine, AnErrorSkipsTheRestOfItsUnitAndSparesTheNext) {
  PipelineMachine machine(8);
  warm(machine, 1, bind_and_read);
  submit(machine, 2, bind_and_read);
  submit(machine, 3, bind_and_read);
  EXPECT_EQ(answer(machine, Reply::error), (Actions{{Kind::keep_error, 2, 0, 0}}));
  EXPECT_TRUE(answer(machine, Reply::skipped).empty());
  EXPECT_EQ(end_unit(machine, AfterSync::more_outstanding), (Actions{{Kind::complete, 2, 0, 0}}));
  EXPECT_EQ(answer(machine, Reply::success), (Actions{{Kind::keep_rows, 3, 0, 0}}));
  EXPECT_EQ(answer(machine, Reply::success), (Actions{{Kind::keep_rows, 3, 1, 0}}));
  EXPECT_EQ(end_unit(machine), (Actions{{Kind::complete, 3, 0, 0}}));
}

TEST(PipelineMachine, ACommitThatFailsAtTheSyncEndsItsUnitAndSparesTheNext) {
  PipelineMachine machine(8);
  warm(machine, 1, bind_and_read);
  submit(machine, 2, bind_and_read);
  submit(machine, 3, bind_and_read);
  answer(machine, Reply::success);
  answer(machine, Reply::success);
  EXPECT_EQ(answer(machine, Reply::error), (Actions{{Kind::keep_error, 2, 1, 0}}))
      << "a constraint that is checked only now";
  EXPECT_EQ(end_unit(machine, AfterSync::more_outstanding), (Actions{{Kind::complete, 2, 0, 0}}));
  answer(machine, Reply::success);
  EXPECT_EQ(answer(machine, Reply::success), (Actions{{Kind::keep_rows, 3, 1, 0}}));
  EXPECT_EQ(end_unit(machine), (Actions{{Kind::complete, 3, 0, 0}}));
}

TEST(PipelineMachine, ASecondErrorAtTheSyncIsNotOfTheProtocol) {
  PipelineMachine machine(8);
  warm(machine, 1, {7});
  submit(machine, 2, {7});
  answer(machine, Reply::success);
  answer(machine, Reply::error);
  EXPECT_EQ(kinds(machine.reply(Reply::error)), (std::vector{Kind::not_run, Kind::close}));
}

TEST(PipelineMachine, AConnectionWhoseStatementsSomebodyFreedIsRetired) {
  PipelineMachine machine(8);
  warm(machine, 1, bind_and_read);
  submit(machine, 2, bind_and_read);
  submit(machine, 3, bind_and_read);
  answer(machine, Reply::unknown_statement);
  EXPECT_FALSE(machine.accepts());
  answer(machine, Reply::skipped);
  EXPECT_EQ(end_unit(machine, AfterSync::more_outstanding), (Actions{{Kind::retry, 2, 0, 0}}));
  answer(machine, Reply::unknown_statement);
  answer(machine, Reply::skipped);
  EXPECT_EQ(end_unit(machine), (Actions{{Kind::retry, 3, 0, 0}, {Kind::close, 0, 0, 0}}));
}

TEST(PipelineMachine, APrepareThatWasSkippedIsNotTakenForPrepared) {
  PipelineMachine machine(8);
  submit(machine, 1, bind_and_read);
  submit(machine, 2, bind_and_read);  // Rides.
  answer(machine, Reply::success);    // The bind is prepared,
  answer(machine, Reply::error);      // and fails,
  answer(machine, Reply::skipped);    // so that the read is not even prepared.
  answer(machine, Reply::skipped);
  end_unit(machine, AfterSync::more_outstanding);
  answer(machine, Reply::success);
  EXPECT_TRUE(answer(machine, Reply::unknown_statement).empty())
      << "no error for the caller: it is sent again";
  EXPECT_EQ(end_unit(machine), (Actions{{Kind::retry, 2, 0, 0}}));
  UnitTraits again;
  again.own_prepares = true;
  EXPECT_EQ(kinds(submit(machine, 3, bind_and_read, again)),
            (std::vector{Kind::execute, Kind::prepare, Kind::execute, Kind::sync}));
}

TEST(PipelineMachine, ARetryDoesNotRideAndTheDuplicateIsFreed) {
  PipelineMachine machine(8);
  submit(machine, 1, {7});  // Prepares it as number 1.
  UnitTraits again;
  again.own_prepares = true;
  const Actions sent = submit(machine, 2, {7}, again);
  EXPECT_EQ(sent.at(0), (Action{Kind::prepare, 2, 0, 2}));
  answer(machine, Reply::success);
  answer(machine, Reply::success);
  EXPECT_EQ(end_unit(machine, AfterSync::more_outstanding),
            (Actions{{Kind::complete, 1, 0, 0}, {Kind::deallocate, 0, 0, 1}, {Kind::sync, 0, 0, 0}}));
}

TEST(PipelineMachine, AStalePlanIsFreedAndTheUnitSentAgainOnce) {
  PipelineMachine machine(8);
  warm(machine, 1, {7});
  submit(machine, 2, {7});
  EXPECT_TRUE(answer(machine, Reply::stale_plan).empty());
  EXPECT_EQ(end_unit(machine),
            (Actions{{Kind::retry, 2, 0, 0}, {Kind::deallocate, 0, 0, 1}, {Kind::sync, 0, 0, 0}}));
  UnitTraits last;
  last.may_retry = false;
  last.own_prepares = true;
  answer(machine, Reply::success);  // The DEALLOCATE.
  end_unit(machine);
  EXPECT_EQ(submit(machine, 3, {7}, last).at(0), (Action{Kind::prepare, 3, 0, 2}));
  answer(machine, Reply::success);
  EXPECT_EQ(answer(machine, Reply::stale_plan), (Actions{{Kind::keep_error, 3, 0, 0}}));
  EXPECT_EQ(end_unit(machine).at(0), (Action{Kind::complete, 3, 0, 0}));
}

TEST(PipelineMachine, TheLeastRecentlyUsedStatementGoesFirst) {
  PipelineMachine machine(2);
  warm(machine, 1, {11});
  warm(machine, 2, {12});
  warm(machine, 3, {11});  // Used again: now 12 is the oldest.
  const Actions sent = submit(machine, 4, {13});
  const Actions expected{{Kind::prepare, 4, 0, 3},
                         {Kind::execute, 4, 0, 3},
                         {Kind::sync, 4, 0, 0},
                         {Kind::deallocate, 0, 0, 2},
                         {Kind::sync, 0, 0, 0}};
  EXPECT_EQ(sent, expected) << "freed behind the unit, in a unit of its own";
}

TEST(PipelineMachine, AUnitWiderThanTheCacheStillRuns) {
  PipelineMachine machine(1);
  const Actions sent = submit(machine, 1, {1, 2, 3});
  EXPECT_EQ(sent.size(), 7U) << "nothing that the unit uses is freed before it has run";
  for (int op = 0; op < 6; ++op) answer(machine, Reply::success);
  end_unit(machine);
  EXPECT_EQ(machine.statements(), 1U);
  EXPECT_TRUE(machine.busy()) << "the two that were pushed out are being freed";
}

TEST(PipelineMachine, AFailedDeallocateIsNobodysError) {
  PipelineMachine machine(1);
  warm(machine, 1, {1});
  submit(machine, 2, {2});
  answer(machine, Reply::success);
  answer(machine, Reply::success);
  EXPECT_EQ(end_unit(machine, AfterSync::more_outstanding), (Actions{{Kind::complete, 2, 0, 0}}));
  EXPECT_TRUE(answer(machine, Reply::error).empty());
  EXPECT_TRUE(end_unit(machine).empty());
  EXPECT_FALSE(machine.closed());
}

TEST(PipelineMachine, ForgettingWhileAPrepareIsUnderWayFreesNothingTwice) {
  PipelineMachine machine(4);
  submit(machine, 1, {1});
  EXPECT_EQ(kinds(machine.forget_statements()), (std::vector{Kind::deallocate_all, Kind::sync}));
  EXPECT_TRUE(answer(machine, Reply::success).empty());
  EXPECT_EQ(submit(machine, 2, {1}).at(0).kind, Kind::prepare);
}

TEST(PipelineMachine, WithoutACacheStatementsAreUnnamed) {
  PipelineMachine machine(0);
  EXPECT_EQ(kinds(submit(machine, 1, bind_and_read)),
            (std::vector{Kind::execute_unnamed, Kind::execute_unnamed, Kind::sync}));
}

TEST(PipelineMachine, AnOpenTransactionAfterASyncClosesTheConnection) {
  for (const AfterSync status :
       {AfterSync::open, AfterSync::failed, AfterSync::unknown, AfterSync::more_outstanding}) {
    PipelineMachine machine(4);
    warm(machine, 1, {1});
    submit(machine, 2, {1});
    answer(machine, Reply::success);
    EXPECT_EQ(kinds(end_unit(machine, status)), (std::vector{Kind::complete, Kind::close}));
    EXPECT_TRUE(machine.closed());
  }
}

TEST(PipelineMachine, ASessionMayStayInItsTransaction) {
  PipelineMachine machine(4);
  UnitTraits session;
  session.may_retry = false;
  session.may_stay_open = true;
  submit(machine, 1, {1}, session);
  answer(machine, Reply::success);
  answer(machine, Reply::success);
  EXPECT_EQ(end_unit(machine, AfterSync::open), (Actions{{Kind::complete, 1, 0, 0}}));
  submit(machine, 2, {1}, session);
  EXPECT_EQ(answer(machine, Reply::unknown_statement), (Actions{{Kind::keep_error, 2, 0, 0}}))
      << "no second try";
}

TEST(PipelineMachine, NullsWithoutEndBreakTheConnection) {
  PipelineMachine machine(4);
  warm(machine, 1, {1});
  submit(machine, 2, {1});
  EXPECT_TRUE(machine.null_result().empty());
  EXPECT_TRUE(machine.null_result().empty());
  EXPECT_EQ(kinds(machine.null_result()), (std::vector{Kind::lost, Kind::close}));
  EXPECT_TRUE(machine.null_result().empty());
}

TEST(PipelineMachine, AShutdownInOrderTellsWhoDidNotRun) {
  PipelineMachine machine(4);
  warm(machine, 1, {1});
  submit(machine, 2, {1});
  submit(machine, 3, {1});
  EXPECT_EQ(copy(machine.reply(Reply::shutdown)),
            (Actions{{Kind::not_run, 2, 0, 0}, {Kind::not_run, 3, 0, 0}, {Kind::close, 0, 0, 0}}));
}

TEST(PipelineMachine, AShutdownWhileCommittingLeavesTheFirstUnknown) {
  PipelineMachine machine(4);
  warm(machine, 1, {1});
  submit(machine, 2, {1});
  submit(machine, 3, {1});
  answer(machine, Reply::success);
  EXPECT_EQ(copy(machine.reply(Reply::shutdown)),
            (Actions{{Kind::lost, 2, 0, 0}, {Kind::not_run, 3, 0, 0}, {Kind::close, 0, 0, 0}}));
}

TEST(PipelineMachine, GivingUpTheRunningUnitCancelsAndRetires) {
  PipelineMachine machine(4);
  warm(machine, 1, {1});
  submit(machine, 2, {1});
  submit(machine, 3, {1});
  EXPECT_EQ(copy(machine.give_up(2)), (Actions{{Kind::cancel, 2, 0, 0}}));
  EXPECT_FALSE(machine.accepts());
  EXPECT_EQ(answer(machine, Reply::cancelled), (Actions{{Kind::keep_error, 2, 0, 0}}));
  end_unit(machine, AfterSync::more_outstanding);
  // The request arrived late and hit the next unit as well: that one is not to blame.
  EXPECT_TRUE(answer(machine, Reply::cancelled).empty());
  EXPECT_EQ(end_unit(machine), (Actions{{Kind::retry, 3, 0, 0}, {Kind::close, 0, 0, 0}}));
}

TEST(PipelineMachine, GivingUpAUnitBehindWaitsForItsTurnAndItsGrace) {
  PipelineMachine machine(4);
  warm(machine, 1, {1});
  submit(machine, 2, {1});
  submit(machine, 3, {1});
  EXPECT_TRUE(machine.give_up(3).empty()) << "a cancel now would hit unit 2";
  EXPECT_TRUE(machine.grace_over(3).empty());
  answer(machine, Reply::success);
  EXPECT_EQ(end_unit(machine, AfterSync::more_outstanding),
            (Actions{{Kind::complete, 2, 0, 0}, {Kind::arm_grace, 3, 0, 0}}));
  EXPECT_EQ(copy(machine.grace_over(3)), (Actions{{Kind::cancel, 3, 0, 0}}));
}

TEST(PipelineMachine, AQueryCancelledByTheServerIsItsCallersError) {
  PipelineMachine machine(4);
  warm(machine, 1, {1});
  submit(machine, 2, {1});
  EXPECT_EQ(answer(machine, Reply::cancelled), (Actions{{Kind::keep_error, 2, 0, 0}})) << "statement_timeout";
}

// ---- Fail at every step: the same script once for each event and each fault

/// A server that answers what it was sent, in order; `fault` replaces the event number `at`.
enum class Fault { error, skipped, unexpected, shutdown, stale, null, sync, open_transaction, broken };

/// What became of the units and of the connection.
struct End {
  std::map<std::uint64_t, std::vector<Kind>> ends;  // complete, retry, not_run or lost, per unit.
  std::map<std::uint64_t, int> rows, errors;
  bool closed = false;
  int events = 0;
};

class Script {
 public:
  explicit Script(std::size_t statements) : machine_(statements) {}

  End run(int at, Fault fault) {
    take(machine_.submit(1, shapes({1, 2}), UnitTraits()));
    take(machine_.submit(2, shapes({1, 2}), UnitTraits()));
    take(machine_.submit(3, shapes({3, 1, 2}), UnitTraits()));  // Evicts, with a cache of two.
    while (!machine_.closed() && machine_.busy()) {
      const bool now = end_.events++ == at;
      now ? inject(fault) : serve();
      if (end_.events > 1000) break;
    }
    end_.closed = machine_.closed();
    return end_;
  }

 private:
  static const std::vector<std::uint64_t>& shapes(std::vector<std::uint64_t> list) {
    static std::vector<std::uint64_t> held;
    held = std::move(list);
    return held;
  }

  struct Sent {
    Kind kind;
    std::uint64_t statement;
  };

  void take(std::span<const Action> actions) {
    for (const Action& action : copy(actions)) {
      switch (action.kind) {
        case Kind::prepare:
        case Kind::execute:
        case Kind::deallocate:
        case Kind::deallocate_all:
        case Kind::sync:
          sent_.push_back(Sent{action.kind, action.statement});
          break;
        case Kind::complete:
        case Kind::retry:
        case Kind::not_run:
        case Kind::lost:
          end_.ends[action.unit].push_back(action.kind);
          break;
        case Kind::keep_rows:
          ++end_.rows[action.unit];
          break;
        case Kind::keep_error:
          ++end_.errors[action.unit];
          break;
        default:
          break;
      }
    }
  }

  [[nodiscard]] bool more_outstanding() const { return sent_.size() > 1; }

  void serve() {
    const Sent next = sent_.front();
    if (null_due_) {
      null_due_ = false;
      sent_.erase(sent_.begin());
      take(machine_.null_result());
      return;
    }
    if (next.kind == Kind::sync) {
      failed_ = false;
      const AfterSync status = more_outstanding() ? AfterSync::more_outstanding : AfterSync::idle;
      sent_.erase(sent_.begin());
      take(machine_.sync(status));
      return;
    }
    null_due_ = true;
    if (failed_) return take(machine_.reply(Reply::skipped));
    if (next.kind == Kind::prepare) held_.insert(next.statement);
    if (next.kind == Kind::deallocate) held_.erase(next.statement);
    if (next.kind == Kind::execute && held_.count(next.statement) == 0) {
      failed_ = true;
      return take(machine_.reply(Reply::unknown_statement));
    }
    take(machine_.reply(Reply::success));
  }

  void fail_with(Reply reply) {
    // A server fails a statement only where one is due; elsewhere the reply stands for a broken protocol.
    if (!null_due_ && sent_.front().kind != Kind::sync) {
      failed_ = true;
      null_due_ = true;
    }
    take(machine_.reply(reply));
  }

  void inject(Fault fault) {
    switch (fault) {
      case Fault::error:
        return fail_with(Reply::error);
      case Fault::skipped:
        return fail_with(Reply::skipped);
      case Fault::unexpected:
        return fail_with(Reply::unexpected);
      case Fault::shutdown:
        return fail_with(Reply::shutdown);
      case Fault::stale:
        return fail_with(Reply::stale_plan);
      case Fault::null:
        return take(machine_.null_result());
      case Fault::sync:
        return take(machine_.sync(AfterSync::idle));
      case Fault::open_transaction:
        return take(machine_.sync(AfterSync::open));
      case Fault::broken:
        return take(machine_.broken());
    }
  }

  PipelineMachine machine_;
  std::vector<Sent> sent_;
  std::set<std::uint64_t> held_;  // What the server holds prepared.
  bool failed_ = false, null_due_ = false;
  End end_;
};

TEST(PipelineMachineFaults, WithoutAFaultAllUnitsComplete) {
  for (const std::size_t cache : {2U, 8U}) {
    const End end = Script(cache).run(-1, Fault::broken);
    for (const std::uint64_t unit : {1U, 2U, 3U}) {
      EXPECT_EQ(end.ends.at(unit), std::vector{Kind::complete});
      EXPECT_EQ(end.rows.at(unit), unit == 3 ? 3 : 2);
    }
    EXPECT_FALSE(end.closed);
  }
}

TEST(PipelineMachineFaults, AtEveryStepEveryUnitEndsExactlyOnceAndNoneEndsWrong) {
  for (const std::size_t cache : {2U, 8U}) {
    const int steps = Script(cache).run(-1, Fault::broken).events;
    ASSERT_GT(steps, 20);
    for (const Fault fault : {Fault::error, Fault::skipped, Fault::unexpected, Fault::shutdown, Fault::stale,
                              Fault::null, Fault::sync, Fault::open_transaction, Fault::broken}) {
      for (int at = 0; at < steps; ++at) {
        SCOPED_TRACE("cache " + std::to_string(cache) + ", fault " + std::to_string(static_cast<int>(fault)) +
                     " at step " + std::to_string(at));
        const End end = Script(cache).run(at, fault);
        ASSERT_LT(end.events, 1000);
        for (const std::uint64_t unit : {1U, 2U, 3U}) {
          ASSERT_EQ(end.ends.count(unit), 1U) << unit;
          ASSERT_EQ(end.ends.at(unit).size(), 1U) << "unit " << unit << " ended twice";
          const Kind kind = end.ends.at(unit).front();
          const int rows = end.rows.count(unit) == 0 ? 0 : end.rows.at(unit);
          const int errors = end.errors.count(unit) == 0 ? 0 : end.errors.at(unit);
          if (kind == Kind::complete) {
            // Either every step's rows, or an error and fewer.
            const int whole = unit == 3 ? 3 : 2;
            EXPECT_TRUE((errors == 0 && rows == whole) || (errors == 1 && rows < whole)) << unit;
          }
          if (kind == Kind::retry) EXPECT_EQ(errors, 0) << unit;
        }
        // What breaks the connection's order must close it.
        if (fault == Fault::broken || fault == Fault::unexpected || fault == Fault::shutdown)
          EXPECT_TRUE(end.closed);
      }
    }
  }
}

TEST(PipelineMachineFaults, AnErrorAtAnyStepEndsOneUnitAndTheOthersComplete) {
  const int steps = Script(8).run(-1, Fault::broken).events;
  int tried = 0;
  for (int at = 0; at < steps; ++at) {
    const End end = Script(8).run(at, Fault::error);
    if (end.closed) continue;  // The step was a NULL or a Sync: an error there is a broken protocol.
    ++tried;
    int failed = 0;
    for (const std::uint64_t unit : {1U, 2U, 3U}) {
      const bool complete = end.ends.at(unit).front() == Kind::complete;
      EXPECT_TRUE(complete || end.ends.at(unit).front() == Kind::retry) << at;
      if (end.errors.count(unit) != 0) ++failed;
    }
    EXPECT_EQ(failed, 1) << at;
  }
  EXPECT_GE(tried, 10);
}

}  // namespace
}  // namespace bulkhead::pg
