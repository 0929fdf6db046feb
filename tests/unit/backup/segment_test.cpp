#include "lifecycle/backup/segment.hpp"

#include <gtest/gtest.h>

namespace bulkhead::lifecycle::backup {
namespace {

using journal::Value;

std::string segment() {
  auto relation = std::make_shared<journal::Relation>();
  relation->schema = "app";
  relation->name = "thing";
  relation->columns = {{"tenant_id", 2950, true}, {"id", 20, true}, {"text", 25, false}};
  SegmentEncoder encoder;
  SegmentHead head;
  head.tenant = "t";
  head.cell = "default";
  head.database = "d";
  head.schema = "app";
  head.epoch = 7;
  std::string out = encoder.head(head) + encoder.begin({0x1234567890, {}});
  journal::Change change;
  change.relation = relation;
  change.row = {
      {Value::Kind::text, "t"}, {Value::Kind::text, "1"}, {Value::Kind::text, std::string_view("a\0b\n", 4)}};
  out += encoder.change(change);
  change.kind = journal::ChangeKind::update;
  change.ordinal = 1;
  change.old = {{Value::Kind::text, "t"}, {Value::Kind::text, "1"}, {}};
  change.row[2] = {Value::Kind::unchanged, {}};
  out += encoder.change(change);
  change.kind = journal::ChangeKind::remove;
  change.row.clear();
  out += encoder.change(change) + encoder.truncate(relation) + encoder.end();
  return out;
}

TEST(Segment, SaysWhatWasWrittenHoweverItIsCut) {
  const std::string text = segment();
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{64}, text.size()}) {
    SegmentDecoder decoder;
    std::string seen;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      decoder.feed(text.substr(at, piece));
      for (;;) {
        const auto record = decoder.next();
        ASSERT_TRUE(record.has_value());
        if (!*record) break;
        if (const auto* head = std::get_if<SegmentHead>(&**record)) {
          EXPECT_EQ(head->epoch, 7u);
          EXPECT_EQ(head->database, "d");
        }
        if (const auto* begin = std::get_if<SegmentBegin>(&**record)) EXPECT_EQ(begin->commit, 0x1234567890u);
        if (const auto* change = std::get_if<journal::Change>(&**record)) {
          seen += std::to_string(static_cast<int>(change->kind)) + std::to_string(change->old.size()) +
                  std::to_string(change->row.size()) + " ";
          EXPECT_EQ(change->relation->columns.at(1).name, "id");
          EXPECT_TRUE(change->relation->columns.at(1).key);
          if (change->kind == journal::ChangeKind::insert)
            EXPECT_EQ(change->row[2].text, std::string_view("a\0b\n", 4));
          if (change->kind == journal::ChangeKind::update)
            EXPECT_EQ(change->row[2].kind, Value::Kind::unchanged);
        }
        seen += static_cast<char>('A' + (*record)->index());
      }
    }
    EXPECT_EQ(seen, "AB003 C133 C230 CDE");
    EXPECT_TRUE(decoder.at_end());
  }
}

TEST(Segment, CutOffOrChangedIsNoticed) {
  const std::string text = segment();
  for (std::size_t size = 0; size < text.size(); ++size) {
    SegmentDecoder decoder;
    decoder.feed(text.substr(0, size));
    for (;;) {
      const auto record = decoder.next();
      ASSERT_TRUE(record.has_value());
      if (!*record) break;
    }
  }
  for (const std::string& bad :
       {std::string("Z\0\0\0\0", 5), std::string("E\0\0\0\1x", 6), std::string("C\0\0\0\1i", 6),
        std::string("H\0\0\0\4\0\0\0\0", 9), std::string("T\0\0\0\4\0\0\0\1", 9)}) {
    SegmentDecoder decoder;
    decoder.feed(bad);
    EXPECT_EQ(decoder.next().error().code(), Errc::import_failed);
  }
}

}  // namespace
}  // namespace bulkhead::lifecycle::backup
