#include "lifecycle/create.hpp"

#include <algorithm>
#include <thread>

#include <gtest/gtest.h>

#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "lifecycle/plans.hpp"
#include "lifecycle/pool.hpp"
#include "lifecycle/slots.hpp"
#include "support/tenants.hpp"

namespace bulkhead::lifecycle {
namespace {

using catalog::Model;
using test::must;
using test::Postgres;

constexpr const char* shop = R"(
create table genre (id integer primary key generated always as identity, name text not null);
select bulkhead.shared_table('genre');
create table album (tenant_id uuid not null default bulkhead.tenant_id(), id bigint not null, title text not null, genre_id integer
  references genre(id), primary key (tenant_id, id));
select bulkhead.tenant_table('album');
select bulkhead.tenant_numbered('album', 'id');
)";

class Create : public testing::TestWithParam<Model> {
 protected:
  Create() : database_(Postgres::shared().make_database()), admin_(database_.connect_admin()) {
    test::migrate_app(database_, {shop});
    must(admin_.execute("insert into app.genre(name) values ('Rock'), (E'Tab\\tand\\\\slash\\n')"));
  }

  CreateRequest request(const std::string& slug) const {
    CreateRequest out;
    out.slug = slug;
    out.model = GetParam();
    return out;
  }
  std::string one(const std::string& sql) { return std::string(must(admin_.query(sql)).text(0, 0)); }

  test::Database database_;
  pg::Blocking admin_;
};

TEST_P(Create, MakesATenantThatWorksAtOnce) {
  const auto acme = must(create_tenant(admin_, request("acme")));
  const auto globex = must(create_tenant(admin_, request("globex")));
  EXPECT_EQ(acme.placement.model, GetParam());
  EXPECT_EQ(acme.name, "acme");
  const std::string schema = "\"" + acme.placement.schema + "\"";
  test::as_tenant(database_, acme, "member",
                  "insert into " + schema + ".album(title, genre_id) values ('One', 1), ('Two', 2)");
  const auto rows =
      test::as_tenant(database_, acme, "viewer", "select id, title from " + schema + ".album order by id");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows.text(1, 0), "2");
  const auto theirs = test::as_tenant(database_, globex, "viewer",
                                      "select count(*) from \"" + globex.placement.schema + "\".album");
  EXPECT_EQ(theirs.text(0, 0), "0");
  EXPECT_EQ(create_tenant(admin_, request("acme")).error().code(), Errc::already_exists);
  EXPECT_EQ(create_tenant(admin_, request("www")).error().code(), Errc::usage);
  EXPECT_EQ(one("select count(*) from catalog.slot"), "0");
}

TEST_P(Create, CopiesTheSharedRows) {
  const auto acme = must(create_tenant(admin_, request("acme")));
  auto home = test::connect_home(database_, acme);
  const auto rows =
      must(home.query("select id, name from \"" + acme.placement.schema + "\".genre order by id"));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows.text(1, 1), "Tab\tand\\slash\n");
  // The next one that a migration adds gets a number of its own.
  EXPECT_EQ(must(home.query("insert into \"" + acme.placement.schema +
                            "\".genre(name) values ('Jazz') returning id"))
                .text(0, 0),
            "3");
}

TEST_P(Create, TakesAPlacementThatWaits) {
  if (GetParam() == Model::row)
    GTEST_SKIP() << "a row placement in the catalog's own pool is made in one statement";
  Plan plan;
  plan.name = "big";
  plan.model = GetParam();
  plan.pool = 3;
  must(set_plan(admin_, plan));
  const auto filled = must(fill_pool(admin_));
  EXPECT_EQ(filled.made, 3);
  EXPECT_TRUE(filled.errors.empty());
  EXPECT_EQ(must(fill_pool(admin_)).made, 0);
  const auto states = must(pool_states(admin_));
  ASSERT_EQ(states.size(), 1u);
  EXPECT_EQ(states[0].ready, 3);

  CreateRequest wanted;
  wanted.slug = "acme";
  wanted.plan = "big";
  const auto acme = must(create_tenant(admin_, wanted));
  EXPECT_EQ(acme.placement.model, GetParam());
  EXPECT_EQ(acme.plan, "big");
  EXPECT_EQ(one("select count(*) from catalog.slot where state = 'ready'"), "2");
  EXPECT_EQ(one("select count(*) from catalog.operation"), "0");
  test::as_tenant(database_, acme, "member",
                  "insert into \"" + acme.placement.schema + "\".album(title) values ('One')");
  EXPECT_EQ(must(fill_pool(admin_)).made, 1);
}

