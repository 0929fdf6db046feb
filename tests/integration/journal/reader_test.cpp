#include "journal/reader.hpp"

#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>

#include "integration/journal/recorder.hpp"
#include "support/postgres.hpp"
#include "support/tenants.hpp"

namespace bulkhead::journal {
namespace {

using test::must;
using test::Postgres;
using test::Recorder;
using test::Told;
using Lines = std::vector<std::string>;

class Journal : public testing::Test {
 protected:
  Journal()
      : database_(Postgres::shared().make_database()),
        admin_(database_.connect_admin()),
        log_(Logger::nowhere()) {
    test::migrate_app(database_,
                      {"create table ticket(tenant_id uuid not null default bulkhead.tenant_id(), id bigint "
                       "not null, title text, body text, primary key (tenant_id, id)); select "
                       "bulkhead.tenant_table('ticket');"});
    acme_ = Postgres::make_tenant(database_, "acme");
    globex_ = Postgres::make_tenant(database_, "globex");
  }
  ~Journal() override {
    reader_.reset();
    for (int i = 0; i < 100; ++i) {
      const auto gone = JournalReader::remove(admin_, source());
      if (gone.has_value() && *gone) return;
      [[maybe_unused]] const auto waited = admin_.query("select pg_sleep(0.05)");
    }
  }

  JournalDatabase source() const { return JournalDatabase{"default", database_.name, database_.admin}; }
  std::string slot() const { return replication_slot_name(database_.name); }

  /// Opens the journal; a server that has not seen yet that the last reader is gone is asked again.
  void open() {
    reader_.reset();
    for (int i = 0;; ++i) {
      auto opened = try_open();
      if (opened.has_value() && *opened) {
        reader_.emplace(std::move(**opened));
        return;
      }
      if (i == 100) {
        must(std::move(opened));
        throw std::runtime_error("another process reads the journal");
      }
      must(admin_.query("select pg_sleep(0.05)"));
    }
  }
  Result<std::optional<JournalReader>> try_open() {
    return JournalReader::open(
        admin_, source(),
        [this](const Uuid& stream) -> Result<Consumers> {
          streams_.push_back(stream);
          Consumers out;
          out.push_back(std::make_unique<Recorder>(told_));
          return out;
        },
        log_);
  }
  /// Until so many transactions were told, or ten seconds have gone.
  void read(int transactions) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (told_.committed < transactions && std::chrono::steady_clock::now() < until)
      must(reader_->read(std::chrono::milliseconds(20)));
    ASSERT_EQ(told_.committed, transactions);
  }
  /// Long enough for what came to be confirmed.
  void settle() { must(reader_->read(std::chrono::milliseconds(1300))); }

  void write(const std::string& sql) { must(admin_.execute(sql)); }
  void insert(const std::string& tenant, int id, const std::string& title = "t") {
    write("insert into app.ticket values ('" + tenant + "', " + std::to_string(id) + ", '" + title + "')");
  }

