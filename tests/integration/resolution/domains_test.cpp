#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/dns.hpp"
#include "catalog/members.hpp"
#include "catalog/operators.hpp"
#include "catalog/store.hpp"
#include "integration/server/shops.hpp"
#include "support/dns_server.hpp"

/// A tenant's own domains, from their registration to the requests that come by them. Two servers over one catalog: `server()`
/// is where the hosts point, `other()` asks it for the proof, as a resolver would lead it there.
namespace bulkhead::test {
namespace {

constexpr const char* artists = "/rest/v1/artist?select=name&limit=3";

class DomainsTest : public ShopsTest {
 protected:
  DomainsTest() : admin_(shops().database.connect_admin()) {
    must(catalog::add_operator(admin_, {server().issuer_url(), "olga", "Olga", ""}));
    TestServerSettings settings;
    settings.configure = [this](AppConfig& config) {
      config.dns_server = dns_.address();
      config.challenge_address = "127.0.0.1:" + std::to_string(server().port());
    };
    other_ = std::make_unique<TestServer>(shops().database, settings);
    olga_.emplace(*other_, server().token("", "olga", ""));
  }
  ~DomainsTest() override { must(admin_.execute("delete from catalog.domain")); }

  Reply control(const std::string& method, const std::string& path, const std::string& body = "") {
    Headers headers;
    if (!body.empty()) headers.emplace_back("Content-Type", "application/json");
    return olga_->send(method, "/control/v1/tenants/" + path, body, headers);
  }
  Reply add(const std::string& tenant, const std::string& host) {
    return control("POST", tenant + "/domains", "{\"host\":\"" + host + "\"}");
  }
  Reply verify(const std::string& tenant, const std::string& host) {
    return control("POST", tenant + "/domains/" + host + "/verify");
  }
  static std::string text_of(const Reply& reply, const char* name) {
    return std::string(json_of(reply).at(name).as_string());
  }
  /// What a member of acme gets who names the tenant by the host alone.
  static Reply ask(const std::string& host) {
    static_cast<void>(server().token("acme", "ann", "member"));
    return Caller(server(), server().token("", "ann", "")).get(artists, {{"Host", host}});
  }
  /// Registered and verified, by DNS.
  void route(const std::string& tenant, const std::string& host) {
    const Reply added = add(tenant, host);
    ASSERT_EQ(added.status, 201u) << added.body;
    dns_.set(text_of(added, "dns_name"), {"v=spf1 -all", text_of(added, "dns_value")});
    const Reply verified = verify(tenant, host);
    ASSERT_EQ(verified.status, 200u) << verified.body;
  }

