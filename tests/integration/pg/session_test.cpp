#include "io_fixture.hpp"

namespace bulkhead::pg::testing {
namespace {

class SessionTest : public LanesTest {
 protected:
  SessionTest() {
    admin_->execute("create table t (id int primary key deferrable initially deferred)").value();
    LaneSettings settings;
    settings.session_connections = 1;
    open(settings);
  }
};

Task<void> insert_two(Lanes& lanes, bool commit, std::string second) {
  Result<Session> session = co_await lanes.begin(in(10s));
  if (session.has_error()) throw std::runtime_error(std::string(session.error().internal()));
  Result<Outcome> first = co_await session->run(unit("insert into t values (1)"), in(10s));
  EXPECT_TRUE(first.has_value() && !first->error);
  Result<Outcome> next = co_await session->run(unit(second), in(10s));
  EXPECT_TRUE(next.has_value());
  if (!commit) co_return;
  Result<void> done = co_await session->commit(in(10s));
  if (done.has_error()) throw std::runtime_error("commit: " + std::string(done.error().message()));
}

TEST_F(SessionTest, CommitKeepsAndAbandoningUndoes) {
  run(insert_two(lanes(), false, "insert into t values (2)"));
  run(insert_two(lanes(), true, "insert into t values (3)"));
  EXPECT_EQ(admin_text("select string_agg(id::text, ',' order by id) from t"), "1,3");
  EXPECT_EQ(lanes().counters().connects, 1U) << "the abandoned connection was rolled back and used again";
}

Task<void> commit_code(Lanes& lanes, std::string second, std::string& sqlstate) {
  Result<Session> session = co_await lanes.begin(in(10s));
  Result<Outcome> first = co_await session->run(unit("insert into t values (1)"), in(10s));
  EXPECT_TRUE(first.has_value() && !first->error);
  Result<Outcome> next = co_await session->run(unit(second), in(10s));
  EXPECT_TRUE(next.has_value());
  Result<void> done = co_await session->commit(in(10s));
  sqlstate = done.has_error() ? std::string(done.error().sqlstate()) : "committed";
}

TEST_F(SessionTest, ACommitAfterAFailedStatementIsAnErrorAndNotASuccess) {
  std::string sqlstate;
  run(commit_code(lanes(), "select 1 / 0", sqlstate));
  EXPECT_EQ(sqlstate, "25P02");
  EXPECT_EQ(admin_text("select count(*) from t"), "0");
}

TEST_F(SessionTest, ADeferredConstraintFailsTheCommit) {
  std::string sqlstate;
  run(commit_code(lanes(), "insert into t values (1)", sqlstate));
  EXPECT_EQ(sqlstate, "23505");
  EXPECT_EQ(admin_text("select count(*) from t"), "0");
}

Task<void> roll_back(Lanes& lanes) {
  Result<Session> session = co_await lanes.begin(in(10s));
  Result<Outcome> first = co_await session->run(unit("insert into t values (1)"), in(10s));
  EXPECT_TRUE(first.has_value() && !first->error);
  Result<void> done = co_await session->rollback(in(10s));
  EXPECT_TRUE(done.has_value());
  Result<Outcome> late = co_await session->run(unit("select 1"), in(10s));
  EXPECT_TRUE(late.has_error()) << "the transaction is over";
}

TEST_F(SessionTest, RollbackUndoesAndEndsTheSession) {
  run(roll_back(lanes()));
  EXPECT_EQ(admin_text("select count(*) from t"), "0");
}

Task<void> leave_setting(Lanes& lanes, std::string sql) {
  Result<Session> session = co_await lanes.begin(in(10s));
  Result<Outcome> set = co_await session->run(unit(std::move(sql)), in(10s));
  EXPECT_TRUE(set.has_value() && !set->error);
  Result<void> done = co_await session->commit(in(10s));
  EXPECT_TRUE(done.has_value());
}

Task<void> read_setting(Lanes& lanes, std::string& found) {
  Result<Session> session = co_await lanes.begin(in(10s));
  Unit what = unit("select coalesce(current_setting('bulkhead.context', true), '') || current_user");
  Result<Outcome> read = co_await session->run(std::move(what), in(10s));
  if (read.has_value() && !read->error) found = read->rows[0].text(0, 0);
}

TEST_F(SessionTest, AConnectionWithATenantOrRoleLeftOnItIsNotUsedAgain) {
  admin_->execute("create role left_over").value();
  run(leave_setting(lanes(), "select set_config('bulkhead.context', 'other', false)"));
  run(leave_setting(lanes(), "select set_config('role', 'left_over', false)"));
  std::string found;
  run(read_setting(lanes(), found));
  EXPECT_EQ(found, admin_text("select session_user"));
  EXPECT_EQ(lanes().counters().connects, 3U);
}

Task<void> late_statement(Lanes& lanes, Errc& first, Errc& then) {
  Result<Session> session = co_await lanes.begin(in(10s));
  Result<Outcome> slow = co_await session->run(unit("select pg_sleep(50)"), in(100ms));
  if (slow.has_error()) first = slow.error().code();
  Result<void> done = co_await session->commit(in(10s));
  if (done.has_error()) then = done.error().code();
}

TEST_F(SessionTest, AStatementOverItsDeadlineEndsTheTransaction) {
  Errc first = Errc::internal, then = Errc::internal;
  run(late_statement(lanes(), first, then));
  EXPECT_EQ(first, Errc::deadline_exceeded);
  EXPECT_EQ(then, Errc::database_unavailable) << "not committed, and known not to be";
}

Task<void> killed(Lanes& lanes, Errc& code) {
  Result<Session> session = co_await lanes.begin(in(10s));
  Result<Outcome> answer =
      co_await session->run(unit("select pg_terminate_backend(pg_backend_pid()), pg_sleep(9)"), in(10s));
  if (answer.has_error()) code = answer.error().code();
}

TEST_F(SessionTest, AKilledBackendEndsTheTransactionAndTheNextOneGetsANewConnection) {
  Errc code = Errc::internal;
  run(killed(lanes(), code));
  EXPECT_EQ(code, Errc::database_unavailable);
  run(insert_two(lanes(), true, "insert into t values (2)"));
  EXPECT_EQ(admin_text("select count(*) from t"), "2");
}

TEST_F(SessionTest, SessionsWaitForEachOtherWhenAllConnectionsAreTaken) {
  std::vector<Task<void>> tasks;
  for (int i = 0; i < 5; ++i) tasks.push_back(insert_two(lanes(), false, "insert into t values (2)"));
  run(std::move(tasks));
  EXPECT_EQ(admin_text("select count(*) from t"), "0");
  EXPECT_EQ(lanes().counters().connects, 1U);
}

}  // namespace
}  // namespace bulkhead::pg::testing
