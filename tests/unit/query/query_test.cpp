#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <bulkhead/query.hpp>

#include "schema.hpp"

namespace bulkhead {
namespace {

using recordshop::invoice;
using recordshop::invoice_line;
using recordshop::track;
using statement::Condition;
using statement::Operator;

TEST(Query, SelectMakesTheTree) {
  auto query = select(track.track_id, track.unit_price)
                   .from(track)
                   .where(track.album_id == 5 && !track.name.like("%x%"))
                   .order_by(track.name.desc().nulls_last(), track.track_id)
                   .limit(10)
                   .offset(20);
  const statement::Select& tree = query.tree();
  EXPECT_EQ(tree.relation, "track");
  ASSERT_EQ(tree.outputs.size(), 2U);
  EXPECT_EQ(tree.outputs[0].column, "track_id");
  EXPECT_EQ(tree.outputs[1].column, "unit_price");
  ASSERT_EQ(tree.where.children.size(), 2U);
  EXPECT_EQ(tree.where.kind, Condition::Kind::all);
  EXPECT_EQ(tree.where.children[0].column, "album_id");
  EXPECT_EQ(tree.where.children[0].op, Operator::eq);
  EXPECT_EQ(tree.where.children[0].value, "5");
  EXPECT_TRUE(tree.where.children[1].negated);
  EXPECT_EQ(tree.where.children[1].op, Operator::like);
  ASSERT_EQ(tree.order.size(), 2U);
  EXPECT_TRUE(tree.order[0].descending);
  EXPECT_EQ(tree.order[0].nulls, statement::Order::Nulls::last);
  EXPECT_FALSE(tree.order[1].descending);
  EXPECT_EQ(tree.limit, 10U);
  EXPECT_EQ(tree.offset, 20U);
}

TEST(Query, ConditionsSayWhatTheyMean) {
  const std::vector<std::int32_t> ids{1, 2};
  const Condition in = track.track_id.in(ids).condition();
  EXPECT_EQ(in.op, Operator::in);
  EXPECT_EQ(in.values, (std::vector<statement::Value>{"1", "2"}));
  EXPECT_EQ(track.composer.is_null().condition().value, "null");
  EXPECT_EQ(track.composer.is_not_null().condition().value, "not_null");
  EXPECT_EQ((track.unit_price >= Decimal(99, 2)).condition().value, "0.99");
  EXPECT_EQ((track.unit_price != 1).condition().op, Operator::neq);
  EXPECT_EQ((track.track_id == 1 || track.track_id == 2).condition().kind, Condition::Kind::any);
}

TEST(Query, InsertOfOneRowAndOfMany) {
  auto one =
      insert_into(track).set(track.name = "x", track.album_id = std::nullopt, track.track_id = use_default,
                             track.composer = std::optional<std::string>("me"));
  ASSERT_EQ(one.tree().rows.size(), 1U);
  EXPECT_EQ(one.tree().columns, (std::vector<std::string>{"name", "album_id", "track_id", "composer"}));
  EXPECT_EQ(one.tree().rows[0][0].value, "x");
  EXPECT_EQ(one.tree().rows[0][1].value, std::nullopt);
  EXPECT_FALSE(one.tree().rows[0][1].use_default);
  EXPECT_TRUE(one.tree().rows[0][2].use_default);
  EXPECT_EQ(one.tree().rows[0][3].value, "me");

  auto many =
      insert_into(invoice_line).columns(invoice_line.track_id, invoice_line.unit_price).row(1, Decimal(5, 1));
  many.add(2, 3);
  auto returned = std::move(many).returning(invoice_line.invoice_line_id);
  ASSERT_EQ(returned.tree().rows.size(), 2U);
  EXPECT_EQ(returned.tree().rows[0][1].value, "0.5");
  EXPECT_EQ(returned.tree().rows[1][1].value, "3");
  ASSERT_TRUE(returned.tree().returning.has_value());
  EXPECT_EQ(returned.tree().returning->front().column, "invoice_line_id");
}

TEST(Query, UpdateAndDeleteSayWhichRows) {
  auto change = update(invoice).set(invoice.total = Decimal(198, 2)).where(invoice.invoice_id == 7);
  EXPECT_EQ(change.tree().assignments.front().first, "total");
  EXPECT_EQ(change.tree().assignments.front().second.value, "1.98");
  EXPECT_FALSE(change.tree().where.empty());
  // Every row is a condition, too: an empty one is what a forgotten condition looks like.
  EXPECT_FALSE(delete_from(invoice).all().tree().where.empty());
}

TEST(Query, RowsAreReadByColumn) {
  using Pair = Row<decltype(recordshop::track_t::track_id), decltype(recordshop::track_t::album_id)>;
  const Pair row(std::tuple<std::int32_t, std::optional<std::int32_t>>(7, std::nullopt));
  EXPECT_EQ(row[track.track_id], 7);
  EXPECT_EQ(row[track.album_id], std::nullopt);
  const auto& [id, album] = row;
  EXPECT_EQ(id, 7);
  EXPECT_FALSE(album.has_value());
}

TEST(Decimal, ReadsAndWritesExactly) {
  for (const char* text : {"0", "0.99", "-0.01", "-12.50", "12", "9223372036854775807",
                           "-9223372036854775808", "0.000000000000000001"}) {
    auto value = Decimal::parse(text);
    ASSERT_TRUE(value.has_value()) << text;
    EXPECT_EQ(value->text(), text);
  }
  for (const char* text : {"", "-", ".5", "5.", "1.2.3", "1e5", "NaN", "Infinity", "+1", " 1",
                           "9223372036854775808", "0.0000000000000000001"})
    EXPECT_FALSE(Decimal::parse(text).has_value()) << text;
}

TEST(Decimal, ComparesByValueAndRefusesToOverflow) {
  EXPECT_EQ(Decimal(15, 1), Decimal(150, 2));
  EXPECT_LT(Decimal(-2, 2), Decimal(-1, 2));
  EXPECT_LT(Decimal(99, 2), Decimal(1, 0));
  EXPECT_LT(Decimal(1, 18), Decimal(std::numeric_limits<std::int64_t>::max(), 0));
  EXPECT_EQ(Decimal(99, 2) * 2 + Decimal(2, 2), Decimal(2, 0));
  const Decimal large(std::numeric_limits<std::int64_t>::max(), 0);
  EXPECT_THROW(static_cast<void>(large + Decimal(1, 0)), std::overflow_error);
  EXPECT_THROW(static_cast<void>(large + Decimal(1, 2)), std::overflow_error);
  EXPECT_THROW(static_cast<void>(large * 2), std::overflow_error);
}

TEST(Codec, TimesGoBothWays) {
  using namespace std::chrono;
  const auto instant = Codec<Timestamp>::decode("2021-01-01 05:30:00.25+05:30");
  ASSERT_TRUE(instant.has_value());
  EXPECT_EQ(*instant, Timestamp(sys_days(2021y / January / 1)) + milliseconds(250));
  EXPECT_EQ(Codec<Timestamp>::encode(*instant), "2021-01-01 00:00:00.250000+00");
  EXPECT_EQ(Codec<Timestamp>::decode("1969-12-31 23:59:59-00"), Timestamp(seconds(-1)));
  EXPECT_EQ(Codec<Timestamp>::encode(Timestamp(microseconds(-1))), "1969-12-31 23:59:59.999999+00");
  EXPECT_EQ(Codec<Date>::decode("2024-02-29"), Date(2024y / February / 29));
  for (const char* text : {"2023-02-29", "infinity", "0044-03-15 BC", "2021-01-01 00:00:00", "2021-1-01"})
    EXPECT_FALSE(Codec<Date>::decode(text).has_value()) << text;
  for (const char* text : {"2021-01-01", "2021-01-01 24:61:00", "infinity", "2021-01-01 00:00:00+00"})
    EXPECT_FALSE(Codec<LocalTimestamp>::decode(text).has_value()) << text;
}

TEST(Codec, NumbersAreReadWholeOrNotAtAll) {
  EXPECT_EQ(Codec<std::int16_t>::decode("32767"), 32767);
  for (const char* text : {"32768", "", "1 ", "1.0", "x"})
    EXPECT_FALSE(Codec<std::int16_t>::decode(text).has_value()) << text;
  EXPECT_EQ(Codec<double>::decode(Codec<double>::encode(0.1)), 0.1);
  EXPECT_EQ(Codec<bool>::decode("f"), false);
  EXPECT_FALSE(Codec<bool>::decode("true").has_value());
}

}  // namespace
}  // namespace bulkhead