  test::Database database_;
  pg::Blocking admin_;
  Logger log_;
  std::string acme_, globex_;
  Told told_;
  std::vector<Uuid> streams_;
  std::optional<JournalReader> reader_;
};

TEST_F(Journal, TellsEachChangeWithItsTenantInTheOrderOfCommits) {
  open();
  insert(acme_, 1, "one");
  write(
      "begin; update app.ticket set title = 'two' where id = 1; update app.ticket set id = 2; insert into "
      "app.ticket values ('" +
      globex_ + "', 7, 'seven'); commit");
  write("delete from app.ticket where id = 2");
  read(3);
  EXPECT_EQ(told_.lines,
            (Lines{"insert ticket id=1 title=one body=null", "update ticket id=1 title=two body=null",
                   "update ticket old:id=1 id=2 title=two body=null",
                   "insert ticket id=7 title=seven body=null", "remove ticket old:id=2"}));
  EXPECT_EQ(told_.begun, 3);
}

TEST_F(Journal, TellsCountersToo) {
  open();
  write("insert into bulkhead.counter(tenant_id, name, value) values ('" + acme_ + "', 'ticket', 5)");
  read(1);
  ASSERT_EQ(told_.lines.size(), 1U);
  EXPECT_TRUE(told_.lines[0].starts_with("insert counter name=ticket value=5")) << told_.lines[0];
}

TEST_F(Journal, GoesOnAfterARestartWhereItWasConfirmed) {
  open();
  insert(acme_, 1);
  read(1);
  settle();
  insert(acme_, 2);
  open();
  read(2);
  ASSERT_EQ(told_.lines.size(), 2U);
  EXPECT_TRUE(told_.lines[1].starts_with("insert ticket id=2"));
  EXPECT_EQ(streams_[0], streams_[1]);
  EXPECT_EQ(told_.lost, 0);
}

TEST_F(Journal, TellsAgainWhatNobodyHasKept) {
  open();
  told_.keeps = false;
  insert(acme_, 1);
  read(1);
  settle();
  told_.keeps = true;
  open();
  read(2);
  EXPECT_EQ(told_.lines[0], told_.lines[1]);
}

TEST_F(Journal, AConsumerThatFailsIsToldAgain) {
  open();
  told_.fails_at_commit = 1;
  insert(acme_, 1);
  Result<void> failed{};
  for (int i = 0; i < 100 && failed.has_value(); ++i) failed = reader_->read(std::chrono::milliseconds(50));
  ASSERT_TRUE(failed.has_error());
  EXPECT_EQ(failed.error().code(), Errc::upstream_failed);
  open();
  read(1);
  EXPECT_EQ(told_.changes, 2);
}

TEST_F(Journal, LeavesOutWhatAMoveBrings) {
  open();
  write(
      "begin; select pg_logical_emit_message(true, 'bulkhead.move', 'acme'); insert into app.ticket values "
      "('" +
      acme_ + "', 1); truncate app.ticket; commit");
  write("begin; select pg_logical_emit_message(true, 'other', ''); insert into app.ticket values ('" + acme_ +
        "', 2); commit");
  // Only the first message of a transaction says so.
  write(
      "begin; select pg_logical_emit_message(true, 'other', ''); select pg_logical_emit_message(true, "
      "'bulkhead.move', ''); insert into app.ticket values ('" +
      acme_ + "', 3); commit");
  read(2);
  ASSERT_EQ(told_.lines.size(), 2U);
  EXPECT_TRUE(told_.lines[0].starts_with("insert ticket id=2"));
  EXPECT_TRUE(told_.lines[1].starts_with("insert ticket id=3"));
}

TEST_F(Journal, FollowsATableThatChangesInTheMiddle) {
  open();
  insert(acme_, 1);
  write(
      "alter table app.ticket drop column body; alter table app.ticket add column mood text default 'calm'");
  insert(acme_, 2);
  write(
      "alter table app.ticket rename column mood to state; update app.ticket set state = 'angry' where id = "
      "1");
  read(3);
  EXPECT_EQ(told_.lines,
            (Lines{"insert ticket id=1 title=t body=null", "insert ticket id=2 title=t mood=calm",
                   "update ticket id=1 title=t state=angry"}));
}

TEST_F(Journal, TablesThatAMigrationAddsAreTold) {
  open();
  test::Postgres::migrate(database_,
                          "create table note(tenant_id uuid not null default bulkhead.tenant_id(), id int "
                          "not null, primary key (tenant_id, id)); select bulkhead.tenant_table('note');");
  must(admin_.query("select bulkhead.publish('app')"));
  write("insert into app.note values ('" + acme_ + "', 1)");
  read(1);
  EXPECT_EQ(told_.lines, (Lines{"insert note id=1"}));
}

TEST_F(Journal, SaysWhichLargeValueAnUpdateLeftAlone) {
  write("alter table app.ticket alter column body set storage external");
  open();
  write("insert into app.ticket values ('" + acme_ + "', 1, 'one', repeat('x', 100000))");
  write("update app.ticket set title = 'two'");
  read(2);
  EXPECT_EQ(told_.lines[1], "update ticket id=1 title=two body=unchanged");
}

TEST_F(Journal, TellsATruncate) {
  open();
  insert(acme_, 1);
  write("truncate app.ticket");
  read(2);
  EXPECT_EQ(told_.lines[1], "truncate ticket");
}

TEST_F(Journal, AHundredThousandRowsAreOneTransactionAndAreNotHeld) {
  open();
  const auto memory = [] {
    std::ifstream status("/proc/self/statm");
    long size = 0, resident = 0;
    status >> size >> resident;
    return resident * 4;  // KiB
  };
  write("insert into app.ticket select '" + acme_ +
        "', n, repeat('x', 200) from generate_series(1, 100000) n");
  const long before = memory();
  read(1);
  EXPECT_EQ(told_.changes, 100'000);
  // 10,000 lines of the recorder's are there, and nothing like the transaction's thirty megabytes.
#if !defined(__has_feature) || !__has_feature(address_sanitizer)
  // AddressSanitizer keeps what is freed, to see whether it is used.
  EXPECT_LT(memory() - before, 16 * 1024);
#endif
}

TEST_F(Journal, OneProcessReadsADatabase) {
  open();
  auto second = must(try_open());
  EXPECT_FALSE(second.has_value());
  EXPECT_FALSE(must(JournalReader::remove(admin_, source())));
  reader_.reset();
  open();
  EXPECT_TRUE(reader_.has_value());
}

TEST_F(Journal, ASlotThatSomebodyDroppedIsMadeAnewAndTheLossIsTold) {
  open();
  insert(acme_, 1);
  read(1);
  reader_.reset();
  for (int i = 0; i < 100 && admin_.query("select pg_drop_replication_slot($1)", {slot()}).has_error(); ++i)
    must(admin_.query("select pg_sleep(0.05)"));
  insert(acme_, 2);
  open();
  EXPECT_EQ(told_.lost, 1);
  EXPECT_NE(streams_.front(), streams_.back()) << "places of the one are not those of the other";
  insert(acme_, 3);
  read(2);
  EXPECT_TRUE(told_.lines.back().starts_with("insert ticket id=3"));
  open();
  EXPECT_EQ(told_.lost, 1) << "it is told once";
}

TEST_F(Journal, ASlotThatPostgresqlGaveUpIsMadeAnew) {
  open();
  insert(acme_, 1);
  read(1);
  settle();
  reader_.reset();
  write("alter system set max_slot_wal_keep_size = '1MB'");
  write("alter system set min_wal_size = '32MB'");
  write("select pg_reload_conf()");
  const auto status = [&] {
    return std::string(
        must(admin_.query("select wal_status from pg_replication_slots where slot_name = $1", {slot()}))
            .text(0, 0));
  };
  for (int i = 0; i < 20 && status() != "lost"; ++i) {
    write(
        "create table if not exists public.filler(x text); insert into public.filler select repeat('x', "
        "1000) from "
        "generate_series(1, 2000)");
    write("select pg_switch_wal()");
    write("checkpoint");
  }
  write("alter system reset max_slot_wal_keep_size");
  write("alter system reset min_wal_size");
  write("select pg_reload_conf()");
  ASSERT_EQ(status(), "lost");
  open();
  EXPECT_EQ(told_.lost, 1);
  insert(acme_, 2);
  read(2);
}

TEST_F(Journal, WhatIsReadForNothingIsConfirmedToo) {
  open();
  write(
      "create table public.noise(x text); insert into public.noise select repeat('x', 1000) from "
      "generate_series(1, 5000)");
  const auto figures = must(reader_->figures());
  EXPECT_GT(figures.lag, 1'000'000U);
  for (int i = 0; i < 50 && must(reader_->figures()).lag > 100'000; ++i)
    must(reader_->read(std::chrono::milliseconds(200)));
  EXPECT_LE(must(reader_->figures()).lag, 100'000U);
}

TEST_F(Journal, WhatAConsumerHasNotKeptStaysInPostgresql) {
  open();
  told_.keeps = false;
  insert(acme_, 1);
  read(1);
  write(
      "create table public.noise(x text); insert into public.noise select repeat('x', 1000) from "
      "generate_series(1, 5000)");
  settle();
  settle();
  EXPECT_GT(must(reader_->figures()).lag, 1'000'000U);
  EXPECT_GT(must(reader_->figures()).retained, 1'000'000U);
  told_.keeps = true;
  for (int i = 0; i < 50 && must(reader_->figures()).lag > 100'000; ++i)
    must(reader_->read(std::chrono::milliseconds(200)));
  EXPECT_LE(must(reader_->figures()).lag, 100'000U);
}

TEST_F(Journal, TablesWithoutATenantInTheirKeyAreLeftOutAndCounted) {
  write("create table app.odd(tenant_id uuid not null, id int primary key)");
  open();
  write("insert into app.odd values ('" + acme_ + "', 1)");
  write("delete from app.odd");
  insert(acme_, 1);
  read(2);
  EXPECT_EQ(reader_->without_tenant(), 1U);
  EXPECT_EQ(told_.lines.size(), 2U);
}

TEST_F(Journal, NothingIsLeftOnceItIsRemoved) {
  open();
  EXPECT_TRUE(must(has_journal(admin_, "default", database_.name)));
  reader_.reset();
  bool gone = false;
  for (int i = 0; i < 100 && !gone; ++i) gone = must(JournalReader::remove(admin_, source()));
  EXPECT_TRUE(gone);
  EXPECT_TRUE(must(admin_.query("select from pg_replication_slots where slot_name = $1", {slot()})).empty());
  EXPECT_FALSE(must(has_journal(admin_, "default", database_.name)));
}

}  // namespace
}  // namespace bulkhead::journal
