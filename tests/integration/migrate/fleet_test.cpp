#include "migrate/fleet.hpp"

#include <csignal>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "migrate/target.hpp"
#include "runtime/embedded_postgres.hpp"
#include "support/postgres.hpp"

namespace bulkhead::migrate {
namespace {

namespace fs = std::filesystem;
using catalog::DatabaseKind;
using test::must;
using test::Postgres;

std::string one(pg::Blocking& connection, std::string_view sql,
                const std::vector<std::optional<std::string>>& params = {}) {
  const auto rows = must(connection.query(sql, params));
  return rows.empty() ? "" : std::string(rows.text(0, 0));
}

/// An app with its catalog, shards and silos.
class Fleet : public ::testing::Test {
 protected:
  Fleet() : catalog_(Postgres::shared().make_database()) {
    std::string made = "/tmp/bh-fleet-XXXXXX";
    if (mkdtemp(made.data()) == nullptr) throw std::runtime_error("mkdtemp");
    app_ = made;
    fs::create_directory(app_ / "migrations");
    std::ofstream(app_ / "bulkhead.toml") << "[app]\nname = \"fleet\"\n";
    add_file(
        "create table thing (tenant_id uuid not null default bulkhead.tenant_id(), id bigint, n integer, "
        "primary key "
        "(tenant_id, id));\nselect bulkhead.tenant_table('thing');\n"
        "create function things() returns bigint language sql set search_path = app, pg_temp as $$ select "
        "count(*) from "
        "app.thing $$;\n");
  }
  ~Fleet() override {
    // Roles belong to the cluster, and the names of schemas are used again.
    for (const auto& [database, schema] : schemas_) {
      auto connection = Postgres::shared().admin(database);
      if (auto admin = pg::Blocking::connect(connection); admin.has_value())
        static_cast<void>(drop_schema(*admin, schema));
    }
    std::error_code ignored;
    fs::remove_all(app_, ignored);
  }

  void add_file(const std::string& sql) {
    const int version = static_cast<int>(files().size()) + 1;
    std::string number = std::to_string(version);
    number.insert(0, 4 - number.size(), '0');
    std::ofstream(app_ / "migrations" / (number + "_step.sql")) << sql;
  }
  /// One that changes each target.
  void add_step() {
    const std::string number = std::to_string(files().size() + 1);
    add_file(
        "create table step" + number +
        " (tenant_id uuid not null default bulkhead.tenant_id(), id bigint, primary key (tenant_id, id));\n"
        "select bulkhead.tenant_table('step" +
        number + "');\nalter table app.thing add column c" + number + " text;\ncreate index thing_c" +
        number + " on thing (tenant_id, c" + number + ");\n");
  }
  [[nodiscard]] std::vector<MigrationFile> files() const {
    return must(read_migrations(app_ / "migrations"));
  }

  std::string add_database(DatabaseKind kind, const std::string& cell = "default") {
    const std::string name = Postgres::shared().make_empty_database();
    auto admin = connect(name);
    const auto secrets = must(prepare_database(admin, kind, name, BindingMode::signed_context));
    auto catalog = catalog_.connect_admin();
    must(catalog.query(
        "insert into catalog.database(cell, name, kind, state, login, password, key_id, key_secret) values "
        "($1, $2, $3, 'ready', $2, $4, $5, $6)",
        {cell, name, std::string(catalog::database_kind_name(kind)), secrets.password,
         std::to_string(secrets.binding_key_id), secrets.binding_secret}));
    databases_.push_back(name);
    return name;
  }
  std::string add_schema(const std::string& database) {
    auto admin = connect(database);
    std::string digits = std::to_string(schemas_.size() + 1);
    const std::string name = "t_" + std::string(16 - digits.size(), '0') + digits;
    must(prepare_schema(admin, database, name));
    schemas_.emplace_back(database, name);
    return name;
  }
  void add_fleet(int shards, int schemas, int silos) {
    for (int shard = 0; shard < shards; ++shard) {
      const std::string database = add_database(DatabaseKind::shard);
      for (int schema = 0; schema < schemas; ++schema) add_schema(database);
    }
    for (int silo = 0; silo < silos; ++silo) add_database(DatabaseKind::silo);
  }
  static pg::Blocking connect(const std::string& database) {
    return must(pg::Blocking::connect(Postgres::shared().admin(database)));
  }

