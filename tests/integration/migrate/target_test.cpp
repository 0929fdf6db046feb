#include "migrate/target.hpp"

#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "migrate/runner.hpp"
#include "support/postgres.hpp"

namespace bulkhead::migrate {
namespace {

namespace fs = std::filesystem;
using catalog::DatabaseKind;
using test::must;
using test::Postgres;

constexpr const char* kA = "t_000000000000000a";
constexpr const char* kB = "t_000000000000000b";
constexpr const char* kTenant = "11111111-1111-1111-1111-111111111111";

/// A database that holds placements but not the catalog.
struct Prepared {
  explicit Prepared(DatabaseKind kind, BindingMode binding = BindingMode::signed_context)
      : name(Postgres::shared().make_empty_database()), kind_(kind), binding_(binding) {
    prepare();
  }
  /// `known`: as the catalog has it.
  void prepare() {
    auto connection = admin();
    secrets = must(prepare_database(connection, kind_, name, binding_, secrets));
  }
  [[nodiscard]] pg::Blocking admin() const {
    return must(pg::Blocking::connect(Postgres::shared().admin(name)));
  }
  [[nodiscard]] Result<pg::Blocking> login() const { return login_to(name); }
  [[nodiscard]] Result<pg::Blocking> login_to(const std::string& database) const {
    return pg::Blocking::connect(
        test::with_login(Postgres::shared().admin(database), name, secrets.password));
  }
  std::string name;
  DatabaseSecrets secrets;

 private:
  DatabaseKind kind_;
  BindingMode binding_;
};

std::string one(pg::Blocking& connection, std::string_view sql,
                const std::vector<std::optional<std::string>>& params = {}) {
  const auto rows = must(connection.query(sql, params));
  return rows.empty() ? "" : std::string(rows.text(0, 0));
}

std::string state_of(pg::Blocking& connection, const std::string& sql) {
  const auto done = connection.execute(sql);
  return done.has_error() ? std::string(done.error().sqlstate()) : "";
}

std::vector<MigrationFile> recordshop() {
  return must(read_migrations(fs::path(BULKHEAD_SOURCE_DIR) / "examples/recordshop/migrations"));
}

void reside(pg::Blocking& admin, const std::string& schema) {
  must(admin.query("insert into bulkhead.residency(tenant_id, epoch, schema_name) values ($1, 1, $2)",
                   {kTenant, schema}));
}

/// As the server binds: residency, context, role.
std::string bind_tenant(pg::Blocking& login, const std::string& context, const std::string& role,
                        const std::string& schema, const std::string& version) {
  const auto rows =
      must(login.query("select set_config('bulkhead.context', $1, true), set_config('role', $2, true) where "
                       "bulkhead.resides($3, 1, "
                       "false, $4, $5)",
                       {context, role, kTenant, schema, version}));
  return rows.empty() ? "nothing" : "bound";
}

class Targets : public ::testing::Test {
 protected:
  Targets() {
    std::string made = "/tmp/bh-targets-XXXXXX";
    if (mkdtemp(made.data()) == nullptr) throw std::runtime_error("mkdtemp");
    dir_ = made;
  }
  ~Targets() override {
    std::error_code ignored;
    fs::remove_all(dir_, ignored);
  }
  std::vector<MigrationFile> files() { return must(read_migrations(dir_)); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ / name, std::ios::trunc) << text;
  }
  static std::string failure(pg::Blocking& admin, const std::string& schema,
                             const std::vector<MigrationFile>& files) {
    const auto done = migrate_target(admin, schema, files);
    return done.has_error() ? std::string(done.error().message()) : "";
  }

