#include "base/size.hpp"

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

TEST(Sizes, AreAsPostgresqlWritesThem) {
  EXPECT_EQ(parse_size("64kB"), 64U << 10U);
  EXPECT_EQ(parse_size("20MB"), 20U << 20U);
  EXPECT_EQ(parse_size("1TB"), std::uint64_t{1} << 40U);
  EXPECT_EQ(parse_size("1000000TB"), std::uint64_t{1'000'000} << 40U);
  for (const char* bad : {"", "20", "MB", "0MB", "-1MB", "1.5MB", "20 MB", "20mb", "20MBs", "1000001kB",
                          "99999999999999999999MB"})
    EXPECT_FALSE(parse_size(bad)) << bad;
}

TEST(TimeSpans, HaveAUnitOrAreSeconds) {
  using std::chrono::seconds;
  EXPECT_EQ(parse_time_span("0"), seconds(0));
  EXPECT_EQ(parse_time_span("90"), seconds(90));
  EXPECT_EQ(parse_time_span("10s"), seconds(10));
  EXPECT_EQ(parse_time_span("45m"), seconds(2700));
  EXPECT_EQ(parse_time_span("12h"), seconds(43'200));
  EXPECT_EQ(parse_time_span("3650d"), seconds(315'360'000));
  for (const char* bad : {"", "d", "-1d", "3651d", "1w", "1 d", "1dd", "315360001", "99999999999999999999s"})
    EXPECT_FALSE(parse_time_span(bad)) << bad;
}

}  // namespace
}  // namespace bulkhead
