// The journal is kept in segments; a restore to a time is row for row what was there then.
#include <atomic>
#include <fstream>
#include <iterator>
#include <thread>

#include "fixture.hpp"
#include "journal_pump.hpp"
#include "lifecycle/backup/layout.hpp"
#include "lifecycle/backup/prune.hpp"

namespace bulkhead::lifecycle::backup {
namespace {

namespace fs = std::filesystem;
using test::JournalPump;

class PointInTime : public BackupTest {
 protected:
  /// Until the keeper has begun with the tenant.
  void wait_for_stretch(const catalog::TenantRecord& tenant) {
    while (one("select count(*) from catalog.backup_stretch where until_at is null and tenant_id = '" +
               tenant.id.text() + "'") != "1") {
      auto home = test::connect_home(database_, tenant);
      static_cast<void>(must(mark_journal(home)));
      std::this_thread::yield();
    }
  }
  catalog::TenantRecord restored(const std::string& tenant, const std::string& as, Moment at) {
    auto request = wanted(tenant, as);
    request.at = at;
    return must(restore_tenant(admin_, request)).tenant;
  }
  std::vector<fs::path> segments() {
    std::vector<fs::path> out;
    for (const auto& entry : fs::recursive_directory_iterator(folder_))
      if (entry.is_regular_file() && entry.path().string().find("/journal/") != std::string::npos)
        out.push_back(entry.path());
    return out;
  }
};

TEST_P(PointInTime, EveryKindOfChangeComesBack) {
  const auto acme = filled("acme");
  const auto globex = filled("globex");
  const std::string others = dump(globex);
  must(set_continuous(admin_, "acme", true));
  JournalPump pump(database_, acme, store_);
  wait_for_stretch(acme);
  static_cast<void>(backed_up("acme"));
  std::vector<std::pair<Moment, std::string>> states;
  const auto change = [&](const std::string& sql) {
    run(acme, sql);
    states.emplace_back(now(), dump(acme));
  };
  change(R"(update @thing set name = 'the large one stays' where tenant_id = $t and id = 1)");
  change(R"(update @thing set id = 7, mood = 'sad', tags = '{x}' where tenant_id = $t and id = 2)");
  change(R"(delete from @thing where tenant_id = $t and id = 3)");
  change(
      R"(insert into @numbered(tenant_id, note, large) values ($t, E'new\n\\', (select string_agg(md5(n::text), '') from generate_series(1, 3000) n)))");
  change(R"(update @numbered set note = 'other' where tenant_id = $t)");
  change(
      R"(insert into @person(tenant_id, name, boss) values ($t, 'Dan', 'Dan'); insert into @team values ($t, 2, 'Dan'); update @person set team = 2 where tenant_id = $t and name = 'Dan')");
  change(
      R"(begin; delete from @"Odd Table" where tenant_id = $t; insert into @"Odd Table" values ($t, 1, 'again'); update @profile set motto = null where tenant_id = $t; commit)");
  change(
      R"(insert into bulkhead.counter values ($t, 'fresh', 1); update bulkhead.counter set value = 77 where tenant_id = $t and name = 'thing')");
  change(
      R"(begin; insert into @thing(tenant_id, id, name) values ($t, 100, 'never'); rollback; insert into @thing(tenant_id, id) select $t, n from generate_series(1000, 1200) n)");
  change(R"(truncate @"Odd Table"; insert into @"Odd Table" values ($t, 5, 'after'))");
  int number = 0;
  for (const auto& [at, state] : states) {
    SCOPED_TRACE(moment_text(at));
    EXPECT_EQ(dump(restored("acme", "acme-" + std::to_string(++number), at)), state);
  }
  EXPECT_FALSE(pump.failure());
  // `truncate` is of all tenants.
  if (GetParam() != Model::row) EXPECT_EQ(dump(globex), others);
  // What a restore brings is no news of the live tenant's, nor of the new one's.
  for (const auto& segment : segments()) EXPECT_NE(segment.string().find(acme.id.text()), std::string::npos);
  static_cast<void>(must(verify_backup(admin_, "acme", store_, "", false)));
}

TEST_P(PointInTime, UnderConcurrentWritesItIsAShadowCopyOfThen) {
  const auto acme = filled("acme");
  const auto globex = filled("globex");
  must(set_continuous(admin_, "acme", true));
  must(set_continuous(admin_, "globex", true));
  JournalPump pump(database_, acme, store_);
  std::optional<JournalPump> second;
  if (globex.placement.database != acme.placement.database) second.emplace(database_, globex, store_);
  wait_for_stretch(acme);

  std::atomic<bool> stop{false}, hold{false};
  std::atomic<int> held{0}, written{0};
  const auto work = [&](const catalog::TenantRecord& tenant, int writer) {
    auto home = test::connect_home(database_, tenant);
    for (int n = 0; !stop; ++n) {
      if (hold) {
        ++held;
        while (hold && !stop) std::this_thread::yield();
        --held;
      }
      const std::string id = std::to_string(1'000'000 * (writer + 1) + n),
                        seen = std::to_string(1'000'000 * (writer + 1) + n / 2);
      must(home.execute(placed(
          tenant,
          "begin; insert into @thing(tenant_id, id, name) values ($t, " + id +
              ", 'n'); insert into @\"Odd Table\" values ($t, " + id +
              ", 'n'); update @thing set name = name || 'x', mood = 'sad' where tenant_id = $t and id = " +
              seen + "; delete from @thing where tenant_id = $t and id = " + seen +
              " and name like '%xx'; "
              "update bulkhead.counter set value = value + 1 where tenant_id = $t and name = 'thing'; "
              "commit")));
      ++written;
    }
  };
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 3; ++writer) writers.emplace_back(work, acme, writer);
  writers.emplace_back(work, globex, 3);
  const auto wait_for_writes = [&](int more) {
    for (const int until = written + more; written < until;) std::this_thread::yield();
  };
  wait_for_writes(100);
  static_cast<void>(backed_up("acme"));
  wait_for_writes(300);
  hold = true;
  while (held < 4) std::this_thread::yield();
  const Moment at = now();
  const std::string shadow = dump(acme);
  hold = false;
  wait_for_writes(100);
  // Any other time: each transaction is there as a whole, or not.
  const Moment any = now();
  wait_for_writes(100);
  const auto then = restored("acme", "acme-then", at);
  EXPECT_EQ(dump(then), shadow);
  const auto sometime = restored("acme", "acme-sometime", any);
  EXPECT_EQ(value(sometime,
                  "select (select count(*) - 2 from @\"Odd Table\" where tenant_id = $t) = (select value - 3 "
                  "from bulkhead.counter where tenant_id = $t and name = 'thing')"),
            "t");
  stop = true;
  for (auto& writer : writers) writer.join();
  EXPECT_FALSE(pump.failure());
  EXPECT_NE(dump(acme), shadow);
}

TEST_P(PointInTime, GoesOnAfterTheKeeperHasBegunAgain) {
  const auto acme = filled("acme");
  must(set_continuous(admin_, "acme", true));
  JournalPump pump(database_, acme, store_);
  wait_for_stretch(acme);
  static_cast<void>(backed_up("acme"));
  for (int round = 0; round < 4; ++round) {
    run(acme, "insert into @thing(tenant_id, id, name) values ($t, " + std::to_string(100 + round) +
                  ", 'x'); update @profile set motto = motto || 'x' where tenant_id = $t");
    pump.stop();
    EXPECT_FALSE(pump.failure());
    run(acme,
        "insert into @thing(tenant_id, id, name) values ($t, " + std::to_string(200 + round) + ", 'y')");
    pump.begin();
  }
  const std::string state = dump(acme);
  EXPECT_EQ(dump(restored("acme", "acme-restored", now())), state);
}

TEST_P(PointInTime, DoesNotWaitForASegmentToBeOld) {
  const auto acme = filled("acme");
  must(set_continuous(admin_, "acme", true));
  const JournalPump pump(database_, acme, store_, std::chrono::hours(1));
  wait_for_stretch(acme);
  static_cast<void>(backed_up("acme"));
  run(acme, "update @profile set motto = 'just now' where tenant_id = $t");
  const std::string state = dump(acme);
  EXPECT_EQ(dump(restored("acme", "acme-restored", now())), state);
  EXPECT_FALSE(pump.failure());
}

TEST_P(PointInTime, IsRefusedWhereTheJournalHasAGap) {
  const auto acme = filled("acme");
  must(set_continuous(admin_, "acme", true));
  static_cast<void>(backed_up("acme"));
  JournalPump pump(database_, acme, store_);
  wait_for_stretch(acme);
  auto request = wanted("acme", "acme-restored");
  request.at = now();
  EXPECT_EQ(refused(request), Errc::conflict) << "the backup is older than the journal";
  static_cast<void>(backed_up("acme"));
  run(acme, "update @profile set motto = 'before' where tenant_id = $t");
  const Moment good = now();
  const std::string state = dump(acme);
  EXPECT_EQ(dump(restored("acme", "acme-first", good)), state);
  pump.stop();
  request.at = now();
  request.patience = std::chrono::milliseconds(0);
  EXPECT_EQ(refused(request), Errc::conflict) << "nobody writes the journal";
  run(acme, "update @profile set motto = 'lost' where tenant_id = $t");
  const Moment gap = now();
  pump.lose();
  pump.begin();
  wait_for_stretch(acme);
  request.patience = std::chrono::seconds(60);
  request.at = gap;
  EXPECT_EQ(refused(request), Errc::conflict) << "the change was never told";
  static_cast<void>(backed_up("acme"));
  run(acme, "update @profile set motto = 'after' where tenant_id = $t");
  EXPECT_EQ(value(restored("acme", "acme-second", now()), "select motto from @profile where tenant_id = $t"),
            "after");
  must(set_continuous(admin_, "acme", false));
  while (one("select count(*) from catalog.backup_stretch where until_at is null") != "0") {
    auto home = test::connect_home(database_, acme);
    static_cast<void>(must(mark_journal(home)));
  }
  run(acme, "update @profile set motto = 'off' where tenant_id = $t");
  request.at = now();
  EXPECT_EQ(refused(request), Errc::conflict) << "it is not kept any more";
  expect_nothing_half_made(acme);
}

TEST_P(PointInTime, ATimeAfterAMoveNeedsABackupOfAfterIt) {
  auto acme = filled("acme");
  must(set_continuous(admin_, "acme", true));
  JournalPump pump(database_, acme, store_);
  wait_for_stretch(acme);
  static_cast<void>(backed_up("acme"));
  run(acme, "update @profile set motto = 'before' where tenant_id = $t");
  const Moment before = now();
  const std::string state = dump(acme);
  // What a move leaves in the catalog and where the tenant lives.
  must(admin_.execute("update catalog.placement set epoch = 2"));
  run(acme, "update bulkhead.residency set epoch = 2 where tenant_id = $t");
  auto request = wanted("acme", "acme-restored");
  request.at = before;
  EXPECT_EQ(refused(request), Errc::conflict) << "nobody knows when it moved";
  static_cast<void>(
      must(admin_.query("insert into catalog.operation(kind, tenant_id, subject, state) values ('move', "
                        "$1::uuid, 'acme', 'done')",
                        {acme.id.text()})));
  run(acme, "update @profile set motto = 'after' where tenant_id = $t");
  request.at = now();
  EXPECT_EQ(refused(request), Errc::conflict);
  EXPECT_EQ(dump(restored("acme", "acme-before", before)), state);
  static_cast<void>(backed_up("acme"));
  run(acme, "update @profile set motto = 'later' where tenant_id = $t");
  EXPECT_EQ(value(restored("acme", "acme-after", now()), "select motto from @profile where tenant_id = $t"),
            "later");
}

TEST_P(PointInTime, DoesNotTakeADamagedOrMissingSegmentForTheTruth) {
  const auto acme = filled("acme");
  must(set_continuous(admin_, "acme", true));
  JournalPump pump(database_, acme, store_);
  wait_for_stretch(acme);
  static_cast<void>(backed_up("acme"));
  run(acme, "update @profile set motto = 'x' where tenant_id = $t");
  const Moment at = now();
  static_cast<void>(restored("acme", "acme-good", at));
  const auto all = segments();
  ASSERT_FALSE(all.empty());
  std::ifstream in(all.front(), std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(in), {});
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(all.front(), std::ios::binary) << bytes;
  auto request = wanted("acme", "acme-bad");
  request.at = at;
  EXPECT_EQ(refused(request), Errc::import_failed);
  EXPECT_EQ(verify_backup(admin_, "acme", store_, "", false).error().code(), Errc::import_failed);
  expect_nothing_half_made(acme);
}

TEST_P(PointInTime, PruningLeavesWhatTheOldestBackupNeeds) {
  const auto acme = filled("acme");
  must(set_continuous(admin_, "acme", true));
  JournalPump pump(database_, acme, store_);
  wait_for_stretch(acme);
  const auto write = [&](int id) {
    run(acme, "insert into @thing(tenant_id, id) values ($t, " + std::to_string(id) + ")");
    const auto before = segments().size();
    while (segments().size() == before) std::this_thread::yield();
  };
  static_cast<void>(backed_up("acme"));
  for (int id = 100; id < 104; ++id) write(id);
  static_cast<void>(backed_up("acme"));
  for (int id = 200; id < 203; ++id) write(id);
  const Moment at = now();
  const std::string state = dump(acme);
  const auto report = must(prune_backups(admin_, store_, at));
  EXPECT_EQ(report.bases, 1u);
  EXPECT_GE(report.segments, 2u);
  EXPECT_GE(segments().size(), 3u);
  EXPECT_EQ(dump(restored("acme", "acme-restored", at)), state);
}

INSTANTIATE_TEST_SUITE_P(Models, PointInTime, testing::Values(Model::row, Model::schema, Model::silo),
                         [](const auto& info) { return std::string(catalog::model_name(info.param)); });

}  // namespace
}  // namespace bulkhead::lifecycle::backup
