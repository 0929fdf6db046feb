#include <algorithm>
#include <map>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "io_fixture.hpp"

namespace bulkhead::pg::testing {
namespace {

using Answers = std::vector<Result<Outcome>>;

Task<void> ask(Lanes& lanes, Lane lane, Unit what, Deadline deadline, Answers& answers,
               std::uint64_t key = 0) {
  Result<Outcome> outcome = co_await lanes.run(lane, std::move(what), deadline, key);
  answers.push_back(std::move(outcome));
}

std::size_t count_good(const Answers& answers) {
  return static_cast<std::size_t>(
      std::count_if(answers.begin(), answers.end(),
                    [](const Result<Outcome>& answer) { return answer.has_value() && !answer->error; }));
}

std::size_t count_failed(const Answers& answers, Errc code) {
  return static_cast<std::size_t>(std::count_if(
      answers.begin(), answers.end(),
      [code](const Result<Outcome>& answer) { return answer.has_error() && answer.error().code() == code; }));
}

TEST_F(LanesTest, OneUnitRunsItsStepsInOrderAndReturnsTheirRows) {
  Answers answers;
  const Step set = step(shape("select set_config('a.b', $1, true)"), {"x"});
  run(ask(lanes(), Lane::read, unit({set, step(shape("select current_setting('a.b'), $1::int + 1"), {"41"})}),
          in(10s), answers));
  ASSERT_EQ(answers.size(), 1U);
  ASSERT_TRUE(answers[0].has_value()) << answers[0].error().internal();
  ASSERT_FALSE(answers[0]->error) << answers[0]->error->message();
  ASSERT_EQ(answers[0]->rows.size(), 2U);
  EXPECT_EQ(answers[0]->rows[1].text(0, 0), "x");
  EXPECT_EQ(answers[0]->rows[1].text(0, 1), "42");
}

Task<void> many_reads(Lanes& lanes, ShapeRef bind, ShapeRef read, int base, int count, int& good) {
  for (int i = 0; i < count; ++i) {
    const std::string value = std::to_string(base + i);
    Unit what = unit({step(bind, {value}), step(read, {value})});
    Result<Outcome> outcome = co_await lanes.run(Lane::read, std::move(what), in(20s));
    if (outcome.has_error() || outcome->error) continue;
    if (outcome->rows.at(1).text(0, 0) == value && outcome->rows.at(1).text(0, 1) == value) ++good;
  }
}

TEST_F(LanesTest, ManyCoroutinesShareFewConnectionsAndEachGetsItsOwnAnswer) {
  LaneSettings settings;
  settings.read_connections = 2;
  open(settings);
  const ShapeRef bind = shape("select set_config('a.b', $1, true)"),
                 read = shape("select current_setting('a.b'), $1");
  int good = 0;
  std::vector<Task<void>> tasks;
  for (int i = 0; i < 64; ++i) tasks.push_back(many_reads(lanes(), bind, read, i * 1000, 50, good));
  run(std::move(tasks));
  EXPECT_EQ(good, 64 * 50);
  const LaneCounters counters = lanes().counters();
  EXPECT_EQ(counters.units, 64U * 50U);
  EXPECT_EQ(counters.syncs, counters.units) << "exactly one Sync, hence one round trip, a unit";
  EXPECT_EQ(counters.connections, 2U);
  EXPECT_EQ(counters.prepares, 4U) << "each statement once on each connection";
  EXPECT_EQ(counters.waiting, 0U);
  EXPECT_EQ(counters.outstanding, 0U);
}

TEST_F(LanesTest, AConstraintThatIsCheckedAtTheCommitEndsItsOwnUnitAndNoOther) {
  admin_
      ->execute(
          "create table parent (id int primary key); create table child (id int primary key, parent int "
          "references parent deferrable initially deferred); insert into parent values (1)")
      .value();
  LaneSettings settings;
  settings.write_connections = 1;
  settings.write_depth = 16;
  open(settings);
  const ShapeRef insert = shape("insert into child values ($1::int, $2::int) returning id");
  Answers answers;
  std::vector<Task<void>> tasks;
  for (int id = 0; id < 20; ++id) {
    const std::string parent = id % 4 == 0 ? "7" : "1";
    tasks.push_back(
        ask(lanes(), Lane::write, unit({step(insert, {std::to_string(id), parent})}), in(20s), answers));
  }
  run(std::move(tasks));
  EXPECT_EQ(count_good(answers), 15U);
  for (const Result<Outcome>& answer : answers) {
    ASSERT_TRUE(answer.has_value()) << answer.error().message();
    if (answer->error) {
      EXPECT_EQ(answer->error->sqlstate(), "23503");
      EXPECT_EQ(answer->table, "child");
    }
  }
  EXPECT_EQ(admin_text("select count(*) from child"), "15");
  EXPECT_EQ(lanes().counters().disconnects, 0U);
}

TEST_F(LanesTest, AConnectionThatHasPreparedManyStatementsIsReplaced) {
  LaneSettings settings;
  settings.read_connections = 1;
  settings.prepares_per_connection = 10;
  open(settings);
  Answers answers;
  for (int i = 0; i < 30; ++i)
    run(ask(lanes(), Lane::read, unit("select " + std::to_string(i)), in(20s), answers));
  EXPECT_EQ(count_good(answers), 30U);
  EXPECT_GE(lanes().counters().connects, 3U);
  EXPECT_EQ(lanes().counters().prepares, 30U);
}

TEST_F(LanesTest, AnErrorEndsItsOwnUnitAndNoOther) {
  admin_->execute("create table t (id int primary key)").value();
  LaneSettings settings;
  settings.read_connections = 1;
  open(settings);
  const ShapeRef insert = shape("insert into t values ($1::int)"), divide = shape("select 1 / $1::int");
  std::vector<Answers> answers(40);
  std::vector<Task<void>> tasks;
  for (int i = 0; i < 40; ++i) {
    // Every third unit fails after its insert, which must then be gone.
    tasks.push_back(ask(lanes(), Lane::read,
                        unit({step(insert, {std::to_string(i)}), step(divide, {i % 3 == 0 ? "0" : "1"}),
                              step(divide, {"1"})}),
                        in(20s), answers[static_cast<std::size_t>(i)]));
  }
  run(std::move(tasks));
  for (std::size_t i = 0; i < 40; ++i) {
    const Result<Outcome>& answer = answers[i].at(0);
    ASSERT_TRUE(answer.has_value()) << i;
    if (i % 3 == 0) {
      ASSERT_TRUE(answer->error) << i;
      EXPECT_EQ(answer->error->sqlstate(), "22012");
      EXPECT_EQ(answer->rows.size(), 1U) << "the step before the failing one has completed";
    } else {
      EXPECT_FALSE(answer->error) << i;
      EXPECT_EQ(answer->rows.size(), 3U);
    }
  }
  EXPECT_EQ(admin_text("select count(*) from t where id % 3 = 0"), "0");
  EXPECT_EQ(admin_text("select count(*) from t"), "26");
}

TEST_F(LanesTest, AConstraintErrorTellsItsFields) {
  admin_->execute("create table t (id int constraint positive check (id > 0))").value();
  Answers answers;
  run(ask(lanes(), Lane::write, unit("insert into t values (-1)"), in(10s), answers));
  ASSERT_TRUE(answers.at(0).has_value());
  ASSERT_TRUE(answers[0]->error);
  EXPECT_EQ(answers[0]->error->sqlstate(), "23514");
  EXPECT_EQ(answers[0]->constraint, "positive");
  EXPECT_EQ(answers[0]->table, "t");
  EXPECT_NE(answers[0]->error->internal().find("Failing row"), std::string_view::npos);
  EXPECT_EQ(answers[0]->error->message().find("Failing row"), std::string_view::npos);
}

TEST_F(LanesTest, TransactionLocalSettingsDieAtTheSync) {
  LaneSettings settings;
  settings.read_connections = 1;
  open(settings);
  Answers answers;
  std::vector<Task<void>> tasks;
  for (int i = 0; i < 10; ++i) {
    tasks.push_back(ask(lanes(), Lane::read, unit("select set_config('bulkhead.context', 'secret', true)"),
                        in(10s), answers));
    tasks.push_back(ask(lanes(), Lane::read,
                        unit("select coalesce(current_setting('bulkhead.context', true), '')"), in(10s),
                        answers));
  }
  run(std::move(tasks));
  ASSERT_EQ(count_good(answers), 20U);
  for (std::size_t i = 0; i < 20; ++i)
    EXPECT_EQ(answers[i]->rows[0].text(0, 0), i % 2 == 0 ? "secret" : "") << i;
}

TEST_F(LanesTest, ATransactionCommandInAUnitCostsTheConnectionAndLeaksNothing) {
  LaneSettings settings;
  settings.read_connections = 1;
  open(settings);
  Answers answers, next;
  run(ask(lanes(), Lane::read, unit("begin"), in(10s), answers));
  EXPECT_EQ(count_failed(answers, Errc::upstream_failed), 1U);
  run(ask(lanes(), Lane::read,
          unit("select count(*) from pg_stat_activity where state = 'idle in transaction'"), in(10s), next));
  ASSERT_EQ(count_good(next), 1U);
  EXPECT_EQ(next[0]->rows[0].text(0, 0), "0");
}

TEST_F(LanesTest, AKilledBackendFailsItsUnitsAndTheNextOnesRunOnANewConnection) {
  LaneSettings settings;
  settings.write_connections = 1;
  settings.write_depth = 4;
  open(settings);
  Answers warm, first, second;
  run(ask(lanes(), Lane::write, unit("select 1"), in(10s), warm));
  boost::asio::co_spawn(io_, ask(lanes(), Lane::write, unit("select pg_sleep(10)"), in(20s), first),
                        boost::asio::detached);
  for (int i = 0; i < 3; ++i)
    boost::asio::co_spawn(io_, ask(lanes(), Lane::write, unit("select 2"), in(20s), first),
                          boost::asio::detached);
  // All are sent, and the first is under way.
  ASSERT_TRUE(run_until([this] { return lanes().counters().outstanding == 4 && sleeps(); }));
  EXPECT_EQ(admin_text(
                "select pg_terminate_backend(pid) from pg_stat_activity where query = 'select pg_sleep(10)'"),
            "t");
  ASSERT_TRUE(run_until([&first] { return first.size() == 4; }));
  // The server said goodbye in the middle of the first: none of the four had an effect, and all may be sent
  // again.
  EXPECT_EQ(count_failed(first, Errc::database_unavailable), 4U);
  run(ask(lanes(), Lane::write, unit("select 3"), in(20s), second));
  EXPECT_EQ(count_good(second), 1U);
  EXPECT_EQ(lanes().counters().disconnects, 1U);
  EXPECT_EQ(lanes().counters().connects, 2U);
}

TEST_F(LanesTest, ADeadlineCancelsAtTheServerAndTheUnitsBehindAreAnswered) {
  LaneSettings settings;
  settings.read_connections = 1;
  open(settings);
  Answers warm, slow, behind;
  run(ask(lanes(), Lane::read, unit("select 1"), in(10s), warm));
  std::vector<Task<void>> tasks;
  tasks.push_back(ask(lanes(), Lane::read, unit("select pg_sleep(50)"), in(200ms), slow));
  for (int i = 0; i < 5; ++i) tasks.push_back(ask(lanes(), Lane::read, unit("select 2"), in(20s), behind));
  run(std::move(tasks));
  EXPECT_EQ(count_failed(slow, Errc::deadline_exceeded), 1U);
  EXPECT_EQ(count_good(behind), 5U) << "the cancel request must hit nobody else";
  EXPECT_EQ(lanes().counters().cancels, 1U);
  EXPECT_TRUE(
      admin_sees("select count(*) = 0 from pg_stat_activity where query like '%pg_sleep(50)%' and pid <> "
                 "pg_backend_pid()"));
  // The connection that was cancelled on is retired.
  Answers after;
  run(ask(lanes(), Lane::read, unit("select 3"), in(10s), after));
  EXPECT_EQ(count_good(after), 1U);
  EXPECT_GE(lanes().counters().connects, 2U);
}

TEST_F(LanesTest, ADeadlineOfAUnitBehindASlowOneDoesNotCancelTheSlowOne) {
  LaneSettings settings;
  settings.read_connections = 1;
  open(settings);
  Answers warm, slow, behind;
  run(ask(lanes(), Lane::read, unit("select 1"), in(10s), warm));
  std::vector<Task<void>> tasks;
  tasks.push_back(ask(lanes(), Lane::read, unit("select pg_sleep(1)"), in(20s), slow));
  tasks.push_back(ask(lanes(), Lane::read, unit("select 2"), in(100ms), behind));
  run(std::move(tasks));
  EXPECT_EQ(count_good(slow), 1U);
  EXPECT_EQ(count_failed(behind, Errc::deadline_exceeded), 1U);
  EXPECT_EQ(lanes().counters().cancels, 0U);
}

TEST_F(LanesTest, WaitingUnitsAreBoundedPerLaneAndPerTenant) {
  LaneSettings settings;
  settings.slow_connections = 1;
  settings.queue_max = 10;
  settings.tenant_share_max = 6;
  open(settings);
  Answers noisy, quiet;
  std::vector<Task<void>> tasks;
  for (int i = 0; i < 12; ++i) tasks.push_back(ask(lanes(), Lane::slow, unit("select 1"), in(20s), noisy, 1));
  for (int i = 0; i < 5; ++i) tasks.push_back(ask(lanes(), Lane::slow, unit("select 1"), in(20s), quiet, 2));
  run(std::move(tasks));
  EXPECT_EQ(count_failed(noisy, Errc::overloaded), 6U) << "six of tenant 1 wait, the rest is refused";
  EXPECT_EQ(count_failed(quiet, Errc::overloaded), 1U) << "four of tenant 2 fill the lane";
  EXPECT_EQ(count_good(noisy), 6U);
  EXPECT_EQ(count_good(quiet), 4U);
}

TEST_F(LanesTest, AWaitingUnitIsTakenFromTheQueueAtItsDeadline) {
  LaneSettings settings;
  settings.slow_connections = 1;
  open(settings);
  Answers warm, slow, waiting;
  run(ask(lanes(), Lane::slow, unit("select 1"), in(10s), warm));
  std::vector<Task<void>> tasks;
  tasks.push_back(ask(lanes(), Lane::slow, unit("select pg_sleep(1)"), in(20s), slow));
  tasks.push_back(ask(lanes(), Lane::slow, unit("select 2"), in(100ms), waiting));
  run(std::move(tasks));
  EXPECT_EQ(count_failed(waiting, Errc::deadline_exceeded), 1U);
  EXPECT_EQ(count_good(slow), 1U);
}

TEST_F(LanesTest, WithoutADatabaseUnitsFailAtOnceAndRunAgainWhenItIsBack) {
  conninfo_ = "host=/nonexistent dbname=x";
  open(LaneSettings());
  Answers answers;
  std::vector<Task<void>> tasks;
  for (int i = 0; i < 4; ++i) tasks.push_back(ask(lanes(), Lane::read, unit("select 1"), in(20s), answers));
  run(std::move(tasks));
  EXPECT_EQ(count_failed(answers, Errc::database_unavailable), 4U);
}

TEST_F(LanesTest, AWrongConnectionStringSaysSo) {
  conninfo_ = "hots=localhost";
  open(LaneSettings());
  Answers answers;
  run(ask(lanes(), Lane::read, unit("select 1"), in(10s), answers));
  ASSERT_EQ(count_failed(answers, Errc::config_invalid), 1U);
  EXPECT_NE(answers[0].error().message().find("hots"), std::string_view::npos);
}

TEST_F(LanesTest, LeastRecentlyUsedStatementsAreDeallocated) {
  LaneSettings settings;
  settings.read_connections = 1;
  settings.statements_per_connection = 3;
  open(settings);
  const std::string count = "select count(*) from pg_prepared_statements where name like 'b%'";
  Answers answers, held;
  for (int i = 0; i < 20; ++i)
    run(ask(lanes(), Lane::read, unit("select " + std::to_string(i)), in(10s), answers));
  run(ask(lanes(), Lane::read, unit(count), in(10s), held));
  EXPECT_EQ(count_good(answers), 20U);
  ASSERT_EQ(count_good(held), 1U);
  // The counting unit itself is prepared before one is pushed out for it.
  EXPECT_EQ(held[0]->rows[0].text(0, 0), "4");
}

TEST_F(LanesTest, WithoutPreparedStatementsUnitsRunUnnamed) {
  LaneSettings settings;
  settings.statements_per_connection = 0;
  open(settings);
  Answers answers;
  run(ask(lanes(), Lane::read,
          unit({step(shape("select $1::int"), {"7"}),
                step(shape("select count(*) from pg_prepared_statements"))}),
          in(10s), answers));
  ASSERT_EQ(count_good(answers), 1U);
  EXPECT_EQ(answers[0]->rows[0].text(0, 0), "7");
  EXPECT_EQ(answers[0]->rows[1].text(0, 0), "0");
  EXPECT_EQ(lanes().counters().prepares, 0U);
}

TEST_F(LanesTest, AStatementWhosePlanWentStaleIsPreparedAgainUnseen) {
  admin_->execute("create table t (id int); insert into t values (1)").value();
  LaneSettings settings;
  settings.read_connections = 1;
  open(settings);
  const ShapeRef all = shape("select * from t");
  Answers before, after, dropped;
  run(ask(lanes(), Lane::read, unit({step(all)}), in(10s), before));
  admin_->execute("alter table t add column name text default 'n'").value();
  std::vector<Task<void>> tasks;
  for (int i = 0; i < 8; ++i) tasks.push_back(ask(lanes(), Lane::read, unit({step(all)}), in(10s), after));
  run(std::move(tasks));
  ASSERT_EQ(count_good(after), 8U);
  EXPECT_EQ(after[0]->rows[0].columns(), 2U);
  // The same when somebody deallocated it under our feet.
  run(ask(lanes(), Lane::read, unit("deallocate all"), in(10s), dropped));
  run(ask(lanes(), Lane::read, unit({step(all)}), in(10s), dropped));
  EXPECT_EQ(count_good(dropped), 2U);
}

TEST_F(LanesTest, ForgettingStatementsPreparesThemAgain) {
  LaneSettings settings;
  settings.read_connections = 1;
  open(settings);
  const ShapeRef one = shape("select 1");
  Answers answers;
  run(ask(lanes(), Lane::read, unit({step(one)}), in(10s), answers));
  lanes().forget_statements();
  run(ask(lanes(), Lane::read, unit({step(one)}), in(10s), answers));
  EXPECT_EQ(count_good(answers), 2U);
  EXPECT_EQ(lanes().counters().prepares, 2U);
}

TEST_F(LanesTest, BigParametersAndBigRowsPassBothWaysAtOnce) {
  LaneSettings settings;
  settings.read_connections = 1;
  open(settings);
  // Far beyond the socket's buffers, so that both sides have to write while the other does.
  const std::string big(2 * 1024 * 1024, 'x');
  const ShapeRef echo = shape("select $1::text");
  Answers answers;
  std::vector<Task<void>> tasks;
  for (int i = 0; i < 12; ++i)
    tasks.push_back(ask(lanes(), Lane::read, unit({step(echo, {big})}), in(50s), answers));
  run(std::move(tasks));
  ASSERT_EQ(count_good(answers), 12U);
  for (const Result<Outcome>& answer : answers) EXPECT_EQ(answer->rows[0].text(0, 0).size(), big.size());
}

TEST_F(LanesTest, ACallerThatGoesAwayLeavesTheOthersAlone) {
  LaneSettings settings;
  settings.read_connections = 1;
  open(settings);
  Answers warm, gone, others;
  run(ask(lanes(), Lane::read, unit("select 1"), in(10s), warm));
  boost::asio::cancellation_signal signal;
  bool ended = false;
  auto when_done = [&ended](std::exception_ptr) { ended = true; };
  boost::asio::co_spawn(io_, ask(lanes(), Lane::read, unit("select pg_sleep(50)"), in(30s), gone),
                        boost::asio::bind_cancellation_slot(signal.slot(), std::move(when_done)));
  // PostgreSQL cancels nothing that it has not begun.
  ASSERT_TRUE(run_until([this] { return lanes().counters().outstanding == 1 && sleeps(); }));
  signal.emit(boost::asio::cancellation_type::terminal);
  std::vector<Task<void>> tasks;
  for (int i = 0; i < 5; ++i) tasks.push_back(ask(lanes(), Lane::read, unit("select 2"), in(20s), others));
  run(std::move(tasks));
  ASSERT_TRUE(run_until([&ended] { return ended; }));
  EXPECT_EQ(count_good(others), 5U);
  EXPECT_EQ(lanes().counters().cancels, 1U);
}

TEST_F(LanesTest, WritesSpreadOverConnectionsAndReadsFillOne) {
  LaneSettings settings;
  settings.read_connections = 4;
  settings.write_connections = 4;
  open(settings);
  Answers reads, writes;
  std::vector<Task<void>> tasks;
  for (int i = 0; i < 8; ++i) tasks.push_back(ask(lanes(), Lane::read, unit("select 1"), in(20s), reads));
  run(std::move(tasks));
  EXPECT_EQ(lanes().counters().connections, 1U) << "eight fit into one read connection's depth";
  std::vector<Task<void>> more;
  for (int i = 0; i < 32; ++i)
    more.push_back(ask(lanes(), Lane::write, unit("select pg_sleep(0.05)"), in(20s), writes));
  run(std::move(more));
  EXPECT_EQ(count_good(reads), 8U);
  EXPECT_EQ(count_good(writes), 32U);
  EXPECT_EQ(lanes().counters().connections, 5U);
}

Task<void> drain(Lanes& lanes, bool& drained) {
  co_await lanes.drain(in(20s));
  drained = true;
}

TEST_F(LanesTest, DrainingLetsThoseUnderWayFinishAndTakesNoMore) {
  Answers warm, running, late;
  run(ask(lanes(), Lane::read, unit("select 1"), in(10s), warm));
  bool drained = false;
  std::vector<Task<void>> tasks;
  tasks.push_back(ask(lanes(), Lane::read, unit("select pg_sleep(0.2)"), in(20s), running));
  tasks.push_back(drain(lanes(), drained));
  tasks.push_back(ask(lanes(), Lane::read, unit("select 2"), in(20s), late));
  run(std::move(tasks));
  EXPECT_TRUE(drained);
  EXPECT_EQ(count_good(running), 1U);
  EXPECT_EQ(count_failed(late, Errc::database_unavailable), 1U);
  EXPECT_EQ(lanes().counters().connections, 0U);
}

}  // namespace
}  // namespace bulkhead::pg::testing
