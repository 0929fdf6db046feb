// The real program is killed between any two steps of a backup and of a restore, or its disk is full: a later run finishes it, and
// nothing half-made ever looks whole.
#include <map>

#include "fixture.hpp"
#include "lifecycle/backup/prune.hpp"
#include "lifecycle/housekeeper.hpp"
#include "support/program.hpp"

namespace bulkhead::lifecycle::backup {
namespace {

namespace fs = std::filesystem;

class Killed : public BackupTest {
 protected:
  Killed() : trace_(folder_.string() + "-trace") {}
  ~Killed() override {
    std::error_code ignored;
    fs::remove(trace_, ignored);
  }

  /// The program's exit code; -1 when it was killed. `file_bytes`: the largest file it may write; 0: any.
  int program(std::vector<std::string> arguments, const std::map<std::string, std::string>& environment = {},
              std::size_t file_bytes = 0) const {
    arguments.insert(arguments.end(), {"--store", store_});
    return test::Program(BULKHEAD_PROGRAM, database_, std::move(arguments), {environment, file_bytes}).wait();
  }

  /// Every place that a run passes, as the failpoint's name and which passage.
  std::vector<std::string> places(const std::vector<std::string>& arguments) {
    fs::remove(trace_);
    EXPECT_EQ(program(arguments, {{"BULKHEAD_FAILPOINT_TRACE", trace_.string()}}), 0);
    return test::passages(trace_);
  }
  /// What every server does by itself.
  void keep_house() {
    must(admin_.execute("update catalog.operation set updated_at = now() - interval '1 min'"));
    const auto report = Housekeeper().run_once(admin_);
    for (const auto& error : report.errors) ADD_FAILURE() << error.message();
  }

