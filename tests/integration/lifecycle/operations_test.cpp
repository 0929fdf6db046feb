#include "lifecycle/operations.hpp"

#include <gtest/gtest.h>

#include "support/postgres.hpp"

namespace bulkhead::lifecycle {
namespace {

using test::must;
using test::Postgres;

class Operations : public testing::Test {
 protected:
  Operations() : database_(Postgres::shared().make_database()), admin_(database_.connect_admin()) {}

  Operation start(const std::string& subject = "acme", const std::string& kind = "create") {
    NewOperation wanted;
    wanted.kind = kind;
    wanted.subject = subject;
    wanted.actor = "ann";
    wanted.input = {{"plan", "standard"}};
    return must(start_operation(admin_, wanted));
  }

  test::Database database_;
  pg::Blocking admin_;
};

TEST_F(Operations, RunTheirStepsInOrderAndKeepWhatTheyFound) {
  const auto started = start();
  EXPECT_EQ(started.state, OperationState::pending);
  EXPECT_EQ(started.actor, "ann");
  std::string order;
  const std::vector<OperationStep> steps{{"one",
                                          [&](OperationRun& run) -> Result<void> {
                                            order += "1";
                                            run.operation.progress["rows"] = 7;
                                            return {};
                                          }},
                                         {"two", [&](OperationRun& run) -> Result<void> {
                                            order += "2";
                                            run.operation.result["rows"] = run.operation.progress["rows"];
                                            return {};
                                          }}};
  const auto done = must(run_operation(admin_, started.id, steps));
  EXPECT_EQ(order, "12");
  EXPECT_EQ(done.state, OperationState::done);
  EXPECT_EQ(done.steps_done, 2);
  EXPECT_EQ(done.steps_total, 2);
  EXPECT_EQ(done.result.at("rows").as_int64(), 7);
  // Of a finished one nothing is done again.
  must(run_operation(admin_, started.id, steps));
  EXPECT_EQ(order, "12");
}

TEST_F(Operations, KeepWhyTheyFailedAndGoOnFromThere) {
  const auto started = start();
  int ones = 0;
  bool broken = true;
  const std::vector<OperationStep> steps{
      {"one",
       [&](OperationRun&) -> Result<void> {
         ++ones;
         return {};
       }},
      {"two", [&](OperationRun&) -> Result<void> {
         if (broken) return Error(Errc::usage, "the wrong lever").hint("take the other one");
         return {};
       }}};
  EXPECT_EQ(run_operation(admin_, started.id, steps).error().code(), Errc::usage);
  const auto failed = must(find_operation(admin_, started.id));
  EXPECT_EQ(failed.state, OperationState::failed);
  EXPECT_EQ(failed.step, "two");
  EXPECT_EQ(failed.error, "the wrong lever → take the other one");
  broken = false;
  must(reopen_operation(admin_, started.id));
  EXPECT_EQ(must(run_operation(admin_, started.id, steps)).state, OperationState::done);
  EXPECT_EQ(ones, 1);
}

TEST_F(Operations, AreTriedAgainWhereADatabaseIsAway) {
  const auto started = start();
  const std::vector<OperationStep> steps{{"one", [](OperationRun&) -> Result<void> {
                                            return Error(Errc::database_unavailable,
                                                         "cell \"north\" is away");
                                          }}};
  EXPECT_EQ(run_operation(admin_, started.id, steps).error().code(), Errc::database_unavailable);
  const auto waiting = must(find_operation(admin_, started.id));
  EXPECT_EQ(waiting.state, OperationState::pending);
  EXPECT_EQ(waiting.error, "cell \"north\" is away");
  EXPECT_TRUE(must(open_operations(admin_)).empty());  // not before half a minute has gone
}

TEST_F(Operations, OneOfTwoWinsAndTheOtherIsTold) {
  const auto started = start();
  NewOperation again;
  again.kind = "create";
  again.subject = "acme";
  const auto refused = start_operation(admin_, again);
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().code(), Errc::conflict);
  EXPECT_NE(refused.error().message().find(started.id.text()), std::string_view::npos);

  auto other = database_.connect_admin();
  Errc met = Errc::internal;
  const std::vector<OperationStep> steps{{"one", [&](OperationRun&) -> Result<void> {
                                            met = run_operation(other, started.id, {}).error().code();
                                            EXPECT_EQ(cancel_operation(other, started.id).error().code(),
                                                      Errc::conflict);
                                            return {};
                                          }}};
  must(run_operation(admin_, started.id, steps));
  EXPECT_EQ(met, Errc::conflict);
}

TEST_F(Operations, OfASessionThatIsGoneAreTakenUp) {
  const auto started = start();
  {
    auto dying = database_.connect_admin();
    // As a process leaves it that is killed within a step: running, its lease good for a while, its session gone.
    must(
        dying.query("update catalog.operation set state = 'running', steps_done = 1, lease_owner = "
                    "'elsewhere', lease_until = now() + "
                    "interval '1 hour' where id = $1::uuid",
                    {started.id.text()}));
  }
  ASSERT_EQ(must(open_operations(admin_)).size(), 1u);
  std::string order;
  const std::vector<OperationStep> steps{{"one",
                                          [&](OperationRun&) -> Result<void> {
                                            order += "1";
                                            return {};
                                          }},
                                         {"two", [&](OperationRun&) -> Result<void> {
                                            order += "2";
                                            return {};
                                          }}};
  must(run_operation(admin_, started.id, steps));
  EXPECT_EQ(order, "2");
}

TEST_F(Operations, OfASessionThatHangsAreTakenUpOnceTheLeaseIsOver) {
  const auto started = start();
  auto hanging = database_.connect_admin();
  must(hanging.query("select pg_advisory_lock(hashtextextended($1, 0))",
                     {"bulkhead operation " + started.id.text()}));
  must(
      hanging.query("update catalog.operation set state = 'running', lease_owner = 'elsewhere', lease_until "
                    "= now() + interval '1 "
                    "hour' where id = $1::uuid",
                    {started.id.text()}));
  const std::vector<OperationStep> steps{{"one", [](OperationRun&) -> Result<void> { return {}; }}};
  EXPECT_EQ(run_operation(admin_, started.id, steps).error().code(), Errc::conflict);
  must(admin_.query("update catalog.operation set lease_until = now() - interval '1 s' where id = $1::uuid",
                    {started.id.text()}));
  EXPECT_EQ(must(run_operation(admin_, started.id, steps)).state, OperationState::done);
  EXPECT_TRUE(hanging.query("select 1").has_error());
}

TEST_F(Operations, TellWhoLostTheLease) {
  const auto started = start();
  auto other = database_.connect_admin();
  const std::vector<OperationStep> steps{
      {"one", [&](OperationRun&) -> Result<void> {
         must(other.query("update catalog.operation set lease_owner = 'another' where id = $1::uuid",
                          {started.id.text()}));
         return {};
       }}};
  EXPECT_EQ(run_operation(admin_, started.id, steps).error().code(), Errc::conflict);
  EXPECT_EQ(must(find_operation(admin_, started.id)).steps_done, 0);
}

TEST_F(Operations, AreListedTheNewestFirst) {
  const auto one = start("one");
  const auto two = start("two");
  must(cancel_operation(admin_, one.id));
  const auto all = must(list_operations(admin_));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].subject, "two");
  OperationFilter filter;
  filter.state = OperationState::cancelled;
  ASSERT_EQ(must(list_operations(admin_, filter)).size(), 1u);
  EXPECT_EQ(find_operation(admin_, Uuid::random()).error().code(), Errc::not_found);
}

}  // namespace
}  // namespace bulkhead::lifecycle
