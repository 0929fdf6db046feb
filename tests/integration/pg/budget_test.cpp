// Many Lanes of one thread, as a server with a thousand silos has: what they hold together.
#include <algorithm>

#include "io_fixture.hpp"

namespace bulkhead::pg::testing {
namespace {

LaneSettings small() {
  LaneSettings settings;
  settings.read_connections = settings.slow_connections = settings.session_connections = 1;
  settings.write_connections = 2;
  return settings;
}

Task<void> ask(Lanes& lanes, Lane lane, std::string sql, int& good) {
  Unit what = unit(std::move(sql));
  Result<Outcome> outcome = co_await lanes.run(lane, std::move(what), in(30s));
  if (outcome.has_value() && !outcome->error) ++good;
}

class BudgetTest : public LanesTest {
 protected:
  /// Lanes that share a budget of `most`.
  void make(std::size_t count, std::size_t most, LaneSettings settings = small()) {
    budget_ = std::make_unique<ConnectionBudget>(most);
    for (std::size_t i = 0; i < count; ++i)
      many_.push_back(std::make_unique<Lanes>(io_.get_executor(), conninfo_, settings, budget_.get()));
  }
  void TearDown() override { many_.clear(); }

  [[nodiscard]] std::size_t open_connections() const {
    std::size_t sum = 0;
    for (const auto& lanes : many_) sum += lanes->counters().connections;
    return sum;
  }

  std::unique_ptr<ConnectionBudget> budget_;
  std::vector<std::unique_ptr<Lanes>> many_;
};

TEST_F(BudgetTest, ConnectionsThatNobodyUsesAreClosed) {
  LaneSettings settings = small();
  settings.idle_timeout = 50ms;
  make(1, 10, settings);
  int good = 0;
  run(ask(*many_[0], Lane::read, "select 1", good));
  EXPECT_EQ(good, 1);
  EXPECT_EQ(budget_->taken(), 1U);
  EXPECT_TRUE(run_until([&] { return open_connections() == 0 && budget_->taken() == 0; }));
  run(ask(*many_[0], Lane::read, "select 1", good));
  EXPECT_EQ(good, 2) << "and are opened again";
}

TEST_F(BudgetTest, OneThatIsUsedStaysOpen) {
  LaneSettings settings = small();
  settings.idle_timeout = 200ms;
  make(1, 10, settings);
  int good = 0;
  const auto until = std::chrono::steady_clock::now() + 1s;
  while (std::chrono::steady_clock::now() < until) run(ask(*many_[0], Lane::read, "select 1", good));
  EXPECT_EQ(many_[0]->counters().connects, 1U);
}

TEST_F(BudgetTest, AnIdleConnectionOfOthersMakesPlace) {
  make(20, 3);
  int good = 0;
  for (int round = 0; round < 2; ++round)
    for (const auto& lanes : many_) {
      run(ask(*lanes, Lane::read, "select 1", good));
      EXPECT_LE(open_connections(), 3U);
    }
  EXPECT_EQ(good, 40);
}

TEST_F(BudgetTest, ManyAtOnceAreServedInTurnWithinTheBound) {
  make(30, 4);
  int good = 0;
  std::vector<Task<void>> tasks;
  for (int round = 0; round < 3; ++round)
    for (const auto& lanes : many_) {
      tasks.push_back(ask(*lanes, Lane::read, "select pg_sleep(0.01)", good));
      tasks.push_back(ask(*lanes, Lane::write, "select 1", good));
    }
  run(std::move(tasks));
  EXPECT_EQ(good, 180);
  EXPECT_LE(budget_->taken(), 4U);
  EXPECT_LE(
      std::stoi(admin_text("select count(*) from pg_stat_activity where application_name = 'bulkhead' and "
                           "datname = current_database() and pid <> pg_backend_pid()")),
      8)
      << "four, and such as are just going";
}

Task<void> ask_for_ever(Lanes& lanes, const bool& enough, int& good) {
  while (!enough) {
    Unit what = unit("select 1");
    Result<Outcome> outcome = co_await lanes.run(Lane::read, std::move(what), in(30s));
    if (outcome.has_error() || outcome->error) co_return;
    ++good;
  }
}

Task<void> ask_until(Lanes& lanes, bool& enough, int& good) {
  Unit what = unit("select 1");
  Result<Outcome> outcome = co_await lanes.run(Lane::read, std::move(what), in(30s));
  enough = true;
  if (outcome.has_value() && !outcome->error) ++good;
}

TEST_F(BudgetTest, WhoIsNeverIdleGivesWayAllTheSame) {
  make(2, 1);
  bool enough = false;
  int busy = 0, late = 0;
  run(ask(*many_[0], Lane::read, "select 1", busy));
  std::vector<Task<void>> tasks;
  for (int i = 0; i < 8; ++i) tasks.push_back(ask_for_ever(*many_[0], enough, busy));
  tasks.push_back(ask_until(*many_[1], enough, late));
  run(std::move(tasks));
  EXPECT_EQ(late, 1);
  EXPECT_GT(busy, 8);
}

}  // namespace
}  // namespace bulkhead::pg::testing
