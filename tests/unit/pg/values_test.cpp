#include <gtest/gtest.h>

#include <bulkhead/rows.hpp>

#include "pg/statement_cache.hpp"
#include "pg/unit.hpp"

namespace bulkhead::pg {
namespace {

TEST(Params, KeepsValuesNullsAndEmptyTextApart) {
  Params params;
  params.add("one");
  params.add_null();
  params.add("");
  ASSERT_EQ(params.size(), 3U);
  EXPECT_STREQ(params.value(0), "one");
  EXPECT_EQ(params.value(1), nullptr);
  EXPECT_STREQ(params.value(2), "");
}

TEST(Params, ValuesStayRightWhileItGrowsAndWhenCopied) {
  Params params;
  params.reserve(1, 1);
  for (int i = 0; i < 1000; ++i) params.add("value " + std::to_string(i));
  const Params copy = params;
  for (std::size_t i = 0; i < 1000; ++i) EXPECT_EQ(copy.value(i), "value " + std::to_string(i));
}

TEST(Shape, EveryShapeHasItsOwnId) {
  const Shape a("select 1"), b("select 1");
  EXPECT_NE(a.id(), b.id());
  EXPECT_EQ(a.sql(), "select 1");
}

TEST(Rows, NoneAreEmpty) {
  const Rows rows;
  EXPECT_TRUE(rows.empty());
  EXPECT_EQ(rows.columns(), 0U);
  EXPECT_EQ(rows.affected(), 0U);
}

TEST(StatementCache, EvictsWhatWasUsedLongestAgo) {
  StatementCache cache(2);
  cache.enter(1, 1);
  cache.enter(2, 2);
  EXPECT_FALSE(cache.evict());
  EXPECT_NE(cache.use(1), nullptr);
  cache.enter(3, 3);
  const auto gone = cache.evict();
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->shape, 2U);
  EXPECT_EQ(cache.use(2), nullptr);
  EXPECT_FALSE(cache.evict());
}

TEST(StatementCache, ConfirmsAndForgetsOnlyTheVeryStatement) {
  StatementCache cache(2);
  cache.enter(1, 1);
  cache.enter(1, 2);  // In its place.
  EXPECT_EQ(cache.size(), 1U);
  EXPECT_FALSE(cache.confirm(1, 1));
  EXPECT_FALSE(cache.forget(1, 1));
  EXPECT_TRUE(cache.confirm(1, 2));
  EXPECT_TRUE(cache.use(1)->confirmed);
  EXPECT_TRUE(cache.forget(1, 2));
  EXPECT_EQ(cache.size(), 0U);
}

}  // namespace
}  // namespace bulkhead::pg
