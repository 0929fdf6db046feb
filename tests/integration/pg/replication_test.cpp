#include "pg/replication.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "journal/pgoutput.hpp"
#include "support/postgres.hpp"

namespace bulkhead::pg {
namespace {

using test::must;
using test::Postgres;

class ReplicationStream : public testing::Test {
 protected:
  ReplicationStream()
      : conninfo_(Postgres::shared().admin(Postgres::shared().make_empty_database())),
        connection_(must(Blocking::connect(conninfo_))) {
    must(
        connection_.execute("create table note(id bigint primary key, at timestamptz, bytes bytea, mood "
                            "interval); create publication "
                            "notes for table note"));
    slot_ = "test_" + std::string(must(connection_.query("select oid from pg_database where datname = "
                                                         "current_database()"))
                                      .text(0, 0));
  }
  ~ReplicationStream() override {
    [[maybe_unused]] const auto dropped = connection_.query(
        "select pg_terminate_backend(active_pid), pg_drop_replication_slot(slot_name) from "
        "pg_replication_slots where "
        "slot_name = $1 and not active",
        {slot_});
  }

  Replication connect() const { return must(Replication::connect(conninfo_)); }

  /// Up to and with the next commit, the rows' values; what was read of a transaction that did not end counts, too.
  std::vector<std::string> transaction(Replication& stream) {
    std::vector<std::string> out;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < until) {
      const auto piece = must(stream.receive(std::chrono::milliseconds(200)));
      if (!piece) continue;
      const auto message = must(decoder_.decode(piece->data));
      if (const auto* insert = std::get_if<journal::Insert>(&message))
        for (const auto& value : insert->row) out.emplace_back(value.text);
      if (const auto* commit = std::get_if<journal::Commit>(&message)) {
        last_end_ = commit->end;
        return out;
      }
    }
    ADD_FAILURE() << "no commit came";
    return out;
  }

  std::string confirmed() {
    return std::string(must(connection_.query("select confirmed_flush_lsn from pg_replication_slots where "
                                              "slot_name = $1",
                                              {slot_}))
                           .text(0, 0));
  }

