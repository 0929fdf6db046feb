// The real program is killed between any two steps of create and delete, and PostgreSQL in the middle: a later run finishes or
// undoes it, and nothing half-made stays.
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "lifecycle/certificate.hpp"
#include "lifecycle/housekeeper.hpp"
#include "lifecycle/operations.hpp"
#include "lifecycle/pool.hpp"
#include "support/program.hpp"
#include "support/tenants.hpp"

namespace bulkhead::lifecycle {
namespace {

namespace fs = std::filesystem;
using catalog::Model;
using test::must;
using test::Postgres;

constexpr const char* shop = R"(
create table genre (id integer primary key, name text not null);
select bulkhead.shared_table('genre');
insert into genre values (1, 'Rock');
create table album (tenant_id uuid not null default bulkhead.tenant_id(), id bigint not null, title text not null, primary key (tenant_id, id));
select bulkhead.tenant_table('album');
select bulkhead.tenant_numbered('album', 'id');
)";

class Killed : public testing::TestWithParam<Model> {
 protected:
  Killed() : database_(Postgres::shared().make_database()) {
    test::migrate_app(database_, {shop});
    auto admin = database_.connect_admin();
    // Each schema has a shard of its own, so that every run passes all places.
    must(catalog::set_setting(admin, "shard_schemas", "1"));
    trace_ = fs::temp_directory_path() / ("bh-trace-" + std::to_string(getpid()) + "-" + database_.name);
  }
  ~Killed() override {
    std::error_code ignored;
    fs::remove(trace_, ignored);
  }

  int run(const std::vector<std::string>& arguments,
          const std::map<std::string, std::string>& environment = {}) const {
    return test::Program(BULKHEAD_PROGRAM, database_, arguments, {environment}).wait();
  }
  static std::vector<std::string> create(const std::string& slug) {
    return {"tenant", "create", slug, "--model", std::string(catalog::model_name(GetParam()))};
  }
  static std::vector<std::string> remove(const std::string& slug) {
    return {"tenant", "delete", slug, "--now", "--yes"};
  }

  /// Every place that a run passes, as the failpoint's name and which passage.
  std::vector<std::string> places(const std::vector<std::string>& arguments) {
    fs::remove(trace_);
    EXPECT_EQ(run(arguments, {{"BULKHEAD_FAILPOINT_TRACE", trace_.string()}}), 0);
    return test::passages(trace_);
  }

  std::string one(const std::string& sql) {
    auto admin = database_.connect_admin();
    return std::string(must(admin.query(sql)).text(0, 0));
  }

  /// A tenant with rows in the model.
  catalog::TenantRecord filled(const std::string& slug) {
    auto tenant = test::make_tenant(database_, slug, GetParam());
    test::as_tenant(database_, tenant, "member",
                    "insert into \"" + tenant.placement.schema +
                        "\".album(title) select 'Title ' || n from generate_series(1, 20) n");
    return tenant;
  }

  /// What is on the server is what the catalog knows, and nothing is in the making.
  void expect_nothing_half_made(const std::string& where) {
    SCOPED_TRACE(where);
    auto admin = database_.connect_admin();
    must(fill_pool(admin));
    EXPECT_EQ(one("select count(*) from catalog.slot"), "0");
    EXPECT_EQ(one("select count(*) from catalog.operation where state in ('pending', 'running')"), "0");
    EXPECT_EQ(one("select count(*) from catalog.database where state <> 'ready'"), "0");
    const auto known = one("select coalesce(string_agg(name, ',' order by name), '') from catalog.database");
    // Databases of other tests are on the same server: only those that appeared since count.
    EXPECT_EQ(one("select coalesce(string_agg(datname, ',' order by datname), '') from pg_database where "
                  "datname ~ '^bulkhead_(shard|silo)_' "
                  "and oid > (select oid from pg_database where datname = current_database())"),
              known);
    EXPECT_EQ(one("select coalesce(string_agg(rolname, ',' order by rolname), '') from pg_roles where "
                  "rolname ~ '^bulkhead_(shard|silo)_' and "
                  "exists (select from catalog.database d where d.name = rolname)"),
              known);
    for (const auto& database : must(catalog::list_databases(admin))) {
      auto inside = must(catalog::connect_to(admin, database.cell, database.name));
      const auto residents = must(inside.query("select count(*) from bulkhead.residency"));
      const auto schemas =
          must(inside.query("select count(*) from pg_namespace where starts_with(nspname, 't_')"));
      const auto placed =
          must(admin.query("select count(*), count(*) filter (where model = 'schema') from catalog.placement "
                           "where cell = $1 and "
                           "database_name = $2",
                           {database.cell, database.name}));
      EXPECT_EQ(residents.text(0, 0), placed.text(0, 0)) << database.name;
      EXPECT_EQ(schemas.text(0, 0), placed.text(0, 1)) << database.name;
    }
  }

