#include "unit/data/known_shape.hpp"

#include <gtest/gtest.h>

#include "api/rest/query.hpp"
#include "unit/sql/sample.hpp"

namespace bulkhead::api {
namespace {

using namespace statement;

class KnownShape : public ::testing::Test {
 protected:
  static Select read(std::string relation, std::string_view query) {
    auto parsed = parse_query(query);
    EXPECT_TRUE(parsed) << query << ": " << parsed.error().message();
    parsed->select.relation = std::move(relation);
    parsed->select.aggregates = true;
    parsed->select.embed_limit = 7;
    return parsed->select;
  }
  void expect_same(const Statement& statement) {
    ASSERT_TRUE(sql::render(statement, *shop_, "app", "0191e0a0-0000-7000-8000-000000000001"))
        << "it is not rendered at all";
    const auto wrong = data::test::wrong_when_known(statement, *shop_);
    EXPECT_FALSE(wrong) << *wrong;
  }
  std::optional<data::Planned> plan(data::PlanCache& cache, const Statement& statement,
                                    std::string_view schema = "app") {
    const sql::Fingerprint asked = sql::fingerprint(statement);
    if (auto known = cache.known(asked, *shop_, schema, "t")) return known;
    auto rendered = sql::render(statement, *shop_, schema, "t");
    if (rendered.has_error()) return std::nullopt;
    return cache.plan(asked, *shop_, std::move(*rendered), schema);
  }

  sql::RelationsRef shop_ = sql::test::record_shop();
};

TEST_F(KnownShape, ReadsGetTheirOwnValues) {
  for (const char* query :
       {"", "id=eq.1", "id=eq.1&title=like.a*&limit=20&offset=40", "id=in.(1,2,3)&limit=7", "title=is.null",
        "or=(id.eq.1,and(title.eq.x,artist_id.gt.3))&order=title.desc.nullslast", "title=fts(english).cat",
        "select=id,artist(name)&artist.name=eq.x", "select=title,track(id,loud)&track.limit=3&track.offset=2",
        "select=id,artist!inner(name)&artist.name=in.(a,b)&id=neq.4", "select=...artist(name),title&id=lt.9",
        "select=count(),artist_id&id=gt.1", "select=id,maker(name)&maker.name=eq.me", "title=eq(any).{a,b}",
        "select=id,artist(name)&artist=is.null&title=ilike.x", "title=isdistinct.x&id=not.in.(4,5)"}) {
    SCOPED_TRACE(query);
    Select select = read("album", query);
    expect_same(select);
    select = read("album", query);
    select.exact_count = true;
    expect_same(select);
    select = read("album", query);
    select.plain = true;
    expect_same(select);
  }
}

TEST_F(KnownShape, SharedTablesHaveNoTenant) {
  expect_same(read("genre", "name=eq.rock&offset=3"));
  Select select = read("genre", "select=name,track(id)&name=eq.rock&track.id=eq.1");
  select.exact_count = true;
  expect_same(select);
}

TEST_F(KnownShape, WritesGetTheirOwnValues) {
  Insert insert;
  insert.relation = "artist";
  insert.columns = {"id", "name"};
  insert.rows = {{Cell{"1"}, Cell{std::nullopt}}, {Cell{{}, true}, Cell{"\"x\"", false, true}}};
  insert.returning = read("artist", "select=name,album(title)&album.id=eq.3").outputs;
  insert.conflict = Conflict{true, {}};
  expect_same(insert);
  insert.rows.clear();
  insert.json_rows = R"([{"id": 1, "name": "x"}])";
  insert.where = read("artist", "name=eq.x").where;
  expect_same(insert);

  Update update;
  update.relation = "artist";
  update.assignments = {{"name", Cell{"x"}}};
  update.where = read("artist", "id=eq.1").where;
  update.returning.emplace();
  update.at_most = 12;
  expect_same(update);
  update.json_row = R"({"name": "x"})";
  expect_same(update);

  Delete remove;
  remove.relation = "artist";
  remove.where = read("artist", "id=in.(1,2)").where;
  remove.at_most = 1;
  expect_same(remove);
}

TEST_F(KnownShape, AStatementOfAnotherShapeIsRendered) {
  data::PlanCache cache(64);
  const char* queries[] = {"",
                           "id=eq.1",
                           "id=gt.1",
                           "id=not.eq.1",
                           "artist_id=eq.1",
                           "title=is.null",
                           "title=is.not_null",
                           "title=eq(any).{1}",
                           "title=eq(all).{1}",
                           "id=in.(1)",
                           "id=in.()",
                           "limit=1",
                           "limit=2",
                           "limit=3",
                           "offset=1",
                           "select=id",
                           "select=id:title",
                           "select=id::text",
                           "order=id",
                           "order=id.desc",
                           "order=id.nullsfirst",
                           "title=fts.a",
                           "title=fts(english).a",
                           "select=artist(id)",
                           "select=artist!inner(id)",
                           "select=id,artist()",
                           "select=...artist(id)",
                           "select=artist(id)&artist.id=eq.1"};
  for (const char* query : queries) ASSERT_TRUE(plan(cache, read("album", query))) << query;
  EXPECT_EQ(cache.rendered(), std::size(queries));
  for (const char* query : queries) ASSERT_TRUE(plan(cache, read("album", query))) << query;
  EXPECT_EQ(cache.rendered(), std::size(queries));
}

TEST_F(KnownShape, OtherSchemasAndOtherRelationsAreOtherShapes) {
  data::PlanCache cache(8);
  const Select select = read("album", "id=eq.1");
  ASSERT_TRUE(plan(cache, select));
  ASSERT_TRUE(plan(cache, select, "t_1"));
  EXPECT_EQ(cache.rendered(), 2u);
  shop_ = sql::test::record_shop();  // as it was, but read anew
  ASSERT_TRUE(plan(cache, select));
  EXPECT_EQ(cache.rendered(), 3u);
}

TEST_F(KnownShape, WhatIsVeryLongIsRenderedEachTime) {
  data::PlanCache cache(8);
  Select select = read("album", "id=eq.1");
  for (int i = 0; i < 1000; ++i) select.where.children.push_back(select.where.children.front());
  ASSERT_TRUE(plan(cache, select));
  ASSERT_TRUE(plan(cache, select));
  EXPECT_EQ(cache.rendered(), 2u);
}

TEST_F(KnownShape, TheLeastRecentlyUsedIsForgotten) {
  data::PlanCache cache(2);
  const Select one = read("album", "id=eq.1"), two = read("album", "id=gt.1"),
               three = read("album", "id=lt.1");
  for (const Select& select : {one, two, one, three, one}) ASSERT_TRUE(plan(cache, select));
  EXPECT_EQ(cache.rendered(), 3u);
  ASSERT_TRUE(plan(cache, two));
  EXPECT_EQ(cache.rendered(), 4u);
}

}  // namespace
}  // namespace bulkhead::api
