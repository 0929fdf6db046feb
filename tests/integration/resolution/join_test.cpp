#include "catalog/identities.hpp"
#include "catalog/members.hpp"
#include "catalog/store.hpp"
#include "integration/server/shops.hpp"

/// Members who come in by their provider's word: `join` of an issuer.
namespace bulkhead::test {
namespace {

constexpr const char* artists = "/rest/v1/artist?select=name&limit=3";
constexpr const char* provider_url = "https://login.example.org";

const identity::SigningKey& provider_key() {
  static const identity::SigningKey key = must(identity::SigningKey::generate(identity::Algorithm::es256));
  return key;
}

class JoinTest : public ShopsTest {
 protected:
  JoinTest()
      : admin_(shops().database.connect_admin()), server_(shops().database, settings({"header", "claim"})) {}

  static TestServerSettings settings(const std::vector<std::string>& sources) {
    identity::IssuerSettings issuer;
    issuer.name = "provider";
    issuer.issuer = provider_url;
    issuer.audiences = {"shop"};
    issuer.static_jwks = provider_key().jwks();
    issuer.roles_claim = "roles";
    issuer.join = {{"org:admin", Role::admin}, {"org:member", Role::member}};
    TestServerSettings settings = with_handlers();
    settings.issuers = {issuer};
    settings.configure = [sources](AppConfig& config) { config.sources = sources; };
    return settings;
  }
  static std::string token(const std::string& user, const std::string& tenant, const std::string& role) {
    identity::MintRequest request;
    request.issuer = provider_url;
    request.audience = "shop";
    request.subject = user;
    request.tenant = tenant;
    request.name = "Name of " + user;
    request.issued_at = std::chrono::system_clock::now();
    if (!role.empty()) request.extra["roles"] = {role, "something else"};
    return must(provider_key().mint(request));
  }
  Reply ask(const std::string& with, const Headers& headers = {}) {
    return Caller(server_, with).get(artists, headers);
  }
  /// "" where the user is no member.
  std::string role_in(const std::string& tenant, const std::string& user) {
    auto rows =
        must(admin_.query("select m.role from catalog.membership m join catalog.identity i on i.user_id = "
                          "m.user_id join catalog.tenant t "
                          "on t.id = m.tenant_id where t.slug = $1 and i.issuer = $2 and i.subject = $3",
                          {tenant, provider_url, user}));
    return rows.empty() ? "" : std::string(rows.text(0, 0));
  }
  void execute(const std::string& sql) { must(admin_.execute(sql)); }

