#include "entry/trace.hpp"

#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace bulkhead::entry {
namespace {

constexpr std::string_view good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(Traceparent, IsTakenOver) {
  auto context = parse_traceparent(good);
  ASSERT_TRUE(context);
  EXPECT_EQ(context->trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(context->parent_id, "00f067aa0ba902b7");
  EXPECT_TRUE(context->sampled);
  EXPECT_TRUE(context->span_id.empty());
}

TEST(Traceparent, AHigherVersionMayGoOn) {
  EXPECT_TRUE(parse_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what"));
  EXPECT_TRUE(parse_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"));
}

TEST(Traceparent, MalformedOnesAreNot) {
  for (std::string_view bad : {
           "",
           "00",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
           "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
       })
    EXPECT_FALSE(parse_traceparent(bad)) << bad;
}

RC_GTEST_PROP(Traceparent, OneChangedByteGivesHexOrNothing, (unsigned char byte)) {
  auto at = *rc::gen::inRange<std::size_t>(0, good.size());
  std::string text(good);
  text[at] = static_cast<char>(byte);
  auto context = parse_traceparent(text);
  if (!context) return;
  RC_ASSERT(context->trace_id.find_first_not_of("0123456789abcdef") == std::string::npos);
  RC_ASSERT(context->parent_id.find_first_not_of("0123456789abcdef") == std::string::npos);
}

TEST(TraceIds, AreHexAndDiffer) {
  TraceIds ids, others;
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) {
    for (const std::string& id : {ids.next(32), others.next(32)}) {
      EXPECT_EQ(id.size(), 32U);
      EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
      EXPECT_TRUE(seen.insert(id).second);
    }
  }
  EXPECT_EQ(ids.next(16).size(), 16U);
}

}  // namespace
}  // namespace bulkhead::entry
