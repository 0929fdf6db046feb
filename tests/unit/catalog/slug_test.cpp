#include <gtest/gtest.h>

#include "catalog/records.hpp"

namespace bulkhead::catalog {
namespace {

TEST(Slug, TakesWhatFitsASubdomain) {
  for (const std::string& good :
       {std::string("acme"), std::string("a1b"), std::string("north-shop-2"), "a" + std::string(62, 'x')}) {
    EXPECT_TRUE(valid_slug(good)) << good;
  }
  for (const std::string& bad :
       {std::string(""), std::string("ab"), "a" + std::string(63, 'x'), std::string("1abc"),
        std::string("-abc"), std::string("abc-"), std::string("a--b"), std::string("Acme"),
        std::string("ac_me"), std::string("ac.me"), std::string("acmé"), std::string("ac me"),
        std::string("ab\0c", 4), std::string("www"), std::string("api"), std::string("admin"),
        std::string("localhost")}) {
    EXPECT_FALSE(valid_slug(bad)) << bad;
  }
}

}  // namespace
}  // namespace bulkhead::catalog
