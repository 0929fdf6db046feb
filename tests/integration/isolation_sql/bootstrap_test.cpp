#include "migrate/bootstrap.hpp"

#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "migrate/runner.hpp"
#include "support/postgres.hpp"

namespace bulkhead::test {
namespace {

std::string one(pg::Blocking& connection, std::string_view sql) {
  const auto rows = must(connection.query(sql));
  return rows.empty() ? "" : std::string(rows.text(0, 0));
}

TEST(Bootstrap, IsIdempotentAndKeepsItsSecrets) {
  const auto database = Postgres::shared().make_database();
  auto admin = database.connect_admin();
  const auto before = one(admin, "select applied_at from bulkhead.bootstrap");
  const auto first = must(migrate::bootstrap(admin));
  EXPECT_EQ(one(admin, "select applied_at from bulkhead.bootstrap"), before)
      << "nothing changed, nothing to apply";
  // A changed program applies everything again, over what is there.
  must(admin.execute("update bulkhead.bootstrap set digest = 'of another build'"));
  const auto second = must(migrate::bootstrap(admin));
  EXPECT_NE(one(admin, "select applied_at from bulkhead.bootstrap"), before);
  EXPECT_EQ(first.login_password, second.login_password);
  EXPECT_EQ(first.catalog_password, second.catalog_password);
  EXPECT_EQ(first.binding_key_id, second.binding_key_id);
  EXPECT_EQ(first.binding_secret, second.binding_secret);
  EXPECT_EQ(first.binding_secret.size(), 32u);
  EXPECT_EQ(one(admin, "select count(*) from bulkhead.binding_key"), "1");
}

TEST(Bootstrap, ServersMayStartTogether) {
  auto& postgres = Postgres::shared();
  static_cast<void>(postgres.make_database());  // The roles are there; the database is new.
  const auto name = postgres.make_empty_database();
  std::vector<std::thread> servers;
  std::vector<Result<migrate::Credentials>> results(4, Error(Errc::internal, "did not run"));
  for (auto& result : results) {
    servers.emplace_back([&postgres, &name, &result] {
      auto admin = must(pg::Blocking::connect(postgres.admin(name)));
      result = migrate::bootstrap(admin);
    });
  }
  for (auto& server : servers) server.join();
  std::set<std::string> passwords;
  for (const auto& result : results) {
    ASSERT_TRUE(result.has_value()) << result.error().message() << result.error().internal();
    passwords.insert(result->login_password);
  }
  EXPECT_EQ(passwords.size(), 1u);
  // The cluster's other databases have the same logins, so the passwords are the same.
  const auto other = postgres.make_database();
  EXPECT_EQ(*passwords.begin(), other.credentials.login_password);
  EXPECT_TRUE(pg::Blocking::connect(other.login).has_value());
}

TEST(Bootstrap, WorksForAnOwnerWithCreateroleWhoIsNoSuperuser) {
  auto& postgres = Postgres::shared();
  const auto known = postgres.make_database();
  auto super = must(pg::Blocking::connect(postgres.admin("postgres")));
  const auto name = postgres.make_empty_database();
  must(super.execute("create role rds_admin login createrole createdb password 'x'; alter database " + name +
                     " owner to rds_admin; grant connect on database " + name + " to rds_admin"));
  const auto conninfo = with_login(postgres.admin(name), "rds_admin", "x");
  {
    auto admin = must(pg::Blocking::connect(conninfo));
    // Another database of this server keeps the passwords of the common logins; taking new ones would lock it out.
    const auto refused = migrate::bootstrap(admin);
    ASSERT_TRUE(refused.has_error());
    EXPECT_NE(refused.error().message().find("\"template_signed\""), std::string_view::npos)
        << refused.error().message();
    EXPECT_TRUE(pg::Blocking::connect(known.login).has_value());
    // The administrator of both may go on.
    must(super.execute(
        "grant connect on database template_signed to rds_admin; grant bulkhead_system to rds_admin"));
    auto first = migrate::bootstrap(admin);
    ASSERT_TRUE(first.has_value()) << first.error().message() << first.error().internal();
    must(admin.execute("update bulkhead.bootstrap set digest = 'of another build'"));
    auto again = migrate::bootstrap(admin);
    ASSERT_TRUE(again.has_value()) << again.error().message() << again.error().internal();
    EXPECT_EQ(one(admin, "select catalog.create_tenant('acme', 'Acme') is not null"), "t");
    must(admin.execute(
        "begin; set local role bulkhead_owner; set local search_path = app, bulkhead;"
        "create table note (tenant_id uuid not null default bulkhead.tenant_id(), note_id bigint, body text, "
        "primary key (tenant_id, note_id)); select bulkhead.tenant_table('note'); commit"));
    const auto safe = migrate::check_tenant_safety(admin);
    EXPECT_TRUE(safe.has_value()) << safe.error().message();
  }
  EXPECT_TRUE(pg::Blocking::connect(known.login).has_value());
  must(super.execute("revoke connect on database template_signed from rds_admin"));
  must(super.execute("drop database " + name + " with (force)"));
  must(super.execute("drop role rds_admin"));
}

TEST(Bootstrap, RefusesALoginWithoutTheRightsAndSaysWhatToDo) {
  auto& postgres = Postgres::shared();
  auto super = must(pg::Blocking::connect(postgres.admin("postgres")));
  const auto name = postgres.make_empty_database();
  must(super.execute("create role weak login password 'x'"));
  {
    auto weak = must(pg::Blocking::connect(with_login(postgres.admin(name), "weak", "x")));
    const auto result = migrate::bootstrap(weak);
    ASSERT_TRUE(result.has_error());
    EXPECT_NE(result.error().hint().find("CREATEROLE"), std::string_view::npos);
    EXPECT_EQ(one(weak, "select to_regnamespace('bulkhead') is null"), "t") << "all or nothing";
  }
  must(super.execute("drop database " + name + " with (force)"));
  must(super.execute("drop role weak"));
}

TEST(Bootstrap, MendsLoginsThatSqlHasChanged) {
  const auto database = Postgres::shared().make_database();
  auto admin = database.connect_admin();
  {
    // What SQL that runs as the login may do to it.
    auto login = database.connect_login();
    must(login.execute("alter role bulkhead_login password 'attacker'"));
    must(login.execute("alter role bulkhead_login set default_transaction_read_only = on"));
  }
  const auto credentials = must(migrate::bootstrap(admin));
  EXPECT_EQ(credentials.login_password, database.credentials.login_password);
  auto login = pg::Blocking::connect(database.login);
  ASSERT_TRUE(login.has_value()) << login.error().message();
  EXPECT_EQ(one(*login, "show default_transaction_read_only"), "off");
}

TEST(Bootstrap, RefusesRolesThatAreTooStrong) {
  auto& postgres = Postgres::shared();
  static_cast<void>(postgres.make_database());
  const auto name = postgres.make_empty_database();
  auto admin = must(pg::Blocking::connect(postgres.admin(name)));
  must(admin.execute("alter role app_owner bypassrls"));
  const auto result = migrate::bootstrap(admin);
  must(admin.execute("alter role app_owner nobypassrls"));
  ASSERT_TRUE(result.has_error());
  EXPECT_NE(result.error().message().find("app_owner"), std::string_view::npos) << result.error().message();
}

TEST(Bootstrap, RefusesADatabaseOfANewerBulkhead) {
  const auto database = Postgres::shared().make_database();
  auto admin = database.connect_admin();
  must(admin.execute("update bulkhead.bootstrap set version = 999, digest = 'x'"));
  const auto result = migrate::bootstrap(admin);
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().code(), Errc::config_invalid);
}

TEST(Bootstrap, TheLoginsHaveNothingButWhatTheyNeed) {
  const auto database = Postgres::shared().make_database();
  auto admin = database.connect_admin();
  EXPECT_EQ(
      one(admin,
          "select string_agg(r, ',' order by r) from (select m.rolname::text as r from pg_auth_members a "
          "join pg_roles m on m.oid = a.roleid join pg_roles w on w.oid = a.member "
          "where w.rolname = 'bulkhead_login') x"),
      "app_admin,app_member,app_owner,app_viewer");
  EXPECT_EQ(
      one(admin,
          "select count(*) from pg_auth_members a join pg_roles w on w.oid = a.member where w.rolname in "
          "('bulkhead_catalog','app_viewer','app_member','app_admin','app_owner','bulkhead_owner','bulkhead_"
          "system')"),
      "0");
  EXPECT_EQ(one(admin,
                "select bool_or(rolinherit or rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or "
                "rolreplication) "
                "from pg_roles where rolname in ('bulkhead_login','bulkhead_catalog')"),
            "f");
  // Relations outside the system schemas that a login or an app role may touch in any way.
  const char* reach =
      "select coalesce(string_agg(r.rolname || ':' || c.oid::regclass::text, ' ' order by c.relname), '') "
      "from "
      "pg_class c join pg_namespace n on n.oid = "
      "c.relnamespace cross join pg_roles r where n.nspname in ('bulkhead','catalog','app','public') and "
      "c.relkind in ('r','v','m','p') "
      "and r.rolname = any($1::text[]) and has_table_privilege(r.oid, c.oid, "
      "'select,insert,update,delete,truncate,references,trigger')";
  EXPECT_EQ(
      must(admin.query(reach, {"{bulkhead_login,app_viewer,app_member,app_admin,app_owner}"})).text(0, 0),
      "");
  EXPECT_EQ(
      must(admin.query(reach, {"{bulkhead_catalog}"})).text(0, 0),
      "bulkhead_catalog:catalog.app_user bulkhead_catalog:catalog.home bulkhead_catalog:catalog.identity "
      "bulkhead_catalog:catalog.internal_key "
      "bulkhead_catalog:catalog.membership "
      "bulkhead_catalog:catalog.placement bulkhead_catalog:catalog.tenant");
  EXPECT_EQ(
      one(admin,
          "select coalesce(string_agg(p.oid::regprocedure::text, ' ' order by p.proname), '') from pg_proc p "
          "join pg_namespace n on n.oid = "
          "p.pronamespace where n.nspname in ('bulkhead','catalog') and "
          "has_function_privilege('bulkhead_login', p.oid, 'execute')"),
      "bulkhead.lock_tenant(uuid) bulkhead.resides(uuid,bigint,boolean,text,integer) "
      "bulkhead.target_version(text)");
  EXPECT_EQ(
      one(admin,
          "select coalesce(string_agg(p.oid::regprocedure::text, ' ' order by p.proname), '') from pg_proc p "
          "join pg_namespace n on n.oid = "
          "p.pronamespace where n.nspname in ('bulkhead','catalog') and "
          "has_function_privilege('app_viewer', p.oid, 'execute')"),
      "bulkhead.tenant_id()");
  EXPECT_EQ(one(admin,
                "select coalesce(string_agg(p.oid::regprocedure::text, ' '), '') from pg_proc p join "
                "pg_namespace n on n.oid = "
                "p.pronamespace where n.nspname in ('bulkhead','catalog') and "
                "has_function_privilege('public', p.oid, 'execute')"),
            "");
  EXPECT_EQ(one(admin,
                "select coalesce(string_agg(p.oid::regprocedure::text, ' '), '') from pg_proc p join "
                "pg_namespace n on n.oid = "
                "p.pronamespace where n.nspname in ('bulkhead','catalog','app') and p.prosecdef and not "
                "'search_path=pg_catalog, pg_temp' = any(coalesce(p.proconfig, '{}'))"),
            "");
  EXPECT_EQ(
      one(admin, "select has_database_privilege('public', current_database(), 'connect,temporary,create')"),
      "f");
  EXPECT_EQ(one(admin,
                "select bool_or(has_schema_privilege(r, s, 'create')) from "
                "unnest(array['bulkhead_login','bulkhead_catalog',"
                "'app_viewer','app_member','app_admin','app_owner','public']) r, "
                "unnest(array['app','bulkhead','catalog','public']) s"),
            "f");
  EXPECT_EQ(one(admin,
                "select has_database_privilege('bulkhead_system', current_database(), 'create') or "
                "has_database_privilege('bulkhead_owner', current_database(), 'create')"),
            "f");
}

TEST(Bootstrap, FunctionsOfMigrationsAreNotForEverybody) {
  const auto database = Postgres::shared().make_database();
  Postgres::migrate(database, "create function secret() returns int language sql as 'select 1'");
  auto admin = database.connect_admin();
  EXPECT_EQ(one(admin, "select has_function_privilege('public', 'app.secret()', 'execute')"), "f");
}

}  // namespace
}  // namespace bulkhead::test