  pg::Blocking admin_;
  TestServer server_;
};

TEST_F(JoinTest, WhoHasTheRoleIsMadeAMember) {
  const Reply reply = ask(token("jo", "acme", "org:admin"));
  EXPECT_EQ(reply.status, 200u) << reply.body;
  EXPECT_NE(reply.body.find("ACME artist"), std::string::npos);
  EXPECT_EQ(role_in("acme", "jo"), "admin");
  EXPECT_EQ(role_in("globex", "jo"), "");
  EXPECT_EQ(must(catalog::find_identity(admin_, provider_url, "jo")).user_name, "Name of jo");
  // Once: what an operator says later stays.
  execute(
      "update catalog.membership set role = 'viewer' where user_id = (select user_id from catalog.identity "
      "where subject = 'jo')");
  EXPECT_EQ(ask(token("jo", "acme", "org:admin")).status, 200u);
  EXPECT_EQ(role_in("acme", "jo"), "viewer");
}

TEST_F(JoinTest, WhoHasNoneIsNot) {
  EXPECT_EQ(ask(token("kim", "acme", "")).status, 404u);
  EXPECT_EQ(ask(token("kim", "acme", "org:guest")).status, 404u);
  EXPECT_EQ(role_in("acme", "kim"), "");
}

TEST_F(JoinTest, OnlyTheTenantThatTheTokenNames) {
  // A header alone makes nobody a member; nor does one that contradicts.
  EXPECT_EQ(ask(token("lee", "", "org:admin"), {{"X-Tenant-ID", "acme"}}).status, 404u);
  EXPECT_EQ(ask(token("lee", "acme", "org:admin"), {{"X-Tenant-ID", "globex"}}).status, 400u);
  EXPECT_EQ(ask(token("lee", "nosuch", "org:admin")).status, 404u);
  EXPECT_EQ(role_in("acme", "lee"), "");
  EXPECT_EQ(role_in("globex", "lee"), "");
  // Where the claim is no source, it is not believed in this either.
  TestServer without(shops().database, settings({"header"}));
  Caller caller(without, token("lee", "globex", "org:admin"));
  EXPECT_EQ(caller.get(artists, {{"X-Tenant-ID", "acme"}}).status, 404u);
  EXPECT_EQ(role_in("acme", "lee"), "");
}

TEST_F(JoinTest, WhoWasTakenOutOrSuspendedStaysOut) {
  ASSERT_EQ(ask(token("max", "acme", "org:member")).status, 200u);
  const UserId max = must(catalog::find_identity(admin_, provider_url, "max")).user;
  const TenantId acme = must(catalog::find_tenant(admin_, "acme")).id;
  must(catalog::remove_member(admin_, acme, max));
  EXPECT_TRUE(eventually([&] { return ask(token("max", "acme", "org:member")).status == 404u; }));
  EXPECT_EQ(ask(token("max", "acme", "org:admin")).status, 404u) << "again";
  EXPECT_EQ(role_in("acme", "max"), "");
  // An operator lets them in again.
  must(catalog::ensure_membership(admin_, acme, provider_url, "max", "", Role::viewer));
  EXPECT_TRUE(eventually([&] { return ask(token("max", "acme", "org:member")).status == 200u; }));
  must(catalog::suspend_member(admin_, acme, max, true));
  EXPECT_TRUE(eventually([&] { return ask(token("max", "acme", "org:member")).status == 404u; }));
  must(catalog::suspend_member(admin_, acme, max, false));
  execute("update catalog.app_user set status = 'suspended' where id = '" + max.text() + "'");
  EXPECT_TRUE(eventually([&] { return ask(token("max", "acme", "org:member")).status == 404u; }));
  EXPECT_EQ(ask(token("max", "globex", "org:member")).status, 404u) << "a suspended user joins nothing";
  EXPECT_EQ(role_in("globex", "max"), "");
}

TEST_F(JoinTest, ASuspendedTenantTakesNobody) {
  execute("update catalog.tenant set status = 'suspended' where slug = 'globex'");
  EXPECT_NE(ask(token("nat", "globex", "org:member")).status, 200u);
  EXPECT_EQ(role_in("globex", "nat"), "");
  execute("update catalog.tenant set status = 'active' where slug = 'globex'");
}

TEST_F(JoinTest, ManyAtOnceAreOne) {
  const std::string same = token("omar", "acme", "org:member");
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { good += ask(same).status == 200u ? 1 : 0; });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 8);
  EXPECT_EQ(
      must(admin_.query(
               "select count(*) from catalog.audit_entry where action = 'membership.join' and details ->> "
               "'subject' = 'omar'"))
          .text(0, 0),
      "1");
}

/// Two users who turn out to be one.
TEST_F(JoinTest, AMerge) {
  ASSERT_EQ(ask(token("pat", "acme", "org:admin")).status, 200u);
  ASSERT_EQ(ask(token("pat.old", "acme", "org:member")).status, 200u);
  ASSERT_EQ(ask(token("pat.old", "globex", "org:member")).status, 200u);
  const UserId pat = must(catalog::find_identity(admin_, provider_url, "pat")).user;
  const UserId old = must(catalog::find_identity(admin_, provider_url, "pat.old")).user;
  auto report = must(catalog::merge_users(admin_, old, pat, true));
  EXPECT_EQ(role_in("globex", "pat"), "") << "a dry run changes nothing";
  report = must(catalog::merge_users(admin_, old, pat, false));
  EXPECT_EQ(report.identities, 1u);
  EXPECT_EQ(report.memberships, 1u);
  EXPECT_EQ(report.both, 1u);
  EXPECT_EQ(must(catalog::find_identity(admin_, provider_url, "pat.old")).user, pat);
  EXPECT_EQ(role_in("acme", "pat.old"), "admin") << "as the one who stays";
  EXPECT_TRUE(eventually([&] { return ask(token("pat", "globex", "")).status == 200u; }));
  EXPECT_EQ(catalog::merge_users(admin_, old, pat, false).error().code(), Errc::not_found);
  EXPECT_EQ(catalog::merge_users(admin_, pat, pat, false).error().code(), Errc::usage);
}

}  // namespace
}  // namespace bulkhead::test
