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
            "-- bulkhead: definer a test\n"
            "create function definer() returns int language sql security definer set search_path = app, "
            "pg_temp as 'select 1';\n"
            "create function open_definer() returns int language sql security definer set search_path = app, "
            "pg_temp as 'select 1';\n"
            "grant execute on function open_definer() to app_member;\n"
            "create view v with (security_invoker = true) as select * from t1;\n"
            "create sequence free;\n"
            "create table code (id serial primary key); select bulkhead.shared_table('code');\n");
  write("0002_more.sql",
        "alter table t1 add column seq serial;\n"
        "create or replace function later() returns int language sql security definer set search_path = app, "
        "pg_temp as 'select 2';\n");
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