  test::Database database_;
  fs::path trace_;
};

TEST_P(Killed, InAnyStepOfCreateAnotherRunFinishesIt) {
  const auto all = places(create("traced"));
  if (GetParam() == Model::row) EXPECT_TRUE(all.empty()) << "a row placement is made in one transaction";
  if (GetParam() != Model::row) EXPECT_GE(all.size(), 8u);
  int number = 0;
  for (const auto& place : test::chosen("create", all)) {
    SCOPED_TRACE(place);
    const std::string slug = "tenant-" + std::to_string(++number);
    ASSERT_EQ(run(create(slug), {{"BULKHEAD_FAILPOINT", place}}), -1);
    // In turns the same command, and what every server does by itself.
    if (number % 2 == 0 || place == "create.started:1") {
      const int code = run(create(slug));
      EXPECT_TRUE(code == 0 || code == 7) << code;
    } else {
      auto admin = database_.connect_admin();
      const auto report = Housekeeper().run_once(admin);
      EXPECT_TRUE(report.errors.empty());
    }
    auto admin = database_.connect_admin();
    const auto tenant = must(catalog::find_tenant(admin, slug));
    EXPECT_EQ(tenant.placement.model, GetParam());
    const auto rows = test::as_tenant(
        database_, tenant, "member",
        "insert into \"" + tenant.placement.schema + "\".album(title) values ('One') returning id");
    EXPECT_EQ(rows.text(0, 0), "1");
    expect_nothing_half_made(place);
  }
}

TEST_P(Killed, InAnyStepOfFillingThePoolAnotherRunTidiesUp) {
  if (GetParam() == Model::row)
    GTEST_SKIP() << "there is no pool of row placements in the catalog's own database";
  const std::string model(catalog::model_name(GetParam()));
  ASSERT_EQ(run({"plan", "set", "big", "--model", model, "--pool", "1"}), 0);
  const auto all = places({"pool", "fill"});
  EXPECT_GE(all.size(), 6u);
  int number = 0;
  for (const auto& place : test::chosen("pool", all)) {
    SCOPED_TRACE(place);
    // The one that waits is taken, so that another is wanted.
    ASSERT_EQ(run({"plan", "set", "big", "--pool", "1"}), 0);
    if (one("select count(*) from catalog.slot where state = 'ready'") != "0") {
      ASSERT_EQ(run({"tenant", "create", "tenant-" + std::to_string(++number), "--plan", "big"}), 0);
    }
    if (run({"pool", "fill"}, {{"BULKHEAD_FAILPOINT", place}}) != -1)
      continue;  // the shard was there already
    // Finished where it is still wanted, undone where it is not.
    const bool wanted = number % 2 == 0;
    ASSERT_EQ(run({"plan", "set", "big", "--pool", wanted ? "1" : "0"}), 0);
    ASSERT_EQ(run({"pool", "fill"}), 0);
    EXPECT_EQ(one("select count(*) from catalog.slot where state <> 'ready'"), "0");
    if (wanted) EXPECT_EQ(one("select count(*) from catalog.slot"), "1");
    EXPECT_EQ(one("select count(*) from catalog.database where state <> 'ready'"), "0");
  }
}

TEST_P(Killed, InAnyStepOfDeleteAnotherRunFinishesIt) {
  static_cast<void>(filled("traced"));
  const auto stays = filled("stays");
  const auto all = places(remove("traced"));
  EXPECT_GE(all.size(), 10u);
  int number = 0;
  for (const auto& place : test::chosen("delete", all)) {
    SCOPED_TRACE(place);
    const std::string slug = "tenant-" + std::to_string(++number);
    const auto tenant = filled(slug);
    ASSERT_EQ(run(remove(slug), {{"BULKHEAD_FAILPOINT", place}}), -1);
    if (number % 2 == 0) {
      const int code = run(remove(slug));
      EXPECT_TRUE(code == 0 || code == 6) << code;
    }
    auto admin = database_.connect_admin();
    EXPECT_TRUE(Housekeeper().run_once(admin).errors.empty());
    EXPECT_EQ(catalog::find_tenant(admin, slug).error().code(), Errc::not_found);
    const auto certificate = must(find_certificate(admin, tenant.id.text()));
    EXPECT_EQ(certificate.at("statement").at("tables").at(0).at("rows").as_int64(), 20);
    expect_nothing_half_made(place);
  }
  EXPECT_EQ(test::as_tenant(database_, stays, "viewer",
                            "select count(*) from \"" + stays.placement.schema + "\".album")
                .text(0, 0),
            "20");
}

TEST_P(Killed, WithPostgresInTheMiddleAnotherRunFinishesIt) {
  if (GetParam() == Model::row) static_cast<void>(filled("acme"));
  const bool creating = GetParam() != Model::row;
  const std::string place = GetParam() == Model::silo ? "provision.database.created"
                            : creating                ? "provision.schema.prepared"
                                                      : "operation.delete.digest";
  const auto arguments = creating ? create("acme") : remove("acme");
  fs::remove(trace_);
  test::Program running(BULKHEAD_PROGRAM, database_, arguments,
                        {{{"BULKHEAD_FAILPOINT_TRACE", trace_.string()}}});
  for (bool there = false; !there;) {
    std::ifstream in(trace_);
    for (std::string line; std::getline(in, line);) there = there || line == place;
    std::this_thread::yield();
  }
  kill(Postgres::shared().postmaster_pid(), SIGKILL);
  const int code = running.wait();
  Postgres::shared().revive();
  // It may have been at its end when the backends noticed.
  EXPECT_TRUE(code == 4 || code == 1 || code == 0) << code;
  auto admin = database_.connect_admin();
  must(admin.execute("update catalog.operation set due = now(), updated_at = now() - interval '1 min'"));
  static_cast<void>(Housekeeper().run_once(admin));
  EXPECT_EQ(catalog::find_tenant(admin, "acme").has_value(), creating);
  expect_nothing_half_made(place);
}

INSTANTIATE_TEST_SUITE_P(Models, Killed, testing::Values(Model::row, Model::schema, Model::silo),
                         [](const auto& info) { return std::string(catalog::model_name(info.param)); });

}  // namespace
}  // namespace bulkhead::lifecycle