  fs::path dir_;
};

TEST_F(Targets, ASiloServesItsTenantWithASignedContext) {
  const Prepared silo(DatabaseKind::silo);
  auto admin = silo.admin();
  const auto shop = recordshop();
  EXPECT_EQ(must(migrate_target(admin, "app", shop)).applied.size(), shop.size());
  EXPECT_EQ(one(admin, "select version || ' ' || length(fingerprint) from bulkhead.target"),
            std::to_string(shop.size()) + " 64");
  reside(admin, "app");
  auto login = must(silo.login());
  EXPECT_EQ(state_of(login, "select from app.artist"), "42501") << "with no role bound";
  must(login.execute("begin"));
  const std::string context = test::context(admin, kTenant, "app_member");
  EXPECT_EQ(bind_tenant(login, context, "app_member", "app", "99"), "nothing") << "of another version";
  EXPECT_EQ(bind_tenant(login, context, "app_member", "app", std::to_string(shop.size())), "bound");
  must(login.execute("insert into app.artist(name) values ('Nina')"));
  EXPECT_EQ(one(login, "select tenant_id || ' ' || artist_id from app.artist"), std::string(kTenant) + " 1");
  must(login.execute("rollback"));
  must(login.execute("begin"));
  EXPECT_EQ(bind_tenant(login, test::context(admin, kTenant, "app_member").replace(0, 1, "2"), "app_member",
                        "app", std::to_string(shop.size())),
            "bound");
  EXPECT_EQ(state_of(login, "select from app.artist"), "28000") << "forged";
}

TEST_F(Targets, ASchemaOfAShardIsItsTenantsAlone) {
  const Prepared shard(DatabaseKind::shard);
  auto admin = shard.admin();
  EXPECT_EQ(one(admin, "select count(*) from bulkhead.target"), "0");
  EXPECT_EQ(one(admin, "select to_regnamespace('app') is null"), "t");
  const auto shop = recordshop();
  for (const char* schema : {kA, kB}) {
    must(prepare_schema(admin, shard.name, schema));
    must(prepare_schema(admin, shard.name, schema));
    must(migrate_target(admin, schema, shop));
    must(check_tenant_safety(admin, schema));
  }
  EXPECT_EQ(one(admin, "select count(distinct fingerprint) from bulkhead.target"), "1");
  EXPECT_EQ(must(fingerprint(admin, kB)), one(admin, "select max(fingerprint) from bulkhead.target"));
  reside(admin, kA);
  const std::string version = std::to_string(shop.size());
  const std::string member = std::string(kA) + "_member";
  auto login = must(shard.login());
  must(login.execute("begin"));
  EXPECT_EQ(bind_tenant(login, test::context(admin, kTenant, member), member, kB, version), "nothing")
      << "lives elsewhere";
  EXPECT_EQ(bind_tenant(login, test::context(admin, kTenant, member), member, kA, version), "bound");
  must(login.execute("insert into t_000000000000000a.artist(name) values ('Nina')"));
  EXPECT_EQ(one(login, "select artist_id from t_000000000000000a.artist"), "1");
  EXPECT_EQ(state_of(login, "select from t_000000000000000b.artist"), "42501");
  must(login.execute("rollback"));
  for (const std::string role : {"app_member", "app_owner"}) {
    EXPECT_EQ(state_of(admin, "begin; set local role " + role + "; select from t_000000000000000a.artist"),
              "42501");
    must(admin.execute("rollback"));
  }
  // A context is good for one schema: it names the role.
  must(login.execute("begin"));
  EXPECT_EQ(
      bind_tenant(login, test::context(admin, kTenant, std::string(kB) + "_member"), member, kA, version),
      "bound");
  EXPECT_EQ(state_of(login, "select from t_000000000000000a.artist"), "28000");
  must(login.execute("rollback"));
  must(admin.execute("delete from bulkhead.residency where false"));
  must(drop_schema(admin, kA));
  must(drop_schema(admin, kA));
  EXPECT_EQ(
      one(admin,
          "select (select count(*) from pg_roles where rolname like 't_000000000000000a%') + (select "
          "count(*) from "
          "bulkhead.residency) + (select count(*) from bulkhead.migration where schema_name like '%a') + "
          "(select count(*) from pg_namespace where nspname like 't_%a')"),
      "0");
  must(check_tenant_safety(admin, kB));
  must(drop_schema(admin, kB));
}

TEST_F(Targets, ALoginOpensItsOwnDatabaseAlone) {
  const Prepared first(DatabaseKind::silo), second(DatabaseKind::silo), shard(DatabaseKind::shard);
  EXPECT_TRUE(first.login().has_value());
  EXPECT_TRUE(first.login_to(second.name).has_error());
  EXPECT_TRUE(first.login_to(shard.name).has_error());
  EXPECT_TRUE(shard.login_to(first.name).has_error());
  const auto catalog = Postgres::shared().make_database();
  EXPECT_TRUE(first.login_to(catalog.name).has_error());
  EXPECT_TRUE(pg::Blocking::connect(test::with_login(Postgres::shared().admin(first.name), "bulkhead_login",
                                                     catalog.credentials.login_password))
                  .has_error());
  auto login = must(first.login());
  for (const char* refused :
       {"create temp table x (y int)", "create schema x", "create table public.x (y int)",
        "select * from bulkhead.binding_key", "select bulkhead.make_binding_key('1 hour', 1)",
        "select bulkhead.tenant_table('x')", "select * from bulkhead.target"}) {
    EXPECT_EQ(state_of(login, refused), "42501") << refused;
  }
}

TEST_F(Targets, WhatIsKnownIsKeptWhileItHolds) {
  Prepared silo(DatabaseKind::silo);
  const DatabaseSecrets before = silo.secrets;
  EXPECT_EQ(before.binding_secret.size(), 64u);
  silo.prepare();
  EXPECT_EQ(silo.secrets.password, before.password);
  EXPECT_EQ(silo.secrets.binding_key_id, before.binding_key_id);
  auto admin = silo.admin();
  // As injected SQL could, and as an operator who lost the catalog's row would find it.
  must(admin.execute("alter role " + silo.name + " password 'other'"));
  silo.secrets.binding_secret = std::string(64, 'a');
  silo.prepare();
  EXPECT_NE(silo.secrets.password, before.password);
  EXPECT_EQ(silo.secrets.binding_key_id, before.binding_key_id + 1);
  EXPECT_TRUE(silo.login().has_value());
  EXPECT_EQ(one(admin, "select count(*) from bulkhead.binding_key"), "2")
      << "the former one is valid for a while";
  must(admin.execute("alter role " + silo.name + " set search_path = evil"));
  const std::string password = silo.secrets.password;
  silo.prepare();
  EXPECT_NE(silo.secrets.password, password);
  EXPECT_EQ(
      one(admin, "select count(*) from pg_db_role_setting where setrole = '" + silo.name + "'::regrole"),
      "0");
}

TEST_F(Targets, AnEarlierBootstrapIsBroughtUpToDate) {
  Prepared pool(DatabaseKind::pool);
  auto admin = pool.admin();
  EXPECT_TRUE(must(is_prepared(admin, DatabaseKind::pool, pool.name, BindingMode::signed_context)));
  must(admin.execute(
      "update bulkhead.bootstrap set digest = 'old'; drop function bulkhead.target_version(text)"));
  EXPECT_FALSE(must(is_prepared(admin, DatabaseKind::pool, pool.name, BindingMode::signed_context)));
  const std::string password = pool.secrets.password;
  pool.prepare();
  EXPECT_EQ(one(admin, "select bulkhead.target_version('app')"), "0");
  EXPECT_EQ(pool.secrets.password, password);
  must(admin.execute("update bulkhead.bootstrap set version = 99"));
  EXPECT_TRUE(
      prepare_database(admin, DatabaseKind::pool, pool.name, BindingMode::signed_context).has_error());
  for (const char* name : {"bulkhead_login", "app_member", "Upper", "two words", "user", "x;drop"})
    EXPECT_TRUE(prepare_database(admin, DatabaseKind::pool, name, BindingMode::plain).has_error()) << name;
  for (const char* name : {"app", "t_1", "t_000000000000000G", "t_000000000000000a;"})
    EXPECT_TRUE(prepare_schema(admin, pool.name, name).has_error()) << name;
}

TEST_F(Targets, PlainBindingWorksThereToo) {
  const Prepared silo(DatabaseKind::silo, BindingMode::plain);
  auto admin = silo.admin();
  must(migrate_target(admin, "app", recordshop()));
  reside(admin, "app");
  auto login = must(silo.login());
  must(login.execute("begin"));
  EXPECT_EQ(bind_tenant(login, kTenant, "app_member", "app", std::to_string(recordshop().size())), "bound");
  EXPECT_EQ(one(login, "select count(*) from app.artist"), "0");
}

TEST_F(Targets, AnOwnerWithCreateroleWhoIsNoSuperuserPreparesAndMigrates) {
  auto super = must(pg::Blocking::connect(Postgres::shared().admin("postgres")));
  const std::string name = Postgres::shared().make_empty_database();
  must(super.execute("create role fleet_operator login createrole password 'x'; alter database " + name +
                     " owner to fleet_operator"));
  auto admin =
      must(pg::Blocking::connect(test::with_login(Postgres::shared().admin(name), "fleet_operator", "x")));
  must(prepare_database(admin, DatabaseKind::shard, name, BindingMode::signed_context));
  must(prepare_schema(admin, name, kA));
  must(migrate_target(admin, kA, recordshop()));
  must(check_tenant_safety(admin, kA));
  must(drop_schema(admin, kA));
}

TEST_F(Targets, AFileThatSaysAppIsReadForTheSchema) {
  write("0001_first.sql",
        "create table app.thing (tenant_id uuid not null default bulkhead.tenant_id(), id bigint, n integer, "
        "primary key "
        "(tenant_id, id));\n"
        "select bulkhead.tenant_table('app.thing');\n"
        "select bulkhead.tenant_numbered('thing', 'id');\n"
        "create function app.things() returns bigint language sql set search_path = app, pg_temp as $$ "
        "select count(*) "
        "from app.thing $$;\n"
        "create function app.more() returns bigint language plpgsql set search_path = pg_catalog, app, "
        "pg_temp as $$ "
        "begin return (select count(*) from thing); end $$;\n"
        "create view app.seen with (security_invoker = true) as select tenant_id, id from app.thing;\n"
        "do $$ begin execute 'create index thing_n on app.thing (tenant_id, n)'; perform "
        "'app.thing'::regclass; end $$;\n");
  const Prepared shard(DatabaseKind::shard), silo(DatabaseKind::silo);
  auto admin = shard.admin();
  auto other = silo.admin();
  must(prepare_schema(admin, shard.name, kA));
  must(migrate_target(admin, kA, files()));
  must(migrate_target(other, "app", files()));
  EXPECT_EQ(must(fingerprint(admin, kA)), must(fingerprint(other, "app")));
  EXPECT_EQ(one(admin, "select t_000000000000000a.things() + t_000000000000000a.more()"), "0");
  write("0002_second.sql", "select app.things();\n\nselect 'app.thing'::regclass, bø from app.thing;\n");
  EXPECT_EQ(failure(admin, kA, files()), "0002_second.sql:3:31: column \"bø\" does not exist");
  EXPECT_EQ(one(admin, "select version from bulkhead.target"), "1");
  must(other.execute("create index by_hand on app.thing (n)"));
  EXPECT_NE(must(fingerprint(admin, kA)), must(fingerprint(other, "app")));
  must(drop_schema(admin, kA));
}

TEST_F(Targets, AllFilesOrNone) {
  write("0001_first.sql", "create table a (id integer primary key); select bulkhead.shared_table('a');\n");
  write("0002_second.sql", "create table b (id integer primary key); select bulkhead.shared_table('b');\n");
  write("0003_third.sql", "select 1 / 0;\n");
  const Prepared silo(DatabaseKind::silo);
  auto admin = silo.admin();
  EXPECT_EQ(failure(admin, "app", files()), "0003_third.sql:1:1: division by zero");
  EXPECT_EQ(one(admin, "select count(*) from bulkhead.migration"), "0");
  EXPECT_EQ(one(admin, "select to_regclass('app.a') is null"), "t");
  write("0003_third.sql", "select 1;\n");
  EXPECT_EQ(must(migrate_target(admin, "app", files())).applied, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(migrate_target(admin, kA, files()).error().code(), Errc::not_found);
}

TEST_F(Targets, TheRolesOfASchemaAreHeldToTheRules) {
  const Prepared shard(DatabaseKind::shard);
  auto admin = shard.admin();
  must(prepare_schema(admin, shard.name, kA));
  must(prepare_schema(admin, shard.name, kB));
  const auto problem = [&] {
    const auto safe = check_tenant_safety(admin, kA);
    return safe.has_error() ? std::string(safe.error().message()) : "";
  };
  EXPECT_EQ(problem(), "");
  const auto wrong = [&](const std::string& sql, const std::string& expected, const std::string& undo) {
    must(admin.execute(sql));
    EXPECT_EQ(problem(), expected);
    must(admin.execute(undo));
    EXPECT_EQ(problem(), "") << undo;
  };
  wrong("alter role t_000000000000000a_member noinherit",
        "role t_000000000000000a_member: it does not inherit the rights of the app's role of that name",
        "alter role t_000000000000000a_member inherit");
  wrong("grant app_owner to t_000000000000000a_viewer",
        "role t_000000000000000a_viewer: it is a member of app_owner",
        "revoke app_owner from t_000000000000000a_viewer");
  wrong("grant t_000000000000000b_member to t_000000000000000a_member",
        "role t_000000000000000a_member: it is a member of t_000000000000000b_member",
        "revoke t_000000000000000b_member from t_000000000000000a_member");
  wrong("revoke app_member from t_000000000000000a_member",
        "role t_000000000000000a_member: it is no member of app_member",
        "grant app_member to t_000000000000000a_member");
  wrong("grant usage on schema t_000000000000000a to app_member",
        "schema t_000000000000000a: others than its four roles may use it",
        "revoke usage on schema t_000000000000000a from app_member");
  wrong("grant usage on schema t_000000000000000a to t_000000000000000b_member",
        "schema t_000000000000000a: others than its four roles may use it",
        "revoke usage on schema t_000000000000000a from t_000000000000000b_member");
  wrong("create role curious login; grant t_000000000000000a_viewer to curious",
        "role t_000000000000000a_viewer: curious is a member of it", "drop role curious");
  wrong("grant bulkhead_owner to " + shard.name, "role " + shard.name + ": it is a member of bulkhead_owner",
        "revoke bulkhead_owner from " + shard.name);
  wrong("create role t_000000000000000c_member; grant t_000000000000000c_member to " + shard.name,
        "role " + shard.name + ": it is a member of t_000000000000000c_member",
        "drop role t_000000000000000c_member");
  must(drop_schema(admin, kA));
  must(drop_schema(admin, kB));
}

TEST_F(Targets, AConcurrentFileIsFinishedByALaterRun) {
  write("0001_first.sql",
        "create table thing (tenant_id uuid not null default bulkhead.tenant_id(), id bigint, n integer, "
        "primary key "
        "(tenant_id, id));\nselect bulkhead.tenant_table('thing');\n");
  const Prepared shard(DatabaseKind::shard);
  auto admin = shard.admin();
  must(prepare_schema(admin, shard.name, kA));
  must(migrate_target(admin, kA, files()));
  // As a run that was killed leaves it.
  must(
      admin.execute("create index thing_n on t_000000000000000a.thing (tenant_id, n); alter index "
                    "t_000000000000000a.thing_n owner to bulkhead_owner; update pg_index set indisvalid = "
                    "false, indisready = false where "
                    "indexrelid = 't_000000000000000a.thing_n'::regclass"));
  write("0002_index.sql",
        "-- Asked for by everybody.\n-- bulkhead: concurrent\n\ncreate index concurrently thing_n on "
        "app.thing (tenant_id, "
        "n);\ncreate index concurrently thing_more on thing (tenant_id, n desc);\n");
  write("0003_third.sql", "alter table thing add column more text;\n");
  EXPECT_TRUE(files()[1].concurrent);
  EXPECT_FALSE(files()[2].concurrent);
  EXPECT_EQ(must(migrate_target(admin, kA, files())).applied, (std::vector<int>{2, 3}));
  EXPECT_EQ(one(admin,
                "select count(*) from pg_index where indrelid = 't_000000000000000a.thing'::regclass and "
                "indisvalid"),
            "3");
  EXPECT_EQ(one(admin, "select version from bulkhead.target"), "3");
  EXPECT_EQ(one(admin, "select current_setting('role') || ' ' || current_setting('lock_timeout')"), "none 0")
      << "the session is as it was";
  write("0004_bad.sql", "-- bulkhead: concurrent\nanalyze thing;\nalter table thing add column x text;\n");
  EXPECT_EQ(failure(admin, kA, files()),
            "0004_bad.sql:3:1: a statement that needs a transaction, or that a later run could not do again "
            "cannot stand "
            "in a file marked concurrent");
  write("0004_bad.sql", "-- bulkhead: concurrent\ncreate index concurrently thing_bad on thing (oops);\n");
  EXPECT_EQ(failure(admin, kA, files()), "0004_bad.sql:2:1: column \"oops\" does not exist");
  must(drop_schema(admin, kA));
}

TEST_F(Targets, TheCatalogsPoolRunsConcurrentFilesToo) {
  const auto database = Postgres::shared().make_database();
  auto admin = database.connect_admin();
  write("0001_first.sql",
        "create table thing (id integer primary key, n integer);\nselect bulkhead.shared_table('thing');\n");
  write("0002_index.sql", "-- bulkhead: concurrent\ncreate index concurrently thing_n on thing (n);\n");
  EXPECT_EQ(must(run_migrations(admin, files())).applied.size(), 2u);
  EXPECT_EQ(one(admin, "select version || ' ' || (fingerprint <> '') from bulkhead.target"), "2 true");
}

}  // namespace
}  // namespace bulkhead::migrate
