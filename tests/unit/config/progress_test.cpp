#include "base/progress.hpp"

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

using std::chrono::duration;

TEST(Progress, BarWithRateAndTimeLeft) {
  std::string line = progress_line("import", "rows", 1200, 2000, duration<double>(0.5), 100);
  EXPECT_NE(line.find("import  [###"), std::string::npos) << line;
  EXPECT_NE(line.find(" 60 %  1,200 of 2,000 rows  2,400/s  0:01 left"), std::string::npos) << line;
  EXPECT_LE(line.size(), 100u);
}

TEST(Progress, NoBarWhereThereIsNoRoom) {
  std::string line = progress_line("import", "rows", 1, 2, duration<double>(1), 30);
  EXPECT_EQ(line.find('['), std::string::npos) << line;
  EXPECT_NE(line.find("50 %"), std::string::npos) << line;
}

TEST(Progress, UnknownTotal) {
  EXPECT_EQ(progress_line("copy", "rows", 10, 0, duration<double>(2), 80), "copy  10 rows  5/s");
}

TEST(Progress, FullAtTheEnd) {
  std::string line = progress_line("x", "files", 3, 3, duration<double>(1), 80);
  EXPECT_EQ(line.find('-'), std::string::npos) << line;
  EXPECT_NE(line.find("100 %"), std::string::npos) << line;
}

}  // namespace
}  // namespace bulkhead
