#include "lifecycle/tenants.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include <boost/json/serialize.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "lifecycle/certificate.hpp"
#include "lifecycle/export.hpp"
#include "lifecycle/housekeeper.hpp"
#include "lifecycle/import.hpp"
#include "lifecycle/plans.hpp"
#include "support/tenants.hpp"

namespace bulkhead::lifecycle {
namespace {

namespace fs = std::filesystem;
using catalog::Model;
using catalog::TenantStatus;
using test::must;
using test::Postgres;

// Tables that refer to themselves and to each other in a circle, and one whose trigger writes while rows go.
constexpr const char* shop = R"(
create table note (tenant_id uuid not null default bulkhead.tenant_id(), id bigint not null, text text, primary key (tenant_id, id));
select bulkhead.tenant_table('note');
select bulkhead.tenant_numbered('note', 'id');
create table person (tenant_id uuid not null default bulkhead.tenant_id(), id bigint not null, name text not null, boss bigint, team bigint,
  born date, cents bigint, data jsonb, half bigint generated always as (cents / 2) stored, primary key (tenant_id, id),
  foreign key (tenant_id, boss) references person (tenant_id, id));
select bulkhead.tenant_table('person');
create table team (tenant_id uuid not null default bulkhead.tenant_id(), id bigint not null, lead bigint, primary key (tenant_id, id),
  foreign key (tenant_id, lead) references person (tenant_id, id));
select bulkhead.tenant_table('team');
create table member (tenant_id uuid not null default bulkhead.tenant_id(), person_id bigint not null, team_id bigint not null,
  primary key (tenant_id, person_id, team_id), foreign key (tenant_id, person_id) references person (tenant_id, id),
  foreign key (tenant_id, team_id) references team (tenant_id, id));
select bulkhead.tenant_table('member');
)";
constexpr const char* circle = R"(
alter table person add foreign key (tenant_id, team) references team (tenant_id, id);
)";

class Tenants : public testing::TestWithParam<Model> {
 protected:
  Tenants() : database_(Postgres::shared().make_database()), admin_(database_.connect_admin()) {
    test::migrate_app(database_, {shop});
    std::string folder = "/tmp/bh-life-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = folder;
  }
  ~Tenants() override { fs::remove_all(folder_); }

  catalog::TenantRecord filled(const std::string& slug) {
    auto tenant = test::make_tenant(database_, slug, GetParam());
    const std::string s = "\"" + tenant.placement.schema + "\".";
    test::as_tenant(
        database_, tenant, "member",
        "with p as (insert into " + s +
            "person(id, name, boss, born, cents, data) values (1, 'Ann, \"the\" boss', null, '1970-01-02', "
            "9007199254740993, '{\"a\": [1, \"x\"]}'), (2, E'Ben\\nBall', 1, null, -1, null), (3, 'Ærø', 2, "
            "'infinity', 0, 'null') returning 1), t as (insert into " +
            s + "team(id, lead) values (1, 1) returning 1), m as (insert into " + s +
            "member(person_id, team_id) values (1, 1), (2, 1) returning 1) insert into " + s +
            "note(text) values ('one'), (null)");
    return tenant;
  }
  std::string count(const catalog::TenantRecord& tenant, const std::string& table) {
    return std::string(test::as_tenant(database_, tenant, "viewer",
                                       "select count(*) from \"" + tenant.placement.schema + "\"." + table)
                           .text(0, 0));
  }
  ExportReport exported(const std::string& tenant, const std::string& file) {
    ExportRequest request;
    request.tenant = tenant;
    request.out = folder_ / file;
    return must(export_tenant(admin_, request));
  }
  Operation remove(const std::string& tenant) {
    const auto operation = must(start_delete(admin_, tenant, std::chrono::seconds(0), "ann"));
    return must(run_delete(admin_, operation.id));
  }
  std::string one(const std::string& sql) { return std::string(must(admin_.query(sql)).text(0, 0)); }

  test::Database database_;
  pg::Blocking admin_;
  fs::path folder_;
};

