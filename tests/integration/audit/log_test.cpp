#include "audit/log.hpp"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "support/postgres.hpp"

namespace bulkhead::audit {
namespace {

using test::Database;
using test::must;
using test::Postgres;

/// A log of ten entries that a test may damage as the superuser, who can switch triggers off.
class LogTest : public ::testing::Test {
 protected:
  LogTest() : database_(Postgres::shared().make_database()), admin_(database_.connect_admin()) {
    for (int i = 1; i <= 10; ++i)
      EXPECT_EQ(
          must(append(admin_, Actor::os_user(), action("tenant.create", "tenant-" + std::to_string(i)))), i);
  }

  static Action action(std::string name, std::string subject) {
    Action out{std::move(name), std::move(subject), std::nullopt, {}};
    out.details = {{"plan", "größer, \"quoted\"\n"}, {"amount", 1.50}};
    return out;
  }

  void tamper(const std::string& sql) {
    must(admin_.execute("set session_replication_role = replica; " + sql +
                        "; reset session_replication_role"));
  }

  /// The fault as "kind at place"; "sound" where there is none.
  std::string verdict(std::string_view expected = {}) {
    const Verdict found = must(verify(admin_, expected));
    if (!found.fault) return "sound";
    EXPECT_NE(found.fault->message, "");
    return std::string(fault_name(found.fault->kind)) + " at " + std::to_string(found.fault->seq);
  }

