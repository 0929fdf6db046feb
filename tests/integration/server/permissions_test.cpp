// Custom permissions of handlers: [permissions] of bulkhead.toml.
#include <bulkhead/app.hpp>

#include "shops.hpp"

namespace bulkhead::test {
namespace {

const Shops& shops() {
  static const Shops opened = open_shops();
  return opened;
}

Task<Result<Response>> refund(const Request&, TenantSession&) {
  co_return Response{};
}

/// Open to all members; what it does depends on the permission.
Task<Result<Response>> look(const Request&, TenantSession& session) {
  if (auto allowed = session.context().require("report:export"); allowed.has_error())
    co_return allowed.error();
  Response response;
  response.body = session.context().may("nobody:declared") ? "too much" : "exported";
  co_return response;
}

TestServerSettings with_permissions() {
  TestServerSettings settings;
  settings.routes.push_back(Route{Method::post, "/v1/refund", require("invoice:refund"), refund});
  settings.routes.push_back(Route{Method::get, "/v1/report", Role::viewer, look});
  settings.configure = [](AppConfig& config) {
    config.permissions = {{"invoice:refund", {Role::member, Role::owner}},
                          {"report:export", {Role::admin, Role::owner}}};
  };
  return settings;
}

class PermissionsTest : public ::testing::Test {
 protected:
  Caller as(const char* role) { return {server_, server_.token("acme", std::string("perm-") + role, role)}; }
  TestServer server_{shops().database, with_permissions()};
};

TEST_F(PermissionsTest, ARouteIsOpenToTheRolesThatHaveItsPermission) {
  EXPECT_EQ(as("member").post("/v1/refund", "").status, 200u);
  EXPECT_EQ(as("owner").post("/v1/refund", "").status, 200u);
  for (const char* role : {"viewer", "admin"}) {
    const Reply refused = as(role).post("/v1/refund", "");
    EXPECT_EQ(refused.status, 403u) << role;
    EXPECT_NE(refused.body.find("invoice:refund"), std::string::npos) << refused.body;
  }
}

TEST_F(PermissionsTest, AHandlerAsksInItsMiddle) {
  EXPECT_EQ(as("admin").get("/v1/report").body, "exported");
  EXPECT_EQ(as("member").get("/v1/report").status, 403u);
}

TEST(Permissions, AServerWhoseRouteNobodyMayUseDoesNotStart) {
  TestServerSettings settings = with_permissions();
  settings.configure = {};
  try {
    const TestServer server(shops().database, settings);
    FAIL() << "it started";
  } catch (const std::exception& error) {
    EXPECT_NE(std::string(error.what()).find("invoice:refund"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace bulkhead::test