TEST_P(Create, TwoAtOnceMakeOne) {
  std::vector<Errc> met(4, Errc::internal);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < met.size(); ++i) {
    threads.emplace_back([this, i, &met] {
      auto mine = database_.connect_admin();
      const auto made = create_tenant(mine, request("acme"));
      met[i] = made.has_value() ? Errc::usage : made.error().code();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(std::count(met.begin(), met.end(), Errc::usage), 1);
  EXPECT_EQ(std::count(met.begin(), met.end(), Errc::conflict) +
                std::count(met.begin(), met.end(), Errc::already_exists),
            3);
  EXPECT_EQ(one("select count(*) from catalog.tenant"), "1");
  must(fill_pool(admin_));
  EXPECT_EQ(one("select count(*) from catalog.slot"), "0");
}

TEST_P(Create, WhatFailsLeavesNothing) {
  if (GetParam() == Model::row) GTEST_SKIP() << "nothing is made before the tenant";
  must(admin_.execute("update catalog.app_migration set sql = 'create table broken (id)', checksum = 'x'"));
  const auto before = one("select count(*) from pg_database") + "/" + one("select count(*) from pg_roles");
  EXPECT_TRUE(create_tenant(admin_, request("acme")).has_error());
  EXPECT_EQ(one("select state from catalog.operation"), "failed");
  EXPECT_EQ(one("select error <> '' from catalog.operation"), "t");
  must(fill_pool(admin_));
  EXPECT_EQ(one("select count(*) from catalog.slot"), "0");
  EXPECT_EQ(one("select count(*) from catalog.tenant"), "0");
  if (GetParam() == Model::silo) {
    EXPECT_EQ(one("select count(*) from pg_database") + "/" + one("select count(*) from pg_roles"), before);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Create, testing::Values(Model::row, Model::schema, Model::silo),
                         [](const auto& info) { return std::string(catalog::model_name(info.param)); });

TEST(Shards, AreFilledBeforeAnotherIsMade) {
  const auto database = Postgres::shared().make_database();
  auto admin = database.connect_admin();
  test::migrate_app(database, {shop});
  must(catalog::set_setting(admin, "shard_schemas", "2"));
  for (const auto* slug : {"one", "two", "three"})
    static_cast<void>(test::make_tenant(database, slug, Model::schema));
  const auto rows =
      must(admin.query("select count(*) from catalog.placement group by database_name order by 1"));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows.text(0, 0), "1");
  EXPECT_EQ(rows.text(1, 0), "2");
}

TEST(Places, AreBoundedAndClosed) {
  const auto database = Postgres::shared().make_database();
  auto admin = database.connect_admin();
  must(admin.execute("update catalog.cell set row_max = 2, region = 'north'"));
  CreateRequest request;
  for (const auto* slug : {"one", "two"}) {
    request.slug = slug;
    must(create_tenant(admin, request));
  }
  request.slug = "three";
  const auto full = create_tenant(admin, request);
  ASSERT_TRUE(full.has_error());
  EXPECT_EQ(full.error().code(), Errc::conflict);
  must(admin.execute("update catalog.cell set row_max = 3"));
  request.region = "south";
  EXPECT_EQ(create_tenant(admin, request).error().code(), Errc::conflict);
  request.region = "north";
  must(admin.execute("update catalog.cell set status = 'closed'"));
  EXPECT_EQ(create_tenant(admin, request).error().code(), Errc::conflict);
  must(admin.execute("update catalog.cell set status = 'open'"));
  must(create_tenant(admin, request));
  request.slug = "four";
  request.plan = "absent";
  EXPECT_EQ(create_tenant(admin, request).error().code(), Errc::not_found);
}

}  // namespace
}  // namespace bulkhead::lifecycle