  FleetReport migrate(FleetOptions options = {}) {
    auto catalog = catalog_.connect_admin();
    return must(migrate_fleet(catalog, files(), options));
  }
  std::vector<TargetStatus> status() {
    auto catalog = catalog_.connect_admin();
    return must(fleet_status(catalog, files()));
  }
  /// Every target is at the last version, with the ledger of all files and the same tables; nothing is noted as failed.
  void expect_all_right(std::size_t targets) {
    const auto all = status();
    EXPECT_EQ(all.size(), targets);
    std::set<std::string> fingerprints;
    for (const TargetStatus& each : all) {
      const std::string where = each.target.cell + "/" + each.target.database + "/" + each.target.schema;
      EXPECT_EQ(each.target.version, files().back().version) << where;
      EXPECT_TRUE(each.target.pending.empty() && !each.target.disagrees && !each.drift) << where;
      EXPECT_EQ(each.error, "") << where;
      fingerprints.insert(each.target.fingerprint);
    }
    EXPECT_EQ(fingerprints.size(), 1u);
    auto catalog = catalog_.connect_admin();
    const auto databases =
        must(catalog.query("select name, login, password from catalog.database where cell = 'default'"));
    for (std::size_t row = 0; row < databases.size(); ++row) {
      EXPECT_TRUE(pg::Blocking::connect(test::with_login(Postgres::shared().admin(databases.text(row, 0)),
                                                         databases.text(row, 1), databases.text(row, 2)))
                      .has_value())
          << "the catalog's password opens the database";
    }
  }

  /// Starts the program; the environment's variables are NAME=VALUE.
  pid_t start(const std::vector<std::string>& environment, const std::vector<std::string>& more = {}) const {
    const std::string url = catalog_.admin, app = app_.string(), log = (app_ / "log").string();
    std::vector<const char*> arguments = {BULKHEAD_PROGRAM, "migrate", app.c_str(), "--database",
                                          url.c_str()};
    for (const std::string& word : more) arguments.push_back(word.c_str());
    arguments.push_back(nullptr);
    const pid_t pid = fork();
    if (pid != 0) return pid;
    for (const std::string& variable : environment) putenv(strdup(variable.c_str()));
    const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(out, 1);
    dup2(out, 2);
    execv(BULKHEAD_PROGRAM, const_cast<char* const*>(arguments.data()));
    _exit(127);
  }
  /// The exit code, or minus the signal.
  static int finish(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }
  int run(const std::vector<std::string>& environment = {}, const std::vector<std::string>& more = {}) const {
    return finish(start(environment, more));
  }
  [[nodiscard]] std::string output() const {
    std::ifstream in(app_ / "log");
    return {std::istreambuf_iterator<char>(in), {}};
  }
  [[nodiscard]] std::vector<std::string> trace() const {
    std::ifstream in(app_ / "trace");
    std::vector<std::string> out;
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
  }
  [[nodiscard]] std::string trace_here() const {
    return "BULKHEAD_FAILPOINT_TRACE=" + (app_ / "trace").string();
  }

  /// As if an earlier Bulkhead had prepared it, and the catalog had lost its password.
  void age(const std::string& database) {
    auto admin = connect(database);
    must(admin.execute("update bulkhead.bootstrap set digest = 'old'"));
    auto catalog = catalog_.connect_admin();
    must(catalog.query("update catalog.database set password = 'lost', key_secret = 'lost' where name = $1",
                       {database}));
  }

