// What handlers are given beside the tenant: names in the path, validated input, uploads, answers in pieces, limits of their own.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <bulkhead/input.hpp>

#include "catalogue.hpp"
#include "shops.hpp"

namespace bulkhead::test {
namespace {

const Shops& shops() {
  static const Shops opened = open_shops();
  return opened;
}

Task<Result<Response>> echo(const Request& request, TenantSession&) {
  Response response;
  response.body = std::string(request.path_value("word").value_or("none"));
  co_return response;
}

/// As long as the deadline allows.
Task<Result<Response>> slow(const Request&, TenantSession& session) {
  std::vector<statement::Value> none;
  std::string sql = "select count(*) from app.artist a0", where = " where a0.tenant_id = $1";
  for (int i = 1; i < 9; ++i) {
    const std::string name = "a" + std::to_string(i);
    sql += ", app.artist " + name;
    where += " and " + name + ".tenant_id = $1";
  }
  sql += where;
  BULKHEAD_CO_TRY(const Rows rows, co_await session.raw(std::move(sql), std::move(none)));
  static_cast<void>(rows);
  co_return Response();
}

Task<Result<void>> fails_at_once(const Request&, TenantSession&, ResponseStream&) {
  co_return Error(Errc::payload_invalid, "before anything was written");
}

TestServerSettings with_routes() {
  TestServerSettings settings = with_handlers();
  settings.routes.push_back(
      Route{Method::get, "/v1/invoices/{invoice_id}", Role::viewer, recordshop::invoice_with_lines});
  settings.routes.push_back(Route{Method::get, "/v1/echo/{word}", Role::viewer, echo});
  settings.routes.push_back(
      Route{Method::get, "/v1/catalogue.csv", Role::viewer, {}, recordshop::catalogue, {}});
  settings.routes.push_back(Route{Method::get, "/v1/fails", Role::viewer, {}, fails_at_once, {}});
  settings.routes.push_back(Route{Method::post,
                                  "/v1/prices",
                                  Role::admin,
                                  recordshop::change_prices,
                                  {},
                                  RouteLimits(64 * 1024, std::nullopt)});
  settings.routes.push_back(Route{Method::get,
                                  "/v1/slow",
                                  Role::viewer,
                                  slow,
                                  {},
                                  RouteLimits(std::nullopt, std::chrono::milliseconds(200))});
  settings.configure = [](AppConfig& config) { config.body_bytes = 2048; };
  return settings;
}

class HandlersTest : public ::testing::Test {
 protected:
  Caller as(const std::string& tenant, const std::string& role) {
    return {server_, server_.token(tenant, "handlers-" + role, role)};
  }
  TestServer server_{shops().database, with_routes()};
};

std::string form(const std::string& file) {
  return "--b\r\nContent-Disposition: form-data; name=\"prices\"; filename=\"p.csv\"\r\n\r\n" + file +
         "\r\n--b--\r\n";
}
const Headers form_type{{"Content-Type", "multipart/form-data; boundary=b"}};

TEST_F(HandlersTest, NamesInThePath) {
  Caller caller = as("acme", "viewer");
  EXPECT_EQ(
      caller.get("/v1/invoices/1").body,
      R"({"invoice_id":1,"customer_id":1,"total":0.99,"lines":[{"track_id":1,"unit_price":0.99,"quantity":1}]})");
  EXPECT_EQ(caller.get("/v1/invoices/1?lines=false").body,
            R"({"invoice_id":1,"customer_id":1,"total":0.99})");
  EXPECT_EQ(caller.get("/tenants/acme/v1/invoices/1?lines=false").status, 200u);
  EXPECT_EQ(caller.get("/v1/echo/gr%C3%BCn%2B").body, "grün+") << "decoded once";
  EXPECT_EQ(caller.get("/v1/invoices/101").status, 200u);
  EXPECT_EQ(caller.get("/v1/invoices/201").status, 404u) << "globex's";
  EXPECT_EQ(caller.get("/v1/invoices/").status, 404u);
  EXPECT_EQ(caller.post("/v1/invoices/1", "").status, 405u);
  EXPECT_EQ(caller.get("/v1/echo/a%2Fb").status, 400u) << "a slash that is none";
}

TEST_F(HandlersTest, WhatIsWrongIsSaidAtOnce) {
  const Reply reply = as("acme", "viewer").get("/v1/invoices/zero?lines=perhaps");
  EXPECT_EQ(reply.status, 400u);
  EXPECT_EQ(reply.header("content-type"), "application/problem+json");
  EXPECT_EQ(code_of(reply), "BLK508");
  const boost::json::array errors = json_of(reply).at("errors").as_array();
  ASSERT_EQ(errors.size(), 2u) << reply.body;
  EXPECT_EQ(errors.at(0).at("parameter").as_string(), "invoice_id");
  EXPECT_EQ(errors.at(1).at("parameter").as_string(), "lines");
  const Reply checkout =
      as("acme", "member").post("/v1/checkout", R"({"customer_id":0,"lines":[{"track_id":1,"quantity":0}]})");
  EXPECT_EQ(checkout.status, 400u);
  const boost::json::array both = json_of(checkout).at("errors").as_array();
  ASSERT_EQ(both.size(), 2u) << checkout.body;
  EXPECT_EQ(both.at(1).at("pointer").as_string(), "/lines/0/quantity");
}

TEST_F(HandlersTest, AnAnswerInPiecesIsTheTenantsOwn) {
  // More than one page of them.
  pg::Blocking admin = shops().database.connect_admin();
  must(admin.execute(
      "insert into app.track (tenant_id, track_id, name, media_type_id, milliseconds, unit_price) select '" +
      shops().acme +
      "', n, 'ACME more ' || n, 1, 1, 0.50 from generate_series(10001, 12500) n on conflict do nothing"));
  const Reply acme = as("acme", "viewer").get("/v1/catalogue.csv");
  EXPECT_EQ(acme.status, 200u);
  EXPECT_EQ(acme.header("content-type"), "text/csv; charset=utf-8");
  EXPECT_EQ(std::count(acme.body.begin(), acme.body.end(), '\n'), 1 + 15 + 2500);
  EXPECT_TRUE(acme.body.starts_with("track_id,name,unit_price\r\n1,\"ACME track 1\",0.99\r\n"));
  EXPECT_TRUE(acme.body.ends_with("12500,\"ACME more 12500\",0.50\r\n"));
  EXPECT_EQ(acme.body.find("GLOBEX"), std::string::npos);
  const Reply globex = as("globex", "viewer").get("/v1/catalogue.csv");
  EXPECT_EQ(std::count(globex.body.begin(), globex.body.end(), '\n'), 1 + 15);
  EXPECT_EQ(globex.body.find("ACME"), std::string::npos);
  const Reply early = as("acme", "viewer").get("/v1/fails");
  EXPECT_EQ(early.status, 400u);
  EXPECT_EQ(code_of(early), "BLK508");
  must(admin.execute("delete from app.track where track_id > 10000"));
}

TEST_F(HandlersTest, AnUpload) {
  Caller admin = as("acme", "admin");
  EXPECT_EQ(admin.post("/v1/prices", form("1,1.25\r\n2,0.75\n"), form_type).body, R"({"changed":2})");
  EXPECT_EQ(compact(admin.get("/rest/v1/track?select=unit_price&track_id=in.(1,2)&order=track_id")),
            R"([{"unit_price":1.25},{"unit_price":0.75}])");
  EXPECT_EQ(compact(as("globex", "viewer").get("/rest/v1/track?select=unit_price&track_id=eq.1")),
            R"([{"unit_price":0.99}])");
  // All or none; and globex's tracks are none.
  EXPECT_EQ(admin.post("/v1/prices", form("1,9.99\n201,1\n"), form_type).status, 400u);
  EXPECT_EQ(compact(admin.get("/rest/v1/track?select=unit_price&track_id=eq.1")), R"([{"unit_price":1.25}])");
  EXPECT_EQ(admin.post("/v1/prices", form("1;2"), form_type).status, 400u);
  EXPECT_EQ(admin.post("/v1/prices", "{}", {{"Content-Type", "application/json"}}).status, 415u);
  EXPECT_EQ(as("acme", "member").post("/v1/prices", form("1,1"), form_type).status, 403u);
  EXPECT_EQ(admin.post("/v1/prices", form("1,1.25\n2,0.75\n"), form_type).status, 200u);
}

TEST_F(HandlersTest, LimitsOfARoute) {
  Caller admin = as("acme", "admin");
  std::string lines;
  while (lines.size() < 10'000) lines += "1,0.99\n";
  EXPECT_EQ(admin.post("/v1/prices", form(lines), form_type).status, 200u) << "more than http.body_bytes";
  while (lines.size() < 70'000) lines += "1,0.99\n";
  EXPECT_EQ(as("acme", "admin").post("/v1/prices", form(lines), form_type).status, 413u);
  EXPECT_EQ(as("acme", "admin").post("/v1/checkout", std::string(3000, ' '), {}).status, 413u);
  EXPECT_EQ(
      as("acme", "admin").post("/tenants/acme/v1/prices", form(std::string(10'000, '\n')), form_type).status,
      200u);
  const Reply slow_reply = as("acme", "viewer").get("/v1/slow");
  EXPECT_EQ(slow_reply.status, 504u) << slow_reply.body;
}

TEST(Handlers, ARouteThatCannotBeKeepsTheServerFromStarting) {
  for (const char* path :
       {"v1/x", "/v1/{x", "/rest/v1/mine", "/control/v1/mine", "/tenants/mine", "/.well-known/mine"}) {
    TestServerSettings settings;
    settings.routes.push_back(Route{Method::get, path, Role::viewer, echo});
    EXPECT_THROW(TestServer(shops().database, settings), std::runtime_error) << path;
  }
}

}  // namespace
}  // namespace bulkhead::test
