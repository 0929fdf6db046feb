// What a kill -9 at each step leaves: nothing is lost, the outbox holds each change once, and receivers get each at least
// once, in order.
#include <algorithm>
#include <csignal>
#include <set>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bulkhead/json.hpp"
#include "catalog/store.hpp"
#include "journal/events.hpp"
#include "journal/reader.hpp"
#include "support/http_receiver.hpp"
#include "support/postgres.hpp"
#include "support/tenants.hpp"

namespace bulkhead::journal {
namespace {

using test::must;
using test::Postgres;

constexpr int rows = 12;

/// The services in a process of their own.
class Program {
 public:
  Program(const std::string& conninfo, const std::string& failpoint) {
    child_ = fork();
    if (child_ != 0) return;
    if (!failpoint.empty()) setenv("BULKHEAD_FAILPOINT", failpoint.c_str(), 1);
    execl(JOURNAL_PROGRAM, JOURNAL_PROGRAM, conninfo.c_str(), nullptr);
    _exit(127);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() { end(); }

  /// Waits until it is dead; false: it lived on.
  bool killed() {
    for (int i = 0; i < 2000; ++i) {
      int status = 0;
      if (waitpid(child_, &status, WNOHANG) == child_) {
        child_ = 0;
        return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
      }
      usleep(10'000);
    }
    return false;
  }
  void end() {
    if (child_ == 0) return;
    kill(child_, SIGTERM);
    waitpid(child_, nullptr, 0);
    child_ = 0;
  }

 private:
  pid_t child_ = 0;
};

class Killed : public testing::TestWithParam<const char*> {};

TEST_P(Killed, NothingIsLostAndNothingIsThereTwice) {
  const test::Database database = Postgres::shared().make_database();
  pg::Blocking admin = database.connect_admin();
  test::migrate_app(
      database,
      {"create table ticket(tenant_id uuid not null default bulkhead.tenant_id(), id bigint not null, "
       "title text, primary key (tenant_id, id)); select bulkhead.tenant_table('ticket');"});
  const std::string acme = Postgres::make_tenant(database, "acme");
  const auto tenant = must(catalog::find_tenant(admin, "acme"));
  // Every third call fails once, so that failures are on the way, too.
  std::atomic<int> calls{0};
  test::HttpReceiver receiver([&calls](const test::Received&) {
    test::Reaction out;
    if (++calls % 3 == 0) out.status = 500;
    return out;
  });
  must(add_endpoint(admin, tenant.id, receiver.url(), ""));
  const std::string place = GetParam();
  // The replication slot is to be there before what is written, but where its making is the step.
  const bool making = place.starts_with("journal.slot");
  const auto wait_for_slot = [&] {
    for (int i = 0; i < 1000; ++i) {
      if (!must(admin.query("select from pg_replication_slots where slot_name = $1 and active",
                            {replication_slot_name(database.name)}))
               .empty())
        return;
      must(admin.query("select pg_sleep(0.02)"));
    }
    FAIL() << "no journal";
  };
  {
    Program program(database.admin, making ? place : "");
    if (making)
      ASSERT_TRUE(program.killed()) << place << " was not passed";
    else
      wait_for_slot();
  }
  Program dying(database.admin, making ? "" : place);
  if (making) wait_for_slot();
  for (int i = 1; i <= rows; ++i)
    must(admin.query("insert into app.ticket values ($1::uuid, $2, 'x')", {acme, std::to_string(i)}));
  if (!making) ASSERT_TRUE(dying.killed()) << place << " was not passed";
  dying.end();
  // Whoever died while it sent keeps the endpoint for three seconds: those are waited for once.
  if (place != "events.leased")
    must(admin.execute("update catalog.event_endpoint set leased_until = now() where leased_until > now()"));

  const Program going_on(database.admin, "");
  const auto subjects = [&] {
    std::vector<int> out;
    for (const auto& call : receiver.taken()) {
      const int id = std::stoi(std::string(parse_json(call.body).value().at("subject").as_string()));
      // The first time that it came.
      if (std::find(out.begin(), out.end(), id) == out.end()) out.push_back(id);
    }
    return out;
  };
  std::vector<int> wanted;
  for (int i = 1; i <= rows; ++i) wanted.push_back(i);
  for (int i = 0; i < 1500 && subjects().size() < rows; ++i) must(admin.query("select pg_sleep(0.02)"));
  EXPECT_EQ(subjects(), wanted) << place;
  const auto outbox =
      must(admin.query("select count(*), count(distinct id), count(distinct body::json ->> 'subject') from "
                       "catalog.event"));
  EXPECT_EQ(outbox.text(0, 0), std::to_string(rows)) << place;
  EXPECT_EQ(outbox.text(0, 1), std::to_string(rows)) << place;
  EXPECT_EQ(outbox.text(0, 2), std::to_string(rows)) << place;
}

INSTANTIATE_TEST_SUITE_P(Places, Killed,
                         testing::Values("journal.slot.dropped", "journal.slot.made", "journal.commit.told:3",
                                         "journal.kept:2", "journal.confirmed:3", "events.store",
                                         "events.stored", "events.leased", "events.sent", "events.sent:5",
                                         "events.delivery.noted:2", "events.failure.noted"));

}  // namespace
}  // namespace bulkhead::journal