  Database database_;
  pg::Blocking admin_;
};

TEST_F(LogTest, AnUntouchedChainIsSound) {
  const Verdict verdict = must(verify(admin_));
  EXPECT_FALSE(verdict.fault.has_value());
  EXPECT_EQ(verdict.entries, 10);
  const auto entries = must(list(admin_));
  ASSERT_EQ(entries.size(), 10u);
  EXPECT_EQ(entries.front().seq, 10);
  EXPECT_EQ(entries.front().hash, verdict.head);
  EXPECT_EQ(entries.front().previous, entries[1].hash);
  EXPECT_TRUE(entries.front().actor.starts_with("os:")) << entries.front().actor;
}

TEST_F(LogTest, AChangedFieldIsFound) {
  const std::vector<std::string> changes = {"actor = 'os:nobody'",
                                            "action = 'tenant.delete'",
                                            "subject = subject || ' '",
                                            "at = at + interval '1 microsecond'",
                                            "details = details || '{\"plan\": \"x\"}'",
                                            "tenant_id = gen_random_uuid()",
                                            "previous = repeat('1', 64)",
                                            "hash = repeat('1', 64)"};
  for (const std::string& change : changes) {
    SCOPED_TRACE(change);
    tamper(
        "create temp table kept as select * from catalog.audit_entry where seq = 4; "
        "update catalog.audit_entry set " +
        change + " where seq = 4");
    EXPECT_EQ(verdict(), "changed at 4");
    tamper(
        "delete from catalog.audit_entry where seq = 4; insert into catalog.audit_entry select * from kept; "
        "drop table kept");
    EXPECT_EQ(verdict(), "sound");
  }
}

TEST_F(LogTest, AMissingEntryIsFoundWhereverItStood) {
  tamper("delete from catalog.audit_entry where seq = 10");
  EXPECT_EQ(verdict(), "missing at 10");
  tamper("delete from catalog.audit_entry where seq = 5");
  EXPECT_EQ(verdict(), "missing at 5");
  tamper("delete from catalog.audit_entry where seq = 1");
  EXPECT_EQ(verdict(), "missing at 1");
  tamper("truncate catalog.audit_entry");
  EXPECT_EQ(verdict(), "missing at 1");
}

TEST_F(LogTest, AGapThatIsClosedIsFound) {
  tamper(
      "delete from catalog.audit_entry where seq = 5; update catalog.audit_entry set seq = seq - 1 where seq "
      "> 5");
  EXPECT_EQ(verdict(), "reordered at 5");
}

TEST_F(LogTest, EntriesThatChangedPlacesAreFound) {
  tamper(
      "update catalog.audit_entry set seq = 100 where seq = 3; update catalog.audit_entry set seq = 3 where "
      "seq = 7; "
      "update catalog.audit_entry set seq = 7 where seq = 100");
  EXPECT_EQ(verdict(), "reordered at 3");
}

TEST_F(LogTest, AnEntryWithAHashOfItsOwnIsFound) {
  // Rehashed alone, it is not what the next one follows; put at the end behind the head's back, it is not the head.
  tamper(
      "update catalog.audit_entry set actor = 'os:nobody' where seq = 6; "
      "update catalog.audit_entry e set hash = catalog.audit_hash(e) where seq = 6");
  EXPECT_EQ(verdict(), "reordered at 7");
  tamper(
      "update catalog.audit_entry set actor = (select actor from catalog.audit_entry where seq = 5) where "
      "seq = 6; "
      "update catalog.audit_entry e set hash = catalog.audit_hash(e) where seq = 6");
  EXPECT_EQ(verdict(), "sound");
  tamper(
      "insert into catalog.audit_entry select 11, at, actor, action, subject, tenant_id, details, hash, "
      "repeat('0', 64) "
      "from catalog.audit_entry where seq = 10; update catalog.audit_entry e set hash = "
      "catalog.audit_hash(e) where seq = 11");
  EXPECT_EQ(verdict(), "changed at 11");
}

TEST_F(LogTest, AChainThatIsCutWithItsHeadIsFoundByAHashKeptOutside) {
  const std::string head = must(verify(admin_)).head;
  EXPECT_EQ(verdict(head), "sound");
  static_cast<void>(must(append(admin_, Actor::os_user(), action("tenant.suspend", "acme"))));
  EXPECT_EQ(verdict(head), "sound") << "the chain went on";
  tamper(
      "delete from catalog.audit_entry where seq >= 10; update catalog.audit_head set entries = 9, "
      "hash = (select hash from catalog.audit_entry where seq = 9)");
  EXPECT_EQ(verdict(), "sound") << "nothing inside shows it";
  EXPECT_EQ(verdict(head), "unexpected at 9");
  tamper("delete from catalog.audit_head");
  EXPECT_EQ(verdict(), "missing at 1");
}

TEST_F(LogTest, NothingButAppendingIsAllowed) {
  for (const char* sql : {"update catalog.audit_entry set actor = 'x'", "delete from catalog.audit_entry",
                          "truncate catalog.audit_entry", "update catalog.audit_head set entries = 0",
                          "delete from catalog.audit_head", "truncate catalog.audit_head"}) {
    SCOPED_TRACE(sql);
    const auto done = admin_.execute(sql);
    ASSERT_TRUE(done.has_error());
    EXPECT_EQ(done.error().sqlstate(), "42501");
  }
  // What is inserted past the function is chained as well, whatever it says of its place.
  must(admin_.execute(
      "insert into catalog.audit_entry values (99, '1999-01-01', 'a', 'b', 'c', null, '{}', 'x', 'y')"));
  EXPECT_EQ(verdict(), "sound");
  EXPECT_EQ(must(list(admin_)).front().seq, 11);
}

TEST_F(LogTest, NoRunTimeRoleReadsOrWritesIt) {
  for (const std::string& conninfo : {database_.login, database_.catalog}) {
    auto connection = must(pg::Blocking::connect(conninfo));
    for (const char* sql : {"select from catalog.audit_entry", "select from catalog.audit_head",
                            "select catalog.append_audit('a', 'b', 'c', null, '{}')"}) {
      const auto done = connection.query(sql);
      ASSERT_TRUE(done.has_error()) << sql;
      EXPECT_EQ(done.error().sqlstate(), "42501") << sql;
    }
  }
}

TEST_F(LogTest, WritersAtTheSameTimeMakeOneChain) {
  std::vector<std::thread> writers;
  std::atomic<int> failed{0};
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back([this, &failed] {
      auto connection = database_.connect_admin();
      for (int i = 0; i < 50; ++i)
        if (append(connection, Actor::program("test"), action("tenant.resume", "acme")).has_error()) ++failed;
    });
  }
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(failed, 0);
  const Verdict verdict = must(verify(admin_));
  EXPECT_FALSE(verdict.fault.has_value());
  EXPECT_EQ(verdict.entries, 210);
}

TEST_F(LogTest, AnActionStandsInItBeforeAndAfter) {
  const Actor actor = Actor::principal("https://issuer", "olga");
  const auto done = recorded(admin_, actor, action("tenant.create", "acme"), [&](Action& log) -> Result<int> {
    EXPECT_EQ(must(list(admin_)).front().action, "tenant.create") << "before anything is done";
    log.details["learned"] = "x";
    return 7;
  });
  EXPECT_EQ(must(done), 7);
  const auto failed = recorded(admin_, actor, action("tenant.create", "acme"), [](Action&) -> Result<void> {
    return Error(Errc::already_exists, "there is one");
  });
  EXPECT_EQ(failed.error().code(), Errc::already_exists);
  const auto entries = must(list(admin_));
  ASSERT_EQ(entries.size(), 14u);
  EXPECT_EQ(entries[0].actor, "operator:olga@https://issuer");
  EXPECT_NE(entries[0].details.find("\"failed\""), std::string::npos) << entries[0].details;
  EXPECT_NE(entries[0].details.find("BLK702"), std::string::npos) << entries[0].details;
  EXPECT_NE(entries[2].details.find("\"learned\""), std::string::npos) << entries[2].details;
  EXPECT_NE(entries[2].details.find("\"begun\": 11"), std::string::npos) << entries[2].details;
  EXPECT_NE(entries[3].details.find("\"begun\""), std::string::npos) << entries[3].details;
  EXPECT_EQ(verdict(), "sound");
}

TEST_F(LogTest, WithoutTheLogNothingIsDone) {
  must(admin_.execute("alter table catalog.audit_head rename to elsewhere"));
  bool called = false;
  const auto done =
      recorded(admin_, Actor::os_user(), action("tenant.create", "acme"), [&](Action&) -> Result<void> {
        called = true;
        return {};
      });
  EXPECT_TRUE(done.has_error());
  EXPECT_FALSE(called);
}

TEST_F(LogTest, ListsAPartOfIt) {
  ListOptions options;
  options.limit = 3;
  EXPECT_EQ(must(list(admin_, options)).size(), 3u);
  options.before = 3;
  const auto first = must(list(admin_, options));
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first.front().seq, 2);
  ListOptions later;
  later.since = "2999-01-01";
  EXPECT_TRUE(must(list(admin_, later)).empty());
  later.since = "soon";
  EXPECT_EQ(list(admin_, later).error().code(), Errc::usage);
}

}  // namespace
}  // namespace bulkhead::audit
