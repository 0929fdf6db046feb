#include "api/rest/query.hpp"

#include <gtest/gtest.h>

#include "api/rest/rest_api.hpp"

namespace bulkhead::api {
namespace {

using statement::Condition;
using statement::Operator;

Query parsed(std::string_view text) {
  auto query = parse_query(text);
  EXPECT_TRUE(query) << text << ": " << query.error().message();
  return query ? std::move(*query) : Query();
}

std::string body_of(std::string_view text) {
  auto query = parse_query(text);
  EXPECT_FALSE(query) << text;
  return query ? "" : error_response(query.error()).body;
}

TEST(Query, Select) {
  Query query = parsed("select=id,n:name::text,%22a%20b%22,album!inner(title,track(*)),w:artist!fk(*)");
  const auto& outputs = query.select.outputs;
  ASSERT_EQ(outputs.size(), 5u);
  EXPECT_EQ(outputs[1].column, "name");
  EXPECT_EQ(outputs[1].alias, "n");
  EXPECT_EQ(outputs[1].cast, "text");
  EXPECT_EQ(outputs[2].column, "a b");
  EXPECT_TRUE(outputs[3].embed->inner);
  EXPECT_TRUE(outputs[3].embed->select.outputs[1].embed->select.outputs[0].star);
  EXPECT_EQ(outputs[4].alias, "w");
  EXPECT_EQ(outputs[4].embed->hint, "fk");
}

TEST(Query, FiltersAndTheirValues) {
  struct Case {
    std::string_view text, column;
    Operator op;
    bool negated;
    std::string_view value;
  };
  for (const Case& c :
       {Case{"a=eq.1", "a", Operator::eq, false, "1"}, Case{"a=eq.", "a", Operator::eq, false, ""},
        Case{"a=not.neq.x.y,(z)", "a", Operator::neq, true, "x.y,(z)"},
        Case{"a=like.*x%25*", "a", Operator::like, false, "%x%%"},
        Case{"a=is.NOT_NULL", "a", Operator::is, false, "not_null"},
        Case{"a=eq.%22q%22", "a", Operator::eq, false, "\"q\""},
        Case{"a=eq.1+2", "a", Operator::eq, false, "1 2"},
        Case{"%22a.b%22=gt.1", "a.b", Operator::gt, false, "1"}}) {
    Query query = parsed(c.text);
    ASSERT_EQ(query.select.where.children.size(), 1u) << c.text;
    const Condition& condition = query.select.where.children[0];
    EXPECT_EQ(condition.column, c.column) << c.text;
    EXPECT_EQ(condition.op, c.op) << c.text;
    EXPECT_EQ(condition.negated, c.negated) << c.text;
    EXPECT_EQ(condition.value, c.value) << c.text;
  }
}

TEST(Query, Lists) {
  const Query query = parsed(R"(a=in.(1,"x,y","q\"\\",)&b=in.())");
  const auto& values = query.select.where.children[0].values;
  ASSERT_EQ(values.size(), 4u);
  EXPECT_EQ(values[1], "x,y");
  EXPECT_EQ(values[2], "q\"\\");
  EXPECT_EQ(values[3], "");
  EXPECT_TRUE(query.select.where.children[1].values.empty());
}

TEST(Query, LogicTrees) {
  const Query query = parsed("or=(a.eq.1,not.and(b.in.(1,2),c.not.is.null),d.eq.\"x,)\")&not.and=(e.gt.1)");
  const Condition& tree = query.select.where.children[0];
  EXPECT_EQ(tree.kind, Condition::Kind::any);
  ASSERT_EQ(tree.children.size(), 3u);
  EXPECT_TRUE(tree.children[1].negated);
  EXPECT_EQ(tree.children[1].children[0].values.size(), 2u);
  EXPECT_TRUE(tree.children[1].children[1].negated);
  EXPECT_EQ(tree.children[2].value, "x,)");
  EXPECT_TRUE(query.select.where.children[1].negated);
}

TEST(Query, EmbeddedParametersFindTheirLevel) {
  const Query query = parsed(
      "album.title=eq.x&album.order=id.desc.nullslast&album.limit=2&t.album.or=(a.eq.1)&select=album(*),t:"
      "track(album(*))");
  const statement::Select& album = query.select.outputs[0].embed->select;
  EXPECT_EQ(album.where.children[0].column, "title");
  EXPECT_TRUE(album.order[0].descending);
  EXPECT_EQ(album.limit, 2u);
  EXPECT_TRUE(query.select.where.children.empty());
  EXPECT_EQ(query.select.outputs[1].embed->select.outputs[0].embed->select.where.children.size(), 1u);
}

TEST(Query, EmbeddedParametersFindTheirLevelByItsRelation) {
  Query query = parsed("select=by:artist!inner(name)&artist.name=eq.x&artist.order=id");
  EXPECT_EQ(query.select.outputs[0].embed->select.where.children.size(), 1u);
  EXPECT_EQ(query.select.outputs[0].embed->select.order.size(), 1u);
  query = parsed("select=by:artist(name),artist:person(name),again:artist(name)&artist.name=eq.x");
  EXPECT_EQ(query.select.outputs[1].embed->select.where.children.size(), 1u)
      << "the name in the answer goes first";
  query = parsed("select=a:artist(name),b:artist(name)&artist.name=eq.x");
  EXPECT_EQ(query.select.outputs[0].embed->select.where.children.size(), 1u) << "the first of two";
}

TEST(Query, AQuoteThatEndsNoValueIsAByteOfIt) {
  Query query = parsed(R"(a=in.("quoted" x,"a,b",Bob, "the" (b)&or=(name.eq."a"b,id.eq."1"))");
  const auto& values = query.select.where.children[0].values;
  ASSERT_EQ(values.size(), 4u);
  EXPECT_EQ(values[0], "\"quoted\" x");
  EXPECT_EQ(values[1], "a,b");
  EXPECT_EQ(values[3], " \"the\" (b");
  EXPECT_EQ(query.select.where.children[1].children[0].value, "\"a\"b");
  EXPECT_EQ(query.select.where.children[1].children[1].value, "1");
  EXPECT_NE(body_of("a=in.(\"open").find("end of input"), std::string::npos);
}

TEST(Query, APercentSignMayStandForItself) {
  EXPECT_EQ(parsed("a=ilike.%an%").select.where.children[0].value, "%an%");
  EXPECT_EQ(parsed("a=like.100%").select.where.children[0].value, "100%");
  EXPECT_EQ(parsed("a=eq.%4&b=eq.1").select.where.children[0].value, "%4");
  EXPECT_EQ(parsed("a=eq.%zz%41").select.where.children[0].value, "%zzA");
}

TEST(Query, ANegativeOffsetIsNone) {
  EXPECT_EQ(parsed("offset=-4").select.offset, 0u);
}

TEST(Query, AnEmbedWithNothingInItShowsNothing) {
  const Query query = parsed("select=name,album!inner(track!inner()),genre(),playlist(*)");
  const auto& outputs = query.select.outputs;
  EXPECT_TRUE(outputs[1].embed->hidden) << "nor does one that has only such";
  EXPECT_TRUE(outputs[1].embed->select.outputs[0].embed->hidden);
  EXPECT_TRUE(outputs[2].embed->hidden);
  EXPECT_FALSE(outputs[3].embed->hidden);
}

TEST(Query, Aggregates) {
  const Query query =
      parsed("select=count(),n:count()::text,t:total.sum()::text,meta->>a::integer.max(),album(count),id");
  const auto& outputs = query.select.outputs;
  ASSERT_EQ(outputs.size(), 6u);
  EXPECT_EQ(outputs[0].aggregate, statement::Aggregate::count);
  EXPECT_EQ(outputs[0].column, "");
  EXPECT_EQ(outputs[1].alias, "n");
  EXPECT_EQ(outputs[1].aggregate_cast, "text");
  EXPECT_EQ(outputs[2].aggregate, statement::Aggregate::sum);
  EXPECT_EQ(outputs[2].column, "total");
  EXPECT_EQ(outputs[3].cast, "integer");
  EXPECT_EQ(outputs[3].path.at(0).key, "a");
  EXPECT_EQ(outputs[3].aggregate, statement::Aggregate::max);
  EXPECT_EQ(outputs[4].embed->select.outputs[0].column, "count");
  EXPECT_EQ(outputs[5].aggregate, statement::Aggregate::none);
}

TEST(Query, StepsIntoJson) {
  const Query query = parsed(
      "select=meta->a->>b,x:meta->0->>-1,meta->\"a.b\"->23-xy-45::text&meta->>a=eq.1&or=(meta->a->>b.eq.2,id."
      "gt.1)"
      "&order=meta->>a.desc,artist(name)");
  const auto& outputs = query.select.outputs;
  ASSERT_EQ(outputs[0].path.size(), 2u);
  EXPECT_FALSE(outputs[0].path[0].text);
  EXPECT_EQ(outputs[0].path[1].key, "b");
  EXPECT_TRUE(outputs[0].path[1].text);
  EXPECT_TRUE(outputs[1].path[0].index);
  EXPECT_EQ(outputs[1].path[1].key, "-1");
  EXPECT_TRUE(outputs[1].path[1].index);
  EXPECT_EQ(outputs[2].path[0].key, "a.b");
  EXPECT_EQ(outputs[2].path[1].key, "23-xy-45");
  EXPECT_FALSE(outputs[2].path[1].index);
  EXPECT_EQ(outputs[2].cast, "text");
  EXPECT_EQ(query.select.where.children[0].path.at(0).key, "a");
  EXPECT_EQ(query.select.where.children[1].children[0].path.at(1).key, "b");
  EXPECT_EQ(query.select.order[0].path.at(0).key, "a");
  EXPECT_TRUE(query.select.order[0].descending);
  EXPECT_EQ(query.select.order[1].embed, "artist");
  EXPECT_EQ(query.select.order[1].column, "name");
}

TEST(Query, OperatorsOfTheLongTail) {
  const Query query = parsed(
      "a=fts(english).x%26y&a=not.plfts.x&a=eq(any).{1,2}&a=like(all).{*a*,b}&a=isdistinct.1&a=cs.{a,b}"
      "&or=(a.cs.{a,b},a.ov.{c},a.match.^x)");
  const auto& all = query.select.where.children;
  ASSERT_EQ(all.size(), 7u);
  EXPECT_EQ(all[0].op, Operator::fts);
  EXPECT_EQ(all[0].language, "english");
  EXPECT_EQ(all[0].value, "x&y");
  EXPECT_TRUE(all[1].negated);
  EXPECT_EQ(all[2].quantifier, Condition::Quantifier::any);
  EXPECT_EQ(all[3].quantifier, Condition::Quantifier::all);
  EXPECT_EQ(all[3].value, "{%a%,b}");
  EXPECT_EQ(all[4].op, Operator::is_distinct);
  EXPECT_EQ(all[6].children[0].value, "{a,b}");
  EXPECT_EQ(all[6].children[1].value, "{c}");
  EXPECT_EQ(all[6].children[2].op, Operator::match);
  EXPECT_NE(body_of("a=neq(any).{1}").find("PGRST100"), std::string::npos);
  EXPECT_NE(body_of("a=eq(some).{1}").find("PGRST100"), std::string::npos);
}

TEST(Query, Spreads) {
  const Query query = parsed("select=id,...artist!inner(name),..label(a:name)&artist.name=eq.x");
  EXPECT_TRUE(query.select.outputs[1].embed->spread);
  EXPECT_TRUE(query.select.outputs[1].embed->inner);
  EXPECT_EQ(query.select.outputs[1].embed->select.where.children.size(), 1u);
  EXPECT_TRUE(query.select.outputs[2].embed->spread);
  EXPECT_FALSE(query.select.outputs[1].embed->distinct);
  EXPECT_TRUE(query.select.outputs[2].embed->distinct) << "two dots: values that differ";
}

TEST(Query, ErrorsSayWhereAndWhat) {
  EXPECT_EQ(body_of("a=noop.0"),
            R"x({"code":"PGRST100","message":"\"failed to parse filter (noop.0)\" (line 1, column 1)",)x"
            R"x("details":"unexpected \"o\" expecting \"not\" or operator (eq, gt, ...)","hint":null})x");
  EXPECT_NE(body_of("select=id,album(").find("(line 1, column 10)"), std::string::npos);
  EXPECT_NE(body_of("select=id,,x").find("field name"), std::string::npos);
  EXPECT_NE(body_of("order=id.up").find("PGRST100"), std::string::npos);
  EXPECT_NE(body_of("limit=x").find("PGRST100"), std::string::npos);
  EXPECT_NE(body_of("limit=-1").find("PGRST103"), std::string::npos);
  EXPECT_NE(body_of("a=is.maybe").find("isVal"), std::string::npos);
  EXPECT_NE(body_of("or=(a.eq.1").find("end of input"), std::string::npos);
  EXPECT_NE(body_of("nope.a=eq.1").find("PGRST108"), std::string::npos);
}

TEST(Query, BytesThatAreNoTextAreRefused) {
  for (std::string_view text : {"a=eq.%00", "a=eq.%ff", "%c3%28=eq.1", "select=%00"}) {
    auto query = parse_query(text);
    ASSERT_FALSE(query) << text;
    EXPECT_EQ(error_response(query.error()).status, 400u) << text;
  }
}

TEST(Query, NestingHasALimit) {
  std::string deep = "or=", select = "select=";
  for (int i = 0; i < 5000; ++i) {
    deep += i == 0 ? "(" : "or(";
    select += "a(";
  }
  EXPECT_NE(body_of(deep).find("fewer levels"), std::string::npos);
  EXPECT_NE(body_of(select).find("fewer levels"), std::string::npos);
}

TEST(Query, TheKeyOfAnUpsert) {
  auto query = parse_query("on_conflict=artist_id,%22b%20c%22");
  ASSERT_TRUE(query) << query.error().details();
  EXPECT_EQ(query->on_conflict, (std::vector<std::string>{"artist_id", "b c"}));
  EXPECT_TRUE(query->select.where.empty());
}

}  // namespace
}  // namespace bulkhead::api
