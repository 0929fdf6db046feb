#include <gtest/gtest.h>

#include "pg/fair_queue.hpp"

namespace bulkhead::pg {
namespace {

JobPtr job(std::uint64_t key, std::uint64_t serial, std::size_t steps = 1) {
  auto out = std::make_unique<Job>();
  out->fairness_key = key;
  out->serial = serial;
  for (std::size_t i = 0; i < steps; ++i)
    out->unit.steps.push_back(Step{std::make_shared<Shape>("select 1"), Params()});
  return out;
}

TEST(FairQueue, ATenantWithManyQueuesBehindItself) {
  FairQueue queue;
  for (std::uint64_t i = 0; i < 100; ++i) queue.push(job(1, i, 3));
  queue.push(job(2, 1000, 3));
  std::size_t before = 0;
  while (queue.pop()->fairness_key != 2) ++before;
  EXPECT_LE(before, 2U) << "the quiet tenant's turn comes at once";
}

TEST(FairQueue, ATenantsOwnJobsKeepTheirOrder) {
  FairQueue queue;
  for (std::uint64_t i = 0; i < 20; ++i) queue.push(job(i % 2, i, 1 + i % 3));
  std::map<std::uint64_t, std::uint64_t> last;
  while (!queue.empty()) {
    const JobPtr next = queue.pop();
    const auto found = last.find(next->fairness_key);
    if (found != last.end()) EXPECT_LT(found->second, next->serial);
    last[next->fairness_key] = next->serial;
  }
}

TEST(FairQueue, LongUnitsCostMoreTurns) {
  FairQueue queue;
  for (std::uint64_t i = 0; i < 50; ++i) {
    queue.push(job(1, i, 9));
    queue.push(job(2, i, 3));
  }
  std::map<std::uint64_t, int> served;
  for (int i = 0; i < 40; ++i) ++served[queue.pop()->fairness_key];
  EXPECT_NEAR(served[2], 30, 2) << "three short units for each long one";
}

TEST(FairQueue, ARepeatedJobGoesFirst) {
  FairQueue queue;
  queue.push(job(1, 1));
  queue.push_first(job(9, 2));
  EXPECT_EQ(queue.pop()->serial, 2U);
  EXPECT_EQ(queue.size(), 1U);
}

TEST(FairQueue, TakesOutWhatMatchesAndKeepsCount) {
  FairQueue queue;
  for (std::uint64_t i = 0; i < 10; ++i) queue.push(job(i % 3, i));
  const auto taken = queue.take_if([](const Job& each) { return each.serial % 3 == 0; });
  EXPECT_EQ(taken.size(), 4U);
  EXPECT_EQ(queue.size(), 6U);
  EXPECT_EQ(queue.size_of(0), 0U);
  while (!queue.empty()) EXPECT_NE(queue.pop()->serial % 3, 0U);
}

TEST(FairQueue, KnowsTheEarliestDeadline) {
  FairQueue queue;
  EXPECT_EQ(queue.earliest_deadline(), Deadline::max());
  const Deadline now = std::chrono::steady_clock::now();
  JobPtr late = job(1, 1), early = job(2, 2);
  late->deadline = now + std::chrono::seconds(9);
  early->deadline = now;
  queue.push(std::move(late));
  queue.push(std::move(early));
  EXPECT_EQ(queue.earliest_deadline(), now);
}

}  // namespace
}  // namespace bulkhead::pg