TEST_P(Tenants, AreSuspendedAndResumedWithTheirRowsUntouched) {
  const auto acme = filled("acme");
  const auto suspended = must(suspend_tenant(admin_, "acme", "unpaid"));
  EXPECT_EQ(suspended.status, TenantStatus::suspended);
  EXPECT_EQ(suspended.suspended_reason, "unpaid");
  EXPECT_EQ(must(resume_tenant(admin_, acme.id.text())).status, TenantStatus::active);
  EXPECT_EQ(count(acme, "person"), "3");
  EXPECT_EQ(suspend_tenant(admin_, "absent", "").error().code(), Errc::not_found);
  EXPECT_EQ(suspend_tenant(admin_, "acme", std::string(1001, 'x')).error().code(), Errc::usage);
}

TEST_P(Tenants, ChangeTheirPlanWithinTheModel) {
  static_cast<void>(test::make_tenant(database_, "acme", GetParam()));
  for (const auto model : {Model::row, Model::schema, Model::silo}) {
    Plan plan;
    plan.name = catalog::model_name(model);
    plan.model = model;
    must(set_plan(admin_, plan));
    const auto changed = change_plan(admin_, "acme", plan.name);
    if (model == GetParam())
      EXPECT_EQ(must(changed).plan, plan.name);
    else
      EXPECT_EQ(changed.error().code(), Errc::conflict);
  }
  EXPECT_EQ(change_plan(admin_, "acme", "absent").error().code(), Errc::not_found);
}

TEST_P(Tenants, AreExportedWholeAndAloneAndTarReadsIt) {
  const auto acme = filled("acme");
  static_cast<void>(filled("globex"));
  must(catalog::ensure_membership(admin_, acme.id, "https://issuer", "ann", "Ann \"A\"", Role::owner));
  const auto report = exported("acme", "acme.tar.gz");
  EXPECT_EQ(report.rows, 3u + 1u + 2u + 2u + 1u);
  EXPECT_EQ(must(verify_export(folder_ / "acme.tar.gz")).content_sha256, report.content_sha256);
  EXPECT_FALSE(fs::exists(folder_ / "acme.tar.gz.partial"));

  const auto to = folder_ / "unpacked";
  fs::create_directory(to);
  ASSERT_EQ(std::system(("tar -xzf " + (folder_ / "acme.tar.gz").string() + " -C " + to.string()).c_str()),
            0);
  for (const auto* file : {"manifest.json", "schema/0001_test.sql", "schema/tables.json", "data/person.csv",
                           "counters.csv", "memberships.csv"})
    EXPECT_TRUE(fs::exists(to / file)) << file;
  ASSERT_EQ(std::system(("cd " + to.string() +
                         " && test $(sha256sum < data/person.csv | cut -d' ' -f1) = $(jq -r '.files[] | "
                         "select(.file == \"data/person.csv\").sha256' manifest.json)")
                            .c_str()),
            0);
  std::ifstream in(to / "data/person.csv");
  const std::string text(std::istreambuf_iterator<char>(in), {});
  EXPECT_NE(text.find("9007199254740993"), std::string::npos);
  EXPECT_NE(text.find("\"Ann, \"\"the\"\" boss\""), std::string::npos);

  // What was exported goes in again, into any model, and is the same.
  for (const auto model : {Model::row, Model::schema, Model::silo}) {
    const auto copy = test::make_tenant(database_, "copy-" + std::string(catalog::model_name(model)), model);
    must(import_csv(admin_, copy, to / "data"));
    EXPECT_EQ(exported(copy.slug, "copy.tar.gz").tables.at(0).sha256, report.tables.at(0).sha256);
    EXPECT_EQ(count(copy, "person"), "3");
  }
}

