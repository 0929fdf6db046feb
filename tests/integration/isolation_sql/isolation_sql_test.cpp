// What SQL alone can and cannot do: the server's statements are written here by hand, and so are an
// attacker's.
#include <memory>

#include <gtest/gtest.h>
#include <libpq-fe.h>

#include "migrate/runner.hpp"
#include "support/postgres.hpp"

namespace bulkhead::test {
namespace {

using Parameters = std::vector<std::optional<std::string>>;

constexpr const char* kSchema = R"(
  create table note (
    tenant_id uuid not null default bulkhead.tenant_id(),
    note_id bigint not null,
    body text not null,
    primary key (tenant_id, note_id)
  );
  select bulkhead.tenant_table('note');
  select bulkhead.tenant_numbered('note', 'note_id');
  create table colour (name text primary key);
  insert into colour values ('red');
  select bulkhead.shared_table('colour');

  -- A deliberately vulnerable function of the app: it runs whatever it is told.
  create function run_anything(command text) returns void language plpgsql as $$ begin execute command; end $$;
  grant execute on function run_anything(text) to app_viewer, app_member, app_admin, app_owner;
  create function ask_anything(question text) returns text language plpgsql as $$
    declare answer text; begin execute question into answer; return answer; end $$;
  grant execute on function ask_anything(text) to app_viewer, app_member, app_admin, app_owner;
  -- And one that a careless founder made to run with the owner's rights.
  create function careless(question text) returns text language plpgsql security definer as $$
    declare answer text; begin execute question into answer; return answer; end $$;
  grant execute on function careless(text) to app_member;
)";

/// Two tenants with three rows each, and a connection as the server has it.
class IsolationBySql : public ::testing::Test {
 protected:
  IsolationBySql()
      : database_(Postgres::shared().make_database()),
        admin_(database_.connect_admin()),
        server_(database_.connect_login()) {
    Postgres::migrate(database_, kSchema);
    a_ = Postgres::make_tenant(database_, "acme");
    b_ = Postgres::make_tenant(database_, "globex");
    for (const auto& [tenant, word] : {std::pair(a_, "of-acme"), std::pair(b_, "of-globex")}) {
      must(bind(tenant, "app_member", true));
      must(server_.query("insert into app.note(body) select $1 || ' ' || n from generate_series(1, 3) n",
                         {word}));
      must(server_.execute("commit"));
    }
  }

  /// What the server sends, but over a blocking connection: BEGIN stands for the implicit transaction.
  Result<void> bind(const std::string& tenant, const std::string& role, bool for_write = false,
                    const std::string& epoch = "1", int seconds = 120) {
    return bind_context(context(admin_, tenant, role, seconds), tenant, role, for_write, epoch);
  }
  Result<void> bind_context(const std::string& signed_context, const std::string& tenant,
                            const std::string& role, bool for_write = false, const std::string& epoch = "1") {
    BULKHEAD_CHECK(server_.execute("begin"));
    BULKHEAD_TRY(
        auto rows,
        server_.query("select set_config('bulkhead.context', $1, true), set_config('role', $2, true) "
                      "where bulkhead.resides($3::uuid, $4::bigint, $5::boolean, 'app', 0)",
                      {signed_context, role, tenant, epoch, for_write ? "true" : "false"}));
    if (rows.empty()) return Error(Errc::placement_stale, "not bound");
    return {};
  }
  /// The one value of a query in the transaction, or "ERROR <sqlstate>".
  std::string ask(const std::string& sql, const Parameters& parameters = {}) {
    auto rows = server_.query(sql, parameters);
    if (rows.has_error()) return "ERROR " + std::string(rows.error().sqlstate());
    return rows->empty() ? "" : std::string(rows->text(0, 0));
  }
  void end() { must(server_.execute("rollback")); }

