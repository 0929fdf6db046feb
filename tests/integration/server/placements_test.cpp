// What a server does with tenants of all models at once: versions side by side, cells, connections.
#include <atomic>
#include <thread>

#include <fmt/format.h>

#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "lifecycle/cells.hpp"
#include "lifecycle/create.hpp"
#include "migrate/runner.hpp"
#include "migrate/target.hpp"
#include "shops.hpp"
#include "support/models.hpp"
#include "support/pgbouncer.hpp"
#include "support/tenants.hpp"

namespace bulkhead::test {
namespace {

using catalog::Model;

constexpr const char* first_version = R"(
create type mood as enum ('calm', 'loud');
create table note (tenant_id uuid not null default bulkhead.tenant_id(), id bigint not null, body text not null,
  size integer not null default 1, mood mood not null default 'calm', tags mood[] not null default '{}',
  primary key (tenant_id, id));
select bulkhead.tenant_table('note');
select bulkhead.tenant_numbered('note', 'id');
)";
constexpr const char* second_version = R"(
alter table note add column colour text not null default 'red';
alter table note alter column size type text;
)";

migrate::MigrationFile file(int version, const std::string& sql) {
  migrate::MigrationFile out;
  out.version = version;
  out.name = "test";
  out.path = fmt::format("{:04}_test.sql", version);
  out.sql = sql;
  out.checksum = fmt::format("{}", version);
  return out;
}

/// Brings one tenant's tables to version 2.
void upgrade(const Database& database, const std::string& slug) {
  TenantHome home(database, slug);
  pg::Blocking admin = database.connect_admin();
  auto known = must(admin.query("select version, checksum, sql from catalog.app_migration order by version"));
  std::vector<migrate::MigrationFile> files{file(1, first_version), file(2, second_version)};
  files[0].checksum = known.text(0, 1);
  must(migrate::migrate_target(home.admin(), home.schema(), files));
}

Task<Result<Response>> raw_notes(const Request&, TenantSession& session) {
  std::vector<statement::Value> none;
  auto rows = co_await session.raw("select n.body from app.note n where n.tenant_id = $1 order by n.id",
                                   std::move(none));
  if (rows.has_error()) co_return rows.error();
  Response response;
  for (std::size_t i = 0; i < rows->size(); ++i) response.body += std::string(rows->text(i, 0)) + ";";
  co_return response;
}

class PlacementsTest : public ::testing::Test {
 protected:
  PlacementsTest() : database_(Postgres::shared().make_database()) {
    migrate_app(database_, {first_version});
  }

  void tenants(const std::vector<std::pair<std::string, Model>>& wanted) {
    for (const auto& [slug, model] : wanted) static_cast<void>(make_tenant(database_, slug, model));
  }
  void serve(std::function<void(AppConfig&)> configure = {}) {
    TestServerSettings settings;
    settings.routes.push_back(Route{Method::get, "/v1/notes", Role::viewer, raw_notes});
    settings.configure = std::move(configure);
    server_ = std::make_unique<TestServer>(database_, std::move(settings));
  }
  Caller caller(const std::string& slug) { return Caller(*server_, server_->token(slug, "ann", "member")); }

  /// The sum of a metric over all threads.
  double metric(const std::string& name) {
    const Reply reply = Caller(*server_, "").get("/metrics");
    double sum = 0;
    for (std::size_t at = 0; (at = reply.body.find("\n" + name + "{", at)) != std::string::npos; ++at)
      sum += std::stod(reply.body.substr(reply.body.find("} ", at) + 2));
    return sum;
  }

  Database database_;
  std::unique_ptr<TestServer> server_;
};

