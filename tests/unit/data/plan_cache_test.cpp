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

TEST(PlanCache, OneShapeATextAndRole) {
  PlanCache cache(4);
  Planned first = cache.plan(rendered("select 1"), "app"), second = cache.plan(rendered("select 1"), "app");
  EXPECT_EQ(first.prepared, second.prepared);
  EXPECT_EQ(first.output, second.output);
  EXPECT_EQ(first.prepared->shape(Role::member), first.prepared->shape(Role::member));
  EXPECT_NE(first.prepared->shape(Role::member), first.prepared->shape(Role::admin));
}

TEST(PlanCache, AliasesShareTheShapeAndKeepTheirNames) {
  PlanCache cache(4);
  Planned first = cache.plan(rendered("select 1", "id"), "app"),
          second = cache.plan(rendered("select 1", "n\"r"), "app");
  EXPECT_EQ(first.prepared, second.prepared);
  EXPECT_EQ(first.output->keys[0], "{\"id\":");
  EXPECT_EQ(second.output->keys[0], "{\"n\\\"r\":");
}

TEST(PlanCache, TheLeastRecentlyUsedGoesFirst) {
  PlanCache cache(2);
  auto one = cache.plan(rendered("select 1"), "app").prepared;
  auto two = cache.plan(rendered("select 2"), "app").prepared;
  EXPECT_EQ(cache.plan(rendered("select 1"), "app").prepared, one);
  EXPECT_NE(cache.plan(rendered("select 3"), "app").prepared, nullptr);
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(cache.plan(rendered("select 1"), "app").prepared, one);
  EXPECT_NE(cache.plan(rendered("select 2"), "app").prepared, two);
}

}  // namespace
}  // namespace bulkhead::data