  pg::Blocking admin_;
  DnsServer dns_;
  std::unique_ptr<TestServer> other_;
  std::optional<Caller> olga_;
};

TEST_F(DomainsTest, RoutesOnceDnsProvesIt) {
  const Reply added = add("acme", "shop.example.org");
  ASSERT_EQ(added.status, 201u) << added.body;
  EXPECT_EQ(text_of(added, "dns_name"), "_bulkhead-challenge.shop.example.org");
  EXPECT_EQ(ask("shop.example.org").status, 404u) << "not verified";
  dns_.set("_bulkhead-challenge.shop.example.org",
           {"bulkhead-verify=something-else", text_of(added, "dns_value")});
  const Reply verified = verify("acme", "shop.example.org");
  ASSERT_EQ(verified.status, 200u) << verified.body;
  EXPECT_EQ(text_of(verified, "verified_by"), "dns");
  EXPECT_EQ(verify("acme", "shop.example.org").status, 200u) << "again is no error";
  Reply reply;
  ASSERT_TRUE(eventually([&] { return (reply = ask("shop.example.org")).status == 200; })) << reply.body;
  EXPECT_NE(reply.body.find("ACME artist"), std::string::npos);
  for (const char* same : {"SHOP.Example.ORG", "shop.example.org.", "shop.example.org:8443"})
    EXPECT_EQ(ask(same).status, 200u) << same;
  for (const char* different : {"shop.example.or", "a.shop.example.org", "example.org", "xshop.example.org"})
    EXPECT_EQ(ask(different).status, 404u) << different;
}

TEST_F(DomainsTest, PointingTheHostAtAServerProvesIt) {
  ASSERT_EQ(add("acme", "pointed.example.org").status, 201u);
  const Reply verified = verify("acme", "pointed.example.org");
  ASSERT_EQ(verified.status, 200u) << verified.body;
  EXPECT_EQ(text_of(verified, "verified_by"), "http");
  EXPECT_TRUE(eventually([&] { return ask("pointed.example.org").status == 200; }));
}

TEST_F(DomainsTest, WhatIsNotProvenDoesNotRoute) {
  TestServerSettings settings;
  settings.configure = [this](AppConfig& config) {
    config.dns_server = dns_.address();
    config.challenge_address = "127.0.0.1:1";
  };
  TestServer alone(shops().database, settings);
  Caller olga(alone, server().token("", "olga", ""));
  ASSERT_EQ(add("acme", "unproven.example.org").status, 201u);
  const auto refused = [&](const char* why) {
    const Reply reply = olga.post("/control/v1/tenants/acme/domains/unproven.example.org/verify", "");
    EXPECT_EQ(reply.status, 409u) << reply.body;
    EXPECT_NE(reply.body.find(why), std::string::npos) << reply.body;
    EXPECT_EQ(ask("unproven.example.org").status, 404u);
  };
  refused("no TXT record _bulkhead-challenge.unproven.example.org");
  dns_.set("_bulkhead-challenge.unproven.example.org", {"bulkhead-verify=", "", "bulkhead-verify"});
  refused("none of the TXT records");
  dns_.fail(true);
  refused("no DNS server answered");
  EXPECT_EQ(verify("globex", "unproven.example.org").status, 404u) << "another tenant's";
}

TEST_F(DomainsTest, TheChallengeIsAnsweredToWhoKnowsItAlone) {
  const Reply added = add("acme", "pending.example.org");
  const std::string url = text_of(added, "http_url");
  const std::string path = url.substr(std::string("http://pending.example.org").size());
  const std::string token = path.substr(path.rfind('/') + 1);
  const auto asked = [&](const std::string& at, const std::string& host) {
    return Caller(server(), "").get(at, {{"Host", host}});
  };
  Reply reply;
  ASSERT_TRUE(eventually([&] { return (reply = asked(path, "pending.example.org")).status == 200; }));
  EXPECT_EQ(reply.body, token);
  EXPECT_EQ(asked(path, "PENDING.example.org.:80").status, 200u);
  EXPECT_EQ(asked(path, "other.example.org").status, 404u);
  EXPECT_EQ(asked(path, "localhost").status, 404u);
  EXPECT_EQ(asked("/.well-known/bulkhead-challenge/", "pending.example.org").status, 404u);
  EXPECT_EQ(asked("/.well-known/bulkhead-challenge/guess", "pending.example.org").status, 404u);
  EXPECT_EQ(asked(path + "/", "pending.example.org").status, 404u);
  EXPECT_EQ(asked("/tenants/acme" + path, "pending.example.org").status, 404u);
  must(admin_.execute("update catalog.domain set verified = true where host = 'pending.example.org'"));
  EXPECT_TRUE(eventually([&] { return asked(path, "pending.example.org").status == 404; })) << "it is over";
}

TEST_F(DomainsTest, AHostIsOneTenantsAndAgreesWithOtherSources) {
  route("acme", "one.example.org");
  EXPECT_EQ(add("globex", "one.example.org").status, 409u);
  ASSERT_TRUE(eventually([&] { return ask("one.example.org").status == 200; }));
  Caller ann(server(), server().token("", "ann", ""));
  const auto named = [&](const std::string& tenant) {
    return ann.get(artists, {{"Host", "one.example.org"}, {"X-Tenant-ID", tenant}});
  };
  EXPECT_EQ(named("acme").status, 200u);
  EXPECT_EQ(named(shops().acme).status, 200u);
  EXPECT_EQ(code_of(named("globex")), "BLK201");
  static_cast<void>(server().token("globex", "gus", "member"));
  Caller gus(server(), server().token("", "gus", ""));
  EXPECT_EQ(gus.get(artists, {{"Host", "one.example.org"}}).status, 404u) << "no member";
}

TEST_F(DomainsTest, NamesThatCannotBeTaken) {
  for (const char* host :
       {"localhost", "acme.localhost", "a.b.localhost", "shop", "Shop.example.org", "shop.example.org.",
        "shop.example.org:80", "127.0.0.1", "[::1]", "m\xc3\xbcnchen.example", "sh op.example.org",
        "shop_1.example.org", "*.example.org", "shop.example.org/x"}) {
    const Reply reply = add("acme", host);
    EXPECT_EQ(reply.status, 400u) << host << reply.body;
  }
  const Reply umlaut = add("acme", "m\xc3\xbcnchen.example");
  EXPECT_NE(umlaut.body.find("xn--"), std::string::npos) << "how to write it: " << umlaut.body;
  EXPECT_EQ(add("acme", "xn--mnchen-3ya.example").status, 201u);
}

TEST_F(DomainsTest, DnsTextsOfSeveralPartsAndOfNone) {
  dns_.set("long.example.org", {std::string(255, 'x'), ""});
  EXPECT_EQ(must(dns_texts("long.example.org", dns_.address())),
            (std::vector<std::string>{std::string(255, 'x'), ""}));
  EXPECT_TRUE(must(dns_texts("none.example.org", dns_.address())).empty());
  dns_.fail(true);
  EXPECT_EQ(dns_texts("long.example.org", dns_.address()).error().code(), Errc::upstream_failed);
  EXPECT_EQ(dns_texts("long.example.org", "nowhere").error().code(), Errc::usage);
}

}  // namespace
}  // namespace bulkhead::test
