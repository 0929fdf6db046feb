// Where a token's parts are found: presets, claims' paths, roles, the provider's names of tenants, a tenant's own issuer.
#include <boost/json/parse.hpp>

#include <gtest/gtest.h>

#include "unit/identity/support.hpp"

namespace bulkhead::identity {
namespace {

using namespace testing;

std::string signed_by_us(std::string_view payload, std::string_view more = "") {
  const SigningKey& issuer = ed25519();
  return issuer.sign(R"({"alg":"EdDSA","kid":")" + issuer.kid() + "\"" + std::string(more) + "}", payload)
      .value();
}

/// A good payload and these members.
Result<Claims> with(const IssuerSettings& settings, std::string_view members) {
  return verify(
      signed_by_us(R"({"iss":"https://issuer.example","aud":"recordshop","sub":"ann","exp":1800003600,)" +
                   std::string(members) + "}"),
      now, settings);
}

IssuerSettings preset(const char* name, const char* token_use = "") {
  IdentityConfig config;
  config.name = "x";
  config.preset = name;
  config.issuer = "https://issuer.example";
  config.audiences = {"recordshop"};
  config.token_use = token_use;
  return settings_of(config);
}

TEST(Settings, WithoutAPresetAreTheStandards) {
  const IssuerSettings made = preset("oidc"), usual;
  EXPECT_EQ(made.algorithms, usual.algorithms);
  EXPECT_EQ(made.types, (std::vector<std::string>{"JWT", "at+jwt"}));
  EXPECT_EQ(made.audience_claim, ClaimPath("aud"));
  EXPECT_EQ(made.tenant_claim, ClaimPath("tenant"));
  EXPECT_EQ(made.user_claim, ClaimPath("sub"));
  EXPECT_EQ(made.name_claim, ClaimPath("name"));
  EXPECT_TRUE(made.roles_claim.empty());
  EXPECT_TRUE(made.require.empty());
  EXPECT_TRUE(check_settings({made}));
}

TEST(Settings, APresetIsADefaultThatEachKeyOverrides) {
  IdentityConfig config;
  config.name = "x";
  config.preset = "clerk";
  config.issuer = "https://issuer.example";
  config.audiences = {"recordshop"};
  EXPECT_EQ(settings_of(config).tenant_claim, ClaimPath(std::vector<std::string>{"o", "slg"}));
  config.algorithms = {"ES256"};
  config.types = {"at+jwt"};
  config.audience_claim = {"aud"};
  config.tenant_claim = {"https://shop.example/tenant"};
  config.user_claim = {"uid"};
  config.name_claim = std::vector<std::string>();
  config.roles_claim = {"a", "b"};
  config.roles_spaced = true;
  config.require = IdentityConfig::Values{{"azp", "x"}};
  config.refuse = IdentityConfig::Values();
  config.tenant = "acme";
  const IssuerSettings made = settings_of(config);
  EXPECT_EQ(made.algorithms, std::vector<std::string>{"ES256"});
  EXPECT_EQ(made.types, std::vector<std::string>{"at+jwt"});
  EXPECT_EQ(made.audience_claim, ClaimPath("aud"));
  EXPECT_EQ(made.tenant_claim, ClaimPath("https://shop.example/tenant"));
  EXPECT_EQ(made.user_claim, ClaimPath("uid"));
  EXPECT_TRUE(made.name_claim.empty());
  EXPECT_EQ(made.roles_claim, ClaimPath(std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(made.roles_spaced);
  EXPECT_EQ(made.require, (ClaimValues{{"azp", "x"}}));
  EXPECT_TRUE(made.refuse.empty());
  EXPECT_EQ(made.tenant, "acme");
}

TEST(Settings, WorkosKeysAreWhereItsClientsAre) {
  IdentityConfig config;
  config.preset = "workos";
  config.issuer = "https://api.workos.com/user_management/client_01";
  EXPECT_EQ(settings_of(config).jwks_uri, "https://api.workos.com/sso/jwks/client_01");
  EXPECT_EQ(settings_of(config).audiences, std::vector<std::string>{config.issuer});
  config.jwks_uri = "https://keys.example/";
  EXPECT_EQ(settings_of(config).jwks_uri, "https://keys.example/");
  config.issuer = "https://login.shop.example";
  config.jwks_uri.clear();
  EXPECT_EQ(settings_of(config).jwks_uri, "");
}

TEST(Settings, OfNoClaimAreRefused) {
  IssuerSettings settings = testing::settings();
  settings.user_claim = ClaimPath();
  EXPECT_EQ(check_settings({settings}).error().code(), Errc::config_invalid);
  settings = testing::settings();
  settings.audience_claim = "";
  EXPECT_EQ(check_settings({settings}).error().code(), Errc::config_invalid);
  settings = testing::settings();
  settings.roles_claim = ClaimPath(std::vector<std::string>{"a", ""});
  EXPECT_EQ(check_settings({settings}).error().code(), Errc::config_invalid);
  settings = testing::settings();
  settings.types.clear();
  EXPECT_EQ(check_settings({settings}).error().code(), Errc::config_invalid);
}

TEST(ClaimPaths, MeanOneMemberExactly) {
  IssuerSettings settings = testing::settings();
  const auto tenant = [&](ClaimPath path, std::string_view members) {
    settings.tenant_claim = std::move(path);
    auto claims = with(settings, members);
    return claims ? claims->tenant : std::string(claims.error().message());
  };
  const auto nested = [](std::vector<std::string> names) { return ClaimPath(std::move(names)); };
  EXPECT_EQ(tenant("custom:tenant_id", R"("custom:tenant_id":"acme")"), "acme");
  EXPECT_EQ(tenant("https://shop.example/tenant", R"("https://shop.example/tenant":"acme")"), "acme");
  EXPECT_EQ(tenant("o.slg", R"("o.slg":"acme","o":{"slg":"globex"})"), "acme");
  EXPECT_EQ(tenant(nested({"o", "slg"}), R"("o.slg":"acme","o":{"slg":"globex"})"), "globex");
  EXPECT_EQ(tenant(nested({"o", "slg"}), R"("o.slg":"acme")"), "");
  EXPECT_EQ(tenant(nested({"o", "slg"}), R"("o":{"id":"x"})"), "");
  EXPECT_EQ(tenant(nested({"a", "b", "c"}), R"("a":{"b":{"c":"acme"}})"), "acme");
  EXPECT_EQ(tenant(nested({"O", "slg"}), R"("o":{"slg":"globex"})"), "") << "names are exact";
  // What is not of the shape may not pass for a token without a tenant.
  for (const char* bad : {R"("o":"globex")", R"("o":null)", R"("o":[{"slg":"globex"}])", R"("o":7)"})
    EXPECT_NE(tenant(nested({"o", "slg"}), bad).find("no object around"), std::string::npos) << bad;
}

TEST(Roles, AreAStringOrAListOfStrings) {
  IssuerSettings settings = testing::settings();
  settings.roles_claim = "groups";
  const auto roles = [&](std::string_view members) { return with(settings, members); };
  using List = std::vector<std::string>;
  EXPECT_EQ(roles(R"("x":1)")->roles, List());
  EXPECT_EQ(roles(R"("groups":"admin")")->roles, List{"admin"});
  EXPECT_EQ(roles(R"("groups":"shop admin")")->roles, List{"shop admin"}) << "one role, as it is spelt";
  EXPECT_EQ(roles(R"("groups":"")")->roles, List());
  EXPECT_EQ(roles(R"("groups":[])")->roles, List());
  EXPECT_EQ(roles(R"("groups":["a","b c","a"])")->roles, (List{"a", "b c", "a"}));
  for (const char* bad : {R"("groups":null)", R"("groups":1)", R"("groups":{"a":true})",
                          R"("groups":["a",1])", R"("groups":[["a"]])"})
    EXPECT_EQ(outcome(roles(bad)), Errc::token_malformed) << bad;
  EXPECT_EQ(roles(R"("groups":")" + std::string(255, 'r') + "\"")->roles.size(), 1U);
  EXPECT_EQ(outcome(roles(R"("groups":")" + std::string(256, 'r') + "\"")), Errc::token_malformed);
  std::string many = "\"r\"";
  for (int i = 1; i < 256; ++i) many += ",\"r\"";
  EXPECT_EQ(roles("\"groups\":[" + many + "]")->roles.size(), 256U);
  EXPECT_EQ(outcome(roles("\"groups\":[" + many + ",\"r\"]")), Errc::token_malformed);

  settings.roles_spaced = true;
  EXPECT_EQ(roles(R"("groups":"read:a  write:b ")")->roles, (List{"read:a", "write:b"}));
  EXPECT_EQ(roles(R"("groups":["a b"])")->roles, List{"a b"}) << "a list's entries are never split";
}

TEST(Tenants, OfTheProviderAreTranslated) {
  IssuerSettings settings = testing::settings();
  settings.tenants = {{"org_01H", "acme"}, {"org_02H", "globex"}};
  EXPECT_EQ(with(settings, R"("tenant":"org_02H")")->tenant, "globex");
  EXPECT_EQ(with(settings, R"("x":1)")->tenant, "");
  EXPECT_EQ(outcome(with(settings, R"("tenant":"org_03H")")), Errc::token_malformed);
  EXPECT_EQ(outcome(with(settings, R"("tenant":"acme")")), Errc::token_malformed)
      << "our name for it is not the provider's";
}

TEST(TenantsOwnIssuer, SpeaksForThatTenantAlone) {
  IssuerSettings settings = testing::settings();
  settings.tenant = "acme";
  EXPECT_EQ(with(settings, R"("x":1)")->tenant, "acme");
  EXPECT_TRUE(with(settings, R"("x":1)")->tenant_bound);
  EXPECT_EQ(with(settings, R"("tenant":"acme")")->tenant, "acme");
  EXPECT_EQ(outcome(with(settings, R"("tenant":"globex")")), Errc::token_issuer);
  EXPECT_EQ(outcome(with(settings, R"("tenant":"ACME")")), Errc::token_issuer);
  EXPECT_EQ(outcome(with(settings, R"("tenant":null)")), Errc::token_malformed);
  settings.tenant_claim = "";
  EXPECT_EQ(with(settings, R"("tenant":"globex")")->tenant, "acme") << "a claim that is not asked for";
  settings.tenant = "";
  EXPECT_FALSE(with(settings, R"("x":1)")->tenant_bound);
}

TEST(Types, AreThoseOfTheSettings) {
  IssuerSettings settings = testing::settings();
  const std::string payload =
      R"({"iss":"https://issuer.example","aud":"recordshop","sub":"ann","exp":1800003600})";
  const auto typed = [&](std::string_view more) {
    return outcome(verify(signed_by_us(payload, more), now, settings));
  };
  settings.types = {"at+jwt"};
  EXPECT_EQ(typed(R"(,"typ":"at+jwt")"), accepted);
  EXPECT_EQ(typed(R"(,"typ":"application/AT+jwt")"), accepted);
  EXPECT_EQ(typed(R"(,"typ":"JWT")"), Errc::token_malformed) << "perhaps an ID token";
  EXPECT_EQ(typed(""), Errc::token_malformed) << "without a type it is a JWT";
  settings.types = {"JWT"};
  EXPECT_EQ(typed(""), accepted);
  EXPECT_EQ(typed(R"(,"typ":"at+jwt")"), Errc::token_malformed);
  settings.types = {"application/x+jwt"};
  EXPECT_EQ(typed(R"(,"typ":"x+jwt")"), accepted);
}

TEST(Kinds, ThatAreNotForCallingWithAreRefused) {
  IssuerSettings settings = testing::settings();
  EXPECT_EQ(outcome(with(settings, R"("cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})")),
            Errc::token_audience)
      << "sender-constrained: stolen, it must be worth nothing";
  EXPECT_EQ(outcome(with(settings, R"("cnf":{"x5t#S256":"x"})")), Errc::token_audience);
  EXPECT_EQ(outcome(with(settings, R"("events":{"http://schemas.openid.net/event/backchannel-logout":{}})")),
            Errc::token_audience)
      << "a logout token";
  settings.require = {{"token_use", "access"}};
  EXPECT_EQ(outcome(with(settings, R"("token_use":"access")")), accepted);
  for (const char* bad : {R"("token_use":"id")", R"("token_use":"Access")", R"("token_use":["access"])",
                          R"("token_use":null)", R"("x":1)"})
    EXPECT_EQ(outcome(with(settings, bad)), Errc::token_audience) << bad;
  settings.require.clear();
  settings.refuse = {{"sts", "pending"}};
  EXPECT_EQ(outcome(with(settings, R"("sts":"active")")), accepted);
  EXPECT_EQ(outcome(with(settings, R"("x":1)")), accepted);
  EXPECT_EQ(outcome(with(settings, R"("sts":"pending")")), Errc::token_audience);
  EXPECT_EQ(outcome(with(settings, R"("sts":["pending"])")), Errc::token_malformed);
}

TEST(Explanation, HasEachCheckInTheOrderOfVerification) {
  IssuerSettings settings = testing::settings();
  settings.require = {{"token_use", "access"}};
  UnverifiedToken token =
      parse_token(
          signed_by_us(
              R"({"iss":"https://issuer.example","aud":"x","sub":"ann","exp":1700000000,"token_use":"id","tenant":"acme"})"))
          .value();
  std::string told;
  for (const CheckStep& step : explain_claims(token, settings, now))
    told += step.check + (step.result ? "+" : "-") + " ";
  EXPECT_EQ(told, "issuer+ times- audience- kind- user+ tenant+ roles+ ");
}

TEST(Join, TheHighestRoleThatTheTokensRolesAreWorth) {
  IssuerSettings settings = preset("oidc");
  settings.roles_claim = "roles";
  settings.join = {{"org:admin", Role::admin}, {"org:member", Role::member}};
  const auto role = [&](std::string_view members) { return with(settings, members).value().join_role; };
  EXPECT_EQ(role(R"("tenant":"acme","roles":["org:member","org:admin","x"])"), Role::admin);
  EXPECT_EQ(role(R"("tenant":"acme","roles":"org:member")"), Role::member);
  EXPECT_EQ(role(R"("tenant":"acme","roles":["org:Admin","x"])"), std::nullopt) << "exact, with case";
  EXPECT_EQ(role(R"("tenant":"acme","x":1)"), std::nullopt);
  EXPECT_EQ(role(R"("roles":["org:admin"])"), std::nullopt) << "of no tenant";
  settings.join["*"] = Role::viewer;
  EXPECT_EQ(role(R"("tenant":"acme","roles":["x"])"), Role::viewer);
  EXPECT_EQ(role(R"("tenant":"acme","roles":["*","org:member"])"), Role::member) << "\"*\" is nobody's role";
  settings.join = {{"*", Role::viewer}};
  settings.tenant = "acme";
  EXPECT_EQ(role(R"("roles":["x"])"), Role::viewer) << "a tenant's own issuer speaks for that tenant";
  settings.join.clear();
  EXPECT_EQ(role(R"("tenant":"acme","roles":["org:admin"])"), std::nullopt);
}

TEST(Settings, AnotherInstallationsInternalTokensHaveATypeAndATenant) {
  const IssuerSettings settings = preset("bulkhead");
  EXPECT_TRUE(check_settings({settings}));
  const auto token = [](std::string_view type, std::string_view members) {
    return signed_by_us(
        R"({"iss":"https://issuer.example","aud":"recordshop","sub":"ann","exp":1800003600,)" +
            std::string(members) + "}",
        R"(,"typ":")" + std::string(type) + "\"");
  };
  const auto good = verify(token("bulkhead-internal+jwt", R"("tenant":"acme")"), now, settings);
  ASSERT_TRUE(good);
  EXPECT_TRUE(good->tenant_bound);
  EXPECT_EQ(verify(token("JWT", R"("tenant":"acme")"), now, settings).error().code(), Errc::token_malformed);
  EXPECT_EQ(verify(token("bulkhead-internal+jwt", R"("x":1)"), now, settings).error().code(),
            Errc::token_malformed)
      << "without a tenant it would be good for any";
}

}  // namespace
}  // namespace bulkhead::identity
