#include "migrate/runner.hpp"

#include <fstream>
#include <future>

#include <gtest/gtest.h>
#include <unistd.h>

#include "support/postgres.hpp"

namespace bulkhead::migrate {
namespace {

namespace fs = std::filesystem;
using test::must;
using test::Postgres;

constexpr const char* kTable =
    "create table t%d (tenant_id uuid not null default bulkhead.tenant_id(), id bigint, primary key "
    "(tenant_id, id));\n"
    "select bulkhead.tenant_table('t%d');\n";

std::string table(int number) {
  std::string out = kTable;
  for (auto at = out.find("%d"); at != std::string::npos; at = out.find("%d"))
    out.replace(at, 2, std::to_string(number));
  return out;
}

class Runner : public ::testing::Test {
 protected:
  Runner() : database_(Postgres::shared().make_database()), admin_(database_.connect_admin()) {
    std::string made = "/tmp/bh-migrations-XXXXXX";
    if (mkdtemp(made.data()) == nullptr) throw std::runtime_error("mkdtemp");
    dir_ = made;
  }
  ~Runner() override {
    std::error_code ignored;
    fs::remove_all(dir_, ignored);
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ / name, std::ios::trunc) << text;
  }
  Result<RunReport> run(RunOptions options = {}) {
    BULKHEAD_TRY(const auto files, read_migrations(dir_));
    return run_migrations(admin_, files, options);
  }
  std::string failure(RunOptions options = {}) {
    const auto result = run(options);
    return result.has_error() ? std::string(result.error().message()) : "no error";
  }
  std::string one(std::string_view sql) {
    const auto rows = must(admin_.query(sql));
    return rows.empty() ? "" : std::string(rows.text(0, 0));
  }

