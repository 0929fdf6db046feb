#include "base/utf8.hpp"

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

TEST(Utf8, TakesWhatRfc3629Allows) {
  for (std::string_view good :
       {"", "abc", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
        "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\xc3\xa9z"})
    EXPECT_TRUE(valid_utf8(good)) << good;
}

TEST(Utf8, RefusesTheRest) {
  for (std::string_view bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80",
                               "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                               "\xff", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc3(", "\xe2(\xa1", "abc\xfe"})
    EXPECT_FALSE(valid_utf8(bad)) << bad;
}

TEST(Utf8, LossyKeepsWhatIsGood) {
  std::string out;
  append_json_lossy(out, "a\xff\xc3\xa9\"\xe2\x82");
  EXPECT_EQ(out, "\"a\xEF\xBF\xBD\xc3\xa9\\\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace bulkhead