TEST_P(Tenants, AnExportThatWasChangedIsFound) {
  static_cast<void>(filled("acme"));
  static_cast<void>(exported("acme", "acme.tar.gz"));
  const auto to = folder_ / "unpacked";
  fs::create_directory(to);
  ASSERT_EQ(
      std::system(
          ("cd " + to.string() +
           " && tar -xzf ../acme.tar.gz && sed -i s/Ben/Bob/ data/person.csv && tar -czf ../forged.tar.gz *")
              .c_str()),
      0);
  EXPECT_EQ(verify_export(folder_ / "forged.tar.gz").error().code(), Errc::import_failed);
  fs::resize_file(folder_ / "acme.tar.gz", 600);
  EXPECT_EQ(verify_export(folder_ / "acme.tar.gz").error().code(), Errc::import_failed);
  ExportRequest request;
  request.tenant = "acme";
  request.out = folder_ / "absent" / "acme.tar.gz";
  EXPECT_EQ(export_tenant(admin_, request).error().code(), Errc::environment);
}

TEST_P(Tenants, AreDeletedForGoodWithACertificate) {
  const auto acme = filled("acme");
  const auto globex = filled("globex");
  must(catalog::ensure_membership(admin_, acme.id, "https://issuer", "ann", "Ann", Role::owner));
  const auto report = exported("acme", "acme.tar.gz");
  EXPECT_EQ(remove("acme").state, OperationState::done);

  EXPECT_EQ(catalog::find_tenant(admin_, "acme").error().code(), Errc::not_found);
  EXPECT_EQ(one("select count(*) from catalog.membership"), "0");
  if (GetParam() == Model::silo) {
    EXPECT_EQ(one("select count(*) from pg_database where datname = '" + acme.placement.database + "'"), "0");
    EXPECT_EQ(one("select count(*) from pg_roles where rolname = '" + acme.placement.database + "'"), "0");
  } else {
    auto home = test::connect_home(database_, globex);
    EXPECT_EQ(must(home.query("select (select count(*) from bulkhead.residency where tenant_id = $1::uuid) + "
                              "(select count(*) from "
                              "bulkhead.counter where tenant_id = $1::uuid)",
                              {acme.id.text()}))
                  .text(0, 0),
              "0");
  }
  EXPECT_EQ(count(globex, "person"), "3");

  const auto certificate = must(find_certificate(admin_, "acme"));
  const auto key = must(certificate_key(admin_));
  const auto statement = must(verify_certificate(boost::json::serialize(certificate), key));
  EXPECT_EQ(statement.at("tenant").at("id").as_string(), acme.id.text());
  EXPECT_EQ(statement.at("export_sha256").as_string(), report.content_sha256);
  EXPECT_EQ(statement.at("memberships").as_int64(), 1);
  EXPECT_EQ(statement.at("requested_by").as_string(), "ann");

  auto forged = certificate;
  forged["statement"].as_object()["deleted_at"] = "2001-01-01T00:00:00Z";
  EXPECT_EQ(verify_certificate(boost::json::serialize(forged), key).error().code(), Errc::token_signature);
  auto cut = certificate;
  cut["jws"] = std::string(certificate.at("jws").as_string()) + "AA";
  EXPECT_TRUE(verify_certificate(boost::json::serialize(cut), key).has_error());
  // The slug is free again, and so is the id's past.
  EXPECT_NE(test::make_tenant(database_, "acme", GetParam()).id, acme.id);
}

TEST_P(Tenants, ComeBackWithinTheirGrace) {
  const auto acme = filled("acme");
  must(suspend_tenant(admin_, "acme", "unpaid"));
  const auto operation = must(start_delete(admin_, "acme", std::chrono::hours(1), "ann"));
  EXPECT_EQ(operation.state, OperationState::pending);
  EXPECT_EQ(must(catalog::find_tenant(admin_, "acme")).status, TenantStatus::deleting);
  EXPECT_EQ(run_delete(admin_, operation.id).error().code(), Errc::conflict);
  EXPECT_EQ(resume_tenant(admin_, "acme").error().code(), Errc::conflict);
  EXPECT_EQ(must(start_delete(admin_, "acme", std::chrono::hours(2), "bob")).id, operation.id);
  // An export is what one wants now.
  static_cast<void>(exported("acme", "acme.tar.gz"));
  const auto back = must(undelete_tenant(admin_, "acme"));
  EXPECT_EQ(back.status, TenantStatus::suspended);
  EXPECT_EQ(back.suspended_reason, "unpaid");
  EXPECT_EQ(count(acme, "person"), "3");
  EXPECT_EQ(undelete_tenant(admin_, "acme").error().code(), Errc::conflict);
  EXPECT_EQ(resume_operation(admin_, operation.id).error().code(), Errc::conflict);
}