  journal::Decoder decoder_;
  Lsn last_end_ = 0;
  std::string conninfo_, slot_;
  Blocking connection_;
};

using Texts = std::vector<std::string>;

TEST_F(ReplicationStream, TellsWhatIsCommittedAfterTheSlotWasMade) {
  must(connection_.execute("insert into note(id) values (1)"));
  Replication stream = connect();
  const auto slot = must(stream.create_slot(slot_, false));
  EXPECT_GT(slot.consistent, 0U);
  must(connection_.execute("insert into note(id) values (2)"));
  // The snapshot shows what is not in the stream, and that alone.
  Blocking reader = must(Blocking::connect(conninfo_));
  must(reader.execute("begin isolation level repeatable read; set transaction snapshot " +
                      reader.quote_literal(slot.snapshot)));
  EXPECT_EQ(must(reader.query("select sum(id) from note")).text(0, 0), "1");
  must(stream.start(slot_, 0, "notes"));
  EXPECT_EQ(transaction(stream)[0], "2");
}

TEST_F(ReplicationStream, WritesValuesInOneFormWhateverTheDatabaseHasSet) {
  must(
      connection_.execute("do $$ begin execute format('alter database %I set datestyle = ''SQL, DMY''', "
                          "current_database()); execute "
                          "format('alter database %I set timezone = ''Asia/Tokyo''', current_database()); "
                          "execute format('alter database "
                          "%I set bytea_output = ''escape''', current_database()); execute format('alter "
                          "database %I set intervalstyle = "
                          "''iso_8601''', current_database()); end $$"));
  Replication stream = connect();
  must(stream.create_slot(slot_, false));
  must(connection_.execute("insert into note values (1, '2026-11-22T10:00:00Z', '\\x00ff', '1 day')"));
  must(stream.start(slot_, 0, "notes"));
  EXPECT_EQ(transaction(stream), (Texts{"1", "2026-11-22 10:00:00+00", "\\x00ff", "1 day"}));
}

TEST_F(ReplicationStream, BeginsAgainWhereItWasConfirmed) {
  {
    Replication stream = connect();
    must(stream.create_slot(slot_, false));
    must(connection_.execute("insert into note(id) values (1)"));
    must(connection_.execute("insert into note(id) values (2)"));
    must(stream.start(slot_, 0, "notes"));
    EXPECT_EQ(transaction(stream)[0], "1");
    must(stream.confirm(last_end_, true));
    EXPECT_EQ(transaction(stream)[0], "2");
  }
  // The server may need a moment to see that the other one is gone.
  for (int attempt = 0;; ++attempt) {
    Replication stream = connect();
    const auto started = stream.start(slot_, 0, "notes");
    if (started.has_error() && attempt < 100) {
      must(connection_.query("select pg_sleep(0.05)"));
      continue;
    }
    must(started);
    EXPECT_EQ(transaction(stream)[0], "2") << "what was not confirmed comes again, and nothing before it";
    return;
  }
}

TEST_F(ReplicationStream, ConfirmsAsTimeGoesByWithoutBeingAskedTo) {
  Replication stream = connect();
  must(stream.create_slot(slot_, false));
  must(stream.start(slot_, 0, "notes"));
  must(connection_.execute("insert into note(id) values (1)"));
  transaction(stream);
  const std::string before = confirmed();
  must(stream.confirm(last_end_));
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (confirmed() == before && std::chrono::steady_clock::now() < until)
    must(stream.receive(std::chrono::milliseconds(100)));
  EXPECT_GE(parse_lsn(confirmed()).value_or(0), last_end_);
}

TEST_F(ReplicationStream, FollowsTheEndOfTheLogWhereNothingIsToldOfIt) {
  Replication stream = connect();
  must(stream.create_slot(slot_, false));
  must(stream.start(slot_, 0, "notes"));
  must(connection_.execute("create table other(id int); insert into other select generate_series(1, 1000)"));
  const auto end =
      parse_lsn(must(connection_.query("select pg_current_wal_flush_lsn()")).text(0, 0)).value_or(0);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (stream.server_end() < end && std::chrono::steady_clock::now() < until)
    must(stream.receive(std::chrono::milliseconds(50)));
  EXPECT_GE(stream.server_end(), end);
}

TEST_F(ReplicationStream, SaysWhyItCannotBegin) {
  Replication stream = connect();
  const auto nothing = stream.start("no_such_slot", 0, "notes");
  ASSERT_TRUE(nothing.has_error());
  EXPECT_EQ(nothing.error().sqlstate(), "42704");
  const auto bad = stream.create_slot("Not A Name", false);
  ASSERT_TRUE(bad.has_error());
  EXPECT_EQ(bad.error().sqlstate(), "42602");
  EXPECT_TRUE(stream.receive(std::chrono::milliseconds(1)).has_error()) << "nothing is streamed";
  EXPECT_EQ(Replication::connect("host=/nowhere dbname=none").error().code(), Errc::database_unavailable);
}

TEST_F(ReplicationStream, EndsWithTheServersReason) {
  Replication stream = connect();
  must(stream.create_slot(slot_, false));
  must(stream.start(slot_, 0, "notes"));
  must(connection_.query(
      "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1", {slot_}));
  Result<std::optional<Replication::Piece>> piece = std::optional<Replication::Piece>();
  for (int i = 0; i < 100 && piece.has_value(); ++i) piece = stream.receive(std::chrono::milliseconds(100));
  ASSERT_TRUE(piece.has_error());
  EXPECT_TRUE(stream.receive(std::chrono::milliseconds(1)).has_error());
}

TEST_F(ReplicationStream, ATemporarySlotGoesWithItsConnectionAndAnotherOneIsDropped) {
  const auto count = [&] {
    return std::string(
        must(connection_.query("select count(*) from pg_replication_slots where slot_name = $1", {slot_}))
            .text(0, 0));
  };
  {
    Replication stream = connect();
    must(stream.create_slot(slot_, true));
    EXPECT_EQ(count(), "1");
  }
  for (int i = 0; i < 100 && count() != "0"; ++i) must(connection_.query("select pg_sleep(0.05)"));
  EXPECT_EQ(count(), "0");
  Replication stream = connect();
  must(stream.create_slot(slot_, false));
  must(stream.drop_slot(slot_));
  EXPECT_EQ(count(), "0");
}

}  // namespace
}  // namespace bulkhead::pg