  fs::path trace_;
};

TEST_P(Killed, InAnyStepOfABackupAnotherRunMakesIt) {
  const auto acme = filled("acme");
  const std::string before = dump(acme);
  const auto all = places({"backup", "acme"});
  EXPECT_GE(all.size(), 10u);
  std::size_t whole = 1;
  for (const auto& place : test::chosen("backup", all)) {
    SCOPED_TRACE(place);
    ASSERT_EQ(program({"backup", "acme"}, {{"BULKHEAD_FAILPOINT", place}}), -1);
    // Whatever is listed is whole.
    for (const auto& entry : must(list_backups(admin_, "acme", store_)))
      static_cast<void>(must(verify_backup(admin_, "acme", store_, entry.name.folder, false)));
    keep_house();
    const auto list = must(list_backups(admin_, "acme", store_));
    EXPECT_GT(list.size(), whole);
    whole = list.size();
    EXPECT_EQ(one("select count(*) from catalog.operation where state <> 'done'"), "0");
  }
  EXPECT_EQ(dump(must(restore_tenant(admin_, wanted("acme", "acme-restored"))).tenant), before);
  EXPECT_EQ(dump(acme), before);
}

TEST_P(Killed, InAnyStepOfARestoreAnotherRunFinishesItAndUntilThenThereIsNoTenant) {
  const auto acme = filled("acme");
  const auto globex = filled("globex");
  const std::string before = dump(acme), others = dump(globex);
  static_cast<void>(backed_up("acme"));
  const auto all = places({"restore", "acme", "--as", "acme-traced"});
  EXPECT_GE(all.size(), 15u);
  int number = 0;
  auto steps = all;
  // How a placement is made is tested where it is made (integration_lifecycle_killed).
  std::erase_if(steps, [](const auto& place) { return place.starts_with("provision."); });
  for (const auto& place : test::chosen("restore", steps)) {
    SCOPED_TRACE(place);
    const std::string slug = "acme-" + std::to_string(++number);
    ASSERT_EQ(program({"restore", "acme", "--as", slug}, {{"BULKHEAD_FAILPOINT", place}}), -1);
    if (const auto early = catalog::find_tenant(admin_, slug); early.has_value())
      EXPECT_EQ(dump(*early), before);
    keep_house();
    EXPECT_EQ(dump(must(catalog::find_tenant(admin_, slug))), before);
    expect_nothing_half_made(acme);
  }
  EXPECT_EQ(dump(acme), before);
  EXPECT_EQ(dump(globex), others);
}

TEST_P(Killed, InAnyStepOfAReplacementItIsDoneOnceOrNotYet) {
  const auto acme = filled("acme");
  const auto globex = filled("globex");
  const std::string before = dump(acme), others = dump(globex);
  static_cast<void>(backed_up("acme"));
  const auto change = [&](const std::string& motto) {
    run(acme, "insert into @profile values ($t, '" + motto +
                  "') on conflict (tenant_id) do update set motto = excluded.motto");
  };
  const std::vector<std::string> command{"restore", "acme", "--replace", "--discard", "--yes"};
  const auto all = places(command);
  EXPECT_GE(all.size(), 12u);
  for (const auto& place : test::chosen("replace", all)) {
    SCOPED_TRACE(place);
    change("changed before");
    const std::string changed = dump(acme);
    ASSERT_EQ(program(command, {{"BULKHEAD_FAILPOINT", place}}), -1);
    const bool replaced = dump(acme) == before;
    EXPECT_TRUE(replaced || dump(acme) == changed);
    // What is written once it has been done stays, whoever takes the operation up.
    if (replaced) change("written after");
    const std::string after = dump(acme);
    keep_house();
    EXPECT_EQ(dump(acme), replaced ? after : before);
    expect_nothing_half_made(acme);
  }
  EXPECT_EQ(dump(globex), others);
}

TEST_P(Killed, TheCommandsSayWhatIsWrong) {
  static_cast<void>(filled("acme"));
  EXPECT_EQ(program({"restore", "acme", "--as", "acme-restored"}), 6) << "no backup";
  EXPECT_EQ(program({"backup", "create", "acme"}), 0);
  EXPECT_EQ(program({"backup"}), 2);
  EXPECT_EQ(program({"backup", "nobody"}), 6);
  EXPECT_EQ(program({"restore", "acme"}), 2) << "as what?";
  EXPECT_EQ(program({"restore", "acme", "--as", "acme-restored", "--replace"}), 2);
  EXPECT_EQ(program({"restore", "acme", "--discard"}), 2);
  EXPECT_EQ(program({"restore", "acme", "--replace"}), 2) << "nobody confirms it";
  EXPECT_EQ(program({"restore", "acme", "--replace", "--yes"}), 11) << "no way back";
  EXPECT_EQ(program({"restore", "acme", "--replace", "--yes", "--discard", "--json"}), 0);
  EXPECT_EQ(program({"restore", "acme", "--as", "acme-restored", "--at", "yesterday"}), 2);
  EXPECT_EQ(program({"restore", "acme", "--as", "acme-restored", "--at", "2001-01-01T00:00:00Z"}), 6);
  EXPECT_EQ(program({"restore", "acme", "--as", "acme-restored", "--model", "none"}), 2);
  EXPECT_EQ(program({"restore", "acme", "--as", "acme"}), 7);
  EXPECT_EQ(program({"restore", "acme", "--as", "acme-restored", "--json"}), 0);
  EXPECT_EQ(program({"backup", "verify", "acme", "--quick"}), 0);
  EXPECT_EQ(program({"backup", "prune", "--keep-days", "1"}), 0);
  EXPECT_EQ(one("select string_agg(action, ',' order by action) from (select distinct action from "
                "catalog.audit_entry) a"),
            "backup.create,backup.prune,tenant.restore");
}

TEST_P(Killed, InTheMiddleOfAVerificationItsPlacementGoes) {
  static_cast<void>(filled("acme"));
  static_cast<void>(backed_up("acme"));
  for (const char* place : {"verify.reserved", "provision.schema.migrated", "verify.filled"}) {
    SCOPED_TRACE(place);
    ASSERT_EQ(program({"backup", "verify", "acme"}, {{"BULKHEAD_FAILPOINT", place}}), -1);
    keep_house();
    EXPECT_EQ(one("select count(*) from catalog.slot"), "0");
  }
}

TEST_P(Killed, AFullDiskEndsABackupAndLeavesNothingThatLooksWhole) {
  const auto acme = filled("acme");
  run(acme,
      "update @thing set large = (select string_agg(md5(n::text), '') from generate_series(1, 60000) n) "
      "where tenant_id = $t and id = 1");
  EXPECT_EQ(program({"backup", "acme"}, {}, 100'000), 5);
  EXPECT_TRUE(must(list_backups(admin_, "acme", store_)).empty());
  EXPECT_EQ(one("select count(*) from catalog.operation where kind = 'backup' and state = 'failed' and error "
                "like '%File too large%prune%'"),
            "1");
  EXPECT_TRUE(fs::is_empty(folder_ / ".partial"));
  EXPECT_EQ(program({"backup", "acme"}), 0);
  EXPECT_EQ(must(list_backups(admin_, "acme", store_)).size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Models, Killed, testing::Values(Model::row, Model::schema, Model::silo),
                         [](const auto& info) { return std::string(catalog::model_name(info.param)); });

}  // namespace
}  // namespace bulkhead::lifecycle::backup
