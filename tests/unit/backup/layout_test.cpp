#include "lifecycle/backup/layout.hpp"

#include <gtest/gtest.h>

namespace bulkhead::lifecycle::backup {
namespace {

TEST(Moments, AreReadAsRfc3339SaysAndWrittenBack) {
  const std::pair<const char*, const char*> good[] = {
      {"2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"},
      {"2026-11-22t10:00:00z", "2026-11-22T10:00:00Z"},
      {"2026-11-22T10:00:00.5+01:30", "2026-11-22T08:30:00.500000Z"},
      {"2024-02-29T23:59:59.123456-00:01", "2024-03-01T00:00:59.123456Z"},
  };
  for (const auto& [text, written] : good) {
    const auto moment = parse_moment(text);
    ASSERT_TRUE(moment.has_value()) << text;
    EXPECT_EQ(moment_text(*moment), written);
  }
  for (const char* bad :
       {"", "yesterday", "2026-11-22", "2026-11-22T10:00:00", "2026-11-22 10:00:00Z", "2026-02-30T10:00:00Z",
        "2026-11-22T24:00:00Z", "2026-11-22T10:60:00Z", "2026-11-22T10:00:00.1234567Z",
        "2026-11-22T10:00:00.Z", "2026-11-22T10:00:00+25:00", "2026-11-22T10:00:00Zx", "infinity",
        "-026-11-22T10:00:00Z"})
    EXPECT_EQ(parse_moment(bad).error().code(), Errc::usage) << bad;
}

TEST(Names, AreReadBackAndSortByTime) {
  const TenantId tenant(Uuid::random());
  const Moment at = *parse_moment("2026-11-22T10:00:00.000001Z");
  const BaseName base = new_base_name(tenant, at);
  const auto read = parse_base_name(base.folder + "manifest");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->tenant, tenant);
  EXPECT_EQ(read->at, at);
  EXPECT_EQ(read->folder, base.folder);
  EXPECT_LT(base.folder, new_base_name(tenant, at + std::chrono::microseconds(1)).folder);
  EXPECT_NE(base.folder, new_base_name(tenant, at).folder);

  const SegmentName segment = new_segment_name(tenant, "default", "bulkhead_silo/../x", 3, 0x16B374D848, at);
  EXPECT_TRUE(cloud::valid_key(segment.key)) << segment.key;
  const auto again = parse_segment_name(segment.key);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->database, key_part("bulkhead_silo/../x"));
  EXPECT_EQ(again->epoch, 3u);
  EXPECT_EQ(again->first, 0x16B374D848u);
  EXPECT_EQ(again->at, at);
  for (const std::string& foreign :
       {std::string("readme"), std::string("tenants/x/base/y/manifest"),
        "tenants/" + tenant.text() + "/base/20261122/manifest", base.folder + "a/b"})
    EXPECT_FALSE(parse_base_name(foreign)) << foreign;
}

}  // namespace
}  // namespace bulkhead::lifecycle::backup