  Database database_;
  pg::Blocking admin_, server_;
  std::string a_, b_;
};

TEST_F(IsolationBySql, WithNoRoleBoundEverythingIsRefused) {
  for (const char* sql : {"select body from app.note",
                          "select name from app.colour",
                          "insert into app.note(body) values ('x')",
                          "update app.note set body = 'x'",
                          "delete from app.note",
                          "truncate app.note",
                          "select tenant_id from bulkhead.residency",
                          "select opad from bulkhead.binding_key",
                          "select secret from catalog.credential",
                          "select slug from catalog.tenant",
                          "select value from bulkhead.counter",
                          "select bulkhead.tenant_id()",
                          "select bulkhead.next_id('x')",
                          "select bulkhead.rotate_binding_key()",
                          "select bulkhead.mac(1, 'x')",
                          "select bulkhead.sign_context(gen_random_uuid(), 'app_owner')",
                          "select catalog.create_tenant('abc', 'x')",
                          "create temporary table t (x int)",
                          "create table app.t (x int)",
                          "create table public.t (x int)"}) {
    EXPECT_EQ(ask(sql), "ERROR 42501") << sql;
  }
}

TEST_F(IsolationBySql, ARoleWithoutATenantSeesAndWritesNothing) {
  for (const char* role : {"app_viewer", "app_member", "app_admin", "app_owner"}) {
    must(server_.execute(std::string("begin; set local role ") + role));
    EXPECT_EQ(ask("select count(*) from app.note"), "0") << role;
    EXPECT_EQ(ask("select count(*) from app.colour"), "1") << role;
    end();
  }
  must(server_.execute("begin; set local role app_member"));
  EXPECT_EQ(ask("insert into app.note(note_id, body) values (9, 'x')"), "ERROR 42501");
  end();
}

TEST_F(IsolationBySql, EachRoleSeesItsOwnTenantWithoutAPredicate) {
  for (const char* role : {"app_viewer", "app_member", "app_admin", "app_owner"}) {
    must(bind(a_, role));
    EXPECT_EQ(ask("select count(*) || ' ' || min(body) || ' ' || max(body) from app.note"),
              "3 of-acme 1 of-acme 3")
        << role;
    EXPECT_EQ(ask("select string_agg(note_id::text, ',' order by note_id) from app.note"), "1,2,3")
        << "each tenant counts for itself";
    end();
  }
  must(bind(a_, "app_viewer", true));
  EXPECT_EQ(ask("insert into app.note(body) values ('x')"), "ERROR 42501");
  end();
  for (const char* sql :
       {"insert into app.colour values ('x')", "update app.colour set name = 'x'", "delete from app.colour",
        "truncate app.note", "alter table app.note no force row level security",
        "create policy p on app.note using (true)", "select bulkhead.tenant_table('note')"}) {
    must(bind(a_, "app_owner", true));
    EXPECT_EQ(ask(sql), "ERROR 42501") << sql;
    end();
  }
}

TEST_F(IsolationBySql, WritesReachTheOwnTenantAlone) {
  must(bind(a_, "app_owner", true));
  EXPECT_EQ(must(server_.query("update app.note set body = 'changed'")).affected(), 3u);
  EXPECT_EQ(must(server_.query("delete from app.note where tenant_id = $1::uuid", {b_})).affected(), 0u);
  EXPECT_EQ(ask("insert into app.note(tenant_id, note_id, body) values ($1::uuid, 9, 'planted')", {b_}),
            "ERROR 42501");
  end();
  must(bind(a_, "app_owner", true));
  EXPECT_EQ(ask("update app.note set tenant_id = $1::uuid", {b_}), "ERROR 42501");
  end();
}

TEST_F(IsolationBySql, AStalePlacementBindsNothing) {
  EXPECT_EQ(bind(a_, "app_member", false, "2").error().code(), Errc::placement_stale);
  EXPECT_EQ(ask("select count(*) from app.note"), "ERROR 42501");
  end();
  must(admin_.query("update bulkhead.residency set writable = false where tenant_id = $1::uuid", {a_}));
  EXPECT_EQ(bind(a_, "app_member", true).error().code(), Errc::placement_stale);
  end();
  must(bind(a_, "app_member", false));
  EXPECT_EQ(ask("select count(*) from app.note"), "3");
  end();
}

TEST_F(IsolationBySql, ForgedContextsRaise) {
  const std::string good = context(admin_, a_, "app_member");
  const std::string of_b = context(admin_, b_, "app_member");
  const auto mac_at = good.rfind('|');
  std::string other_mac = good, other_tenant = good, other_role = good, other_key = good, longer = good;
  other_mac.back() = other_mac.back() == '0' ? '1' : '0';
  other_tenant.replace(0, 36, b_);
  other_role.replace(37, 10, "app_owner");
  longer.insert(mac_at, "0");
  other_key.replace(mac_at - 1, 1, "9");
  const std::vector<std::string> forged = {other_mac,
                                           other_tenant,
                                           other_role,
                                           other_key,
                                           longer,
                                           b_,
                                           b_ + "|app_member|9999999999|1|",
                                           "x",
                                           "||||",
                                           b_ + "|app_member|9999999999|1|" + std::string(64, '0'),
                                           b_ + "|app_member|notanumber|1|" + std::string(64, 'f'),
                                           of_b.substr(0, mac_at) + good.substr(mac_at)};
  for (const auto& text : forged) {
    must(bind_context(text, a_, "app_member"));
    EXPECT_EQ(ask("select count(*) from app.note"), "ERROR 28000") << text;
    end();
  }
}

TEST_F(IsolationBySql, TheErrorTellsNothing) {
  must(bind_context(b_ + "|app_member|9999999999|1|" + std::string(64, '0'), a_, "app_member"));
  const auto rows = server_.query("select count(*) from app.note");
  ASSERT_TRUE(rows.has_error());
  EXPECT_EQ(rows.error().message(), "the tenant context is not valid");
  EXPECT_TRUE(rows.error().hint().empty());
  end();
}

TEST_F(IsolationBySql, ExpiredContextsRaise) {
  must(bind(a_, "app_member", false, "1", -1));
  EXPECT_EQ(ask("select count(*) from app.note"), "ERROR 28000");
  end();
}

TEST_F(IsolationBySql, AContextOfAnotherRoleRaises) {
  const auto as_viewer = context(admin_, a_, "app_viewer");
  for (const char* role : {"app_member", "app_admin", "app_owner"}) {
    must(bind_context(as_viewer, a_, role));
    EXPECT_EQ(ask("select count(*) from app.note"), "ERROR 28000") << role;
    end();
  }
}

TEST_F(IsolationBySql, ARetiredKeyRaises) {
  const auto old_key = context(admin_, a_, "app_member");
  must(migrate::rotate_binding_key(admin_, 3600));
  const auto new_key = context(admin_, a_, "app_member");
  for (const auto& text : {old_key, new_key}) {
    must(bind_context(text, a_, "app_member"));
    EXPECT_EQ(ask("select count(*) from app.note"), "3") << "two keys are valid while they are rotated";
    end();
  }
  must(
      admin_.execute("update bulkhead.binding_key set not_after = now() - interval '1 second' where "
                     "not_after <> 'infinity'"));
  must(bind_context(old_key, a_, "app_member"));
  EXPECT_EQ(ask("select count(*) from app.note"), "ERROR 28000");
  end();
  const auto known = must(migrate::read_credentials(admin_));
  EXPECT_NE(known.binding_secret, database_.credentials.binding_secret);
}

TEST_F(IsolationBySql, TheKeysDoNotStandInThePlansThatASessionCanSee) {
  // Plans go to the client as messages of level LOG; a session of its own, so that tenant_id() is planned in it.
  const std::unique_ptr<PGconn, void (*)(PGconn*)> session(PQconnectdb(database_.login.c_str()), &PQfinish);
  std::string seen;
  PQsetNoticeProcessor(
      session.get(), [](void* out, const char* text) { static_cast<std::string*>(out)->append(text); },
      &seen);
  const std::string signed_context = context(admin_, a_, "app_member");
  const std::string sql =
      "set client_min_messages = log; set debug_pretty_print = off; set debug_print_plan = on; begin; set "
      "local role "
      "app_member; select set_config('bulkhead.context', '" +
      signed_context + "', true); select count(*) from app.note; commit";
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(PQexec(session.get(), sql.c_str()), &PQclear);
  ASSERT_EQ(PQresultStatus(result.get()), PGRES_COMMAND_OK) << PQerrorMessage(session.get());
  ASSERT_NE(seen.find("constvalue"), std::string::npos) << "plans are shown, so the test can fail";
  // A bytea of 64 bytes is a varlena of 68.
  EXPECT_EQ(seen.find(":constvalue 68 ["), std::string::npos);
  EXPECT_EQ(seen.find(":constvalue 65 ["), std::string::npos);
}

TEST_F(IsolationBySql, AnInjectedExpressionCannotBindAnotherTenant) {
  const std::string forged = b_ + "|app_member|9999999999|1|" + std::string(64, '0');
  for (const std::string& setting : {forged, b_, std::string("|"), std::string("x|y|z|1|q")}) {
    must(bind(a_, "app_member"));
    EXPECT_EQ(
        ask("select body from app.note where false union all select set_config('bulkhead.context', $1, true) "
            "union all select body from app.note offset 1 limit 1",
            {setting}),
        "ERROR 28000");
    end();
    // In a condition it runs after the policy: the statement still sees its own rows, the next one is
    // refused.
    must(bind(a_, "app_member"));
    EXPECT_EQ(ask("select string_agg(body, ',' order by note_id) from app.note where "
                  "set_config('bulkhead.context', $1, true) "
                  "is not null",
                  {setting}),
              "of-acme 1,of-acme 2,of-acme 3");
    EXPECT_EQ(ask("select count(*) from app.note"), "ERROR 28000");
    end();
  }
  // Taken off, the setting hides everything.
  must(bind(a_, "app_member"));
  EXPECT_EQ(ask("select set_config('bulkhead.context', '', true) is not null"), "t");
  EXPECT_EQ(ask("select count(*) from app.note"), "0");
  end();
  // A higher role with the own tenant's context.
  must(bind(a_, "app_viewer"));
  EXPECT_EQ(ask("select set_config('role', 'app_owner', true)"), "app_owner");
  EXPECT_EQ(ask("select count(*) from app.note"), "ERROR 28000");
  end();
}

TEST_F(IsolationBySql, InjectedDynamicSqlCannotBindAnotherTenant) {
  const std::string forged = b_ + "|app_member|9999999999|1|" + std::string(64, '0');
  for (const std::string& command :
       {"set local bulkhead.context = '" + forged + "'", "set local bulkhead.context = '" + b_ + "'",
        "set bulkhead.context = '" + forged + "'", std::string("set local role app_owner")}) {
    must(bind(a_, "app_member"));
    must(server_.query("select app.run_anything($1)", {command}));
    EXPECT_EQ(ask("select string_agg(body, ',') from app.note"), "ERROR 28000") << command;
    end();
  }
  for (const char* command : {"reset role", "set role none"}) {
    must(bind(a_, "app_member"));
    must(server_.query("select app.run_anything($1)", {std::string(command)}));
    EXPECT_EQ(ask("select string_agg(body, ',') from app.note"), "ERROR 42501") << command;
    end();
  }
  for (const char* command :
       {"set session authorization bulkhead_admin", "set local role bulkhead_owner",
        "set local role bulkhead_system", "set local role bulkhead_admin", "set local role bulkhead_catalog",
        "select bulkhead.sign_context(gen_random_uuid(), 'app_owner')",
        "select ipad from bulkhead.binding_key",
        "insert into bulkhead.binding_key values (7, '', '', 'infinity')",
        "select secret from catalog.credential", "select tenant_id from bulkhead.residency",
        "alter table app.note disable row level security",
        "create or replace function bulkhead.tenant_id() returns uuid language sql as 'select null::uuid'"}) {
    must(bind(a_, "app_owner"));
    EXPECT_EQ(ask("select app.run_anything($1)", {command}), "ERROR 42501") << command;
    end();
  }
  must(bind(a_, "app_member"));
  EXPECT_EQ(ask("select app.ask_anything('select string_agg(body, '','') from app.note where body like "
                "''%globex%''')"),
            "");
  end();
}

TEST_F(IsolationBySql, ADefinerFunctionOfTheOwnerSeesNothingAtRunTime) {
  must(bind(a_, "app_member"));
  EXPECT_EQ(ask("select app.careless('select count(*) from app.note')"), "0")
      << "FORCE holds for the owner, and its migrations policy asks for the login";
  end();
  must(bind(a_, "app_member"));
  EXPECT_EQ(ask("select app.careless('select count(*) from bulkhead.binding_key')"), "ERROR 42501");
  end();
}

TEST_F(IsolationBySql, APermissivePolicyOfALaterMigrationWidensNothing) {
  Postgres::migrate(database_, "create policy oops on note using (true) with check (true)");
  must(bind(a_, "app_member", true));
  EXPECT_EQ(ask("select count(*) from app.note"), "3");
  EXPECT_EQ(ask("insert into app.note(tenant_id, note_id, body) values ($1::uuid, 9, 'planted')", {b_}),
            "ERROR 42501");
  end();
}

TEST_F(IsolationBySql, APolicyThatHoldsForTheOwnerOpensDefinerFunctionsAndIsFound) {
  Postgres::migrate(database_, "create policy oops on note using (true) with check (true)");
  must(bind(a_, "app_member"));
  EXPECT_EQ(ask("select app.careless('select count(*) from app.note')"), "6")
      << "the floor is for the app's roles: the owner's function gets what a policy for PUBLIC gives";
  end();
  Postgres::migrate(database_, "drop function careless(text)");
  const auto safe = migrate::check_tenant_safety(admin_);
  ASSERT_TRUE(safe.has_error());
  EXPECT_EQ(
      safe.error().message(),
      "table \"note\": policy oops holds for others than the app's roles and does not begin with the tenant");
  Postgres::migrate(database_, "alter policy oops on note to app_member");
  EXPECT_TRUE(migrate::check_tenant_safety(admin_).has_value());
}

TEST_F(IsolationBySql, NothingSurvivesTheTransaction) {
  must(bind(a_, "app_member"));
  must(server_.execute("commit"));
  EXPECT_EQ(ask("select current_setting('bulkhead.context', true)"), "");
  EXPECT_EQ(ask("select current_user"), "bulkhead_login");
  EXPECT_EQ(ask("select count(*) from app.note"), "ERROR 42501");
}

TEST_F(IsolationBySql, MigrationsChangeRowsOfAllTenants) {
  Postgres::migrate(database_, "update note set body = upper(body)");
  must(bind(b_, "app_viewer"));
  EXPECT_EQ(ask("select min(body) from app.note"), "OF-GLOBEX 1");
  end();
}

TEST_F(IsolationBySql, ACounterGoesOnAfterRowsThatCameWithNumbers) {
  must(bind(a_, "app_member", true));
  EXPECT_EQ(ask("insert into app.note(note_id, body) values (40, 'x'), (17, 'y') returning note_id"), "40");
  EXPECT_EQ(ask("insert into app.note(body) values ('z') returning note_id"), "41");
  EXPECT_EQ(ask("insert into app.note(note_id, body) values (5, 'z') returning note_id"), "5");
  EXPECT_EQ(ask("insert into app.note(body) values ('z') returning note_id"), "42");
  must(server_.execute("commit"));
  must(bind(b_, "app_member", true));
  EXPECT_EQ(ask("insert into app.note(body) values ('z') returning note_id"), "4");
  end();
}

TEST_F(IsolationBySql, OneStatementChecksTheContextOnce) {
  must(bind(a_, "app_member"));
  const auto plan = must(server_.query("explain (costs off) select body from app.note where note_id = 1"));
  std::size_t calls = 0;
  for (std::size_t row = 0; row < plan.size(); ++row)
    calls += plan.text(row, 0).find("InitPlan") != std::string_view::npos ? 1 : 0;
  EXPECT_EQ(calls, 1u) << "PostgreSQL merges the two policies because their texts are the same";
  end();
}

TEST(IsolationPlain, TheBareIdBindsAndIsNoWallAgainstInjection) {
  const auto database = Postgres::shared().make_database(true);
  Postgres::migrate(database, kSchema);
  const auto a = Postgres::make_tenant(database, "acme");
  const auto b = Postgres::make_tenant(database, "globex");
  auto server = database.connect_login();
  const auto count = [&](const std::string& tenant) {
    must(server.execute("begin"));
    must(server.query(
        "select set_config('bulkhead.context', $1, true), set_config('role', 'app_member', true) "
        "where bulkhead.resides($1::uuid, 1, false, 'app', 0)",
        {tenant}));
    auto rows = server.query("select count(*) from app.note");
    must(server.execute("rollback"));
    return rows.has_error() ? "ERROR " + std::string(rows.error().sqlstate()) : std::string(rows->text(0, 0));
  };
  must(server.execute("begin"));
  must(server.query("select set_config('bulkhead.context', $1, true), set_config('role', 'app_member', true)",
                    {b}));
  must(server.query("insert into app.note(body) values ('x')"));
  must(server.execute("commit"));
  EXPECT_EQ(count(a), "0");
  EXPECT_EQ(count(b), "1");
  must(server.execute("begin"));
  must(server.query(
      "select set_config('bulkhead.context', 'garbage', true), set_config('role', 'app_member', true)"));
  const auto garbage = server.query("select count(*) from app.note");
  must(server.execute("rollback"));
  ASSERT_TRUE(garbage.has_error());
  EXPECT_EQ(garbage.error().sqlstate(), "22P02");
}

}  // namespace
}  // namespace bulkhead::test
