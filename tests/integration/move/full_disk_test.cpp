// The target's disk is full, at each step at which a move writes there: the tenant stays where it was, may be written, and moves
// once there is room.
#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>

#include "lifecycle/housekeeper.hpp"
#include "lifecycle/tenants.hpp"
#include "small_disk.hpp"
#include "writer.hpp"
#include "zoo.hpp"

namespace bulkhead::lifecycle {
namespace {

namespace fs = std::filesystem;

class FullDisks : public Zoo {
 protected:
  ~FullDisks() override {
    if (!disk_ || !disk_->mounted()) return;
    // Another test's cell is this server too.
    disk_->make_room(512);
    try {
      auto server = north();
      const auto names =
          must(server.query("select datname from pg_database where datname not in (" + known_ + ")"));
      for (std::size_t row = 0; row < names.size(); ++row)
        must(server.execute("drop database \"" + std::string(names.text(row, 0)) + "\" with (force)"));
      must(server.execute("alter system reset default_tablespace"));
      must(server.query("select pg_reload_conf()"));
      must(server.execute("drop tablespace if exists small"));
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
  }

  static pg::Blocking north() { return must(pg::Blocking::connect(Postgres::second().admin("postgres"))); }

  /// What is made there from now on, the app's tables that is, lies on a disk of this size. False: there may be none here.
  bool small_target(int megabytes) {
    disk_ = std::make_unique<SmallDisk>(megabytes, Postgres::second().postmaster_pid());
    if (!disk_->mounted()) return false;
    auto server = north();
    known_ = std::string(
        must(server.query("select string_agg(quote_literal(datname), ',') from pg_database")).text(0, 0));
    must(server.execute("create tablespace small location " + server.quote_literal(disk_->path())));
    must(server.execute("grant create on tablespace small to public"));
    must(server.execute("alter system set default_tablespace = small"));
    must(server.query("select pg_reload_conf()"));
    while (must(north().query("show default_tablespace")).text(0, 0) != "small") std::this_thread::yield();
    add_cell_north();
    return true;
  }

  /// Rows of some 7 MB that do not get smaller.
  void ballast(const std::string& slug) {
    as(slug,
       "insert into app.animal(name, picture) select 'ballast ' || n, (select decode(string_agg(md5(n || ' ' "
       "|| m), "
       "''), 'hex') from generate_series(1, 448) m) from generate_series(1, 1000) n;\n");
  }
  static constexpr int without_ballast = 4, with_ballast = 64;

  void expect_full(const Result<Operation>& moved) {
    ASSERT_TRUE(moved.has_error());
    EXPECT_EQ(moved.error().sqlstate(), "53100") << moved.error().message();
    EXPECT_NE(moved.error().message().find("the target's disk is full"), std::string_view::npos)
        << moved.error().message();
    EXPECT_NE(moved.error().hint().find("make room there, or move the tenant to another cell"),
              std::string_view::npos);
    // Whoever looks at the operation reads the same, and nobody tries again by itself.
    const auto kept = must(admin_.query(
        "select state, error from catalog.operation where kind = 'move' order by made_at desc limit 1"));
    EXPECT_EQ(kept.text(0, 0), "failed");
    EXPECT_NE(kept.text(0, 1).find("the target's disk is full"), std::string_view::npos);
    EXPECT_NE(kept.text(0, 1).find("another cell"), std::string_view::npos);
  }

  void housekeep() {
    const auto report = Housekeeper().run_once(admin_);
    for (const auto& error : report.errors) ADD_FAILURE() << error.message() << " " << error.internal();
    EXPECT_EQ(must(admin_.query("select (select count(*) from catalog.slot) + (select count(*) from "
                                "catalog.former_placement where state <> 'kept')"))
                  .text(0, 0),
              "0");
  }

  std::string databases_of_north() {
    return std::string(
        must(north().query("select string_agg(datname, ' ' order by datname) from pg_database")).text(0, 0));
  }
  std::string latest_move() {
    return std::string(
        must(admin_.query("select id from catalog.operation where kind = 'move' order by made_at desc "
                          "limit 1"))
            .text(0, 0));
  }

  std::unique_ptr<SmallDisk> disk_;
  std::string known_;
};

#define NEEDS_A_SMALL_DISK(megabytes) \
  if (!small_target(megabytes)) GTEST_SKIP() << disk_->why_not()

TEST_F(FullDisks, DuringTheCopy) {
  NEEDS_A_SMALL_DISK(without_ballast);
  filled("acme", Model::row);
  ballast("acme");
  const std::string before = rows_of("acme"), databases = databases_of_north();
  bool copied = false;
  const auto moved = move("acme", Model::silo, "north", [&](const Operation& operation) {
    copied = copied || phase_of(operation) == "copy";
  });
  expect_full(moved);
  EXPECT_TRUE(copied);
  EXPECT_EQ(rows_of("acme"), before);
  as("acme", "insert into app.keeper(name) values ('after');\n");
  const std::string after = rows_of("acme");
  EXPECT_EQ(databases_of_north(), databases) << "what was half made went with the failure";
  disk_->make_room(with_ballast);
  housekeep();
  expect_one_home("acme");
  must(move("acme", Model::silo, "north"));
  EXPECT_EQ(rows_of("acme"), after);
  expect_one_home("acme");
}

TEST_F(FullDisks, WhileThePlaceIsMade) {
  NEEDS_A_SMALL_DISK(without_ballast);
  filled("acme", Model::row);
  const std::string before = rows_of("acme"), databases = databases_of_north();
  disk_->fill();
  expect_full(move("acme", Model::silo, "north"));
  EXPECT_EQ(rows_of("acme"), before);
  EXPECT_EQ(databases_of_north(), databases);
  disk_->make_room(without_ballast);
  housekeep();
  expect_one_home("acme");
  must(move("acme", Model::silo, "north"));
  EXPECT_EQ(rows_of("acme"), before);
}

TEST_F(FullDisks, WhileItCatchesUpWithWriters) {
  NEEDS_A_SMALL_DISK(without_ballast);
  filled("globex", Model::row);
  must(move("globex", Model::row, "north"));
  const std::string other = rows_of("globex");
  filled("acme", Model::row);
  bool grown = false;
  Writer one(database_, "acme", 1), two(database_, "acme", 2);
  const auto moved = move("acme", Model::row, "north", [&](const Operation& operation) {
    if (grown || phase_of(operation) != "catch_up") return;
    grown = true;
    ballast("acme");
  });
  ASSERT_TRUE(grown);
  expect_full(moved);
  // They wrote all the time, and go on.
  const auto so_far = one.written();
  while (one.written() == so_far && one.failure().empty()) std::this_thread::yield();
  one.stop();
  two.stop();
  for (const Writer* writer : {&one, &two}) {
    EXPECT_EQ(writer->failure(), "");
    const auto rows = must(
        admin_.query("select count(*), count(distinct name) from app.animal where tenant_id = $1::uuid and "
                     "starts_with(name, $2)",
                     {tenant("acme").id.text(), writer == &one ? "w1-" : "w2-"}));
    EXPECT_EQ(rows.text(0, 0), std::to_string(writer->acknowledged().size()));
    EXPECT_EQ(rows.text(0, 1), std::to_string(writer->acknowledged().size()));
  }
  const std::string before = rows_of("acme");
  // On a disk that is still full: what the move had brought goes, and nothing of its neighbour.
  housekeep();
  expect_one_home("acme");
  auto pool = test::connect_home(database_, tenant("globex"));
  for (const char* left : {"app.animal", "app.keeper", "bulkhead.counter", "bulkhead.residency"})
    EXPECT_EQ(must(pool.query(std::string("select count(*) from ") + left + " where tenant_id = $1::uuid",
                              {tenant("acme").id.text()}))
                  .text(0, 0),
              "0")
        << left;
  EXPECT_EQ(rows_of("globex"), other);
  disk_->make_room(with_ballast);
  must(move("acme", Model::row, "north"));
  EXPECT_EQ(rows_of("acme"), before);
  EXPECT_EQ(rows_of("globex"), other);
  expect_one_home("acme");
}

/// PostgreSQL's log has a disk of its own, which is small.
class FullLogs : public FullDisks {
 protected:
  ~FullLogs() override {
    if (kept_.empty()) return;
    disk_->make_room(512);
    Postgres::second().revive();
    Postgres::second().kill_cluster();
    wait_until_down();
    const std::string back =
        "rm '" + wal_ + "' && cp -a '" + disk_->path() + "/wal' '" + wal_ + "' && rm -r '" + kept_ + "'";
    EXPECT_EQ(std::system(back.c_str()), 0);
    revive();
    known_ = "datname";  // Nothing is dropped, nothing had a tablespace.
  }
  bool small_log(int megabytes) {
    disk_ = std::make_unique<SmallDisk>(megabytes, Postgres::second().postmaster_pid());
    if (!disk_->mounted()) return false;
    wal_ =
        std::string(must(north().query("select current_setting('data_directory') || '/pg_wal'")).text(0, 0));
    // As few files as there can be.
    must(north().execute("checkpoint"));
    Postgres::second().kill_cluster();
    wait_until_down();
    kept_ = wal_ + ".kept";
    const std::string there = "cp -a '" + wal_ + "' '" + disk_->path() + "/wal' && mv '" + wal_ + "' '" +
                              kept_ + "' && ln -s '" + disk_->path() + "/wal' '" + wal_ + "'";
    if (std::system(there.c_str()) != 0) throw std::runtime_error("the log cannot be moved");
    revive();
    add_cell_north();
    return true;
  }
  static void wait_until_down() {
    while (pg::Blocking::connect(Postgres::second().admin("postgres")).has_value()) std::this_thread::yield();
  }
  static void revive() {
    Postgres::second().revive();
    while (pg::Blocking::connect(Postgres::second().admin("postgres")).has_error()) std::this_thread::yield();
  }
  std::string wal_, kept_;
};

TEST_F(FullLogs, AreATargetThatDies) {
  if (!small_log(256)) GTEST_SKIP() << disk_->why_not();
  filled("acme", Model::row);
  const std::string before = rows_of("acme");
  bool full = false;
  const auto moved = move("acme", Model::silo, "north", [&](const Operation& operation) {
    if (full || phase_of(operation) != "copy") return;
    full = true;
    disk_->fill();
    auto server = north();
    while (server.query("select pg_logical_emit_message(false, '', repeat('x', 1000000)), pg_switch_wal()")
               .has_value())
      continue;
    // PostgreSQL has panicked.
    EXPECT_TRUE(server.query("select 1").has_error());
  });
  ASSERT_TRUE(full);
  ASSERT_TRUE(moved.has_error());
  EXPECT_EQ(moved.error().code(), Errc::database_unavailable) << moved.error().message();
  const auto kept = must(admin_.query("select state from catalog.operation where kind = 'move'"));
  EXPECT_EQ(kept.text(0, 0), "pending") << "it is tried again";
  EXPECT_EQ(tenant("acme").placement.model, Model::row);
  EXPECT_EQ(rows_of("acme"), before);
  as("acme", "insert into app.keeper(name) values ('after');\n");
  const std::string after = rows_of("acme");
  disk_->make_room(512);
  revive();
  must(resume_operation(admin_, Uuid::parse(latest_move()).value()));
  EXPECT_EQ(tenant("acme").placement.model, Model::silo);
  EXPECT_EQ(rows_of("acme"), after);
  expect_one_home("acme");
}

/// A database that takes no update of the tenant's residency, as one whose disk is full and that has no room on the page.
class FullAtTheFence : public FullDisks {
 protected:
  static void refuse(pg::Blocking& database) {
    must(
        database.execute("create function public.full_disk() returns trigger language plpgsql as $$ begin "
                         "raise exception using errcode = "
                         "'disk_full', message = 'could not extend file: No space left on device'; end $$;"
                         "create trigger full_disk before insert or update on bulkhead.residency for each "
                         "row execute function "
                         "public.full_disk();"
                         "alter table bulkhead.residency enable always trigger full_disk"));
  }
  static void take(pg::Blocking& database) {
    must(database.execute("drop function public.full_disk() cascade"));
  }
  pg::Blocking target_of(const Operation& operation) {
    const auto& target = operation.progress.at("target").as_object();
    return must(catalog::connect_to(admin_, std::string(target.at("cell").as_string()),
                                    std::string(target.at("database").as_string())));
  }
};

TEST_F(FullAtTheFence, TheTenantIsWritableOnceThereIsRoom) {
  add_cell_north();
  filled("acme", Model::row);
  const std::string before = rows_of("acme");
  std::optional<pg::Blocking> target;
  const auto moved = move("acme", Model::silo, "north", [&](const Operation& operation) {
    if (target || phase_of(operation) != "fence") return;
    target.emplace(target_of(operation));
    refuse(*target);
  });
  ASSERT_TRUE(target.has_value());
  ASSERT_TRUE(moved.has_error());
  // It is not known there who has the word: nobody may take it for done.
  EXPECT_EQ(moved.error().code(), Errc::database_unavailable) << moved.error().message();
  EXPECT_NE(moved.error().message().find("the target's disk is full"), std::string_view::npos)
      << moved.error().message();
  EXPECT_EQ(must(admin_.query("select state from catalog.operation where kind = 'move'")).text(0, 0),
            "pending");
  EXPECT_EQ(rows_of("acme"), before) << "it may be read meanwhile";
  // And so it stays, however often it is tried, until there is room.
  EXPECT_TRUE(resume_operation(admin_, Uuid::parse(latest_move()).value()).has_error());
  EXPECT_EQ(must(admin_.query("select state from catalog.operation where kind = 'move'")).text(0, 0),
            "pending");
  take(*target);
  target.reset();
  must(resume_operation(admin_, Uuid::parse(latest_move()).value()));
  EXPECT_EQ(tenant("acme").placement.model, Model::silo);
  EXPECT_EQ(rows_of("acme"), before);
  expect_one_home("acme");
}

TEST_F(FullAtTheFence, TheSourceIsLeftOnceThereIsRoom) {
  add_cell_north();
  filled("acme", Model::schema);
  const std::string before = rows_of("acme");
  auto source = test::connect_home(database_, tenant("acme"));
  bool refused = false;
  const auto moved = move("acme", Model::silo, "north", [&](const Operation& operation) {
    if (refused || phase_of(operation) != "fence") return;
    refused = true;
    // The fence itself is the first to fail: nothing has happened, and nobody has to wait.
    refuse(source);
  });
  ASSERT_TRUE(refused);
  ASSERT_TRUE(moved.has_error());
  EXPECT_NE(moved.error().message().find("that the tenant leaves is full"), std::string_view::npos)
      << moved.error().message();
  take(source);
  EXPECT_EQ(tenant("acme").placement.model, Model::schema);
  housekeep();
  expect_one_home("acme");
  must(move("acme", Model::silo, "north"));
  EXPECT_EQ(rows_of("acme"), before);
}

}  // namespace
}  // namespace bulkhead::lifecycle