TEST_F(PlacementsTest, TheSameRequestsInEachModel) {
  tenants({{"rowan", Model::row}, {"scarlet", Model::schema}, {"silas", Model::silo}});
  serve();
  for (const std::string slug : {"rowan", "scarlet", "silas"}) {
    Caller ann = caller(slug);
    const std::string body = R"({"body":")" + slug + R"('s","mood":"loud","tags":["loud","calm"]})";
    Reply made = ann.post("/rest/v1/note?select=id,mood,tags", body, {{"Prefer", "return=representation"}});
    EXPECT_EQ(made.status, 201u) << slug << made.body;
    EXPECT_EQ(compact(made), R"([{"id":1,"mood":"loud","tags":["loud","calm"]}])");
    EXPECT_EQ(compact(ann.get("/rest/v1/note?select=body")), R"([{"body":")" + slug + R"('s"}])");
    EXPECT_EQ(ann.get("/v1/notes").body, slug + "'s;") << "a handler's own SQL says app.note in each model";
    EXPECT_EQ(ann.patch("/rest/v1/note?id=eq.1", R"({"size":5})").status, 204u);
    EXPECT_EQ(ann.del("/rest/v1/note?id=eq.1").status, 204u);
  }
}

TEST_F(PlacementsTest, VersionsAreServedSideBySide) {
  tenants(
      {{"rowan", Model::row}, {"scarlet", Model::schema}, {"silas", Model::silo}, {"simon", Model::silo}});
  serve();
  const std::string note = "/rest/v1/note?select=*";
  const std::string old_form = R"([{"id":1,"body":"x","size":1,"mood":"calm","tags":[]}])";
  const std::string new_form = R"([{"id":1,"body":"x","size":"1","mood":"calm","tags":[],"colour":"red"}])";
  std::vector<std::string> slugs{"rowan", "scarlet", "silas", "simon"};
  for (const auto& slug : slugs) {
    ASSERT_EQ(caller(slug).post("/rest/v1/note", R"({"body":"x"})").status, 201u);
    ASSERT_EQ(compact(caller(slug).get(note)), old_form) << slug;
  }
  for (std::size_t upgraded = 0; upgraded < slugs.size(); ++upgraded) {
    upgrade(database_, slugs[slugs.size() - 1 - upgraded]);
    for (std::size_t i = 0; i < slugs.size(); ++i) {
      const bool is_new = i >= slugs.size() - 1 - upgraded;
      Reply reply = caller(slugs[i]).get(note);
      EXPECT_EQ(compact(reply), is_new ? new_form : old_form) << slugs[i] << " after " << upgraded + 1;
      EXPECT_EQ(caller(slugs[i]).get("/rest/v1/note?colour=eq.red").status, is_new ? 200u : 400u) << slugs[i];
    }
  }
}

/// What readers and writers see while their tables are changed under them.
struct Seen {
  std::atomic<int> before{0}, after{0}, busy{0};
  std::mutex mutex;
  std::string wrong;
};

void watch(Caller ann, const std::atomic<bool>& enough, Seen& seen) {
  for (int i = 0; !enough; ++i) {
    const bool write = i % 3 == 2;
    Reply reply = write ? ann.patch("/rest/v1/note?id=eq.1&select=id,size,body", R"({"body":"x"})",
                                    {{"Prefer", "return=representation"}})
                        : ann.get("/rest/v1/note?select=id,size,body&id=eq.1");
    const std::string got = compact(reply);
    if (got == R"([{"id":1,"size":1,"body":"x"}])") {
      ++seen.before;
    } else if (got == R"([{"id":1,"size":"1","body":"x"}])") {
      ++seen.after;
    } else if (reply.status == 503 && reply.header("retry-after") == "1") {
      ++seen.busy;
    } else {
      const std::lock_guard lock(seen.mutex);
      seen.wrong += fmt::format("{} {}\n", reply.status, reply.body);
    }
  }
}

TEST_F(PlacementsTest, ATargetInTheMiddleOfItsMigrationGivesNoWrongAnswer) {
  tenants({{"rowan", Model::row}, {"scarlet", Model::schema}, {"silas", Model::silo}});
  serve();
  for (const std::string slug : {"rowan", "scarlet", "silas"}) {
    ASSERT_EQ(caller(slug).post("/rest/v1/note", R"({"body":"x"})").status, 201u);
    std::atomic<bool> enough{false};
    Seen seen;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back(watch, caller(slug), std::cref(enough), std::ref(seen));
    EXPECT_TRUE(eventually([&] { return seen.before > 50; }));
    upgrade(database_, slug);
    const int so_far = seen.after;
    EXPECT_TRUE(eventually([&] { return seen.after > so_far + 50; }));
    enough = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(seen.wrong, "") << slug;
  }
}

TEST_F(PlacementsTest, ConnectionsToManySilosStayWithinTheBoundAndGoWhenNobodyUsesThem) {
  std::vector<std::pair<std::string, Model>> silos;
  for (int i = 0; i < 8; ++i) silos.emplace_back(fmt::format("silo-{}", i), Model::silo);
  tenants(silos);
  serve([](AppConfig& config) {
    config.other_connections = 6;  // three for each of two threads
    config.idle_connection = std::chrono::milliseconds(300);
  });
  std::vector<Caller> callers;
  for (const auto& [slug, model] : silos) callers.push_back(caller(slug));
  const double own = metric("bulkhead_pg_connections");
  for (int round = 0; round < 3; ++round)
    for (Caller& ann : callers) {
      EXPECT_EQ(ann.post("/rest/v1/note", R"({"body":"x"})").status, 201u);
      EXPECT_EQ(ann.get("/rest/v1/note?limit=1").status, 200u);
    }
  EXPECT_LE(metric("bulkhead_pg_connections"), own + 6) << "nobody asked the own pool meanwhile";
  EXPECT_GE(metric("bulkhead_homes"), 9.0);
  pg::Blocking admin = database_.connect_admin();
  EXPECT_TRUE(eventually([&] {
    return must(admin.query("select count(*) from pg_stat_activity where usename like 'bulkhead\\_silo\\_%'"))
               .text(0, 0) == "0";
  }));
  EXPECT_EQ(callers[0].get("/rest/v1/note?limit=1").status, 200u) << "and come again";
}

TEST_F(PlacementsTest, AKeyThatIsRotatedInASiloIsTakenOverAndNewsAloneCloseNothing) {
  tenants({{"silas", Model::silo}, {"simon", Model::silo}});
  serve();
  Caller silas = caller("silas"), simon = caller("simon");
  ASSERT_EQ(silas.post("/rest/v1/note", R"({"body":"x"})").status, 201u);
  ASSERT_EQ(simon.post("/rest/v1/note", R"({"body":"x"})").status, 201u);
  pg::Blocking admin = database_.connect_admin();
  const auto backends = [&](const std::string& slug) {
    return std::string(
        must(admin.query(
                 "select coalesce(string_agg(a.pid::text, ' ' order by a.pid), '') from pg_stat_activity a, "
                 "catalog.tenant t join catalog.placement p on p.tenant_id = t.id "
                 "where t.slug = $1 and a.usename = p.database_name",
                 {slug}))
            .text(0, 0));
  };
  ASSERT_EQ(simon.get("/rest/v1/note?limit=1").status, 200u);
  const std::string before = backends("simon"), former = backends("silas");
  ASSERT_NE(before, "");
  // Without the former key's hour.
  TenantHome home(database_, "silas");
  const auto fresh = must(migrate::make_binding_key(home.admin(), 0, 0));
  must(admin.query(
      "update catalog.database d set key_id = $1, key_secret = $2 from catalog.placement p join "
      "catalog.tenant t on t.id = p.tenant_id where t.slug = 'silas' and d.name = p.database_name",
      {std::to_string(fresh.binding_key_id), fresh.binding_secret}));
  EXPECT_TRUE(eventually([&] { return silas.get("/rest/v1/note?limit=1").status == 200; }));
  EXPECT_TRUE(eventually([&] { return backends("silas") != former; }));
  EXPECT_EQ(simon.get("/rest/v1/note?limit=1").status, 200u);
  EXPECT_EQ(backends("simon"), before) << "whom the news do not concern keeps the connections";
}

TEST(CellsTest, ACellThatIsDownConcernsItsTenantsAlone) {
  Database database = Postgres::shared().make_database();
  migrate_app(database, {first_version});
  pg::Blocking admin = database.connect_admin();
  lifecycle::NewCell cell;
  cell.name = "north";
  cell.admin_url = Postgres::second().admin();
  must(lifecycle::add_cell(admin, cell));
  const std::vector<std::pair<std::string, Model>> there{
      {"north-row", Model::row}, {"north-schema", Model::schema}, {"north-silo", Model::silo}};
  for (const auto& [slug, model] : there) {
    lifecycle::CreateRequest request;
    request.slug = slug;
    request.model = model;
    request.cell = "north";
    must(lifecycle::create_tenant(admin, request));
  }
  static_cast<void>(make_tenant(database, "here", Model::silo));
  TestServer server(database, TestServerSettings());
  const auto caller = [&](const std::string& slug) {
    return Caller(server, server.token(slug, "ann", "member"));
  };
  std::vector<Caller> callers;
  for (const auto& [slug, model] : there) callers.push_back(caller(slug));
  Caller here = caller("here");
  for (Caller& ann : callers) {
    ASSERT_EQ(ann.post("/rest/v1/note", R"({"body":"kept"})").status, 201u);
    ASSERT_EQ(compact(ann.get("/rest/v1/note?select=body")), R"([{"body":"kept"}])");
  }
  ASSERT_EQ(here.post("/rest/v1/note", R"({"body":"kept"})").status, 201u);

  Postgres::second().kill_cluster();
  for (Caller& ann : callers) {
    Reply reply;
    EXPECT_TRUE(eventually([&] {
      EXPECT_EQ(here.get("/rest/v1/note").status, 200u) << "the others notice nothing";
      return (reply = ann.get("/rest/v1/note")).status == 503;
    })) << reply.status;
    EXPECT_EQ(reply.header("retry-after"), "1");
    EXPECT_EQ(reply.body.find("north"), std::string::npos) << "a cell's name is nobody's business";
  }
  EXPECT_EQ(Caller(server, "").get("/readyz").status, 200u);

  Postgres::second().revive();
  for (Caller& ann : callers)
    EXPECT_TRUE(
        eventually([&] { return compact(ann.get("/rest/v1/note?select=body")) == R"([{"body":"kept"}])"; }));
}

TEST(CellsTest, ShardsAndSilosBehindATransactionPoolerAreKeptApart) {
  Database database = Postgres::shared().make_database();
  migrate_app(database, {first_version});
  pg::Blocking admin = database.connect_admin();
  lifecycle::NewCell cell;
  cell.name = "pooled";
  cell.admin_url = Postgres::second().admin();
  must(lifecycle::add_cell(admin, cell));
  const std::vector<std::pair<std::string, Model>> there{{"pool-row", Model::row},
                                                         {"pool-schema", Model::schema},
                                                         {"pool-other", Model::schema},
                                                         {"pool-silo", Model::silo}};
  for (const auto& [slug, model] : there) {
    lifecycle::CreateRequest request;
    request.slug = slug;
    request.model = model;
    request.cell = cell.name;
    must(lifecycle::create_tenant(admin, request));
  }
  const auto logins = must(admin.query("select login, password from catalog.database where cell = 'pooled'"));
  std::vector<std::pair<std::string, std::string>> users;
  for (std::size_t row = 0; row < logins.size(); ++row)
    users.emplace_back(logins.text(row, 0), logins.text(row, 1));
  const PgBouncer pooler(users, Postgres::second());
  must(admin.query("update catalog.cell set data_url = $1, pooler = true where name = 'pooled'",
                   {pooler.url()}));

  TestServer server(database, TestServerSettings());
  constexpr int rounds = 40;
  std::atomic<int> wrong{0};
  const auto work = [&](const std::string& slug) {
    Caller ann(server, server.token(slug, "ann", "member"));
    const std::string body = R"({"body":")" + slug + R"("})", mine = R"([{"body":")" + slug + R"("}])";
    for (int round = 0; round < rounds; ++round) {
      if (ann.post("/rest/v1/note", body).status != 201) ++wrong;
      if (compact(ann.get("/rest/v1/note?select=body&limit=1")) != mine) ++wrong;
      if (compact(ann.get("/rest/v1/note?select=body&body=neq." + slug)) != "[]") ++wrong;
    }
  };
  std::vector<std::thread> threads;
  for (int again = 0; again < 2; ++again)
    for (const auto& [slug, model] : there) threads.emplace_back(work, slug);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  for (const auto& [slug, model] : there) {
    Caller ann(server, server.token(slug, "ann", "member"));
    EXPECT_EQ(ann.get("/rest/v1/note?select=id&limit=1", {{"Prefer", "count=exact"}}).header("content-range"),
              fmt::format("0-0/{}", 2 * rounds))
        << slug;
  }
}

}  // namespace
}  // namespace bulkhead::test
