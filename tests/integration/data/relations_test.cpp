#include "shop.hpp"

namespace bulkhead::test {
namespace {

using RelationsOfTheShop = Shop;

TEST_F(RelationsOfTheShop, TheTenantIsLeftOutOfColumnsAndKeys) {
  const sql::Relation* album = source_.relations->find("album");
  ASSERT_NE(album, nullptr);
  EXPECT_TRUE(album->tenant);
  EXPECT_EQ(album->column("tenant_id"), nullptr);
  EXPECT_EQ(album->primary_key, std::vector<std::string>{"id"});
  EXPECT_EQ(album->column("price")->type, "numeric(30,10)");
  EXPECT_EQ(album->column("price")->json, sql::JsonKind::number);
  EXPECT_TRUE(album->column("tags")->convert);
  EXPECT_TRUE(album->column("meta")->is_json);
  EXPECT_TRUE(album->column("sold")->has_default);
  EXPECT_FALSE(source_.relations->find("genre")->tenant);
}

TEST_F(RelationsOfTheShop, ForeignKeysComeWithoutTheTenant) {
  bool found = false;
  for (const sql::ForeignKey* key : source_.relations->around("track")) {
    if (key->from != "track" || key->to != "album") continue;
    found = true;
    EXPECT_EQ(key->from_columns, std::vector<std::string>{"album_id"});
    EXPECT_EQ(key->to_columns, std::vector<std::string>{"id"});
    EXPECT_FALSE(key->from_unique);
  }
  EXPECT_TRUE(found);
}

TEST_F(RelationsOfTheShop, PartitionsAndUncheckableViewsAreLeftOut) {
  Postgres::migrate(database_, R"(
    create view titles with (security_invoker = true) as select title from album;
    create view titles_of with (security_invoker = true) as select tenant_id, id, title from album;
    create table event (tenant_id uuid not null default bulkhead.tenant_id(), id integer not null, day date not null,
      primary key (tenant_id, id, day)) partition by range (day);
    create table event_2021 partition of event for values from ('2021-01-01') to ('2022-01-01');
    create type mood as enum ('calm', 'wild');
    create domain cents as bigint check (value >= 0);
    create table typed (tenant_id uuid not null default bulkhead.tenant_id(), id integer generated always as identity,
      mood mood, price cents, moods mood[], at timestamp, primary key (tenant_id, id));)");
  auto admin = database_.connect_admin();
  auto relations = must(sql::Relations::load(admin, "app"));
  EXPECT_EQ(relations->find("titles"), nullptr);
  ASSERT_NE(relations->find("titles_of"), nullptr);
  EXPECT_TRUE(relations->find("titles_of")->view);
  EXPECT_NE(relations->find("event"), nullptr);
  EXPECT_EQ(relations->find("event_2021"), nullptr);
  const sql::Relation* typed = relations->find("typed");
  ASSERT_NE(typed, nullptr);
  EXPECT_TRUE(typed->column("id")->generated);
  EXPECT_EQ(typed->column("mood")->sql_type, "mood");
  EXPECT_TRUE(typed->column("mood")->own_type) << "the schema has another name elsewhere";
  EXPECT_EQ(typed->column("mood")->json, sql::JsonKind::string);
  EXPECT_EQ(typed->column("price")->json, sql::JsonKind::number);
  EXPECT_EQ(typed->column("moods")->sql_type, "_mood");
  EXPECT_TRUE(typed->column("moods")->convert);
  EXPECT_EQ(typed->column("at")->json, sql::JsonKind::timestamp);
}

}  // namespace
}  // namespace bulkhead::test
