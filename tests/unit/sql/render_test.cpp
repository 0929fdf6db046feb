#include "sql/render.hpp"

#include <gtest/gtest.h>

#include "sample.hpp"
#include "sql/relationships.hpp"

namespace bulkhead::sql {
namespace {

using namespace statement;
constexpr std::string_view tenant = "0191e0a0-0000-7000-8000-000000000001";

Result<Rendered> render_shop(const Statement& statement, const Walls& walls = {}) {
  return render(statement, *test::record_shop(), "app", tenant, walls);
}

Output named(std::string column) {
  Output output;
  output.column = std::move(column);
  return output;
}

Output embed(std::string relation, std::vector<Output> outputs, std::string hint = "", bool inner = false) {
  Embed made;
  made.select.relation = std::move(relation);
  made.select.outputs = std::move(outputs);
  made.hint = std::move(hint);
  made.inner = inner;
  Output output;
  output.embed = std::make_shared<Embed>(std::move(made));
  return output;
}

Condition where(std::string column, Operator op, Value value) {
  Condition condition;
  condition.kind = Condition::Kind::compare;
  condition.column = std::move(column);
  condition.op = op;
  condition.value = std::move(value);
  return condition;
}

std::string_view param(const Rendered& rendered, std::size_t place) {
  return rendered.params.value(place - 1);
}

TEST(Render, StarNamesTheColumnsAndHidesTheTenantBehindThem) {
  Select select;
  select.relation = "artist";
  select.where = where("id", Operator::eq, "7");
  auto rendered = render_shop(select);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_EQ(
      rendered->text,
      R"(select t."id", t."name", t."tenant_id" from "app"."artist" t where t."tenant_id" = $1 and t."id" = $2)");
  ASSERT_EQ(rendered->params.size(), 2u);
  EXPECT_EQ(param(*rendered, 1), tenant);
  EXPECT_EQ(param(*rendered, 2), "7");
  ASSERT_EQ(rendered->outputs.size(), 2u);
  EXPECT_EQ(rendered->outputs[0].name, "id");
  EXPECT_EQ(rendered->guards, std::vector<std::size_t>{2});
  EXPECT_FALSE(rendered->writes);
}

TEST(Render, ValuesOrderAndRangeAreParameters) {
  Select select;
  select.relation = "album";
  select.outputs = {named("title")};
  select.outputs[0].alias = "name";
  Condition any;
  any.kind = Condition::Kind::any;
  Condition in = where("id", Operator::in, std::nullopt);
  in.values = {"1", "2,\"x\\", std::nullopt};
  any.children = {in, where("title", Operator::ilike, "%a%")};
  any.negated = true;
  select.where = any;
  select.order = {{"title", true, Order::Nulls::last}, {"id", false, Order::Nulls::unset}};
  select.limit = 21;
  select.offset = 40;
  auto rendered = render_shop(select);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_EQ(
      rendered->text,
      R"(select t."title", t."tenant_id" from "app"."album" t where t."tenant_id" = $1 and not (t."id" = any($2))"
      R"( or t."title" ilike $3) order by t."title" desc nulls last, t."id" limit $4 offset $5)");
  EXPECT_EQ(rendered->outputs[0].name, "name");
  EXPECT_EQ(param(*rendered, 2), R"({"1","2,\"x\\",NULL})");
  EXPECT_EQ(param(*rendered, 4), "21");
  EXPECT_EQ(param(*rendered, 5), "40");
}

TEST(Render, UsualLimitsStandInTheText) {
  Select select;
  select.relation = "artist";
  select.limit = 20;
  auto rendered = render_shop(select);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_TRUE(rendered->text.ends_with(" limit 20")) << rendered->text;
  EXPECT_EQ(rendered->params.size(), 1u);
}

TEST(Render, TheSameShapeGivesTheSameText) {
  Select one, two;
  one.relation = two.relation = "artist";
  one.where = where("name", Operator::eq, "x'; drop table artist; --");
  two.where = where("name", Operator::eq, "y");
  one.limit = 3;
  two.limit = 999;
  EXPECT_EQ(render_shop(one)->text, render_shop(two)->text);
}

TEST(Render, SharedTablesTakeNoTenant) {
  Select select;
  select.relation = "genre";
  select.where = where("id", Operator::gt, "3");
  auto rendered = render_shop(select);
  ASSERT_TRUE(rendered);
  EXPECT_EQ(rendered->text, R"(select t."id", t."name" from "app"."genre" t where t."id" > $1)");
  EXPECT_FALSE(rendered->tenant_param);
  EXPECT_TRUE(rendered->guards.empty());
  EXPECT_EQ(rendered->params.size(), 1u);
}

TEST(Render, ToOneEmbedIsALateralJoinWithTheTenantInIt) {
  Select select;
  select.relation = "album";
  select.outputs = {named("id"), embed("artist", {named("name")})};
  auto rendered = render_shop(select);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_EQ(
      rendered->text,
      R"(select t."id", x1.j, t."tenant_id", coalesce(x1.g, $1::uuid::text) from "app"."album" t left join lateral (select )"
      R"(json_build_object('name', e2."name") as j, nullif(e2."tenant_id", $1)::text as g from "app"."artist" e2 where )"
      R"(e2."tenant_id" = $1 and e2."id" = t."artist_id") x1 on true where t."tenant_id" = $1)");
  EXPECT_EQ(rendered->outputs[1].name, "artist");
  EXPECT_EQ(rendered->outputs[1].kind, JsonKind::raw);
  EXPECT_EQ(rendered->guards, (std::vector<std::size_t>{2, 3}));
}

TEST(Render, ToManyEmbedAggregates) {
  Select select;
  select.relation = "artist";
  select.outputs = {named("id"), embed("album", {named("title")}, "", true)};
  select.exact_count = true;
  auto rendered = render_shop(select);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_EQ(
      rendered->text,
      R"(select t."id", x1.j, t."tenant_id", coalesce(x1.g, $1::uuid::text) from "app"."artist" t join lateral (select json_agg(s.j) as j, )"
      R"(min(s.g) as g from (select json_build_object('title', e2."title") as j, )"
      R"(nullif(e2."tenant_id", $1)::text as g from "app"."album" e2 where e2."tenant_id" = $1 and e2."artist_id" = t."id") s) )"
      R"(x1 on x1.j is not null where t."tenant_id" = $1)");
  EXPECT_TRUE(
      rendered->count_text.starts_with(R"(select count(*), count(*) filter (where t."tenant_id" <> $1 or )"
                                       R"(x3.g is not null) from )"))
      << rendered->count_text;
  EXPECT_NE(rendered->count_text.find("join lateral"), std::string::npos);
}

TEST(Render, ManyToManyBindsTheTenantOnTheJunctionToo) {
  Select select;
  select.relation = "playlist";
  select.outputs = {embed("track", {named("name")})};
  auto rendered = render_shop(select);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_NE(rendered->text.find(
                R"(join "app"."playlist_track" k3 on k3."tenant_id" = $1 and k3."track_id" = e2."id")"),
            std::string::npos)
      << rendered->text;
  EXPECT_NE(rendered->text.find(
                R"(coalesce(nullif(e2."tenant_id", $1)::text, nullif(k3."tenant_id", $1)::text) as g)"),
            std::string::npos);
}

TEST(Render, AHiddenEmbedChoosesRowsAndIsGuardedAndNotShown) {
  Output hidden = embed("album", {}, "", true);
  Embed made = *hidden.embed;
  made.hidden = true;
  hidden.embed = std::make_shared<Embed>(made);
  Select select;
  select.relation = "artist";
  select.outputs = {hidden, named("name")};
  auto rendered = render_shop(select);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_EQ(
      rendered->text,
      R"(select t."name", t."tenant_id", coalesce(x1.g, $1::uuid::text) from "app"."artist" t join lateral (select json_agg(s.j) as j, )"
      R"(min(s.g) as g from (select json_build_object() as j, nullif(e2."tenant_id", $1)::text as g from )"
      R"("app"."album" e2 where e2."tenant_id" = $1 and e2."artist_id" = t."id") s) x1 on x1.j is not null where )"
      R"(t."tenant_id" = $1)");
  EXPECT_EQ(rendered->outputs.size(), 1u);
  EXPECT_EQ(rendered->guards, (std::vector<std::size_t>{1, 2}));
}

TEST(Render, CountOfAnEmbedIsOfTheTenantsRowsAndGuarded) {
  Select select;
  select.relation = "playlist";
  select.outputs = {embed("track", {named("count")})};
  auto rendered = render_shop(select);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_EQ(
      rendered->text,
      R"(select coalesce(x1.j, '[]'), t."tenant_id", coalesce(x1.g, $1::uuid::text) from "app"."playlist" t left join lateral (select )"
      R"(json_agg(s.j) as j, min(s.g) as g from (select )"
      R"(json_build_object('count', count(*)) as j, coalesce(min(nullif(e2."tenant_id", $1)::text), )"
      R"(min(nullif(k3."tenant_id", $1)::text)) as g from "app"."track" e2 join "app"."playlist_track" k3 )"
      R"(on k3."tenant_id" = $1 and k3."track_id" = e2."id" where e2."tenant_id" = $1 and k3."playlist_id" = )"
      R"(t."id") s) x1 on true where t."tenant_id" = $1)");
  select.outputs = {named("count")};
  rendered = render_shop(select);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_EQ(
      rendered->text,
      R"(select count(*), coalesce(min(nullif(t."tenant_id", $1)::text), $1::uuid::text) from "app"."playlist" t where t."tenant_id" = $1)");
  EXPECT_FALSE(rendered->own_guard) << "no rows have no tenant";
}

TEST(Render, StepsIntoJsonAreParameters) {
  Select select;
  select.relation = "track";
  Output output = named("meta");
  output.path = {{"a'b", false, false}, {"-1", true, true}};
  output.cast = "integer";
  Output array = named("tags");
  array.path = {{"0", true, false}};
  select.outputs = {output, array};
  select.where = where("meta", Operator::eq, "x");
  select.where.path = {{"a", false, true}};
  select.order = {{"meta", true, Order::Nulls::unset, {{"a", false, false}}, ""}};
  auto rendered = render_shop(select);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_EQ(
      rendered->text,
      R"(select (t."meta"->$2->>$3::integer)::integer, (to_jsonb(t."tags")->$4::integer), t."tenant_id" from )"
      R"("app"."track" t where t."tenant_id" = $1 and (t."meta"->>$5) = $6 order by (t."meta"->$7) desc)");
  EXPECT_EQ(rendered->outputs[0].name, "a'b");
  EXPECT_EQ(rendered->outputs[1].name, "tags");
}

TEST(Render, AggregatesPutRowsTogetherAndTheirTenants) {
  Select select;
  select.relation = "album";
  select.aggregates = true;
  Output sum = named("producer_id");
  sum.aggregate = Aggregate::sum;
  select.outputs = {sum, named("artist_id"), embed("artist", {named("name")})};
  select.exact_count = true;
  auto rendered = render_shop(select);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_EQ(
      rendered->text,
      R"(select sum(t."producer_id"), t."artist_id", x1.j::jsonb, coalesce(min(nullif(t."tenant_id", $1)::text), $1::uuid::text), )"
      R"(coalesce(min(x1.g), $1::uuid::text) from "app"."album" t left join lateral (select )"
      R"(json_build_object('name', e2."name") as j, nullif(e2."tenant_id", $1)::text as g from "app"."artist" e2 where )"
      R"(e2."tenant_id" = $1 and e2."id" = t."artist_id") x1 on true where t."tenant_id" = $1 group by 2, 3)");
  EXPECT_TRUE(rendered->count_text.starts_with("select count(*), count(*) filter (where n.g0 is not null"))
      << rendered->count_text;
  select.aggregates = false;
  EXPECT_EQ(render_shop(select).error().sqlstate(), "PGRST123");
}

TEST(Render, SpreadsGiveTheirColumnsToTheRow) {
  Select select;
  select.relation = "track";
  Output spread = embed("album", {named("title"), embed("artist", {named("name")})});
  Embed changed = *spread.embed;
  changed.spread = true;
  spread.embed = std::make_shared<Embed>(changed);
  select.outputs = {named("name"), spread};
  Order by_title;
  by_title.column = "title";
  by_title.embed = "album";
  select.order = {by_title};
  auto rendered = render_shop(select);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_EQ(
      rendered->text,
      R"(select t."name", x1.c0, x1.c1, t."tenant_id", coalesce(x1.g, $1::uuid::text) from "app"."track" t left join lateral (select )"
      R"(e2."title" as c0, x3.j as c1, true as j, coalesce(nullif(e2."tenant_id", $1)::text, x3.g) as g from )"
      R"("app"."album" e2 left join lateral (select json_build_object('name', e4."name") as j, )"
      R"(nullif(e4."tenant_id", $1)::text as g from "app"."artist" e4 where e4."tenant_id" = $1 and e4."id" = )"
      R"(e2."artist_id") x3 on true where e2."tenant_id" = $1 and e2."id" = t."album_id") x1 on true where )"
      R"(t."tenant_id" = $1 order by x1.c0)");
  EXPECT_EQ(rendered->outputs[2].name, "artist");
  select.order.front().embed = "playlist";
  EXPECT_EQ(render_shop(select).error().sqlstate(), "PGRST108");
}

TEST(Render, SpreadsToManyAreArraysAndWhatIsInThemAddsItsRows) {
  Select select;
  select.relation = "artist";
  select.aggregates = true;
  Output spread = embed("album", {named("title"), embed("track", {named("name")})});
  Embed changed = *spread.embed;
  changed.spread = changed.distinct = true;
  spread.embed = std::make_shared<Embed>(changed);
  select.outputs = {spread};
  const auto rendered = render_shop(select);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_EQ(
      rendered->text,
      R"(select coalesce(x1.c0, '[]'), coalesce(x1.c1, '[]'), t."tenant_id", coalesce(x1.g, $1::uuid::text) from "app"."artist" t left join )"
      R"(lateral (select json_agg(distinct s.c0) filter (where s.c0 is not null) as c0, json_agg(distinct )"
      R"(s.c1::jsonb) filter (where s.c1 is not null) as c1, nullif(count(*), 0) as j, )"
      R"(min(s.g) as g from (select e2."title" as c0, x3.j as c1, coalesce()"
      R"(nullif(e2."tenant_id", $1)::text, x3.g) as g from "app"."album" e2 left join lateral (select )"
      R"(json_build_object('name', e4."name") as j, nullif(e4."tenant_id", $1)::text as g from "app"."track" e4 where )"
      R"(e4."tenant_id" = $1 and e4."album_id" = e2."id") x3 on true where e2."tenant_id" = $1 and )"
      R"(e2."artist_id" = t."id") s) x1 on true where t."tenant_id" = $1)");
}

TEST(Render, AFilterMayAskForAnEmbedsAbsence) {
  Select select;
  select.relation = "album";
  select.outputs = {named("title"), embed("artist", {named("name")}), embed("track", {named("name")})};
  select.where = where("artist", Operator::is, "null");
  select.exact_count = true;
  auto rendered = render_shop(select);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_TRUE(rendered->text.ends_with(R"(where t."tenant_id" = $1 and x1.j is null)")) << rendered->text;
  EXPECT_NE(rendered->count_text.find("\"artist\""), std::string::npos) << "the count asks for it, too";
  EXPECT_EQ(rendered->count_text.find("\"track\""), std::string::npos) << rendered->count_text;
  select.where.op = Operator::eq;
  EXPECT_EQ(render_shop(select).error().sqlstate(), "PGRST120");
}

TEST(Render, AnOrderByAnEmbedNeedsOneToOne) {
  Select select;
  select.relation = "artist";
  select.outputs = {named("name"), embed("album", {named("title")})};
  Order by_title;
  by_title.column = "title";
  by_title.embed = "album";
  select.order = {by_title};
  EXPECT_EQ(render_shop(select).error().sqlstate(), "PGRST118");
}

TEST(Render, EmbedsToManyHoldAtMost) {
  Select select;
  select.relation = "artist";
  select.outputs = {embed("album", {named("title"), embed("artist", {named("name")})})};
  select.embed_limit = 100;
  auto rendered = render_shop(select);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_NE(rendered->text.find(R"(e2."artist_id" = t."id" limit 100) s)"), std::string::npos)
      << rendered->text;
  EXPECT_EQ(rendered->text.find("limit", rendered->text.find("limit") + 1), std::string::npos)
      << "to one there is no more than one";
}

TEST(Render, FullTextSearchesMakeVectorsWhereThereAreNone) {
  Select select;
  select.relation = "track";
  select.outputs = {named("id")};
  select.where = where("name", Operator::wfts, "fun");
  select.where.language = "english";
  auto rendered = render_shop(select);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_TRUE(rendered->text.ends_with(
      R"(and to_tsvector($2::regconfig, t."name") @@ websearch_to_tsquery($3::regconfig, $4))"))
      << rendered->text;
}

TEST(Render, FunctionsOfARowAreFieldsAndRelationships) {
  std::vector<Relation> tables;
  tables.push_back(
      test::table("album", {test::column("id", "integer"), test::column("artist_id", "integer")}, {"id"}));
  tables.push_back(test::table("artist", {test::column("id", "integer")}, {"id"}));
  Column shouted = test::column("shouted", "text");
  shouted.computed = true;
  tables[0].computed.push_back(shouted);
  tables[0].relationships.push_back({"maker", "artist", true});
  const Relations relations(std::move(tables), {});
  Select select;
  select.relation = "album";
  select.outputs = {named("shouted"), embed("maker", {named("id")})};
  select.where = where("shouted", Operator::eq, "X");
  auto rendered = render(select, relations, "app", tenant);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_EQ(
      rendered->text,
      R"(select "app"."shouted"(t), x1.j, t."tenant_id", coalesce(x1.g, $1::uuid::text) from "app"."album" t left join lateral (select )"
      R"(json_build_object('id', e2."id") as j, nullif(e2."tenant_id", $1)::text as g from "app"."maker"(t) e2 where )"
      R"(e2."tenant_id" = $1) x1 on true where t."tenant_id" = $1 and "app"."shouted"(t) = $2)");
  select.outputs.clear();
  EXPECT_EQ(render(select, relations, "app", tenant)->outputs.size(), 2u) << "`*` is the columns alone";
}

TEST(Render, EmbedsNest) {
  Select select;
  select.relation = "artist";
  select.outputs = {embed("album", {embed("track", {embed("genre", {named("name")})})})};
  auto rendered = render_shop(select);
  ASSERT_TRUE(rendered) << rendered.error().message();
  std::size_t predicates = 0;
  for (std::size_t at = 0; (at = rendered->text.find("\"tenant_id\" = $1", at)) != std::string::npos; ++at)
    ++predicates;
  EXPECT_EQ(predicates, 3u) << rendered->text;
}

TEST(Render, SharedTableWithTenantEmbedCountsWithoutTheTenant) {
  Select select;
  select.relation = "genre";
  select.outputs = {named("name"), embed("track", {named("name")})};
  select.exact_count = true;
  auto rendered = render_shop(select);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_TRUE(rendered->tenant_param);
  EXPECT_EQ(rendered->count_text, R"(select count(*) from "app"."genre" t)");
  EXPECT_EQ(rendered->count_params.size(), 0u);
}

TEST(Render, ArraysAndCastsAreConverted) {
  Select select;
  select.relation = "track";
  select.outputs = {named("tags"), named("id"), named("added")};
  select.outputs[1].cast = "text";
  auto rendered = render_shop(select);
  ASSERT_TRUE(rendered);
  EXPECT_EQ(rendered->text.substr(0, 52), R"(select to_json(t."tags"), t."id"::text, t."added", t)");
  EXPECT_EQ(rendered->outputs[1].kind, JsonKind::string);
  EXPECT_EQ(rendered->outputs[2].kind, JsonKind::timestamptz);
  for (const char* cast : {"TEXT", "Timestamp With Time Zone", "character varying", "float", "interval"}) {
    select.outputs[1].cast = cast;
    EXPECT_TRUE(render_shop(select)) << cast;
  }
  select.outputs[1].cast = "text) from pg_authid --";
  EXPECT_EQ(render_shop(select).error().sqlstate(), "42704");
}

TEST(Render, UnknownNamesNeverReachSql) {
  Select select;
  select.relation = "nope";
  EXPECT_EQ(render_shop(select).error().code(), Errc::relation_unknown);
  EXPECT_EQ(render_shop(select).error().message(),
            "Could not find the table 'public.nope' in the schema cache");
  select.relation = "artist";
  for (std::string name : {"nope", "tenant_id", "id\"; drop table x"}) {
    select.outputs = {named(name)};
    Error error = render_shop(select).error();
    EXPECT_EQ(error.code(), Errc::column_unknown);
    EXPECT_EQ(error.sqlstate(), "42703");
    EXPECT_EQ(error.message(), "column artist." + name + " does not exist");
    select.outputs.clear();
    select.where = where(name, Operator::eq, "1");
    EXPECT_EQ(render_shop(select).error().message(), error.message());
    select.where = {};
    select.order = {{name, false, Order::Nulls::unset}};
    EXPECT_EQ(render_shop(select).error().message(), error.message());
    select.order.clear();
  }
}

TEST(Render, AliasesAreLiterals) {
  Select select;
  select.relation = "album";
  Output inner = named("name");
  inner.alias = R"(o'k\"x)";
  select.outputs = {embed("artist", {inner})};
  auto rendered = render_shop(select);
  ASSERT_TRUE(rendered);
  EXPECT_NE(rendered->text.find(R"(json_build_object(E'o''k\\"x', e2."name"))"), std::string::npos)
      << rendered->text;
}

TEST(Render, WallsCanBeSwitchedOffForTheTestsOfTheOthers) {
  Select select;
  select.relation = "artist";
  Walls walls;
  walls.predicate = false;
  auto rendered = render_shop(select, walls);
  EXPECT_EQ(rendered->text,
            R"(select t."id", t."name", t."tenant_id" from "app"."artist" t where $1::uuid is not null)");
  walls.row_check = false;
  EXPECT_TRUE(render_shop(select, walls)->guards.empty());
}

TEST(Relationships, AmbiguousAndUnknownSayWhatThereIs) {
  Select select;
  select.relation = "album";
  select.outputs = {embed("person", {})};
  Error error = render_shop(select).error();
  EXPECT_EQ(error.code(), Errc::relationship_ambiguous);
  EXPECT_EQ(error.message(),
            "Could not embed because more than one relationship was found for 'album' and 'person'");
  EXPECT_EQ(error.details(),
            R"x([{"cardinality":"many-to-one","embedding":"album with person",)x"
            R"x("relationship":"album_editor_fkey using album(editor_id) and person(id)"},)x"
            R"x({"cardinality":"many-to-one","embedding":"album with person",)x"
            R"x("relationship":"album_producer_fkey using album(producer_id) and person(id)"}])x");
  for (const char* hint : {"album_editor_fkey", "editor_id"}) {
    select.outputs = {embed("person", {}, hint)};
    auto rendered = render_shop(select);
    ASSERT_TRUE(rendered) << hint;
    EXPECT_NE(rendered->text.find(R"(e2."id" = t."editor_id")"), std::string::npos);
  }
  for (const char* name : {"album_editor_fkey", "editor_id"}) {
    select.outputs = {embed(name, {})};
    EXPECT_TRUE(render_shop(select)) << name;
  }
  select.outputs = {embed("playlist", {})};
  error = render_shop(select).error();
  EXPECT_EQ(error.code(), Errc::relationship_unknown);
  EXPECT_EQ(error.message(),
            "Could not find a relationship between 'album' and 'playlist' in the schema cache");
}

TEST(Relationships, SelfReferenceReadsTheTableAsChildrenAndTheColumnAsParent) {
  Select select;
  select.relation = "person";
  select.outputs = {embed("person", {named("name")})};
  EXPECT_NE(render_shop(select)->text.find(R"(e2."reports_to" = t."id")"), std::string::npos);
  select.outputs = {embed("person", {named("name")}, "reports_to")};
  EXPECT_NE(render_shop(select)->text.find(R"(e2."reports_to" = t."id")"), std::string::npos);
  select.outputs = {embed("reports_to", {named("name")})};
  EXPECT_NE(render_shop(select)->text.find(R"(e2."id" = t."reports_to")"), std::string::npos);
}

TEST(Relationships, EmbedDepthHasALimit) {
  Output output = named("name");
  for (int i = 0; i < 12; ++i) output = embed("person", {output});
  Select select;
  select.relation = "person";
  select.outputs = {output};
  EXPECT_EQ(render_shop(select).error().code(), Errc::relationship_unknown);
}

}  // namespace
}  // namespace bulkhead::sql
