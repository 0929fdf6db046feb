#include "catalog/operators.hpp"
#include "catalog/store.hpp"
#include "shops.hpp"

/// A tenant that brings its own issuer: whoever has its keys may be anybody at that tenant, and nobody anywhere else.
namespace bulkhead::test {
namespace {

constexpr const char* artists = "/rest/v1/artist?select=name&limit=3";
constexpr const char* own_url = "https://login.acme.example";

const identity::SigningKey& acmes_key() {
  static const identity::SigningKey key = must(identity::SigningKey::generate(identity::Algorithm::es256));
  return key;
}

/// Its users are members of both tenants, so that what is refused below is refused for the issuer's sake.
class OwnIssuerTest : public ShopsTest {
 protected:
  static TestServerSettings settings(const std::vector<std::string>& sources) {
    identity::IssuerSettings issuer;
    issuer.name = "acme";
    issuer.issuer = own_url;
    issuer.audiences = {"shop"};
    issuer.static_jwks = acmes_key().jwks();
    issuer.tenant = "acme";
    TestServerSettings settings;
    settings.issuers = {issuer};
    settings.configure = [sources](AppConfig& config) { config.sources = sources; };
    return settings;
  }
  static std::string token(const std::string& tenant = "") {
    identity::MintRequest request;
    request.issuer = own_url;
    request.audience = "shop";
    request.subject = "ann";
    request.tenant = tenant;
    request.issued_at = std::chrono::system_clock::now();
    return must(acmes_key().mint(request));
  }
  void SetUp() override {
    pg::Blocking admin = shops().database.connect_admin();
    for (const char* slug : {"acme", "globex"}) {
      const auto record = must(catalog::find_tenant(admin, slug));
      must(catalog::ensure_membership(admin, record.id, own_url, "ann", "Ann", Role::owner));
    }
  }
};

TEST_F(OwnIssuerTest, ItsTokensAreOfItsTenantWhereverTenantsAreNamed) {
  using Sources = std::vector<std::string>;
  for (const Sources& sources : {Sources{"header"}, Sources{"subdomain", "header", "path", "claim"}}) {
    TestServer own(shops().database, settings(sources));
    Caller caller(own, token());
    // Twice: from the issuer's keys, then from the cache.
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(caller.get(artists).status, 200u);
      EXPECT_EQ(caller.get(artists, {{"X-Tenant-ID", "acme"}}).status, 200u);
      EXPECT_EQ(caller.get(artists, {{"X-Tenant-ID", shops().acme}}).status, 200u);
      for (const std::string& other : {std::string("globex"), shops().globex, std::string("nosuch")}) {
        Reply reply = caller.get(artists, {{"X-Tenant-ID", other}});
        EXPECT_EQ(reply.status, 400u) << other;
        EXPECT_EQ(code_of(reply), "BLK201");
        EXPECT_EQ(told_to_acme(reply, shops()), "");
      }
    }
  }
}

TEST_F(OwnIssuerTest, NeitherHostNorPathLeadsElsewhere) {
  TestServer own(shops().database, settings({"subdomain", "path"}));
  Caller caller(own, token());
  EXPECT_EQ(caller.get(artists, {{"Host", "acme.localhost"}}).status, 200u);
  EXPECT_EQ(caller.get(artists, {{"Host", "globex.localhost"}}).status, 400u);
  EXPECT_EQ(caller.get(artists, {{"Host", "no_slug.localhost"}}).status, 400u);
  EXPECT_EQ(caller.get(std::string("/tenants/globex") + artists).status, 400u);
}

TEST_F(OwnIssuerTest, ATokenThatNamesAnotherTenantIsRefused) {
  TestServer own(shops().database, settings({"header", "claim"}));
  EXPECT_EQ(Caller(own, token("acme")).get(artists).status, 200u);
  Reply reply = Caller(own, token("globex")).get(artists);
  EXPECT_EQ(reply.status, 401u);
  EXPECT_EQ(code_of(reply), "BLK304");
}

TEST_F(OwnIssuerTest, NobodyOfItIsAnOperator) {
  // Not even who was made one by mistake: the control API is about all tenants.
  {
    pg::Blocking admin = shops().database.connect_admin();
    catalog::Operator added;
    added.issuer = own_url;
    added.subject = "ann";
    added.name = "Ann";
    must(catalog::add_operator(admin, added));
  }
  TestServer own(shops().database, settings({"header"}));
  Caller caller(own, token());
  for (int i = 0; i < 2; ++i) {
    Reply reply = caller.get("/control/v1/tenants");
    EXPECT_EQ(reply.status, 403u) << reply.body;
    EXPECT_EQ(code_of(reply), "BLK401");
  }
}

}  // namespace
}  // namespace bulkhead::test
