#include "catalog/lru.hpp"

#include <string>

#include <gtest/gtest.h>

namespace bulkhead::catalog {
namespace {

TEST(Lru, LetsTheOneGoThatWasUsedLongestAgo) {
  Lru<std::string, int> lru(2);
  lru.put("a", 1);
  lru.put("b", 2);
  ASSERT_NE(lru.find("a"), nullptr);
  lru.put("c", 3);
  EXPECT_EQ(lru.find("b"), nullptr);
  ASSERT_NE(lru.find("a"), nullptr);
  EXPECT_EQ(*lru.find("a"), 1);
  EXPECT_EQ(lru.size(), 2u);
}

TEST(Lru, ReplacesAndErases) {
  Lru<std::string, int> lru(2);
  lru.put("a", 1);
  EXPECT_EQ(lru.put("a", 7), 7);
  EXPECT_EQ(lru.size(), 1u);
  lru.erase("a");
  lru.erase("never there");
  EXPECT_EQ(lru.find("a"), nullptr);
  lru.put("b", 2);
  lru.clear();
  EXPECT_EQ(lru.size(), 0u);
  EXPECT_EQ(lru.find("b"), nullptr);
}

}  // namespace
}  // namespace bulkhead::catalog
