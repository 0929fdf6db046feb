#include "data/plan_cache.hpp"

#include <gtest/gtest.h>

namespace bulkhead::data {
namespace {

sql::Rendered rendered(std::string text, std::string name = "id") {
  sql::Rendered made;
  made.text = std::move(text);
  made.outputs = {{std::move(name), sql::JsonKind::number}};
  return made;
}

/// Planned as for a statement of its own.
Planned plan(PlanCache& cache, sql::Rendered rendered) {
  static const sql::Relations none({}, {});
  static std::uint64_t number = 0;
  return cache.plan({"statement " + std::to_string(++number), {}}, none, std::move(rendered), "app");
}

TEST(PlanCache, OneShapeATextAndRole) {
  PlanCache cache(4);
  Planned first = plan(cache, rendered("select 1")), second = plan(cache, rendered("select 1"));
  EXPECT_EQ(first.prepared, second.prepared);
  EXPECT_EQ(first.output, second.output);
  EXPECT_EQ(first.prepared->shape(Role::member), first.prepared->shape(Role::member));
  EXPECT_NE(first.prepared->shape(Role::member), first.prepared->shape(Role::admin));
}

TEST(PlanCache, AliasesShareTheShapeAndKeepTheirNames) {
  PlanCache cache(4);
  Planned first = plan(cache, rendered("select 1", "id")), second = plan(cache, rendered("select 1", "n\"r"));
  EXPECT_EQ(first.prepared, second.prepared);
  EXPECT_EQ(first.output->keys[0], "{\"id\":");
  EXPECT_EQ(second.output->keys[0], "{\"n\\\"r\":");
}

TEST(PlanCache, TheLeastRecentlyUsedGoesFirst) {
  PlanCache cache(2);
  auto one = plan(cache, rendered("select 1")).prepared;
  auto two = plan(cache, rendered("select 2")).prepared;
  EXPECT_EQ(plan(cache, rendered("select 1")).prepared, one);
  EXPECT_NE(plan(cache, rendered("select 3")).prepared, nullptr);
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(plan(cache, rendered("select 1")).prepared, one);
  EXPECT_NE(plan(cache, rendered("select 2")).prepared, two);
}

}  // namespace
}  // namespace bulkhead::data