  test::Database catalog_;
  fs::path app_;
  std::vector<std::string> databases_;
  std::vector<std::pair<std::string, std::string>> schemas_;
};

TEST_F(Fleet, EveryTargetIsBroughtToTheAppsVersion) {
  add_fleet(2, 3, 2);
  add_database(DatabaseKind::pool);
  auto report = migrate();
  EXPECT_EQ(report.migrated, 9u);
  EXPECT_EQ(report.pool.applied.size(), 1u);
  expect_all_right(10);
  add_step();
  age(databases_[0]);
  age(databases_[2]);
  EXPECT_EQ(migrate().migrated, 9u);
  expect_all_right(10);
  report = migrate();
  EXPECT_EQ(report.migrated, 0u);
  EXPECT_EQ(report.others, 9u);
}

TEST_F(Fleet, WhatFailsIsSetAsideAndTheOthersGoOn) {
  add_fleet(1, 4, 1);
  migrate();
  add_step();
  auto admin = connect(databases_[0]);
  const std::string schema = schemas_[1].second;
  must(admin.execute("create table " + schema + ".step2 (id integer)"));
  const auto report = migrate();
  ASSERT_EQ(report.failures.size(), 1u);
  EXPECT_EQ(report.migrated, 4u);
  EXPECT_EQ(report.failures[0].schema, schema);
  EXPECT_EQ(report.failures[0].error, "0002_step.sql:1:1: relation \"step2\" already exists");
  auto catalog = catalog_.connect_admin();
  EXPECT_EQ(one(catalog,
                "select database_name || ' ' || schema_name || ' ' || version from catalog.target_failure"),
            databases_[0] + " " + schema + " 1");
  for (const TargetStatus& each : status()) {
    EXPECT_EQ(each.error.empty(), each.target.schema != schema);
    EXPECT_EQ(each.target.pending.size(), each.target.schema == schema ? 1u : 0u);
    EXPECT_EQ(each.drift, each.target.schema == schema) << "the table that somebody made";
  }
  EXPECT_EQ(run(), 8) << output();
  EXPECT_NE(output().find(schema + ": 0002_step.sql"), std::string::npos) << output();
  must(admin.execute("drop table " + schema + ".step2"));
  EXPECT_EQ(run(), 0) << output();
  expect_all_right(6);
  EXPECT_EQ(one(catalog, "select count(*) from catalog.target_failure"), "0");
}

TEST_F(Fleet, CanariesGoFirstAndTheRestOnlyIfTheyAreWell) {
  add_fleet(1, 4, 1);
  migrate();
  auto catalog = catalog_.connect_admin();
  // The one that waits for a tenant is the canary.
  const auto& [database, schema] = schemas_[2];
  must(catalog.query(
      "insert into catalog.slot(model, cell, database_name, schema_name, state) values ('schema', 'default', "
      "$1, $2, 'ready')",
      {database, schema}));
  auto admin = connect(database);
  must(admin.execute("create table " + schema + ".step2 (id integer)"));
  add_step();
  FleetOptions options;
  options.canary = 1;
  const auto stopped = migrate(options);
  EXPECT_EQ(stopped.left, 4u);
  EXPECT_EQ(stopped.migrated, 0u);
  EXPECT_EQ(one(catalog, "select version from bulkhead.target"), "1") << "nor was the pool";
  EXPECT_EQ(run({}, {"--canary", "1"}), 8);
  EXPECT_NE(output().find("4 targets and the pool were left"), std::string::npos) << output();
  must(admin.execute("drop table " + schema + ".step2"));
  EXPECT_EQ(migrate(options).migrated, 5u);
  expect_all_right(6);
}

TEST_F(Fleet, ACellThatIsDownLeavesTheOthersAlone) {
  add_fleet(1, 2, 0);
  auto catalog = catalog_.connect_admin();
  must(catalog.execute(
      "insert into catalog.cell(name, admin_url) values ('far', 'host=/nowhere port=1 user=x dbname=x')"));
  must(catalog.execute(
      "insert into catalog.database(cell, name, kind, state, login) values ('far', 'one', 'silo', 'ready', "
      "'one'), ('far', 'two', 'silo', 'ready', 'two'), ('far', 'three', 'silo', 'making', 'three')"));
  const auto report = migrate();
  EXPECT_EQ(report.migrated, 2u);
  ASSERT_EQ(report.failures.size(), 2u);
  EXPECT_EQ(report.failures[0].error.find("cell \"far\""), 0u) << report.failures[0].error;
  EXPECT_EQ(one(catalog, "select count(*) from catalog.target_failure"), "2");
  EXPECT_EQ(run({}, {"--status"}), 0);
  EXPECT_NE(output().find("far/one: version 0  cell \"far\""), std::string::npos) << output();
  must(catalog.execute("delete from catalog.database where cell = 'far'"));
  migrate();
  EXPECT_EQ(one(catalog, "select count(*) from catalog.target_failure"), "0");
}

TEST_F(Fleet, AnotherCellIsReachedAndMissedWhileItIsDown) {
  add_fleet(1, 2, 0);
  const fs::path folder = app_ / "far";
  fs::create_directory(folder);
  // PostgreSQL runs as another user when we are root.
  fs::permissions(app_, fs::perms(0711));
  const auto server = must(EmbeddedPostgres::start(folder, test::quick_postgres()));
  auto far = must(pg::Blocking::connect(server->conninfo()));
  must(far.execute("create database silo_one"));
  auto silo = must(far.another({{"dbname", "silo_one"}}));
  const auto secrets =
      must(prepare_database(silo, DatabaseKind::silo, "silo_one", BindingMode::signed_context));
  auto catalog = catalog_.connect_admin();
  must(catalog.query("insert into catalog.cell(name, admin_url) values ('far', $1)", {server->conninfo()}));
  must(catalog.query(
      "insert into catalog.database(cell, name, kind, state, login, password, key_id, key_secret) values "
      "('far', 'silo_one', 'silo', 'ready', 'silo_one', $1, $2, $3)",
      {secrets.password, std::to_string(secrets.binding_key_id), secrets.binding_secret}));
  EXPECT_EQ(migrate().migrated, 3u);
  expect_all_right(4);
  add_step();
  kill(server->pid(), SIGKILL);
  const auto report = migrate();
  EXPECT_EQ(report.migrated, 2u);
  ASSERT_EQ(report.failures.size(), 1u);
  EXPECT_EQ(report.failures[0].cell, "far");
  must(server->revive());
  EXPECT_EQ(migrate().migrated, 1u);
  expect_all_right(4);
}

TEST_F(Fleet, DriftIsSeen) {
  add_fleet(1, 3, 1);
  migrate();
  auto admin = connect(databases_[0]);
  must(admin.execute("alter table " + schemas_[0].second + ".thing alter column n set default 7"));
  // Its own record of itself was changed along with it.
  must(admin.execute("create index by_hand on " + schemas_[1].second + ".thing (tenant_id, n)"));
  must(admin.query("update bulkhead.target set fingerprint = $2 where schema_name = $1",
                   {schemas_[1].second, must(fingerprint(admin, schemas_[1].second))}));
  std::set<std::string> drifted;
  for (const TargetStatus& each : status())
    if (each.drift) drifted.insert(each.target.schema);
  EXPECT_EQ(drifted, (std::set<std::string>{schemas_[0].second, schemas_[1].second}));
  EXPECT_EQ(run({}, {"--status", "--json"}), 0);
  EXPECT_EQ(output().find("{\"app_version\":1,\"targets\":[{\"cell\":\"default\",\"database\":"), 0u)
      << output();
  EXPECT_NE(output().find("\"kind\":\"shard\",\"version\":1,\"pending\":0,\"error\":\"\",\"drift\":true}"),
            std::string::npos);
}

TEST_F(Fleet, ADryRunSaysWhatEachTargetLacksAndChangesNothing) {
  add_fleet(1, 2, 0);
  migrate();
  add_step();
  age(databases_[0]);
  EXPECT_EQ(run({}, {"--dry-run"}), 0);
  EXPECT_NE(output().find("/" + schemas_[0].second + ": version 1, lacks 0002_step.sql"), std::string::npos)
      << output();
  EXPECT_NE(output().find("-- 0002_step.sql, for 3 targets\ncreate table step2"), std::string::npos)
      << output();
  auto admin = connect(databases_[0]);
  EXPECT_EQ(one(admin, "select max(version) || (select digest from bulkhead.bootstrap) from bulkhead.target"),
            "1old");
  EXPECT_EQ(run({}, {"--json"}), 2) << output();
}

TEST_F(Fleet, TwoAtOnceBringEachTargetThereOnce) {
  add_fleet(2, 6, 1);
  migrate();
  for (int step = 0; step < 2; ++step) {
    add_step();
    const pid_t first = start({}), second = start({});
    EXPECT_EQ(finish(first), 0) << output();
    EXPECT_EQ(finish(second), 0) << output();
    expect_all_right(14);
  }
}

TEST_F(Fleet, KilledInAnyStepALaterRunFinishes) {
  add_fleet(2, 6, 3);
  migrate();
  add_file("-- bulkhead: concurrent\ncreate index concurrently thing_n on thing (tenant_id, n);\n");
  add_step();
  age(databases_[0]);
  ASSERT_EQ(run({trace_here()}, {"--canary", "1"}), 0) << output();
  const auto passed = trace();
  const std::set<std::string> names(passed.begin(), passed.end());
  EXPECT_TRUE(names.count("migrate.target.concurrent") == 1 && names.count("fleet.database.prepared") == 1 &&
              names.size() >= 10)
      << names.size();
  expect_all_right(16);
  std::mt19937 random(7);
  for (const std::string& name : names) {
    if (name == "migrate.target.concurrent") {
      add_file("-- bulkhead: concurrent\ncreate index concurrently thing_again on thing (n, tenant_id);\n");
    } else {
      add_step();
    }
    age(databases_[2]);
    // Of as many passages as this run will have: half of those of the first one, which had two batches.
    const auto often = static_cast<std::uint32_t>(std::count(passed.begin(), passed.end(), name) + 1) / 2;
    const std::string at = name + ":" + std::to_string(1 + random() % often);
    EXPECT_EQ(run({"BULKHEAD_FAILPOINT=" + at}, {"--canary", "1"}), -SIGKILL) << at << output();
    EXPECT_EQ(run(), 0) << at << output();
    expect_all_right(16);
  }
}

TEST_F(Fleet, PostgresKilledInTheMiddleALaterRunFinishes) {
  add_fleet(2, 6, 3);
  migrate();
  add_step();
  const pid_t program = start({trace_here()});
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (trace().size() < 60 && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
  kill(Postgres::shared().postmaster_pid(), SIGKILL);
  EXPECT_NE(finish(program), 0) << output();
  Postgres::shared().revive();
  EXPECT_EQ(run(), 0) << output();
  expect_all_right(16);
}

}  // namespace
}  // namespace bulkhead::migrate
