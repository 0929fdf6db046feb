#include "migrate/rewrite.hpp"

#include <gtest/gtest.h>

namespace bulkhead::migrate {
namespace {

constexpr std::string_view schema = "t_0123456789abcdef";

std::string rewritten(std::string_view sql) {
  std::string text = rewrite_schema(sql, schema).text;
  for (auto at = text.find(schema); at != std::string::npos; at = text.find(schema))
    text.replace(at, schema.size(), "T");
  return text;
}

TEST(Rewrite, TheSchemasNameStandsInThePlaceOfApp) {
  EXPECT_EQ(rewritten("select * from app.x, App . y, \"app\".\"z\""), "select * from T.x, T . y, T.\"z\"");
  EXPECT_EQ(rewritten("grant usage on schema app to app_viewer"), "grant usage on schema T to app_viewer");
  EXPECT_EQ(rewritten("comment on schema app is 'app'"), "comment on schema T is 'app'");
  EXPECT_EQ(rewritten("create function f() returns void set search_path = pg_catalog, app, pg_temp as $$ $$"),
            "create function f() returns void set search_path = pg_catalog, T, pg_temp as $$ $$");
  EXPECT_EQ(rewritten("alter function f() set search_path to 'app', \"app\", pg_temp"),
            "alter function f() set search_path to 'T', T, pg_temp");
  EXPECT_EQ(
      rewritten("select bulkhead.tenant_table('app.x'), 'app.x'::regclass, 'app.f(integer)'::regprocedure"),
      "select bulkhead.tenant_table('T.x'), 'T.x'::regclass, 'T.f(integer)'::regprocedure");
}

TEST(Rewrite, WithinBodiesAndWhatTheyExecute) {
  EXPECT_EQ(
      rewritten(
          "create function f() returns int language plpgsql as $f$ begin execute $q$delete from app.x$q$; "
          "perform 1 from app.y; end $f$"),
      "create function f() returns int language plpgsql as $f$ begin execute $q$delete from T.x$q$; "
      "perform 1 from T.y; end $f$");
  EXPECT_EQ(rewritten("do language plpgsql $$ begin execute format('select %I from app.x', 'app.y'); end $$"),
            "do language plpgsql $$ begin execute format('select %I from T.x', 'T.y'); end $$");
  EXPECT_EQ(
      rewritten("create function f() returns int language sql as 'select 1 from app.x where y = ''app.z'''"),
      "create function f() returns int language sql as 'select 1 from T.x where y = ''T.z'''");
}

TEST(Rewrite, WhatOnlyLooksLikeItStays) {
  for (const std::string_view sql :
       {"select x.app.y from z", "select app from x", "insert into x values ('see app.example.com', 'app')",
        "insert into x values ($$app.x and more$$, 'app.example.com', 'app. ', 'app.x y')",
        "-- app.x\nselect 1 /* app.y */", "select myapp.x, app_x.y", "select 'unclosed app.x"}) {
    EXPECT_EQ(rewritten(sql), sql);
  }
  EXPECT_EQ(rewrite_schema("select * from app.x", "app").text, "select * from app.x");
}

TEST(Rewrite, PlacesAreThoseOfWhatWasWritten) {
  const std::string_view sql = "select app.x, 'app.y', oops";
  const Rewritten made = rewrite_schema(sql, schema);
  EXPECT_EQ(made.original(made.text.find("oops")), sql.find("oops"));
  EXPECT_EQ(made.original(made.text.find("select")), 0u);
  EXPECT_EQ(made.original(made.text.find("t_") + 5), sql.find("app.x"));
  EXPECT_EQ(made.original(made.text.find(".y")), sql.find(".y"));
}

}  // namespace
}  // namespace bulkhead::migrate
