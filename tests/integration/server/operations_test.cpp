#include <atomic>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <boost/json/object.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <bulkhead/json.hpp>

#include "runtime/descriptors.hpp"
#include "shops.hpp"

/// What the operator sees: health, metrics, logs; and what changes under a running server.
namespace bulkhead::test {
namespace {

class OperationsTest : public ShopsTest {};

double metric_sum(Caller& caller, const std::string& name) {
  std::istringstream text(caller.get("/metrics").body);
  double sum = 0;
  bool found = false;
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with(name + "{") && !line.starts_with(name + " ")) continue;
    sum += std::strtod(line.c_str() + line.rfind(' '), nullptr);
    found = true;
  }
  EXPECT_TRUE(found) << name;
  return sum;
}

TEST_F(OperationsTest, HealthReadinessAndMetricsNeedNoTokenAndTellNoTenant) {
  Caller nobody(server(), "");
  static_cast<void>(ann().get("/rest/v1/artist"));
  EXPECT_EQ(nobody.get("/healthz").body, "ok\n");
  EXPECT_EQ(nobody.get("/readyz").status, 200u);
  Reply metrics = nobody.get("/metrics");
  EXPECT_EQ(metrics.status, 200u);
  EXPECT_EQ(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  for (const char* text :
       {"bulkhead_pg_syncs_total", "bulkhead_tenant_mismatches_total", "/rest/v1/{relation}", "# TYPE"})
    EXPECT_NE(metrics.body.find(text), std::string::npos) << text;
  for (const std::string& secret :
       {shops().acme, shops().globex, std::string("ACME"), std::string("\"acme\"")})
    EXPECT_EQ(metrics.body.find(secret), std::string::npos) << secret;
  EXPECT_EQ(nobody.post("/metrics", "").status, 405u);
  EXPECT_EQ(nobody.send("HEAD", "/healthz", "").status, 200u);
}

TEST_F(OperationsTest, OneRoundTripARequest) {
  Caller caller = ann(), scraper(server(), "");
  const int times = 25;
  // The server asks the catalog again of its own accord, when its listener has (re)connected or something known grows old:
  // round trips that are no request's. What a request costs is the least of some counts.
  const auto round_trips = [&](const std::function<Reply(int)>& request) {
    EXPECT_LT(request(0).status, 300u);
    double least = 0;
    for (int attempt = 0, n = 0; attempt < 4; ++attempt) {
      const double before = metric_sum(scraper, "bulkhead_pg_syncs_total");
      for (int i = 0; i < times; ++i) EXPECT_LT(request(++n).status, 300u);
      const double counted = metric_sum(scraper, "bulkhead_pg_syncs_total") - before;
      if (attempt == 0 || counted < least) least = counted;
      if (least <= times) break;
    }
    return least;
  };
  const Headers all = {{"Prefer", "return=representation, count=exact"}};
  EXPECT_EQ(round_trips([&](int) { return caller.get("/rest/v1/artist?artist_id=eq.1"); }), times);
  EXPECT_EQ(
      round_trips([&](int) { return caller.get("/rest/v1/artist?select=name,album(title)&limit=5", all); }),
      times);
  EXPECT_EQ(
      round_trips([&](int) { return caller.post("/rest/v1/playlist", R"({"name":"round trips"})", all); }),
      times);
  EXPECT_EQ(round_trips([&](int i) {
              return caller.patch("/rest/v1/artist?artist_id=eq.9",
                                  R"({"name":"n)" + std::to_string(i) + "\"}");
            }),
            times);
  EXPECT_EQ(round_trips([&](int) { return caller.del("/rest/v1/playlist?name=eq.round%20trips"); }), times);
  // Every shape new: preparing a statement needs no round trip of its own.
  EXPECT_EQ(round_trips([&](int i) {
              std::string filter = "/rest/v1/track?select=track_id";
              for (int n = 0; n < i; ++n) filter += "&bytes=is.null";
              return caller.get(filter);
            }),
            times);
}

TEST_F(OperationsTest, TraceIsTakenOver) {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  Reply reply = ann().get("/nowhere", {{"traceparent", "00-" + trace + "-00f067aa0ba902b7-01"}});
  EXPECT_EQ(json_of(reply).at("trace_id").as_string(), trace);
  Reply made = ann().get("/nowhere", {{"traceparent", "00-zzz"}});
  EXPECT_EQ(json_of(made).at("trace_id").as_string().size(), 32u);
}

std::vector<boost::json::value> log_lines(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::vector<boost::json::value> lines;
  for (std::string line; std::getline(in, line);)
    if (in.good()) lines.push_back(must(parse_json(line)));
  return lines;
}

