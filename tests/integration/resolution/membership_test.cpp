#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "catalog/store.hpp"
#include "integration/server/shops.hpp"

/// The look-up of the tenant from the caller's memberships, where it is a source.
namespace bulkhead::test {
namespace {

constexpr const char* artists = "/rest/v1/artist?select=name&limit=3";

class MembershipSourceTest : public ShopsTest {
 protected:
  MembershipSourceTest() : admin_(shops().database.connect_admin()) {
    TestServerSettings settings = with_handlers();
    settings.configure = [](AppConfig& config) { config.sources.emplace_back("membership"); };
    with_.emplace(shops().database, settings);
  }

  /// A token without a tenant of a member of these.
  std::string member_of(const std::string& user, const std::vector<std::string>& tenants) {
    for (const std::string& tenant : tenants) static_cast<void>(with_->token(tenant, user, "member"));
    return with_->token("", user, "");
  }
  Reply ask(const std::string& token, const Headers& headers = {}) {
    return Caller(*with_, token).get(artists, headers);
  }
  static std::vector<std::string> slugs(const Reply& reply) {
    std::vector<std::string> out;
    const boost::json::value document = json_of(reply);
    for (const auto& tenant : document.at("tenants").as_array())
      out.emplace_back(tenant.at("slug").as_string());
    return out;
  }
  void execute(const std::string& sql) { must(admin_.execute(sql)); }

  pg::Blocking admin_;
  std::optional<TestServer> with_;
};

TEST_F(MembershipSourceTest, OneMembershipIsTheTenant) {
  const std::string token = member_of("one", {"acme"});
  for (int round = 0; round < 2; ++round) {
    const Reply reply = ask(token);
    EXPECT_EQ(reply.status, 200u) << reply.body;
    EXPECT_NE(reply.body.find("ACME artist"), std::string::npos);
  }
  EXPECT_EQ(Caller(server(), token).get(artists).status, 404u) << "where it is no source";
}

TEST_F(MembershipSourceTest, SeveralAreListedAndNobodyElses) {
  static_cast<void>(Postgres::make_tenant(shops().database, "initech"));
  const std::string token = member_of("two", {"acme", "globex"});
  for (int round = 0; round < 2; ++round) {
    const Reply reply = ask(token);
    EXPECT_EQ(reply.status, 300u);
    EXPECT_EQ(reply.header("content-type"), "application/problem+json");
    EXPECT_EQ(code_of(reply), "BLK204");
    EXPECT_EQ(slugs(reply), (std::vector<std::string>{"acme", "globex"}));
    EXPECT_EQ(json_of(reply).at("tenants").as_array().at(0).at("id").as_string(), shops().acme);
    EXPECT_EQ(reply.body.find("initech"), std::string::npos);
  }
  EXPECT_EQ(ask(token, {{"X-Tenant-ID", "globex"}}).status, 200u) << "one of them, named";
}

TEST_F(MembershipSourceTest, AnySourceThatNamesATenantComesFirst) {
  const std::string token = member_of("three", {"acme"});
  EXPECT_EQ(ask(token, {{"X-Tenant-ID", "globex"}}).status, 404u) << "not silently acme";
  EXPECT_EQ(ask(token, {{"Host", "globex.localhost"}}).status, 404u);
  EXPECT_EQ(ask(token, {{"Host", "a.b.localhost"}}).status, 404u);
  EXPECT_EQ(Caller(*with_, token).get(std::string("/tenants/globex") + artists).status, 404u);
}

TEST_F(MembershipSourceTest, NoneIsNoTenant) {
  const Reply reply = ask(with_->token("", "stranger", ""));
  EXPECT_EQ(reply.status, 404u);
  EXPECT_EQ(code_of(reply), "BLK200");
}

TEST_F(MembershipSourceTest, WhatChangesIsSeen) {
  const std::string token = member_of("four", {"acme"});
  ASSERT_EQ(ask(token).status, 200u);
  const auto becomes = [&](unsigned status) {
    Reply reply;
    EXPECT_TRUE(eventually([&] { return (reply = ask(token)).status == status; }))
        << reply.status << reply.body;
  };
  static_cast<void>(member_of("four", {"globex"}));
  becomes(300);
  const std::string of_user = " user_id = (select user_id from catalog.identity where subject = 'four')";
  const std::string in_globex = " and tenant_id = '" + shops().globex + "'";
  execute("update catalog.membership set status = 'suspended' where" + of_user + in_globex);
  becomes(200);
  execute("update catalog.membership set status = 'active' where" + of_user + in_globex);
  becomes(300);
  execute("update catalog.tenant set status = 'deleting' where slug = 'globex'");
  becomes(200);
  execute("update catalog.tenant set status = 'active' where slug = 'globex'");
  becomes(300);
  execute("delete from catalog.membership where" + of_user);
  becomes(404);
  execute("insert into catalog.membership(tenant_id, user_id, role) select '" + shops().acme +
          "', user_id, 'member' from catalog.identity where subject = 'four'");
  becomes(200);
  execute(
      "update catalog.app_user set status = 'suspended' where id = (select user_id from catalog.identity "
      "where subject = 'four')");
  becomes(404);
}

}  // namespace
}  // namespace bulkhead::test