TEST_P(Tenants, AreDeletedByHousekeepingOnceTheGraceIsOver) {
  static_cast<void>(filled("acme"));
  must(start_delete(admin_, "acme", std::chrono::hours(1), "ann"));
  Housekeeper housekeeper;
  EXPECT_TRUE(housekeeper.run_once(admin_).finished.empty());
  must(admin_.execute("update catalog.operation set due = now(), updated_at = now() - interval '1 min'"));
  const auto report = housekeeper.run_once(admin_);
  ASSERT_EQ(report.finished.size(), 1u);
  EXPECT_EQ(report.finished[0], "delete acme");
  EXPECT_TRUE(report.errors.empty());
  EXPECT_EQ(one("select count(*) from catalog.tenant"), "0");
}

TEST_P(Tenants, AWriterThatIsUnderWayIsWaitedFor) {
  const auto acme = filled("acme");
  auto home = test::connect_home(database_, acme);
  must(home.execute("begin"));
  must(home.query("select pg_advisory_xact_lock_shared(hashtextextended($1, 0))", {acme.id.text()}));
  const auto operation = must(start_delete(admin_, "acme", std::chrono::seconds(0), "ann"));
  auto mine = database_.connect_admin();
  std::thread deleting([&] { EXPECT_EQ(must(run_delete(mine, operation.id)).state, OperationState::done); });
  // It waits for the lock: only then is the writer let go.
  while (must(home.query("select count(*) from pg_locks where locktype = 'advisory' and not granted and "
                         "database = (select oid from "
                         "pg_database where datname = current_database())"))
             .text(0, 0) == "0") {
    std::this_thread::yield();
  }
  EXPECT_EQ(
      must(home.query("select count(*) from bulkhead.residency where tenant_id = $1::uuid", {acme.id.text()}))
          .text(0, 0),
      "1");
  must(home.execute("commit"));
  deleting.join();
}

TEST_P(Tenants, WhoseTablesReferToEachOtherInACircleAreDeleted) {
  test::migrate_app(database_, {shop, circle});
  const auto acme = filled("acme");
  test::as_tenant(database_, acme, "member", "update \"" + acme.placement.schema + "\".person set team = 1");
  EXPECT_EQ(remove("acme").state, OperationState::done);
}

INSTANTIATE_TEST_SUITE_P(Models, Tenants, testing::Values(Model::row, Model::schema, Model::silo),
                         [](const auto& info) { return std::string(catalog::model_name(info.param)); });

TEST(Logins, AreMendedWhenSomebodyChangedTheirPassword) {
  const auto database = Postgres::shared().make_database();
  auto admin = database.connect_admin();
  test::migrate_app(database, {shop});
  const auto acme = test::make_tenant(database, "acme", Model::silo);
  EXPECT_TRUE(must(mend_database_logins(admin)).empty());
  const auto known = must(admin.query("select login, password from catalog.database"));
  const std::string login(known.text(0, 0)), password(known.text(0, 1));
  auto home = test::connect_home(database, acme);
  {
    auto inside = must(home.another({{"user", login}, {"password", password}}));
    must(inside.execute("alter role " + login + " password 'mine'; alter role " + login +
                        " set statement_timeout = 1"));
  }
  EXPECT_TRUE(home.another({{"user", login}, {"password", password}}).has_error());
  EXPECT_EQ(must(mend_database_logins(admin)), std::vector<std::string>{login});
  must(home.another({{"user", login}, {"password", password}}));
  EXPECT_TRUE(must(mend_database_logins(admin)).empty());
}

}  // namespace
}  // namespace bulkhead::lifecycle
