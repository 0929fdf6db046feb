#include <csignal>

#include <unistd.h>

#include "shops.hpp"

/// PostgreSQL dies under the server and comes back.
namespace bulkhead::test {
namespace {

TEST(OutageTest, AnswersMeanwhileAndRecoversWithoutRestart) {
  Shops shops = open_shops();
  TestServer server(shops.database, with_handlers());
  Caller caller(server, server.token("acme", "ann", "member"));
  ASSERT_EQ(caller.get("/rest/v1/artist?artist_id=eq.1").status, 200u);
  Reply kept = caller.post("/rest/v1/artist", R"({"artist_id":700,"name":"kept"})");
  ASSERT_EQ(kept.status, 201u) << kept.body;

  Postgres& postgres = Postgres::shared();
  pg::Blocking admin = shops.database.connect_admin();
  const Rows sessions =
      must(admin.query("select pid from pg_stat_activity where backend_type = 'client backend'"));
  ASSERT_EQ(kill(postgres.postmaster_pid(), SIGKILL), 0);
  // Until they notice, they serve.
  for (std::size_t row = 0; row < sessions.size(); ++row) {
    const pid_t pid = std::stoi(std::string(sessions.text(row, 0)));
    EXPECT_TRUE(eventually([pid] { return kill(pid, 0) != 0; })) << pid;
  }
  Reply reply;
  ASSERT_TRUE(eventually([&] {
    return (reply = caller.get("/rest/v1/artist?artist_id=eq.1")).status == 503;
  })) << reply.status
      << reply.body;
  EXPECT_EQ(reply.reason, "Service Unavailable");
  EXPECT_EQ(reply.header("retry-after"), "1");
  EXPECT_EQ(code_of(reply), "BLK600");
  EXPECT_EQ(told_to_acme(reply, shops), "");
  for (const char* detail : {"/tmp", "socket", "bulkhead_login", "FATAL"})
    EXPECT_EQ(reply.body.find(detail), std::string::npos) << reply.body;
  // On a connection whose end was not noticed yet, nobody knows whether a write came through: 502, which is not to be
  // repeated blindly. From then on 503.
  EXPECT_TRUE(eventually([&] {
    unsigned status = caller.patch("/rest/v1/artist?artist_id=eq.1", R"({"name":"x"})").status;
    EXPECT_TRUE(status == 502 || status == 503) << status;
    return status == 503;
  }));
  Reply checkout = caller.post("/v1/checkout", R"({"customer_id":5,"lines":[{"track_id":1,"quantity":1}]})");
  EXPECT_TRUE(checkout.status == 503 || checkout.status == 502) << checkout.status << checkout.body;
  EXPECT_EQ(checkout.header("content-type"), "application/problem+json");
  EXPECT_EQ(caller.get("/healthz").status, 200u) << "the process is alive";
  EXPECT_EQ(caller.get("/readyz").status, 503u) << "but not ready";
  EXPECT_EQ(Caller(server, server.token("", "stranger", ""))
                .get("/rest/v1/artist", {{"X-Tenant-ID", "neverasked"}})
                .status,
            503u)
      << "who is not known cannot be looked up: neither 404 nor 500";

  postgres.revive();
  EXPECT_TRUE(eventually([&] { return caller.get("/rest/v1/artist?artist_id=eq.1").status == 200; }));
  EXPECT_TRUE(eventually([&] { return caller.get("/readyz").status == 200; }));
  EXPECT_EQ(compact(caller.get("/rest/v1/artist?select=name&artist_id=eq.700")), R"([{"name":"kept"}])");
  EXPECT_TRUE(eventually(
      [&] { return caller.patch("/rest/v1/artist?artist_id=eq.1", R"({"name":"after"})").status == 204; }));
  EXPECT_EQ(caller.post("/v1/checkout", R"({"customer_id":5,"lines":[{"track_id":1,"quantity":1}]})").status,
            201u);
  // The catalog's news come again, too.
  static_cast<void>(server.token("acme", "ann", "viewer"));
  EXPECT_TRUE(eventually(
      [&] { return caller.patch("/rest/v1/artist?artist_id=eq.1", R"({"name":"y"})").status == 403; }));
}

TEST(OutageTest, ASessionThatIsEndedByTheOperatorIsReplaced) {
  Shops shops = open_shops();
  TestServer server(shops.database, {});
  Caller caller(server, server.token("acme", "ann", "member"));
  pg::Blocking admin = shops.database.connect_admin();
  for (int round = 0; round < 5; ++round) {
    ASSERT_EQ(caller.get("/rest/v1/artist?artist_id=eq.1").status, 200u);
    must(admin.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and "
        "usename = 'bulkhead_login'"));
    EXPECT_TRUE(eventually([&] { return caller.get("/rest/v1/artist?artist_id=eq.1").status == 200; }));
    EXPECT_TRUE(eventually([&] {
      return caller.patch("/rest/v1/artist?artist_id=eq.1", R"({"name":"ACME artist 1"})").status == 204;
    }));
  }
}

TEST(OutageTest, ASlowStatementEndsAtTheDeadline) {
  Shops shops = open_shops();
  TestServerSettings settings;
  settings.configure = [](AppConfig& config) { config.deadline = std::chrono::milliseconds(500); };
  TestServer server(shops.database, settings);
  Caller caller(server, server.token("acme", "ann", "member"));
  // The first request opens connections, which on a busy machine takes longer than that.
  ASSERT_TRUE(eventually([&] { return caller.get("/rest/v1/artist?artist_id=eq.1").status == 200; }));
  // Somebody holds the row.
  pg::Blocking admin = shops.database.connect_admin();
  must(admin.execute("begin; update app.artist set name = 'held' where artist_id = 1"));
  Reply reply = caller.patch("/rest/v1/artist?artist_id=eq.1", R"({"name":"late"})");
  EXPECT_EQ(reply.status, 504u) << reply.body;
  EXPECT_EQ(code_of(reply), "BLK601");
  // It is cancelled, not only given up: while the row is still held, nobody waits for it any more. Another session
  // looks: within a transaction pg_stat_activity stays as it was when it was first asked.
  pg::Blocking watcher = shops.database.connect_admin();
  EXPECT_TRUE(eventually([&] {
    return must(watcher.query(
                    "select 1 from pg_stat_activity where datname = current_database() and usename = "
                    "'bulkhead_login' and state = 'active'"))
        .empty();
  }));
  must(admin.execute("rollback"));
  EXPECT_TRUE(eventually([&] {
    return compact(caller.get("/rest/v1/artist?select=name&artist_id=eq.1")) ==
           R"([{"name":"ACME artist 1"}])";
  }));
}

}  // namespace
}  // namespace bulkhead::test