TEST_F(OperationsTest, LogLinesTellWhoAndHowLongAndNoContent) {
  std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("bulkhead-log-" + std::to_string(getpid()));
  std::filesystem::remove(file);
  const std::string trace = "0af7651916cd43dd8448eb211c80319c";
  std::string token;
  {
    TestServerSettings settings = with_handlers();
    settings.log_file = file;
    TestServer logged(shops().database, settings);
    token = logged.token("acme", "logged-ann", "member");
    Caller caller(logged, token, {{"traceparent", "00-" + trace + "-00f067aa0ba902b7-01"}});
    EXPECT_EQ(caller.get("/rest/v1/customer?first_name=eq.SECRETVALUE&select=email").status, 200u);
    EXPECT_EQ(caller.get("/rest/v1/customer?customer_id=eq.1").status, 200u);
    EXPECT_EQ(caller.post("/rest/v1/artist", R"({"name":"SECRETVALUE"})").status, 201u);
    EXPECT_EQ(caller.post("/rest/v1/artist", R"({"artist_id":1,"name":"SECRETVALUE"})").status, 409u);
    EXPECT_EQ(caller.post("/rest/v1/artist", R"({"artist_id":"SECRETVALUE","name":"x"})").status, 400u);
    EXPECT_EQ(caller.get("/rest/v1/customer?customer_id=eq.SECRETVALUE").status, 400u);
    EXPECT_EQ(
        caller.post("/v1/checkout", R"({"customer_id":5,"lines":[{"track_id":1,"quantity":1}]})").status,
        201u);
    EXPECT_EQ(caller.post("/v1/checkout", R"({"customer_id":"SECRETVALUE"})").status, 400u);
    EXPECT_EQ(caller.get("/nowhere/SECRETVALUE").status, 404u);
    EXPECT_EQ(Caller(logged, token + "x").get("/rest/v1/artist").status, 401u);
    static_cast<void>(HttpClient::raw(logged.port(), "GET /SECRETVALUE\r\nSECRETVALUE\r\n\r\n"));
    static_cast<void>(HttpClient::raw(logged.port(), "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " +
                                                         token + "\r\nBad Header: x\r\n\r\n"));
  }
  std::ifstream in(file);
  std::string all((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  EXPECT_EQ(all.find("SECRETVALUE"), std::string::npos) << all.substr(all.find("SECRETVALUE") - 200, 400);
  EXPECT_EQ(all.find("ACME"), std::string::npos);
  EXPECT_EQ(all.find(token), std::string::npos);
  EXPECT_EQ(all.find(token.substr(token.rfind('.'))), std::string::npos) << "its signature";
  int requests = 0;
  for (const boost::json::value& line : log_lines(file)) {
    const boost::json::object& entry = line.as_object();
    EXPECT_TRUE(entry.contains("ts") && entry.contains("level"));
    if (entry.at("msg").as_string() != "request") continue;
    ++requests;
    EXPECT_TRUE(entry.contains("status") && entry.contains("duration_us") && entry.contains("route"));
    if (entry.at("status").as_int64() == 401) continue;
    EXPECT_EQ(entry.at("trace_id").as_string(), trace);
    if (entry.at("route").as_string() == "none") continue;
    EXPECT_EQ(entry.at("tenant").as_string(), "acme");
    EXPECT_EQ(entry.at("tenant_id").as_string(), shops().acme);
    EXPECT_EQ(entry.at("principal").as_string(), "logged-ann");
    EXPECT_GT(entry.at("duration_us").as_int64(), 0);
  }
  EXPECT_EQ(requests, 10);
  std::filesystem::remove(file);
}

TEST_F(OperationsTest, AMigrationWhileServing) {
  Caller caller = ann(), busy = ann();
  ASSERT_EQ(caller.get("/rest/v1/playlist?select=mood").status, 400u);
  // Requests go on all the while, none may fail: prepared statements of the former shape must not get in their way.
  std::atomic<bool> stop{false};
  std::atomic<int> answered{0};
  std::string failed;
  std::thread load([&] {
    while (!stop) {
      Reply read = busy.get("/rest/v1/playlist?select=*&order=playlist_id&limit=3");
      Reply write = busy.patch("/rest/v1/playlist?playlist_id=eq.7&select=*", R"({"name":"ACME playlist 7"})",
                               {{"Prefer", "return=representation"}});
      if (read.status != 200 && failed.empty()) failed = read.body;
      if (write.status != 200 && failed.empty()) failed = write.body;
      ++answered;
    }
  });
  EXPECT_TRUE(eventually([&] { return answered > 20; }));
  Postgres::migrate(shops().database, "alter table playlist add column mood text");
  must(shops().database.connect_admin().execute("notify bulkhead_migrated, '3'"));
  EXPECT_TRUE(eventually([&] { return caller.get("/rest/v1/playlist?select=mood&limit=1").status == 200; }));
  const int then = answered;
  EXPECT_TRUE(eventually([&] { return answered > then + 20; }));
  stop = true;
  load.join();
  EXPECT_EQ(failed, "");
  EXPECT_EQ(caller.patch("/rest/v1/playlist?playlist_id=eq.7", R"({"mood":"calm"})").status, 204u);
  EXPECT_EQ(compact(caller.get("/rest/v1/playlist?select=mood&playlist_id=eq.7")), R"([{"mood":"calm"}])");
}

TEST_F(OperationsTest, TheBindingKeyRotatesWhileServing) {
  Caller caller = ann();
  pg::Blocking admin = shops().database.connect_admin();
  for (int round = 0; round < 3; ++round) {
    must(admin.query("select bulkhead.rotate_binding_key('1 hour')"));
    for (int i = 0; i < 20; ++i)
      ASSERT_EQ(caller.get("/rest/v1/artist?artist_id=eq.1").body,
                R"([{"artist_id":1,"name":"ACME artist 1"}])");
  }
  // Without overlap the former keys are worth nothing at once: what is signed with the new one works soon after.
  must(admin.query("select bulkhead.rotate_binding_key('0 seconds')"));
  EXPECT_TRUE(eventually([&] { return caller.get("/rest/v1/artist?artist_id=eq.1").status == 200; }));
  EXPECT_EQ(compact(caller.get("/rest/v1/artist?artist_id=eq.1")),
            R"([{"artist_id":1,"name":"ACME artist 1"}])");
}

TEST_F(OperationsTest, WhoeverNotifiesMakesNobodyPrepareAgain) {
  Caller caller = ann(), scraper(server(), "");
  pg::Blocking login = shops().database.connect_login();
  const auto read_all = [&] {
    for (int i = 0; i < 50; ++i) ASSERT_EQ(caller.get("/rest/v1/artist?artist_id=eq.1").status, 200u);
  };
  read_all();
  double connects = metric_sum(scraper, "bulkhead_pg_connects_total");
  double before = metric_sum(scraper, "bulkhead_pg_prepares_total");
  for (int round = 0; round < 40; ++round) {
    // Without any privilege: this is what injected SQL can do.
    must(login.query("select pg_notify('bulkhead_migrated', $1), pg_notify('bulkhead_catalog', 'key')",
                     {std::to_string(round)}));
    read_all();
  }
  EXPECT_EQ(metric_sum(scraper, "bulkhead_pg_connects_total"), connects);
  EXPECT_EQ(metric_sum(scraper, "bulkhead_pg_prepares_total"), before);
}

TEST_F(OperationsTest, WhatAHandlerThrowsIsLoggedWhateverItIs) {
  std::filesystem::path file = std::filesystem::path(::testing::TempDir()) / "bulkhead_thrown.log";
  std::filesystem::remove(file);
  {
    TestServerSettings settings;
    settings.log_file = file;
    settings.routes.push_back(
        Route{Method::post, "/v1/throw", Role::viewer,
              [](const Request&, TenantSession&) -> Task<Result<Response>> { throw 1; }});
    TestServer other(shops().database, std::move(settings));
    EXPECT_EQ(Caller(other, other.token("acme", "ann", "member")).post("/v1/throw", "{}").status, 500u);
  }
  std::ifstream log(file);
  std::stringstream text;
  text << log.rdbuf();
  EXPECT_NE(text.str().find("/v1/throw"), std::string::npos) << text.str();
  EXPECT_NE(text.str().find("an exception that is no std::exception"), std::string::npos) << text.str();
  std::filesystem::remove(file);
}

TEST_F(OperationsTest, ClientsAreFewerThanFiles) {
  AppConfig config;
  config.connections = 10'000;
  config.read_connections = 2;
  config.write_connections = 8;
  EXPECT_EQ(runtime::connections_within(1'000'000, config, 2), 10'000u);
  std::size_t few = runtime::connections_within(1024, config, 2);
  EXPECT_GT(few, 300u);
  EXPECT_LT(2 * few + 2 * (2 + 8 + 32), 1024u);
  EXPECT_EQ(runtime::connections_within(10, config, 4), 1u);
  // A server takes what it may have.
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 256;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  TestServer other(shops().database, {});
  rlimit after{};
  getrlimit(RLIMIT_NOFILE, &after);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
}

TEST_F(OperationsTest, APortInUseIsAnErrorNotAHang) {
  TestServerSettings settings;
  settings.configure = [](AppConfig& config) { config.port = server().port(); };
  EXPECT_THROW(TestServer(shops().database, settings), std::runtime_error);
}

TEST_F(OperationsTest, ATenantMadeWhileServingIsThere) {
  Caller nobody(server(), server().token("", "early", ""), {{"X-Tenant-ID", "latecomer"}});
  ASSERT_EQ(nobody.get("/rest/v1/artist").status, 404u);
  static_cast<void>(Postgres::make_tenant(shops().database, "latecomer"));
  static_cast<void>(server().token("latecomer", "early", "member"));
  EXPECT_TRUE(eventually([&] { return nobody.get("/rest/v1/artist").status == 200; }));
  EXPECT_EQ(nobody.get("/rest/v1/artist").body, "[]");
}

}  // namespace
}  // namespace bulkhead::test
