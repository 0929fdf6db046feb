// Moves of tenants between all models and two servers, with rows of every kind, while others write.
#include <set>
#include <thread>

#include "lifecycle/housekeeper.hpp"
#include "lifecycle/tenants.hpp"
#include "writer.hpp"
#include "zoo.hpp"

namespace bulkhead::lifecycle {
namespace {

using Moves = Zoo;

TEST_F(Moves, EveryPairOfModelsKeepsEveryRow) {
  add_cell_north();
  filled("acme", Model::row);
  filled("globex", Model::row);
  const std::string before = rows_of("acme"), other = rows_of("globex");
  // Each pair once: nine, with row to row between the cells.
  const std::pair<Model, const char*> way[] = {
      {Model::row, "north"},    {Model::schema, "default"}, {Model::schema, "north"},
      {Model::silo, "default"}, {Model::silo, "north"},     {Model::row, "default"},
      {Model::silo, "default"}, {Model::schema, "default"}, {Model::row, "north"},
  };
  std::set<std::string> pairs;
  for (const auto& [model, cell] : way) {
    SCOPED_TRACE(std::string(catalog::model_name(model)) + " " + cell);
    pairs.insert(std::string(catalog::model_name(tenant("acme").placement.model)) + ">" +
                 std::string(catalog::model_name(model)));
    const auto moved = move("acme", model, cell);
    ASSERT_TRUE(moved.has_value()) << moved.error().message() << " " << moved.error().internal();
    EXPECT_EQ(tenant("acme").placement.model, model);
    EXPECT_EQ(tenant("acme").placement.cell, cell);
    EXPECT_EQ(rows_of("acme"), before);
    expect_one_home("acme");
  }
  EXPECT_EQ(pairs.size(), 9u);
  EXPECT_EQ(rows_of("globex"), other);
  // Ids go on: nothing comes twice.
  as("acme", "insert into app.keeper(name) values ('Dot');\ninsert into app.animal(name) values ('last');\n");
  auto home = test::connect_home(database_, tenant("acme"));
  const auto last =
      must(home.query(placed(tenant("acme"), "select max(id) from app.animal where tenant_id = $1::uuid"),
                      {tenant("acme").id.text()}));
  EXPECT_GT(std::stoi(std::string(last.text(0, 0))), 60);
}

TEST_F(Moves, WhatIsWrittenMeanwhileComesAlong) {
  filled("acme", Model::row);
  bool changed = false;
  std::set<std::int64_t> lags;
  const auto moved = move("acme", Model::schema, "", [&](const Operation& operation) {
    if (phase_of(operation) != "catch_up") return;
    if (changed) lags.insert(operation.progress.at("lag_bytes").to_number<std::int64_t>());
    if (changed) return;
    changed = true;
    // A large value that is not sent again, another key, all kinds of changes.
    as("acme",
       "update app.animal set name = 'renamed' where id % 7 = 0;\n"
       "update app.animal set story = repeat('new', 5000) where id = 3;\n"
       "update app.\"visit Log\" set \"at \"\"day\" = '2030-01-01' where place = 'gate 1' and \"at \"\"day\" "
       "= '2026-01-02';\n"
       "delete from app.animal where id between 40 and 45;\n"
       "insert into app.animal(name, picture) select 'late ' || n, decode(repeat(md5(n::text), 500), 'hex') "
       "from "
       "generate_series(1, 50) n;\n"
       "insert into app.keeper(name) values ('late');\n"
       "delete from app.motto;\n"
       "insert into app.motto(words) values ('again');\n"
       "update app.day set at = '2026-03-01' where at = '2025-12-24';\n"
       "insert into app.keeper(name) select 'k' || n from generate_series(1, 12000) n;\n");
  });
  ASSERT_TRUE(moved.has_value()) << moved.error().message() << " " << moved.error().internal();
  ASSERT_TRUE(changed);
  ASSERT_GT(lags.size(), 2u) << "how far it is behind is told, within a long transaction as well";
  EXPECT_GT(*lags.rbegin(), 10'000);
  EXPECT_LT(moved->result.at("lag_bytes").to_number<std::int64_t>(), 10'000);
  const std::string there = rows_of("acme");
  EXPECT_NE(there.find("renamed"), std::string::npos);
  EXPECT_NE(there.find("late 50"), std::string::npos);
  EXPECT_NE(there.find("keeper12004"), std::string::npos) << "the counter";
  EXPECT_EQ(there.find("slow is smooth"), std::string::npos);
  EXPECT_NE(there.find("newnew"), std::string::npos);
  EXPECT_EQ(there.find("\"name\": \"animal 41\""), std::string::npos);
}

TEST_F(Moves, WritersLoseNothingAndWriteNothingTwice) {
  filled("acme", Model::row);
  filled("globex", Model::row);
  const std::string other = rows_of("globex");
  Writer one(database_, "acme", 1), two(database_, "acme", 2), three(database_, "acme", 3);
  for (const auto model : {Model::schema, Model::silo, Model::row, Model::silo, Model::schema, Model::row}) {
    const auto moved = move("acme", model);
    ASSERT_TRUE(moved.has_value()) << moved.error().message() << " " << moved.error().internal();
  }
  std::multiset<std::string> there;
  for (Writer* writer : {&one, &two, &three}) {
    writer->stop();
    EXPECT_EQ(writer->failure(), "");
    EXPECT_GT(writer->acknowledged().size(), 20u);
  }
  auto rows = must(admin_.query("select name from app.animal where tenant_id = $1::uuid and name like 'w%'",
                                {tenant("acme").id.text()}));
  for (std::size_t row = 0; row < rows.size(); ++row) there.insert(std::string(rows.text(row, 0)));
  std::size_t acknowledged = 0;
  for (const Writer* writer : {&one, &two, &three}) {
    acknowledged += writer->acknowledged().size();
    for (const auto& name : writer->acknowledged()) EXPECT_EQ(there.count(name), 1u) << name;
  }
  EXPECT_EQ(there.size(), acknowledged);
  EXPECT_EQ(rows_of("globex"), other);
  expect_one_home("acme");
}

TEST_F(Moves, TheWayBackBringsWhatWasWrittenSince) {
  filled("acme", Model::row);
  must(move("acme", Model::silo));
  as("acme", "insert into app.animal(name) values ('of the silo');\ndelete from app.animal where id = 2;\n");
  const std::string there = rows_of("acme");
  const auto silo = tenant("acme").placement.database;
  MoveRequest back;
  back.tenant = "acme";
  back.back = true;
  must(run_move(admin_, must(start_move(admin_, back)).id));
  EXPECT_EQ(tenant("acme").placement.model, Model::row);
  EXPECT_EQ(rows_of("acme"), there);
  expect_one_home("acme");
  // What is kept at the silo goes, and the way there is closed.
  const auto formers = must(former_placements(admin_, tenant("acme").id));
  ASSERT_EQ(formers.size(), 1u);
  EXPECT_EQ(formers[0].placement.database, silo);
  must(clean_former(admin_, formers[0]));
  EXPECT_EQ(must(admin_.query("select count(*) from pg_database where datname = $1", {silo})).text(0, 0),
            "0");
  const auto none = start_move(admin_, back);
  ASSERT_TRUE(none.has_error());
  EXPECT_EQ(none.error().code(), Errc::conflict);
}

TEST_F(Moves, WhatIsKeptGoesWhenItsTimeIsOver) {
  filled("acme", Model::row);
  filled("globex", Model::row);
  const std::string other = rows_of("globex");
  MoveRequest request;
  request.tenant = "acme";
  request.model = Model::schema;
  request.keep = std::chrono::seconds(0);
  must(run_move(admin_, must(start_move(admin_, request)).id));
  const std::string there = rows_of("acme");
  EXPECT_NE(must(admin_.query("select count(*) from app.animal where tenant_id = $1::uuid",
                              {tenant("acme").id.text()}))
                .text(0, 0),
            "0");
  const auto report = Housekeeper().run_once(admin_);
  EXPECT_TRUE(report.errors.empty());
  EXPECT_EQ(report.cleaned, 1);
  EXPECT_EQ(must(admin_.query(
                     "select (select count(*) from app.animal where tenant_id = $1::uuid) + (select count(*) "
                     "from bulkhead.counter where tenant_id = $1::uuid) + (select count(*) from "
                     "bulkhead.residency where tenant_id = $1::uuid)",
                     {tenant("acme").id.text()}))
                .text(0, 0),
            "0");
  EXPECT_EQ(rows_of("acme"), there);
  EXPECT_EQ(rows_of("globex"), other);
}

TEST_F(Moves, ADeletedTenantLeavesNothingWhereItLivedBefore) {
  const auto acme = filled("acme", Model::schema);
  must(move("acme", Model::row));
  const auto operation = must(start_delete(admin_, "acme", std::chrono::seconds(0), "test"));
  must(run_delete(admin_, operation.id));
  EXPECT_EQ(must(admin_.query("select count(*) from catalog.former_placement")).text(0, 0), "0");
  auto shard = must(catalog::connect_to(admin_, acme.placement.cell, acme.placement.database));
  EXPECT_EQ(must(shard.query("select count(*) from pg_namespace where nspname = $1", {acme.placement.schema}))
                .text(0, 0),
            "0");
}

TEST_F(Moves, AreRefusedWhereTheyMakeNoSense) {
  filled("acme", Model::row);
  const auto same = move("acme", Model::row);
  ASSERT_TRUE(same.has_error());
  EXPECT_EQ(same.error().code(), Errc::conflict);
  EXPECT_EQ(move("acme", std::nullopt).error().code(), Errc::usage);
  EXPECT_EQ(move("acme", Model::silo, "nowhere").error().code(), Errc::conflict);
  EXPECT_EQ(move("nobody", Model::silo).error().code(), Errc::not_found);
  expect_one_home("acme");
  // Nothing is left of those that failed.
  EXPECT_EQ(must(admin_.query("select count(*) from catalog.slot")).text(0, 0), "0");
  must(start_delete(admin_, "acme", std::chrono::hours(1), "test"));
  EXPECT_EQ(move("acme", Model::silo).error().code(), Errc::conflict);
}

TEST_F(Moves, OneTenantHasOneMoveAtATime) {
  filled("acme", Model::row);
  bool tried = false;
  must(move("acme", Model::schema, "", [&](const Operation& operation) {
    if (tried || phase_of(operation) != "verify") return;
    tried = true;
    auto other = database_.connect_admin();
    MoveRequest second;
    second.tenant = "acme";
    second.model = Model::silo;
    const auto started = start_move(other, second);
    ASSERT_TRUE(started.has_error());
    EXPECT_EQ(started.error().code(), Errc::conflict);
    const auto again = run_move(other, operation.id);
    ASSERT_TRUE(again.has_error());
    EXPECT_EQ(again.error().code(), Errc::conflict);
  }));
  EXPECT_TRUE(tried);
  expect_one_home("acme");
}

TEST_F(Moves, ADifferenceIsFoundAndTheTenantStays) {
  filled("acme", Model::row);
  const std::string before = rows_of("acme");
  bool changed = false;
  const auto moved = move("acme", Model::schema, "", [&](const Operation& operation) {
    if (changed || phase_of(operation) != "catch_up") return;
    changed = true;
    const auto target = operation.progress.at("target").as_object();
    auto there = must(catalog::connect_to(admin_, "default", std::string(target.at("database").as_string())));
    must(there.execute("set session_replication_role = replica; update \"" +
                       std::string(target.at("schema").as_string()) +
                       "\".animal set weight = 7 where id = 9"));
  });
  ASSERT_TRUE(moved.has_error());
  EXPECT_EQ(moved.error().code(), Errc::internal);
  EXPECT_NE(moved.error().message().find("animal"), std::string_view::npos);
  EXPECT_EQ(rows_of("acme"), before);
  expect_one_home("acme");
  EXPECT_EQ(must(admin_.query("select count(*) from catalog.slot")).text(0, 0), "0")
      << "the place was undone";
  // And again, undisturbed.
  const auto id = must(admin_.query("select id from catalog.operation where kind = 'move'"));
  must(resume_operation(admin_, Uuid::parse(id.text(0, 0)).value()));
  EXPECT_EQ(tenant("acme").placement.model, Model::schema);
  EXPECT_EQ(rows_of("acme"), before);
}

TEST_F(Moves, RowsThatAreRemovedDoNotMeetThoseThatCome) {
  filled("acme", Model::schema);
  const std::string before = rows_of("acme");
  bool changed = false;
  const auto moved = move("acme", Model::row, "", [&](const Operation& operation) {
    if (changed || phase_of(operation) != "catch_up") return;
    changed = true;
    must(admin_.execute(
        "set session_replication_role = replica; update app.animal set weight = 7 where id = 9; reset "
        "session_replication_role"));
  });
  ASSERT_TRUE(moved.has_error());
  // What the failed move has brought is to be removed first.
  EXPECT_EQ(must(admin_.query("select state from catalog.former_placement")).text(0, 0), "cleaning");
  EXPECT_NE(must(admin_.query("select count(*) from app.animal")).text(0, 0), "0");
  // There is no other pool: the next move waits for that.
  std::thread next([this] { must(move("acme", Model::row)); });
  auto keeper = database_.connect_admin();
  while (
      must(keeper.query("select from catalog.operation where kind = 'move' and state = 'running'")).empty())
    std::this_thread::yield();
  EXPECT_EQ(must(clean_due_placements(keeper)), 1);
  next.join();
  EXPECT_EQ(rows_of("acme"), before);
  expect_one_home("acme");
}

TEST_F(Moves, AMigrationInTheMiddleIsNoticed) {
  filled("acme", Model::row);
  bool migrated = false;
  const auto moved = move("acme", Model::schema, "", [&](const Operation& operation) {
    if (migrated || phase_of(operation) != "catch_up") return;
    migrated = true;
    test::migrate_app(database_, {zoo, "alter table animal add column legs integer not null default 4;"});
    as("acme", "update app.animal set legs = 3 where id = 5;\n");
  });
  // The target is at another version now: the move is taken back, and goes once both are alike.
  ASSERT_TRUE(moved.has_error());
  EXPECT_EQ(moved.error().code(), Errc::conflict) << moved.error().message();
  expect_one_home("acme");
  must(move("acme", Model::silo));
  EXPECT_NE(rows_of("acme").find("\"legs\": 3"), std::string::npos);
}

TEST_F(Moves, ATransactionThatDoesNotEndHoldsNobodyUpForGood) {
  const auto acme = filled("acme", Model::row);
  auto writer = database_.connect_admin();
  must(writer.execute("begin"));
  must(writer.query("select bulkhead.lock_tenant($1::uuid)", {acme.id.text()}));
  bool released = false;
  must(move("acme", Model::schema, "", [&](const Operation& operation) {
    if (released || phase_of(operation) != "fence") return;
    released = true;
    // Another writer of the tenant is not stopped by the mover that waits.
    auto second = database_.connect_admin();
    must(second.execute("set lock_timeout = '5s'; begin"));
    must(second.query("select bulkhead.lock_tenant($1::uuid)", {acme.id.text()}));
    must(second.execute("rollback"));
    must(writer.execute("rollback"));
  }));
  EXPECT_TRUE(released);
  expect_one_home("acme");
}

TEST_F(Moves, ATargetThatDiesIsWaitedForOrLeft) {
  add_cell_north();
  filled("acme", Model::row);
  const std::string before = rows_of("acme");
  bool killed = false;
  const auto moved = move("acme", Model::silo, "north", [&](const Operation& operation) {
    if (killed || phase_of(operation) != "verify") return;
    killed = true;
    Postgres::second().kill_cluster();
    while (pg::Blocking::connect(Postgres::second().admin("postgres")).has_value()) std::this_thread::yield();
    Postgres::second().revive();
    while (pg::Blocking::connect(Postgres::second().admin("postgres")).has_error()) std::this_thread::yield();
  });
  if (moved.has_error()) {
    EXPECT_EQ(moved.error().code(), Errc::database_unavailable);
    expect_one_home("acme");
    const auto id = must(admin_.query("select id from catalog.operation where kind = 'move'"));
    must(resume_operation(admin_, Uuid::parse(id.text(0, 0)).value()));
  }
  ASSERT_TRUE(killed);
  EXPECT_EQ(tenant("acme").placement.cell, "north");
  EXPECT_EQ(rows_of("acme"), before);
  expect_one_home("acme");
}

TEST_F(Moves, TellWhatTheyWouldTake) {
  filled("acme", Model::row);
  MoveRequest request;
  request.tenant = "acme";
  request.model = Model::silo;
  const auto found = must(estimate_move(admin_, request));
  EXPECT_EQ(found.rows, 3u + 60 + 20 + 1 + 30 + 1);
  EXPECT_GT(found.bytes, 10000u);
  EXPECT_FALSE(found.measured);
  EXPECT_EQ(tenant("acme").placement.model, Model::row);
  EXPECT_EQ(must(admin_.query("select count(*) from catalog.operation")).text(0, 0), "0");
}

}  // namespace
}  // namespace bulkhead::lifecycle
