// The real program is killed at every step of a move: another run brings it to an end, and the tenant has one home with all its rows.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <thread>

#include <unistd.h>

#include "lifecycle/housekeeper.hpp"
#include "lifecycle/tenants.hpp"
#include "support/program.hpp"
#include "zoo.hpp"

namespace bulkhead::lifecycle {
namespace {

namespace fs = std::filesystem;

class KilledMoves : public Zoo {
 protected:
  KilledMoves() {
    trace_ = fs::temp_directory_path() / ("bh-trace-" + std::to_string(getpid()) + "-" + database_.name);
  }
  ~KilledMoves() override {
    std::error_code ignored;
    fs::remove(trace_, ignored);
  }
  int run(const std::vector<std::string>& arguments,
          const std::map<std::string, std::string>& environment = {}) const {
    return test::Program(BULKHEAD_PROGRAM, database_, arguments, {environment}).wait();
  }
  /// The names of all places that a move passes.
  std::vector<std::string> places(const std::vector<std::string>& arguments) {
    EXPECT_EQ(run(arguments, {{"BULKHEAD_FAILPOINT_TRACE", trace_.string()}}), 0);
    std::vector<std::string> out;
    std::ifstream in(trace_);
    for (std::string line; std::getline(in, line);)
      if (line.starts_with("move.") && std::find(out.begin(), out.end(), line) == out.end())
        out.push_back(line);
    return out;
  }
  /// PostgreSQL sees some moments later that a client was killed; until then it has the operation's lock.
  void wait_for_its_sessions() {
    while (
        !must(admin_.query(
                  "select from pg_locks where locktype = 'advisory' and granted and pid <> pg_backend_pid()"))
             .empty())
      std::this_thread::yield();
  }
  fs::path trace_;
};

TEST_F(KilledMoves, AtEveryStepEndWithOneHomeAndAllRows) {
  filled("traced", Model::row);
  const auto all = places({"move", "traced", "--to", "schema"});
  EXPECT_GE(all.size(), 15u);
  filled("acme", Model::row);
  filled("globex", Model::row);
  std::string before = rows_of("acme");
  const std::string other = rows_of("globex");
  int number = 0;
  for (const auto& place : all) {
    SCOPED_TRACE(place);
    // A new place each time, so that every run passes all places.
    const Model to = tenant("acme").placement.model == Model::schema ? Model::silo : Model::schema;
    ASSERT_EQ(
        run({"move", "acme", "--to", std::string(catalog::model_name(to))}, {{"BULKHEAD_FAILPOINT", place}}),
        -1);
    wait_for_its_sessions();
    // In turns what every server does by itself, and the operator's command.
    if (++number % 2 == 0) {
      const auto report = Housekeeper().run_once(admin_);
      for (const auto& error : report.errors) ADD_FAILURE() << error.message() << " " << error.internal();
    } else {
      const auto id = must(
          admin_.query("select id from catalog.operation where kind = 'move' order by made_at desc limit 1"));
      ASSERT_EQ(run({"operation", "resume", std::string(id.text(0, 0))}), 0);
    }
    EXPECT_EQ(tenant("acme").placement.model, to);
    EXPECT_EQ(rows_of("acme"), before);
    expect_one_home("acme");
    EXPECT_EQ(must(admin_.query("select count(*) from catalog.operation where state <> 'done'")).text(0, 0),
              "0");
    EXPECT_EQ(must(admin_.query("select count(*) from catalog.slot")).text(0, 0), "0");
    as("acme", "insert into app.keeper(name) values ('after " + place + "');\n");
    before = rows_of("acme");
    for (const auto& former : must(former_placements(admin_, tenant("acme").id)))
      must(clean_former(admin_, former));
  }
  EXPECT_EQ(rows_of("globex"), other);
  EXPECT_EQ(
      must(admin_.query("select count(*) from pg_replication_slots where slot_name like 'bulkhead\\_move%'"))
          .text(0, 0),
      "0");
}

TEST_F(KilledMoves, TheCatalogMayDieWhileWritersWait) {
  add_cell_north();
  filled("acme", Model::row);
  ASSERT_EQ(run({"move", "acme", "--to", "schema", "--cell", "north"}), 0);
  const std::string before = rows_of("acme");
  // Source and target are elsewhere: what fails is to tell the catalog.
  for (const char* place : {"move.fenced", "move.settled", "move.left"}) {
    SCOPED_TRACE(place);
    const Model to = tenant("acme").placement.model == Model::schema ? Model::silo : Model::schema;
    test::Program move(BULKHEAD_PROGRAM, database_,
                       {"move", "acme", "--to", std::string(catalog::model_name(to)), "--cell", "north"},
                       {{{"BULKHEAD_FAILPOINT_STOP", place}}});
    ASSERT_TRUE(move.wait_for_stop());
    Postgres::shared().kill_cluster();
    while (pg::Blocking::connect(Postgres::shared().admin("postgres")).has_value()) std::this_thread::yield();
    Postgres::shared().revive();
    while (pg::Blocking::connect(Postgres::shared().admin("postgres")).has_error()) std::this_thread::yield();
    move.go_on();
    EXPECT_EQ(move.wait(), 0);
    admin_ = database_.connect_admin();
    EXPECT_EQ(tenant("acme").placement.model, to);
    EXPECT_EQ(rows_of("acme"), before);
    expect_one_home("acme");
  }
}

}  // namespace
}  // namespace bulkhead::lifecycle