  test::Database database_;
  pg::Blocking admin_;
  fs::path dir_;
};

TEST_F(Runner, AppliesInOrderOnceAndKeepsALedger) {
  write("0002_second.sql", table(2));
  write("0001_first.sql", table(1));
  write("notes.txt", "not a migration");
  EXPECT_EQ(must(run()).applied, (std::vector<int>{1, 2}));
  write("0003_third.sql", table(3));
  const auto again = must(run());
  EXPECT_EQ(again.applied, std::vector<int>{3});
  EXPECT_EQ(again.up_to_date, 2u);
  EXPECT_TRUE(must(run()).applied.empty());
  EXPECT_EQ(one("select string_agg(version || ' ' || name || ' ' || length(checksum), ',' order by version) "
                "from bulkhead.migration"),
            "1 first 64,2 second 64,3 third 64");
  EXPECT_EQ(one("select pg_get_userbyid(relowner) from pg_class where oid = 'app.t1'::regclass"),
            "bulkhead_owner");
  write("0004_open.sql", "select 1;");
  const auto status = must(migration_status(admin_, must(read_migrations(dir_))));
  ASSERT_EQ(status.size(), 4u);
  EXPECT_TRUE(status[2].applied);
  EXPECT_FALSE(status[3].applied);
}

TEST_F(Runner, AChangedFileIsRefused) {
  write("0001_first.sql", table(1));
  must(run());
  write("0001_first.sql", table(1) + "-- changed");
  EXPECT_EQ(failure(), "0001_first.sql was changed after it had been applied");
  EXPECT_NE(run().error().hint().find("new migration"), std::string_view::npos);
  fs::remove(dir_ / "0001_first.sql");
  write("0001_other.sql", table(1));
  EXPECT_TRUE(run().has_value()) << "a renamed file with the same text is the same migration";
  fs::remove(dir_ / "0001_other.sql");
  EXPECT_NE(failure().find("its file is not in the folder"), std::string::npos);
}

TEST_F(Runner, BadFoldersAreRefused) {
  write("0002_second.sql", "select 1;");
  EXPECT_EQ(failure(), "0002_second.sql: number 1 is missing before it");
  write("0001_first.sql", "select 1;");
  write("0001_again.sql", "select 1;");
  EXPECT_EQ(failure(), "0001_again.sql and 0001_first.sql have the same number");
  fs::remove(dir_ / "0001_again.sql");
  for (const char* name :
       {"1_x.sql", "00003_x.sql", "0003-x.sql", "0003_X.sql", "0003_.sql", "0000_x.sql", "x.sql"}) {
    write(name, "select 1;");
    EXPECT_NE(failure().find(" is not a migration's name"), std::string::npos) << name;
    fs::remove(dir_ / name);
  }
  fs::create_directory(dir_ / "0003_dir.sql");
  EXPECT_EQ(failure(), "0003_dir.sql is a folder, not a migration");
  fs::remove(dir_ / "0003_dir.sql");
  write("0003_latin.sql", "select '\xe9';");
  EXPECT_EQ(failure(), "0003_latin.sql is not UTF-8 text");
}

TEST_F(Runner, ErrorsNameLineAndColumn) {
  write("0001_first.sql", table(1));
  write("0002_broken.sql",
        "-- Gr\xc3\xbc\xc3\x9f"
        "e\ncreate table fine (id int);\nselect \xc3\xa4 from t1 wher 1;\n");
  EXPECT_EQ(failure().substr(0, 20), "0002_broken.sql:3:23");
  EXPECT_EQ(one("select to_regclass('app.fine') is null"), "t") << "a file is all or nothing";
  EXPECT_EQ(one("select max(version) from bulkhead.migration"), "1") << "those before it stay";
}

TEST_F(Runner, WhatFailsWhileItRunsNamesItsStatement) {
  write("0001_data.sql", table(1) +
                             "\n-- Gr\xc3\xbc\xc3\x9f"
                             "e; here\n;;\n  select 1 / 0;\nselect 2;\n");
  EXPECT_EQ(failure(), "0001_data.sql:6:3: division by zero");
  write("0001_data.sql",
        table(1) +
            "create function f() returns int language sql begin atomic select 1; select 2; end;\n"
            "do $$ begin raise exception 'so; not'; end $$;\n");
  EXPECT_EQ(failure(), "0001_data.sql:4:1: so; not");
  write("0001_data.sql", table(1) + "create table x (a int);\nalter table x add b nosuch;\n");
  EXPECT_EQ(failure(), "0001_data.sql:4:21: type \"nosuch\" does not exist");
  write("0001_data.sql", table(1) + "alter table t1 add column n int;\nselect nosuch from t1;");
  EXPECT_EQ(failure().substr(0, 17), "0001_data.sql:4:8") << failure();
}

TEST_F(Runner, FunctionsViewsAndSequencesCanBeUsed) {
  const auto may = [&](const std::string& what) { return one("select " + what); };
  write("0001_all.sql",
        table(1) +
            "create function helper() returns int language sql as 'select 1';\n"
            "create function later() returns int language sql as 'select 1';\n"
            "create function definer() returns int language sql security definer set search_path = app, "
            "pg_temp as 'select 1';\n"
            "create function open_definer() returns int language sql security definer set search_path = app, "
            "pg_temp as 'select 1';\n"
            "comment on function definer() is 'bulkhead: definer a test';\n"
            "comment on function open_definer() is 'bulkhead: definer a test';\n"
            "grant execute on function open_definer() to app_member;\n"
            "create view v with (security_invoker = true) as select * from t1;\n"
            "create sequence free;\n"
            "create table code (id serial primary key); select bulkhead.shared_table('code');\n");
  write("0002_more.sql",
        "alter table t1 add column seq serial;\n"
        "create or replace function later() returns int language sql security definer set search_path = app, "
        "pg_temp as 'select 2';\n"
        "comment on function later() is 'bulkhead: definer a test';\n");
  must(run());
  EXPECT_EQ(may("has_function_privilege('app_viewer', 'app.helper()', 'execute')"), "t");
  EXPECT_EQ(may("has_function_privilege('bulkhead_login', 'app.helper()', 'execute')"), "f");
  EXPECT_EQ(may("has_function_privilege('app_owner', 'app.definer()', 'execute')"), "f");
  EXPECT_EQ(may("has_function_privilege('app_member', 'app.open_definer()', 'execute')"), "t");
  EXPECT_EQ(may("has_function_privilege('app_owner', 'app.later()', 'execute')"), "f")
      << "it became a definer function: what it had before is gone";
  EXPECT_EQ(may("has_table_privilege('app_viewer', 'app.v', 'select')"), "t");
  EXPECT_EQ(may("has_table_privilege('app_owner', 'app.v', 'insert,update,delete')"), "f");
  EXPECT_EQ(may("has_sequence_privilege('app_member', 'app.free', 'usage')"), "t");
  EXPECT_EQ(may("has_sequence_privilege('app_viewer', 'app.free', 'usage')"), "f");
  EXPECT_EQ(may("has_sequence_privilege('app_member', 'app.t1_seq_seq', 'usage')"), "t");
  EXPECT_EQ(may("has_sequence_privilege('app_owner', 'app.code_id_seq', 'usage')"), "f");
}

TEST_F(Runner, EveryTableIsOneOrTheOther) {
  write("0001_bare.sql", "create table bare (id bigint primary key);");
  EXPECT_NE(failure().find("\"bare\": it is neither a tenant table nor a shared table"), std::string::npos);
  write("0001_bare.sql",
        "create table bare (tenant_id uuid not null default bulkhead.tenant_id(), id bigint, primary key "
        "(tenant_id, id));");
  EXPECT_NE(failure().find("row-level security is not on"), std::string::npos);
  write("0001_bare.sql", table(1) + "create view v as select * from t1; grant select on v to app_viewer;");
  EXPECT_NE(failure().find("security_invoker"), std::string::npos);
  write("0001_bare.sql", table(1) + "grant all on t1 to app_owner;");
  EXPECT_NE(failure().find("TRUNCATE"), std::string::npos);
  write("0001_bare.sql", table(1) +
                             "create view v with (security_invoker = true) as select * from t1; grant select "
                             "on v to app_viewer;");
  EXPECT_TRUE(run().has_value());
}

/// What a migration may do behind the linter's back, in DO blocks, and what it is then told.
struct Unsafe {
  const char *sql, *about;
};
const Unsafe unsafe[] = {
    {"alter policy bulkhead_floor on t1 using (true)",
     "table \"t1\": it has a column tenant_id, but row-level"},
    {"alter policy bulkhead_floor on t1 with check (true)", "with the policies of a tenant table"},
    {"alter policy bulkhead_tenant on t1 to app_member", "with the policies of a tenant table"},
    {"alter policy bulkhead_migrations on t1 using (true)", "with the policies of a tenant table"},
    {"drop policy bulkhead_floor on t1; create policy bulkhead_floor on t1 using (tenant_id = (select "
     "bulkhead.tenant_id())) with check (tenant_id = (select bulkhead.tenant_id()))",
     "with the policies of a tenant table"},
    {"create policy wide on t1 using (true)", "policy wide holds for others than the app's roles"},
    {"create policy wide on t1 to bulkhead_owner using (tenant_id = (select bulkhead.tenant_id()) or id > 0)",
     "policy wide holds for others"},
    {"alter table t1 alter tenant_id drop default", "its column tenant_id is not what"},
    {"alter table t1 add code text; create unique index code_key on t1 (code)",
     "unique index or exclusion constraint code_key does not begin"},
    {"alter table t1 add room int4range; alter table t1 add constraint apart exclude using gist (room with "
     "&&)",
     "unique index or exclusion constraint apart does not begin"},
    {"create table r (tenant_id uuid not null default bulkhead.tenant_id(), id bigint, owner uuid, primary "
     "key "
     "(tenant_id, id)); select bulkhead.tenant_table('r'); alter table r add constraint loose foreign key "
     "(owner, id) references t1",
     "table \"r\": foreign key loose does not carry tenant_id"},
    {"create materialized view m as select tenant_id, id from t1; grant select (tenant_id, id) on m to "
     "app_member",
     "materialized view \"m\": a materialized view holds"},
    {"create table p1 (tenant_id uuid not null default bulkhead.tenant_id(), id bigint, primary key "
     "(tenant_id, id)) partition by range (id); select bulkhead.tenant_table('p1'); create table p2 "
     "partition "
     "of p1 default; grant update (id) on p2 to app_admin",
     "table \"p2\": a partition must not be readable by itself"},
    {"create table all_of (id bigint primary key); select bulkhead.shared_table('all_of'); alter table t1 "
     "inherit "
     "all_of",
     "table \"all_of\": rows of table \"t1\", which are a tenant's, are read through it"},
    {"create sequence s; grant all on sequence s to app_member", "sequence \"s\": of a sequence"},
    {"create sequence s; grant usage on sequence s to app_member; grant select on s to app_viewer",
     "only USAGE may be granted"},
    {"grant select on t1 to app_viewer with grant option", "it is granted WITH GRANT OPTION"},
    {"grant select on t1 to bulkhead_login", "it is granted to PUBLIC or to a login"},
    {"grant select (id) on t1 to public", "it is granted to PUBLIC or to a login"},
    {"create rule r as on insert to t1 do also select 1", "rule r rewrites statements"},
    {"grant create on schema app to app_member", "schema app: others than its owner may make objects"},
    {"alter default privileges in schema app grant select on tables to app_member",
     "default privileges of bulkhead_owner"},
    {"create view v with (security_invoker = 0) as select * from t1", "security_invoker"},
    {"create function f() returns int language sql as 'select 1'; grant execute on function f() to public",
     "function app.f(): PUBLIC or a login"},
    {"create function f() returns int language sql security definer set search_path = app, pg_temp as "
     "'select 1'",
     "function app.f(): it is SECURITY DEFINER and nothing says why"},
    {"create function f() returns int language sql security definer set search_path = pg_temp, app as "
     "'select 1'; comment on function f() is 'bulkhead: definer it counts'",
     "SECURITY DEFINER without a fixed search_path"},
    {"create function f() returns int language sql set row_security = off as 'select 1'",
     "sets the tenant's context or a role"},
    {"reset role; create function f() returns int language sql set role = app_owner as 'select 1'; alter "
     "function f() owner to bulkhead_owner; revoke all on function f() from public",
     "sets the tenant's context or a role"},
    {"create function f() returns text language sql immutable as 'select current_setting(''a.b'')'",
     "it reads the tenant and is IMMUTABLE"},
    // What only a superuser's RESET ROLE makes possible.
    {"reset role; alter role app_viewer bypassrls", "role app_viewer: it has attributes"},
    {"reset role; alter role app_viewer inherit", "role app_viewer: it has attributes"},
    {"reset role; grant bulkhead_owner to app_viewer", "role app_viewer: it is a member of bulkhead_owner"},
    {"reset role; grant app_viewer to bulkhead_login with admin option",
     "role bulkhead_login: it is a member"},
    {"reset role; alter role bulkhead_login set row_security = off",
     "role bulkhead_login: it has settings of its own: row_security=off"},
    {"reset role; create table mine (id int primary key)", "table \"mine\": it belongs to bulkhead_admin"},
    {"reset role; grant select on bulkhead.binding_key to app_viewer",
     "table \"bulkhead.binding_key\": roles"},
    {"reset role; create function f() returns int language sql as 'select 1'",
     "function app.f(): it belongs to bulkhead_admin"},
    {"reset role; alter table t1 disable row level security", "row-level security is not on"},
    {"reset role; create function f() returns int leakproof language sql as 'select 1'; alter function f() "
     "owner to bulkhead_owner; revoke all on function f() from public",
     "it is LEAKPROOF"},
};

std::string in_block(const std::string& sql) {
  std::string out = "do $block$ begin\n";
  for (std::size_t at = 0; at < sql.size();) {
    const std::size_t end = std::min(sql.find("; ", at), sql.size());
    out += "  execute $text$" + sql.substr(at, end - at) + "$text$;\n";
    at = end + 2;
  }
  return out + "end $block$;";
}

TEST_F(Runner, WhatADoBlockDidIsFoundByWhatTheDatabaseThenHolds) {
  write("0001_first.sql", table(1));
  must(run());
  for (const Unsafe& one_unsafe : unsafe) {
    const std::string sql = one_unsafe.sql;
    // A sneaky file covers its tracks.
    const bool resets = sql.starts_with("reset role");
    write("0002_sneaky.sql", in_block(resets ? sql + "; set role bulkhead_owner" : sql));
    const std::string told = failure();
    EXPECT_NE(told.find(one_unsafe.about), std::string::npos) << sql << "\n  " << told;
    EXPECT_EQ(told.find("0002_sneaky.sql: "), 0u) << told;
  }
  EXPECT_EQ(one("select max(version) from bulkhead.migration"), "1");
  EXPECT_TRUE(check_tenant_safety(admin_).has_value()) << "each was rolled back";
}

TEST_F(Runner, TheRoleIsTheSameAtTheEnd) {
  write("0001_first.sql", table(1) + in_block("reset role"));
  EXPECT_EQ(failure(),
            "0001_first.sql: it changed the role that it runs as, from bulkhead_owner to bulkhead_admin");
}

TEST_F(Runner, WhatIsDeferredToTheCommitIsJudged) {
  write("0001_first.sql",
        table(1) +
            "create function later() returns trigger language plpgsql as $$ begin "
            "execute 'alter table app.t1 no force row level security'; "
            "return null; end $$;"
            "create table note (tenant_id uuid not null default bulkhead.tenant_id(), id bigint, primary key "
            "(tenant_id, id)); select bulkhead.tenant_table('note');"
            "create constraint trigger later after update on note deferrable initially deferred for each row "
            "execute function later();");
  must(run());
  const auto acme = Postgres::make_tenant(database_, "acme");
  write("0002_second.sql",
        "insert into note (tenant_id, id) values ('" + acme + "', 1); update note set id = 2;");
  EXPECT_NE(failure().find("table \"t1\": it has a column tenant_id, but row-level"), std::string::npos)
      << failure();
}

TEST_F(Runner, WhatIsSafePasses) {
  write("0001_first.sql",
        table(1) +
            "alter table t1 add room int4range, add code text, add n serial;"
            "alter table t1 add unique (tenant_id, code), add foreign key (tenant_id, id) references t1;"
            "create policy mine on t1 to app_member using (true);"
            "create policy for_all on t1 using (tenant_id = (select bulkhead.tenant_id()) and id > 0);"
            "create policy narrow on t1 as restrictive using (id > 0);"
            "create view v with (security_invoker) as select * from t1; grant select on v to app_viewer;"
            "create function plain() returns int language sql as 'select 1';"
            "grant execute on function plain() to app_member;"
            "create function counted() returns bigint language sql stable security definer "
            "set search_path = pg_catalog, app, pg_temp as 'select count(*) from t1';"
            "comment on function counted() is 'How many there are (bulkhead: definer it counts all rows)';"
            "create procedure p() language plpgsql as 'begin end';"
            "create sequence s; grant usage on sequence s to app_member;"
            "grant update (code) on t1 to app_viewer;"
            "select bulkhead.tenant_numbered('t1', 'id');");
  EXPECT_EQ(failure(), "no error");
}

TEST_F(Runner, APartitionIsATenantTableWithoutGrants) {
  write(
      "0001_parts.sql",
      "create table event (tenant_id uuid not null default bulkhead.tenant_id(), id bigint, day date not "
      "null, "
      "primary key (tenant_id, id, day)) partition by range (day);"
      "select bulkhead.tenant_table('event');"
      "create table event_2025 partition of event for values from ('2025-01-01') to ('2026-01-01');"
      "select bulkhead.tenant_table('event_2025');"
      "create table kind (id int primary key) partition by range (id); select bulkhead.shared_table('kind');"
      "create table kind_1 partition of kind default; select bulkhead.shared_table('kind_1');");
  EXPECT_EQ(failure(), "no error");
  EXPECT_EQ(one("select has_table_privilege('app_owner', 'app.event', 'select') || ' ' || "
                "has_any_column_privilege('app_owner', 'app.event_2025', 'select,insert,update') || ' ' || "
                "relrowsecurity from pg_class where relname = 'event_2025'"),
            "true false true");
}

TEST_F(Runner, AServerAsksTheSameOfTheWholeDatabase) {
  write("0001_first.sql", table(1));
  must(run());
  EXPECT_TRUE(check_tenant_safety(admin_).has_value());
  must(
      admin_.execute("set search_path = app, bulkhead; alter table app.t1 no force row level security; "
                     "grant truncate on app.t1 to app_owner"));
  const auto unsafe_now = check_tenant_safety(admin_);
  ASSERT_TRUE(unsafe_now.has_error());
  EXPECT_EQ(unsafe_now.error().code(), Errc::config_invalid);
  EXPECT_EQ(
      unsafe_now.error().message(),
      "table \"t1\": it has a column tenant_id, but row-level security is not on with the policies of a "
      "tenant table (and 1 more)");
  EXPECT_EQ(unsafe_now.error().hint(), "add to the migration: select bulkhead.tenant_table('t1');");
  EXPECT_EQ(one("show search_path"), "app, bulkhead");
}

TEST_F(Runner, TenantTableTellsWhatIsMissing) {
  const auto complains = [&](const std::string& definition, const std::string& about) {
    write("0001_x.sql",
          "create table parent (tenant_id uuid not null default bulkhead.tenant_id(), id bigint, primary key "
          "(tenant_id, id), unique (tenant_id, id));"
          "select bulkhead.tenant_table('parent'); create table x (" +
              definition + "); select bulkhead.tenant_table('x');");
    EXPECT_NE(failure().find(about), std::string::npos) << definition << ": " << failure();
  };
  complains("id bigint primary key", "no column tenant_id");
  complains("tenant_id text not null, id bigint, primary key (tenant_id, id)", "not of type uuid");
  complains("tenant_id uuid, id bigint primary key", "may be null");
  complains("tenant_id uuid not null, id bigint, primary key (tenant_id, id)", "does not default to");
  complains("tenant_id uuid not null default bulkhead.tenant_id(), id bigint", "primary key is missing");
  complains("tenant_id uuid not null default bulkhead.tenant_id(), id bigint primary key",
            "does not begin with tenant_id");
  complains(
      "tenant_id uuid not null default bulkhead.tenant_id(), id bigint, code text unique, primary key "
      "(tenant_id, id)",
      "unique index(es) x_code_key");
  complains(
      "tenant_id uuid not null default bulkhead.tenant_id(), id bigint, room int4range, primary key "
      "(tenant_id, id), exclude using gist (room with &&)",
      "unique index(es) x_room_excl");
  write("0001_x.sql", "select bulkhead.tenant_table('absent');");
  EXPECT_NE(failure().find("there is no such table"), std::string::npos);
}

TEST_F(Runner, WaitsForALockThenGivesUpAndTriesAgain) {
  write("0001_first.sql", table(1));
  must(run());
  write("0002_alter.sql", "alter table t1 add column note text;");
  auto reader = database_.connect_admin();
  must(reader.execute("begin; select from app.t1"));
  RunOptions options;
  options.lock_timeout = std::chrono::milliseconds(50);
  options.attempts = 2;
  EXPECT_NE(failure(options).find("lock timeout"), std::string::npos);
  int locked = 0;
  options.attempts = 10;
  options.progress = [&](const MigrationStep& step) {
    if (step.kind != MigrationStep::Kind::locked) return;
    ++locked;
    must(reader.execute("rollback"));
  };
  EXPECT_EQ(must(run(options)).applied, std::vector<int>{2});
  EXPECT_EQ(locked, 1);
}

TEST_F(Runner, OneRunAtATime) {
  write("0001_first.sql", table(1));
  const auto files = must(read_migrations(dir_));
  const auto apply = [&] {
    auto admin = database_.connect_admin();
    return must(run_migrations(admin, files)).applied.size();
  };
  auto one_run = std::async(std::launch::async, apply);
  auto other_run = std::async(std::launch::async, apply);
  EXPECT_EQ(one_run.get() + other_run.get(), 1u);
}

TEST(Statements, WhatCannotStandInAFile) {
  const auto why = [](const std::string& sql) {
    const auto result = check_statements(sql, "f.sql");
    return result.has_error() ? std::string(result.error().message()) : "";
  };
  EXPECT_EQ(why("select 1;\n  commit;"), "f.sql:2:3: COMMIT cannot stand in a migration");
  EXPECT_EQ(why("BEGIN; select 1; END;"), "f.sql:1:1: BEGIN cannot stand in a migration");
  EXPECT_EQ(why("start transaction"), "f.sql:1:1: START TRANSACTION cannot stand in a migration");
  EXPECT_EQ(why("/* a /* nested */ ; */ rollback"), "f.sql:1:24: ROLLBACK cannot stand in a migration");
  EXPECT_EQ(why("set role postgres"), "f.sql:1:1: SET ROLE cannot stand in a migration");
  EXPECT_EQ(why("\\copy t from x"), "f.sql:1:1: \\ cannot stand in a migration");
  EXPECT_EQ(why("copy t from stdin;"), "f.sql:1:1: COPY FROM STDIN cannot stand in a migration");
  for (const char* fine :
       {"", ";;", "select 'commit; begin'", "select \"a;commit\" from t", "select e'\\'; commit; '",
        "do $$ begin commit; end $$; select 1", "do $x$ begin; $$ commit; $$ end $x$", "-- commit\nselect 1",
        "create function f() returns int begin atomic select case when true then 1 end; select 2; end; "
        "select 3",
        "create table t (x int); comment on table t is 'begin'", "set search_path = app"}) {
    EXPECT_EQ(why(fine), "") << fine;
  }
}

TEST(Statements, PlacesAreInCharactersNotBytes) {
  EXPECT_EQ(line_column("ab\ncd", 4).line, 2u);
  EXPECT_EQ(line_column("ab\ncd", 5).column, 2u);
  EXPECT_EQ(line_column("\xc3\xa4\n\xc3\xb6x", 4).column, 2u);
}

}  // namespace
}  // namespace bulkhead::migrate
