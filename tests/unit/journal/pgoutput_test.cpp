#include "journal/pgoutput.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "unit/journal/messages.hpp"

namespace bulkhead::journal {
namespace {

using test::PgoutputMessage;
using test::ticket_relation;

class Pgoutput : public testing::Test {
 protected:
  Pgoutput() { EXPECT_TRUE(decoder_.decode(ticket_relation()).has_value()); }

  template <class T>
  T decoded(const std::string& message) {
    auto out = decoder_.decode(message);
    if (out.has_error()) throw std::runtime_error(std::string(out.error().message()));
    return std::get<T>(*out);
  }
  bool refused(const std::string& message) {
    const auto out = decoder_.decode(message);
    return out.has_error() && out.error().code() == Errc::statement_failed;
  }

  Decoder decoder_;
};

TEST_F(Pgoutput, BeginAndCommitSayWhereAndWhen) {
  const auto begin =
      decoded<Begin>(PgoutputMessage('B').number(0x16b374d848, 8).number(1'000'000, 8).number(77, 4).text());
  EXPECT_EQ(begin.commit, 0x16b374d848U);
  EXPECT_EQ(begin.xid, 77U);
  // A second after the beginning of the year 2000.
  EXPECT_EQ(begin.at.time_since_epoch().count(), 946684801LL * 1'000'000);
  const auto commit =
      decoded<Commit>(PgoutputMessage('C').byte(0).number(16, 8).number(48, 8).number(0, 8).text());
  EXPECT_EQ(commit.commit, 16U);
  EXPECT_EQ(commit.end, 48U);
}

TEST_F(Pgoutput, RowsAreReadByTheirRelation) {
  const std::string message =
      PgoutputMessage('I').number(7, 4).byte('N').row({"acme", "1", std::nullopt}).text();
  const auto insert = decoded<Insert>(message);
  EXPECT_EQ(insert.relation->schema, "app");
  EXPECT_EQ(insert.relation->name, "ticket");
  EXPECT_TRUE(insert.relation->columns[1].key);
  EXPECT_FALSE(insert.relation->columns[2].key);
  EXPECT_EQ(insert.relation->find("body"), 2U);
  EXPECT_EQ(insert.relation->find("gone"), Relation::npos);
  ASSERT_EQ(insert.row.size(), 3U);
  EXPECT_EQ(insert.row[0].text, "acme");
  EXPECT_EQ(insert.row[2].kind, Value::Kind::null);
}

TEST_F(Pgoutput, AnUpdateMayTellItsOldKeyAndLeaveOutLargeValues) {
  const std::string message = PgoutputMessage('U')
                                  .number(7, 4)
                                  .byte('K')
                                  .row({"acme", "1", std::nullopt})
                                  .byte('N')
                                  .number(3, 2)
                                  .byte('t')
                                  .number(4, 4)
                                  .bytes("acme")
                                  .byte('t')
                                  .number(1, 4)
                                  .bytes("2")
                                  .byte('u')
                                  .text();
  const auto update = decoded<Update>(message);
  EXPECT_TRUE(update.old_key);
  EXPECT_EQ(update.old[1].text, "1");
  EXPECT_EQ(update.row[1].text, "2");
  EXPECT_EQ(update.row[2].kind, Value::Kind::unchanged);
  const std::string plain = PgoutputMessage('U').number(7, 4).byte('N').row({"acme", "1", ""}).text();
  const auto same_key = decoded<Update>(plain);
  EXPECT_TRUE(same_key.old.empty());
  EXPECT_EQ(same_key.row[2].kind, Value::Kind::text);
}

TEST_F(Pgoutput, DeletesTruncatesAndMessages) {
  const std::string gone =
      PgoutputMessage('D').number(7, 4).byte('K').row({"acme", "1", std::nullopt}).text();
  EXPECT_TRUE(decoded<Delete>(gone).old_key);
  const std::string whole = PgoutputMessage('D').number(7, 4).byte('O').row({"acme", "1", "x"}).text();
  EXPECT_FALSE(decoded<Delete>(whole).old_key);
  ASSERT_TRUE(decoder_.decode(ticket_relation(8)).has_value());
  const auto truncate =
      decoded<Truncate>(PgoutputMessage('T').number(2, 4).byte(0).number(7, 4).number(8, 4).text());
  EXPECT_EQ(truncate.relations.size(), 2U);
  const std::string text =
      PgoutputMessage('M').byte(1).number(9, 8).name("bulkhead.move").number(2, 4).bytes("hi").text();
  const auto message = decoded<LogicalMessage>(text);
  EXPECT_TRUE(message.transactional);
  EXPECT_EQ(message.prefix, "bulkhead.move");
  EXPECT_EQ(message.content, "hi");
  EXPECT_TRUE(std::holds_alternative<Nothing>(*decoder_.decode(PgoutputMessage('Y').number(1, 4).text())));
}

TEST_F(Pgoutput, ATableThatChangesIsReadAsItWasWhenItsRowsWereWritten) {
  const std::string before = PgoutputMessage('I').number(7, 4).byte('N').row({"acme", "1", "x"}).text();
  const auto old = decoded<Insert>(before);
  PgoutputMessage changed('R');
  changed.number(7, 4).name("app").name("ticket").byte('d').number(1, 2);
  changed.byte(1).name("tenant_id").number(2950, 4).number(0xffffffff, 4);
  ASSERT_TRUE(decoder_.decode(changed.text()).has_value());
  EXPECT_EQ(decoded<Insert>(PgoutputMessage('I').number(7, 4).byte('N').row({"acme"}).text()).row.size(), 1U);
  EXPECT_TRUE(refused(before)) << "three values for a relation of one column";
  EXPECT_EQ(old.relation->columns.size(), 3U) << "who holds the old one may go on reading it";
}

TEST_F(Pgoutput, ASchemaWithoutANameIsPgCatalog) {
  PgoutputMessage relation('R');
  relation.number(9, 4).name("").name("pg_type").byte('n').number(0, 2);
  ASSERT_TRUE(decoder_.decode(relation.text()).has_value());
  EXPECT_EQ(decoded<Insert>(PgoutputMessage('I').number(9, 4).byte('N').row({}).text()).relation->schema,
            "pg_catalog");
}

TEST_F(Pgoutput, WhatIsCutOffAnywhereIsRefused) {
  const std::vector<std::string> whole{
      PgoutputMessage('B').number(1, 8).number(1, 8).number(1, 4).text(),
      PgoutputMessage('C').byte(0).number(1, 8).number(1, 8).number(1, 8).text(),
      ticket_relation(11),
      PgoutputMessage('I').number(7, 4).byte('N').row({"acme", "1", "x"}).text(),
      PgoutputMessage('U')
          .number(7, 4)
          .byte('K')
          .row({"acme", "1", std::nullopt})
          .byte('N')
          .row({"acme", "2", "x"})
          .text(),
      PgoutputMessage('D').number(7, 4).byte('K').row({"acme", "1", std::nullopt}).text(),
      PgoutputMessage('T').number(1, 4).byte(0).number(7, 4).text(),
      PgoutputMessage('M').byte(1).number(9, 8).name("p").number(2, 4).bytes("hi").text(),
  };
  for (const std::string& message : whole) {
    for (std::size_t size = 0; size < message.size(); ++size)
      EXPECT_TRUE(refused(message.substr(0, size))) << message[0] << " cut to " << size;
    EXPECT_TRUE(decoder_.decode(message).has_value()) << message[0];
    EXPECT_TRUE(refused(message + "x")) << message[0] << " with something behind it";
  }
}

TEST_F(Pgoutput, LengthsAndKindsThatLieAreRefused) {
  EXPECT_TRUE(refused(""));
  EXPECT_TRUE(refused("Z"));
  EXPECT_TRUE(refused(PgoutputMessage('I').number(99, 4).byte('N').row({"a", "b", "c"}).text())) << "unknown";
  EXPECT_TRUE(refused(PgoutputMessage('I').number(7, 4).byte('X').row({"a", "b", "c"}).text()));
  EXPECT_TRUE(refused(PgoutputMessage('I').number(7, 4).byte('N').row({"a", "b"}).text()));
  EXPECT_TRUE(refused(
      PgoutputMessage('I').number(7, 4).byte('N').number(3, 2).byte('t').number(0xffffffff, 4).text()));
  EXPECT_TRUE(
      refused(PgoutputMessage('I').number(7, 4).byte('N').number(3, 2).byte('b').number(0, 4).text()));
  EXPECT_TRUE(refused(PgoutputMessage('D').number(7, 4).byte('N').row({"a", "b", "c"}).text()));
  EXPECT_TRUE(refused(PgoutputMessage('T').number(0xffffffff, 4).byte(0).number(7, 4).text()));
  EXPECT_TRUE(
      refused(PgoutputMessage('M').byte(1).number(9, 8).name("p").number(0xfffffff0, 4).bytes("hi").text()));
  EXPECT_TRUE(
      refused(PgoutputMessage('R').number(7, 4).name("app").name("t").byte('d').number(0xffff, 2).text()));
  EXPECT_TRUE(refused(PgoutputMessage('B').number(1, 8).number(INT64_MAX, 8).number(1, 4).text()))
      << "no such year";
  // A time before 2000 is one.
  EXPECT_TRUE(decoder_.decode(PgoutputMessage('B').number(1, 8).number(UINT64_MAX, 8).number(1, 4).text())
                  .has_value());
}

TEST(Lsn, IsWrittenAsPostgresqlWritesIt) {
  EXPECT_EQ(pg::lsn_text(0x16b374d848), "16/B374D848");
  EXPECT_EQ(pg::parse_lsn("16/B374D848"), 0x16b374d848U);
  EXPECT_EQ(pg::parse_lsn("0/0"), 0U);
  for (const char* bad : {"", "/", "1/", "/1", "1", "1/2/3", "g/1", "123456789/0", "1/ 2", "-1/0"})
    EXPECT_EQ(pg::parse_lsn(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace bulkhead::journal
