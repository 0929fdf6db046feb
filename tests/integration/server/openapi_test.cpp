// GET /openapi.json: what a role may do, and nothing of any tenant.
#include <boost/json/object.hpp>

#include "shops.hpp"
#include "support/tenants.hpp"

namespace bulkhead::test {
namespace {

using boost::json::object;

class OpenApiTest : public ShopsTest {
 protected:
  static object paths_of(const Reply& reply) { return json_of(reply).at("paths").as_object(); }
  static std::string header_of(const Reply& reply, std::string_view name) {
    for (const auto& [known, value] : reply.headers)
      if (known == name) return value;
    return {};
  }
};

TEST_F(OpenApiTest, IsAskedForLikeAnythingOfATenants) {
  EXPECT_EQ(Caller(server(), "").get("/openapi.json").status, 401u);
  EXPECT_EQ(ann().get("/openapi.json", {{"X-Tenant-Id", "globex"}}).status, 400u);
  const Reply reply = ann().get("/openapi.json");
  ASSERT_EQ(reply.status, 200u) << reply.body;
  EXPECT_EQ(header_of(reply, "content-type"), "application/json; charset=utf-8");
  EXPECT_EQ(json_of(reply).at("openapi").as_string(), "3.1.0");
  EXPECT_EQ(ann().post("/openapi.json", "{}").status, 405u);
}

TEST_F(OpenApiTest, ARoleIsToldWhatItMayDo) {
  const object viewer = paths_of(ann("viewer").get("/openapi.json")),
               member = paths_of(ann("member").get("/openapi.json"));
  for (const auto& [path, operations] : viewer)
    for (const auto& [verb, operation] : operations.as_object()) EXPECT_EQ(verb, "get") << path;
  EXPECT_TRUE(viewer.contains("/rest/v1/artist"));
  EXPECT_FALSE(viewer.contains("/v1/checkout"));
  EXPECT_TRUE(member.contains("/v1/checkout"));
  for (const char* verb : {"get", "post", "put", "patch", "delete"})
    EXPECT_TRUE(member.at("/rest/v1/artist").as_object().contains(verb)) << verb;
  EXPECT_EQ(member.at("/rest/v1/genre").as_object().size(), 1u) << "shared by all tenants";
}

TEST_F(OpenApiTest, HoldsNothingOfATenant) {
  for (const char* role : {"viewer", "owner"}) {
    const Reply acme = ann(role).get("/openapi.json"), globex = gus(role).get("/openapi.json");
    EXPECT_EQ(acme.body, globex.body);
    EXPECT_EQ(told_to_acme(acme, shops()), "") << role;
    EXPECT_EQ(acme.body.find("ACME"), std::string::npos);
  }
}

TEST_F(OpenApiTest, IsNotSentAgain) {
  Caller caller = ann();
  const Reply first = caller.get("/openapi.json");
  const std::string etag = header_of(first, "etag");
  EXPECT_FALSE(etag.empty());
  const Reply again = caller.get("/openapi.json", {{"If-None-Match", etag}});
  EXPECT_EQ(again.status, 304u);
  EXPECT_EQ(again.body, "");
  EXPECT_EQ(ann("viewer").get("/openapi.json", {{"If-None-Match", etag}}).status, 200u) << "another role's";
  EXPECT_EQ(caller.send("HEAD", "/openapi.json", "").status, 200u);
}

TEST_F(OpenApiTest, AtTheDataApisRootAsPostgrestHasIt) {
  Caller caller = ann();
  for (const char* path : {"/rest/v1/", "/rest/v1", "/"}) {
    const Reply reply = caller.get(path, {{"Accept", "application/openapi+json"}});
    EXPECT_EQ(reply.status, 200u) << path;
    EXPECT_EQ(header_of(reply, "content-type"), "application/openapi+json; charset=utf-8");
    EXPECT_EQ(reply.body, caller.get("/openapi.json").body);
  }
  EXPECT_EQ(caller.get("/rest/v1/").status, 200u);
  EXPECT_EQ(header_of(caller.get("/rest/v1/", {{"Accept", "application/json"}}), "content-type"),
            "application/json; charset=utf-8");
  const Reply refused = caller.get("/rest/v1/", {{"Accept", "text/csv"}});
  EXPECT_EQ(refused.status, 406u);
  EXPECT_EQ(code_of(refused), "PGRST107");
  EXPECT_EQ(caller.get("/", {{"Accept", "application/json"}}).status, 404u)
      << "there is no page, and no document";
  EXPECT_EQ(caller.get("/tenants/acme/openapi.json").body.find("\"url\":\"/\""), std::string::npos);
  EXPECT_NE(caller.get("/tenants/acme/openapi.json").body.find("\"url\":\"/tenants/acme\""),
            std::string::npos);
}

TEST_F(OpenApiTest, FollowsWhatIsGranted) {
  const Shops own = open_shops();
  {
    pg::Blocking admin = own.database.connect_admin();
    must(
        admin.execute("revoke select on app.customer from app_viewer;"
                      "grant select (customer_id, first_name) on app.customer to app_viewer;"
                      "revoke all on app.employee from app_viewer"));
  }
  TestServer server(own.database, TestServerSettings());
  const std::string token = server.token("acme", "vera", "viewer");
  const Reply reply = Caller(server, token).get("/openapi.json");
  const object document = json_of(reply).as_object();
  EXPECT_FALSE(document.at("paths").as_object().contains("/rest/v1/employee"));
  const object& customer =
      document.at("components").at("schemas").at("customer").at("properties").as_object();
  EXPECT_EQ(customer.size(), 2u) << reply.body;
  EXPECT_EQ(reply.body.find("employee_id"), std::string::npos) << "nor is it named by a foreign key";
}

TEST_F(OpenApiTest, AReservedPathIsNoRoute) {
  TestServerSettings settings;
  settings.routes.push_back(Route{Method::get, "/openapi.json", Role::viewer, {}});
  EXPECT_ANY_THROW(TestServer(shops().database, settings));
  settings.routes = {Route{Method::get, "/v1/x", Role::viewer, {}}};
  settings.routes.front().about.request = "{";
  EXPECT_ANY_THROW(TestServer(shops().database, settings));
}

}  // namespace
}  // namespace bulkhead::test
