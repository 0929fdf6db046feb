#include <gtest/gtest.h>

#include "sample.hpp"
#include "sql/render.hpp"

namespace bulkhead::sql {
namespace {

using namespace statement;
constexpr std::string_view tenant = "0191e0a0-0000-7000-8000-000000000001";

Result<Rendered> render_shop(const Statement& statement, const Walls& walls = {}) {
  return render(statement, *test::record_shop(), "app", tenant, walls);
}

Condition id_is(std::string value) {
  Condition condition;
  condition.kind = Condition::Kind::compare;
  condition.column = "id";
  condition.value = std::move(value);
  return condition;
}

/// How every write ends: the row check, which undoes it (Renderer::written_row_check).
const std::string check =
    R"(, case when t."tenant_id" <> $1 then ('bulkhead-tenant:' || t."tenant_id")::integer end)";

TEST(RenderWrite, OneRowIsValuesWithTheTenantFirst) {
  Insert insert;
  insert.relation = "artist";
  insert.columns = {"id", "name"};
  insert.rows = {{Cell{"1", false}, Cell{std::nullopt, false}}, {Cell{{}, true}, Cell{"x", false}}};
  auto rendered = render_shop(insert);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_EQ(
      rendered->text,
      R"(insert into "app"."artist" as t ("tenant_id", "id", "name") values ($1, $2, $3), ($1, default, $4) )"
      R"(returning t."tenant_id")" +
          check);
  EXPECT_EQ(rendered->params.value(2), nullptr);
  EXPECT_EQ(rendered->guards, std::vector<std::size_t>{0});
  EXPECT_TRUE(rendered->writes);
}

TEST(RenderWrite, ACellOfJsonIsPostgresqlsToConvert) {
  Insert insert;
  insert.relation = "track";
  insert.columns = {"id", "tags"};
  insert.rows = {{Cell{"1"}, Cell{"[\"a\"]", false, true}}, {Cell{"2"}, Cell{std::nullopt, true}}};
  auto rendered = render_shop(insert);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_EQ(
      rendered->text,
      R"(insert into "app"."track" as t ("tenant_id", "id", "tags") values ($1, $2, (select r."tags" from )"
      R"(json_to_record(json_build_object('tags', $3::json)) as r("tags" text[]))), ($1, $4, default) returning )"
      R"(t."tenant_id")" +
          check);
}

TEST(RenderWrite, ManyRowsAreOneJsonParameter) {
  Insert insert;
  insert.relation = "track";
  insert.columns = {"id", "tags"};
  insert.json_rows = R"([{"id":1,"tags":["a"]}])";
  insert.returning = std::vector<Output>{};
  auto rendered = render_shop(insert);
  ASSERT_TRUE(rendered);
  EXPECT_EQ(
      rendered->text,
      R"(insert into "app"."track" as t ("tenant_id", "id", "tags") select $1::uuid, r."id", r."tags" from )"
      R"(json_to_recordset($2) as r("id" integer, "tags" text[]) returning t."id", t."name", t."album_id", )"
      R"(t."genre_id", to_json(t."tags"), t."meta", t."added", t."tenant_id")" +
          check);
}

TEST(RenderWrite, UpdateAndDeleteAreBoundToTheTenant) {
  Update update;
  update.relation = "artist";
  update.assignments = {{"name", Cell{"x", false}}};
  update.where = id_is("1");
  EXPECT_EQ(
      render_shop(update)->text,
      R"(update "app"."artist" t set "name" = $2 where t."tenant_id" = $1 and t."id" = $3 returning t."tenant_id")" +
          check);
  update.json_row = R"({"name":"y"})";
  EXPECT_EQ(
      render_shop(update)->text,
      R"(update "app"."artist" t set "name" = r."name" from json_to_record($2) as r("name" text) where )"
      R"(t."tenant_id" = $1 and t."id" = $3 returning t."tenant_id")" +
          check);
  Delete remove;
  remove.relation = "artist";
  remove.where = id_is("1");
  EXPECT_EQ(
      render_shop(remove)->text,
      R"(delete from "app"."artist" t where t."tenant_id" = $1 and t."id" = $2 returning t."tenant_id")" +
          check);
  Walls without;
  without.row_check = false;
  EXPECT_EQ(
      render_shop(remove, without)->text,
      R"(delete from "app"."artist" t where t."tenant_id" = $1 and t."id" = $2 returning t."tenant_id")");
}

TEST(RenderWrite, AtMostCountsInTheSameStatement) {
  Delete remove;
  remove.relation = "artist";
  remove.where = id_is("1");
  remove.at_most = 1;
  remove.returning = std::vector<Output>{};
  auto rendered = render_shop(remove);
  ASSERT_TRUE(rendered);
  EXPECT_EQ(rendered->text,
            R"(with w as (delete from "app"."artist" t where t."tenant_id" = $1 and t."id" = $2 returning )"
            R"(t."tenant_id", t."id", t."name")" +
                check +
                R"() select w."id", w."name", w."tenant_id" from w limit (select case when )"
                R"(count(*) > 1 then ('bulkhead-rows:' || count(*))::bigint end from w))");
  EXPECT_EQ(rendered->guards, std::vector<std::size_t>{2});
  // Any other number is a parameter, so that clients make no shapes.
  remove.at_most = 7;
  rendered = render_shop(remove);
  ASSERT_TRUE(rendered);
  EXPECT_NE(rendered->text.find("count(*) > $3 then"), std::string::npos) << rendered->text;
  EXPECT_STREQ(rendered->params.value(2), "7");
}

TEST(RenderWrite, WithoutAFilterNothingIsChanged) {
  Update update;
  update.relation = "artist";
  update.assignments = {{"name", Cell{"x", false}}};
  EXPECT_EQ(render_shop(update).error().code(), Errc::filter_required);
  EXPECT_EQ(render_shop(update).error().message(), "UPDATE requires a WHERE clause");
  EXPECT_EQ(render_shop(update).error().sqlstate(), "21000");
  update.where.children.emplace_back();  // the query builder's all(): true, and yet said
  EXPECT_TRUE(render_shop(update));
  Delete remove;
  remove.relation = "artist";
  EXPECT_EQ(render_shop(remove).error().code(), Errc::filter_required);
}

TEST(RenderWrite, SharedTablesAreReadOnly) {
  Insert insert;
  insert.relation = "genre";
  EXPECT_EQ(render_shop(insert).error().sqlstate(), "42501");
  Delete remove;
  remove.relation = "genre";
  remove.where = id_is("1");
  EXPECT_EQ(render_shop(remove).error().code(), Errc::permission_denied);
}

TEST(RenderWrite, TheTenantIsNoColumnOfAPayload) {
  for (const char* name : {"tenant_id", "nope"}) {
    Insert insert;
    insert.relation = "artist";
    insert.columns = {name};
    insert.rows = {{Cell{"0191e0a0-0000-7000-8000-000000000002", false}}};
    Error error = render_shop(insert).error();
    EXPECT_EQ(error.code(), Errc::column_unknown);
    EXPECT_EQ(error.sqlstate(), "");
    EXPECT_EQ(error.message(),
              "Could not find the '" + std::string(name) + "' column of 'artist' in the schema cache");
    Update update;
    update.relation = "artist";
    update.assignments = {{name, Cell{"x", false}}};
    update.where = id_is("1");
    EXPECT_EQ(render_shop(update).error().message(), error.message());
  }
}

TEST(RenderWrite, ReturningWithEmbedsReadsTheWrittenRows) {
  Embed artist;
  artist.select.relation = "artist";
  Output output;
  output.embed = std::make_shared<Embed>(artist);
  Insert insert;
  insert.relation = "album";
  insert.columns = {"id"};
  insert.rows = {{Cell{"1", false}}};
  insert.returning = std::vector<Output>{output};
  auto rendered = render_shop(insert);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_EQ(
      rendered->text,
      R"(with w as (insert into "app"."album" as t ("tenant_id", "id") values ($1, $2) returning t."tenant_id", )"
      R"(t."id", t."title", t."artist_id", t."editor_id", t."producer_id")" +
          check +
          R"() select x1.j, w."tenant_id", coalesce(x1.g, $1::uuid::text) from )"
          R"(w left join lateral (select json_build_object('id', e2."id", 'name', e2."name") as j, )"
          R"(nullif(e2."tenant_id", $1)::text as g from "app"."artist" e2 where e2."tenant_id" = $1 and e2."id" = )"
          R"(w."artist_id") x1 on true)");
}

/// The artist of id 1, upserted.
Insert upsert(bool merge) {
  Insert insert;
  insert.relation = "artist";
  insert.columns = {"id", "name"};
  insert.rows = {{Cell{"1"}, Cell{"x"}}};
  insert.conflict = Conflict{merge, {}};
  return insert;
}

TEST(RenderWrite, TheTenantLeadsTheKeyOfAnUpsertAndBindsWhatItUpdates) {
  auto rendered = render_shop(upsert(true));
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_EQ(rendered->text,
            R"(insert into "app"."artist" as t ("tenant_id", "id", "name") values ($1, $2, $3) )"
            R"(on conflict ("tenant_id", "id") do update set "id" = excluded."id", "name" = excluded."name" )"
            R"(where t."tenant_id" = $1 returning t."tenant_id")" +
                check + ", t.xmax = 0");
  EXPECT_TRUE(rendered->tells_inserted);
  Insert by_name = upsert(false);
  by_name.conflict->columns = {"name"};
  rendered = render_shop(by_name);
  ASSERT_TRUE(rendered);
  EXPECT_NE(rendered->text.find(R"(on conflict ("tenant_id", "name") do nothing returning)"),
            std::string::npos);
}

TEST(RenderWrite, TheKeyOfAnUpsertHoldsColumnsOfTheRelation) {
  for (const char* unknown : {"nope", "tenant_id", "x\") do nothing --"}) {
    Insert insert = upsert(true);
    insert.conflict->columns = {"id", unknown};
    auto refused = render_shop(insert);
    ASSERT_TRUE(refused.has_error()) << unknown;
    EXPECT_EQ(refused.error().sqlstate(), "42703");
  }
}

TEST(RenderWrite, AWhereChoosesAmongThePayloadsRows) {
  Insert insert = upsert(true);
  insert.rows.clear();
  insert.json_rows = R"([{"id":1,"name":"x"}])";
  insert.where = id_is("1");
  auto rendered = render_shop(insert);
  ASSERT_TRUE(rendered);
  EXPECT_NE(rendered->text.find(R"( as r("id" integer, "name" text) where r."id" = $3 on conflict)"),
            std::string::npos)
      << rendered->text;
}

TEST(RenderWrite, WhatIsReturnedIsOrderedOverTheWrite) {
  Insert insert = upsert(true);
  insert.returning = std::vector<Output>{};
  insert.order = {Order{"id", true}};
  auto rendered = render_shop(insert);
  ASSERT_TRUE(rendered);
  EXPECT_NE(rendered->text.find(R"(, t.xmax = 0 as "was inserted") select w."id", w."name", w."tenant_id", )"
                                R"(w."was inserted" from w order by w."id" desc)"),
            std::string::npos)
      << rendered->text;
}

}  // namespace
}  // namespace bulkhead::sql
