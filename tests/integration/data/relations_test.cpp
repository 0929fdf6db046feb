#include <chrono>
#include <cstdio>

#include "api/openapi/document.hpp"
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

TEST_F(RelationsOfTheShop, ViewsAreRelatedAsTheTablesThatTheyShow) {
  Postgres::migrate(database_, R"(
    create view hits with (security_invoker = true) as
      select t.tenant_id, t.id as no, t.album_id as record, upper(t.name) as loud from track t where t.id < 10;
    create view hits_again with (security_invoker = true) as select tenant_id, no, record from hits;
    create view twice with (security_invoker = true) as
      select tenant_id, id, album_id, album_id as same_album from track;
    create view sold with (security_invoker = true) as
      select a.tenant_id, a.id, (select count(*) from track t where t.tenant_id = a.tenant_id and t.album_id = a.id)
        from album a;)");
  auto admin = database_.connect_admin();
  const auto relations = must(sql::Relations::load(admin, "app"));
  const auto ways = [&](std::string_view from, std::string_view to) {
    std::vector<std::string> found;
    for (const sql::ForeignKey* key : relations->around(from))
      if (key->from == from && key->to == to)
        found.push_back(key->from_columns.front() + " " + key->to_columns.front());
    return found;
  };
  using Ways = std::vector<std::string>;
  EXPECT_EQ(ways("hits", "album"), Ways{"record id"});
  EXPECT_EQ(ways("hits_again", "album"), Ways{"record id"}) << "a view of a view";
  EXPECT_EQ(ways("hits", "sold"), Ways{"record id"}) << "from view to view";
  EXPECT_EQ(ways("track", "sold"), Ways{"album_id id"});
  EXPECT_EQ(ways("twice", "album"), (Ways{"album_id id", "same_album id"})) << "each way that there is";
  EXPECT_EQ(relations->find("hits")->primary_key, std::vector<std::string>{"no"});
  EXPECT_TRUE(relations->find("sold")->view);
}

TEST_F(RelationsOfTheShop, FunctionsOfARowAreFieldsOrRelationships) {
  Postgres::migrate(database_, R"(
    create function loud(track) returns text language sql stable as $$ select upper($1.name) $$;
    create function name(track) returns text language sql stable as $$ select 'hidden' $$;
    create function record(track) returns setof album rows 1 language sql stable set search_path = app, pg_temp
      as $$ select a.* from album a where a.tenant_id = $1.tenant_id and a.id = $1.album_id $$;
    create function pieces(album) returns setof track language sql stable set search_path = app, pg_temp
      as $$ select t.* from track t where t.tenant_id = $1.tenant_id and t.album_id = $1.id $$;
    create function many(album) returns setof integer language sql stable as $$ select 1 $$;
    create function of_two(album, integer) returns integer language sql stable as $$ select 1 $$;)");
  auto admin = database_.connect_admin();
  const auto relations = must(sql::Relations::load(admin, "app"));
  const sql::Relation *track = relations->find("track"), *album = relations->find("album");
  ASSERT_EQ(track->computed.size(), 1u) << "a column goes before a function of its name";
  EXPECT_EQ(track->computed[0].name, "loud");
  EXPECT_TRUE(track->computed[0].computed);
  EXPECT_EQ(track->column("loud"), nullptr) << "no column to be written";
  EXPECT_EQ(track->field("loud"), &track->computed[0]);
  EXPECT_EQ(track->relationships, (std::vector<sql::ComputedRelationship>{{"record", "album", true}}));
  EXPECT_EQ(album->relationships, (std::vector<sql::ComputedRelationship>{{"pieces", "track", false}}));
  EXPECT_TRUE(album->computed.empty());
}

TEST_F(RelationsOfTheShop, WhoMayDoWhat) {
  Postgres::migrate(database_, R"(
    create type mood as enum ('calm', 'wild', 'busy');
    create function twice(n integer) returns integer language sql immutable as $$ select 2 * n $$;
    comment on function twice(integer) is 'Doubles';
    grant execute on function twice(integer) to app_member;
    create table event (tenant_id uuid not null default bulkhead.tenant_id(), id integer not null, title text,
                        price numeric, mood mood, primary key (tenant_id, id));
    select bulkhead.tenant_table('event');
    revoke all on event from app_viewer;
    grant select (id, title), insert (title) on event to app_viewer;
    revoke delete on event from app_member;)");
  auto admin = database_.connect_admin();
  const auto relations = must(sql::Relations::load(admin, "app"));
  using sql::Right;
  ASSERT_NE(relations->find("event"), nullptr);
  ASSERT_EQ(relations->overloads("twice").size(), 1u);
  const sql::Relation &event = *relations->find("event"), &genre = *relations->find("genre");
  EXPECT_FALSE(event.rights.allow(Right::select, Role::viewer));
  EXPECT_FALSE(event.seen_by_all);
  EXPECT_TRUE(event.allows(Right::select, *event.column("title"), Role::viewer));
  EXPECT_FALSE(event.allows(Right::select, *event.column("price"), Role::viewer));
  EXPECT_TRUE(event.allows(Right::insert, *event.column("title"), Role::viewer));
  EXPECT_FALSE(event.allows(Right::update, *event.column("title"), Role::viewer));
  for (const Right right : {Right::select, Right::insert, Right::update})
    EXPECT_TRUE(event.rights.allow(right, Role::member));
  EXPECT_FALSE(event.rights.allow(Right::remove, Role::member));
  EXPECT_TRUE(event.rights.allow(Right::remove, Role::owner));
  EXPECT_TRUE(genre.rights.allow(Right::select, Role::viewer));
  EXPECT_TRUE(genre.seen_by_all);
  const sql::Function& twice = relations->overloads("twice").front();
  EXPECT_FALSE(twice.rights.allow(Right::execute, Role::viewer));
  EXPECT_TRUE(twice.rights.allow(Right::execute, Role::member));
  EXPECT_EQ(twice.comment, "Doubles");
  EXPECT_EQ(relations->enum_values(event.column("mood")->type_oid),
            (std::vector<std::string>{"calm", "wild", "busy"}));
  EXPECT_TRUE(relations->enum_values(event.column("title")->type_oid).empty());
}

}  // namespace
}  // namespace bulkhead::test
