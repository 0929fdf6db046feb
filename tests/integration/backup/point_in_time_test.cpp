// The journal is kept in segments; a restore to a time is row for row what was there then.
#include <atomic>
#include <fstream>
#include <iterator>
#include <thread>

#include "fixture.hpp"
#include "journal_pump.hpp"
#include "lifecycle/backup/layout.hpp"
#include "lifecycle/backup/prune.hpp"
#include "lifecycle/housekeeper.hpp"
#include "lifecycle/move.hpp"

namespace bulkhead::lifecycle::backup {
namespace {

namespace fs = std::filesystem;
using test::JournalPump;

class PointInTime : public BackupTest {
 protected:
  /// Until the keeper has begun with the tenant.
  void wait_for_stretch(const catalog::TenantRecord& tenant) {
    while (one("select count(*) from catalog.backup_stretch where until_at is null and tenant_id = '" +
               tenant.id.text() + "' and database_name = '" + tenant.placement.database + "'") != "1") {
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

TEST_P(PointInTime, ItComesInThePlaceOfTheLiveRowsAndBack) {
  const auto acme = filled("acme");
  const auto globex = filled("globex");
  const std::string others = dump(globex);
  must(set_continuous(admin_, "acme", true));
  JournalPump pump(database_, acme, store_);
  wait_for_stretch(acme);
  static_cast<void>(backed_up("acme"));
  run(acme, R"(update @thing set name = 'then' where tenant_id = $t and id = 1)");
  const Moment then = now();
  const std::string rows_then = dump(acme);
  // Keys change hands, rows come and go, a circle is built anew.
  run(acme, R"(
update @thing set id = id + 100 where tenant_id = $t;
delete from @numbered where tenant_id = $t and note like 'note 1%';
insert into @numbered(tenant_id, note) select $t, 'late ' || n from generate_series(1, 5) n;
insert into @person(tenant_id, name, boss) values ($t, 'Dan', 'Dan'); insert into @team values ($t, 2, 'Dan');
update @person set team = 2 where tenant_id = $t;
delete from @profile where tenant_id = $t;
update @"Odd Table" set "ä b" = 'later' where tenant_id = $t and "select" = 1)");
  const Moment later = now();
  const std::string rows_later = dump(acme);
  const auto replace = [&](Moment at) {
    auto request = wanted("acme", "");
    request.replace = true;
    request.at = at;
    return must(restore_tenant(admin_, request));
  };
  const auto back = replace(then);
  EXPECT_EQ(back.tenant.id, acme.id);
  EXPECT_EQ(dump(acme), rows_then);
  EXPECT_EQ(back.replaced.size(), 6u);
  EXPECT_GT(back.pause_ms, 0);
  // What it was before is in the journal, like any other change.
  replace(later);
  EXPECT_EQ(dump(acme), rows_later);
  replace(then);
  EXPECT_EQ(dump(acme), rows_then);
  // Nothing differs: nothing is written.
  EXPECT_TRUE(replace(then).replaced.empty());
  EXPECT_EQ(dump(globex), others);
  EXPECT_FALSE(pump.failure());
  // It is an ordinary tenant as before, and numbers go on.
  run(acme, R"(insert into @numbered(tenant_id, note) values ($t, 'after'))");
  EXPECT_EQ(value(acme, "select count(distinct id) = count(*) from @numbered where tenant_id = $t"), "t");
  expect_nothing_half_made(acme);
}

TEST_P(PointInTime, AfterAMoveABaseIsMadeByItself) {
  const auto acme = filled("acme");
  must(set_continuous(admin_, "acme", true));
  JournalPump pump(database_, acme, store_);
  wait_for_stretch(acme);
  static_cast<void>(backed_up("acme"));
  Housekeeper housekeeper([this](pg::Blocking&) { return Result<std::string>(store_); });
  EXPECT_EQ(housekeeper.run_once(admin_).backups, 0);
  MoveRequest order;
  order.tenant = "acme";
  order.model = GetParam() == Model::silo ? Model::schema : Model::silo;
  const auto move = must(start_move(admin_, order));
  static_cast<void>(must(run_move(admin_, move.id)));
  const auto moved = must(catalog::find_tenant(admin_, "acme"));
  JournalPump there(database_, moved, store_);
  wait_for_stretch(moved);
  run(moved, "delete from @profile where tenant_id = $t");
  // The base is of before the move, the time of after it.
  auto request = wanted("acme", "acme-early");
  request.at = now();
  EXPECT_EQ(refused(request), Errc::conflict);
  const auto report = housekeeper.run_once(admin_);
  for (const auto& error : report.errors) ADD_FAILURE() << error.message();
  EXPECT_EQ(report.backups, 1);
  EXPECT_EQ(housekeeper.run_once(admin_).backups, 0);
  run(moved, "insert into @profile values ($t, 'at the new place')");
  const Moment then = now();
  const std::string rows_then = dump(moved);
  run(moved, "delete from @profile where tenant_id = $t");
  EXPECT_EQ(dump(restored("acme", "acme-then", then)), rows_then);
}

TEST_P(PointInTime, NumbersThatWereGivenOutAreNotGivenOutAgain) {
  const auto acme = filled("acme");
  static_cast<void>(backed_up("acme"));
  run(acme, R"(update bulkhead.counter set value = 50 where tenant_id = $t and name = 'thing';
delete from bulkhead.counter where tenant_id = $t and name <> 'thing')");
  auto request = wanted("acme", "");
  request.replace = request.discard = true;
  static_cast<void>(must(restore_tenant(admin_, request)));
  EXPECT_EQ(
      value(
          acme,
          "select string_agg(name || value, ',' order by value) from bulkhead.counter where tenant_id = $t"),
      "thing50,odd\tname9007199254740993");
}

TEST_P(PointInTime, WhereThereIsNoWayBackNothingIsReplacedUnlessItIsSaid) {
  const auto acme = filled("acme");
  static_cast<void>(backed_up("acme"));
  run(acme, "delete from @profile where tenant_id = $t");
  const std::string before = dump(acme);
  auto request = wanted("acme", "");
  request.replace = true;
  EXPECT_EQ(refused(request), Errc::conflict);
  EXPECT_EQ(dump(acme), before);
  // Nor while another operation of the tenant is under way.
  NewOperation other;
  other.kind = "move";
  other.subject = "acme";
  other.tenant = acme.id;
  const auto started = must(start_operation(admin_, other));
  request.discard = true;
  EXPECT_EQ(refused(request), Errc::conflict);
  must(cancel_operation(admin_, started.id));
  EXPECT_EQ(must(restore_tenant(admin_, request)).replaced.size(), 1u);
}

TEST_P(PointInTime, WritersWaitForAReplacementAndLoseNothing) {
  const auto acme = filled("acme");
  static_cast<void>(backed_up("acme"));
  // Each writer does as a server does: the tenant's lock, then its rows. What was acknowledged before the replacement is
  // gone with it, what was acknowledged after it stays.
  std::atomic<bool> stop{false};
  std::atomic<int> written{0};
  std::vector<std::vector<int>> acknowledged(4);
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 4; ++writer)
    writers.emplace_back([&, writer] {
      auto home = test::connect_home(database_, acme);
      for (int n = 0; !stop; ++n) {
        const int id = 1'000'000 * (writer + 1) + n;
        must(home.execute(
            placed(acme, "begin; select bulkhead.lock_tenant($t); insert into @\"Odd Table\" values ($t, " +
                             std::to_string(id) + ", 'n'); commit")));
        acknowledged.at(static_cast<std::size_t>(writer)).push_back(id);
        ++written;
      }
    });
  const auto wait_for_writes = [&](int more) {
    for (const int until = written + more; written < until;) std::this_thread::yield();
  };
  wait_for_writes(200);
  auto request = wanted("acme", "");
  request.replace = request.discard = true;
  static_cast<void>(must(restore_tenant(admin_, request)));
  wait_for_writes(200);
  stop = true;
  for (auto& writer : writers) writer.join();
  for (int writer = 0; writer < 4; ++writer) {
    SCOPED_TRACE(writer);
    // A tail of what the writer did, without a gap.
    const std::string low = std::to_string(1'000'000 * (writer + 1)),
                      high = std::to_string(1'000'000 * (writer + 2));
    const std::string rows = value(acme,
                                   "select count(*) || ' ' || max(\"select\") || ' ' || max(\"select\") - "
                                   "min(\"select\") + 1 from @\"Odd Table\" "
                                   "where tenant_id = $t and \"select\" >= " +
                                       low + " and \"select\" < " + high);
    const std::string count = rows.substr(0, rows.find(' '));
    EXPECT_EQ(rows, count + " " + std::to_string(acknowledged.at(static_cast<std::size_t>(writer)).back()) +
                        " " + count);
    EXPECT_LT(std::stoul(count), acknowledged.at(static_cast<std::size_t>(writer)).size());
  }
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
