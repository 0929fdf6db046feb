#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <boost/json/object.hpp>

#include <bulkhead/json.hpp>

#include "catalog/members.hpp"
#include "catalog/store.hpp"
#include "identity/base64url.hpp"
#include "runtime/dev_sign_in.hpp"
#include "shops.hpp"
#include "support/tenants.hpp"

namespace bulkhead::test {
namespace {

// RFC 7636 appendix B.
constexpr std::string_view verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
constexpr std::string_view challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
constexpr std::string_view redirect_uri = "http%3A%2F%2Facme.localhost%3A8080%2Fauth-callback";

std::unique_ptr<TestServer> shared_server;

/// The development issuer's sign-in as a browser at acme.localhost:8080 sees it, with real members in a real catalog.
class SignInTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    Shops shops = open_shops();
    TestServerSettings settings = with_handlers();
    settings.dev_sign_in = true;
    shared_server = std::make_unique<TestServer>(shops.database, std::move(settings));
    static_cast<void>(server().token("acme", "ann", "admin"));
    static_cast<void>(server().token("acme", "<vera>", "viewer"));
    static_cast<void>(server().token("globex", "gus", "member"));
  }
  static void TearDownTestSuite() { shared_server.reset(); }
  static TestServer& server() { return *shared_server; }

  static Reply send(const std::string& method, const std::string& target, const std::string& body = "",
                    Headers headers = {}, const std::string& host = "acme.localhost:8080") {
    Call call;
    call.method = method;
    call.target = target;
    call.body = body;
    headers.emplace_back("Host", host);
    call.headers = std::move(headers);
    HttpClient client = server().client();
    return client.send(call);
  }

  using Values = std::vector<std::pair<std::string, std::string>>;

  /// A good request for a code; `change` puts values in place of its own ("": takes the parameter out).
  static std::string authorize(const Values& change = {}) {
    Values values{{"response_type", "code"},
                  {"client_id", std::string(runtime::dev_client)},
                  {"redirect_uri", std::string(redirect_uri)},
                  {"scope", "openid%20profile"},
                  {"state", "st%26ate"},
                  {"nonce", "n-1"},
                  {"code_challenge", std::string(challenge)},
                  {"code_challenge_method", "S256"}};
    return "/dev/issuer/authorize?" + joined(std::move(values), change);
  }

  static std::string redemption(const std::string& code, const Values& change = {}) {
    return joined({{"grant_type", "authorization_code"},
                   {"code", code},
                   {"client_id", std::string(runtime::dev_client)},
                   {"redirect_uri", std::string(redirect_uri)},
                   {"code_verifier", std::string(verifier)}},
                  change);
  }

  static Reply choose(const std::string& member, const std::string& target = authorize(),
                      const Headers& more = {{"Origin", "http://acme.localhost:8080"}},
                      const std::string& host = "acme.localhost:8080") {
    Headers headers{{"Content-Type", "application/x-www-form-urlencoded"}};
    headers.insert(headers.end(), more.begin(), more.end());
    return send("POST", target, "member=" + member, headers, host);
  }

  static Reply redeem(const std::string& body, const Headers& more = {},
                      const std::string& host = "acme.localhost:8080") {
    Headers headers{{"Content-Type", "application/x-www-form-urlencoded"}};
    headers.insert(headers.end(), more.begin(), more.end());
    return send("POST", "/dev/issuer/token", body, headers, host);
  }

  static std::string code_of_location(const Reply& reply) {
    const std::string location = reply.header("location");
    const auto at = location.find("?code=");
    return at == std::string::npos ? "" : location.substr(at + 6, 43);
  }

  static std::string code(const std::string& member = "acme/ann") { return code_of_location(choose(member)); }

  static std::string error_of(const Reply& reply) {
    const auto document = json_of(reply);
    const auto* error = document.as_object().if_contains("error");
    return error == nullptr ? "" : std::string(error->as_string());
  }

  static boost::json::object claims(const boost::json::value& token) {
    const std::string text(token.as_string());
    const std::size_t first = text.find('.');
    const auto payload =
        identity::decode_base64url(std::string_view(text).substr(first + 1, text.rfind('.') - first - 1));
    return must(parse_json(*payload)).as_object();
  }

 private:
  static std::string joined(Values values, const Values& change) {
    for (const auto& [name, value] : change) {
      auto known =
          std::find_if(values.begin(), values.end(), [&n = name](const auto& v) { return v.first == n; });
      if (known == values.end())
        values.emplace_back(name, value);
      else
        known->second = value;
    }
    std::string out;
    for (const auto& [name, value] : values)
      if (!value.empty()) out += (out.empty() ? "" : "&") + name + "=" + value;
    return out;
  }
};

TEST_F(SignInTest, AMemberSignsInAndTheApiTakesTheToken) {
  const Reply page = send("GET", authorize());
  EXPECT_EQ(page.status, 200u);
  EXPECT_NE(page.body.find("value=\"acme/ann\""), std::string::npos) << page.body;
  const Reply sent = choose("acme/ann");
  EXPECT_EQ(sent.status, 303u) << sent.body;
  EXPECT_TRUE(sent.header("location").starts_with("http://acme.localhost:8080/auth-callback?code="));
  EXPECT_TRUE(sent.header("location").ends_with("&state=st%26ate")) << sent.header("location");
  const Reply reply = redeem(redemption(code_of_location(sent)));
  ASSERT_EQ(reply.status, 200u) << reply.body;
  EXPECT_EQ(reply.header("cache-control"), "no-store");
  EXPECT_EQ(reply.header("access-control-allow-origin"), "");
  const auto tokens = json_of(reply).as_object();
  EXPECT_EQ(tokens.at("token_type"), "Bearer");

  const std::string access(tokens.at("access_token").as_string());
  const Headers bearer{{"Authorization", "Bearer " + access}};
  EXPECT_EQ(send("GET", "/rest/v1/artist?limit=1", "", bearer).status, 200u);
  EXPECT_EQ(send("GET", "/rest/v1/artist", "", bearer, "globex.localhost:8080").status, 400u)
      << "the token is acme's alone";

  const auto about = claims(tokens.at("id_token"));
  EXPECT_EQ(about.at("iss").as_string(), server().issuer_url());
  EXPECT_EQ(about.at("aud").as_string(), runtime::dev_client);
  EXPECT_EQ(about.at("sub"), "ann");
  EXPECT_EQ(about.at("nonce"), "n-1");
  EXPECT_EQ(about.at("tenant"), "acme");
  const Headers id{{"Authorization", "Bearer " + std::string(tokens.at("id_token").as_string())}};
  EXPECT_EQ(send("GET", "/rest/v1/artist", "", id).status, 401u) << "an id token opens nothing";
}

TEST_F(SignInTest, DiscoveryNamesTheEndpointsAtTheHostThatWasAsked) {
  const auto document = json_of(send("GET", "/dev/issuer/.well-known/openid-configuration")).as_object();
  EXPECT_EQ(document.at("issuer").as_string(), server().issuer_url());
  EXPECT_EQ(document.at("authorization_endpoint"), "http://acme.localhost:8080/dev/issuer/authorize");
  EXPECT_EQ(document.at("token_endpoint"), "http://acme.localhost:8080/dev/issuer/token");
  const auto foreign =
      json_of(send("GET", "/dev/issuer/.well-known/openid-configuration", "", {}, "rebound.example"))
          .as_object();
  EXPECT_FALSE(foreign.contains("token_endpoint"));
}

TEST_F(SignInTest, ATenantsAddressOffersItsOwnMembersAndNamesAreText) {
  const Reply here = send("GET", authorize());
  EXPECT_EQ(here.body.find("gus"), std::string::npos);
  EXPECT_EQ(here.body.find("<vera>"), std::string::npos);
  EXPECT_NE(here.body.find("&lt;vera&gt;"), std::string::npos);
  const Reply all = send("GET", authorize(), "", {}, "localhost:8080");
  EXPECT_NE(all.body.find("acme/ann"), std::string::npos);
  EXPECT_NE(all.body.find("globex/gus"), std::string::npos);
  EXPECT_NE(here.header("content-security-policy").find("frame-ancestors 'none'"), std::string::npos);
  EXPECT_EQ(choose("globex/gus").status, 400u) << "at acme's address nobody signs in for globex";
}

TEST_F(SignInTest, OnlyWhoBelongsToATenantCanBeChosen) {
  for (const char* member : {"", "acme", "acme/", "/ann", "acme/gus", "globex/ann", "acme/nobody",
                             "acme/ann'--", "nosuch/ann", "%ZZ", "acme%00/ann"})
    EXPECT_EQ(choose(member).status, 400u) << member;
  pg::Blocking admin = server().database().connect_admin();
  const auto acme = must(catalog::find_tenant(admin, "acme"));
  const UserId sue =
      must(catalog::ensure_membership(admin, acme.id, server().issuer_url(), "sue", "sue", Role::member));
  EXPECT_EQ(choose("acme/sue").status, 303u);
  must(catalog::suspend_member(admin, acme.id, sue, true));
  EXPECT_EQ(choose("acme/sue").status, 400u);
  EXPECT_EQ(send("GET", authorize()).body.find("acme/sue"), std::string::npos);
}

TEST_F(SignInTest, WhereACodeWouldGoElsewhereNothingIsSent) {
  for (const char* uri :
       {"", "https%3A%2F%2Frebound.example%2F", "http%3A%2F%2Frebound.example%2F",
        "http%3A%2F%2Flocalhost.rebound.example%2F", "http%3A%2F%2Flocalhost%40rebound.example%2F",
        "%2Fauth-callback", "javascript%3Aalert(1)", "http%3A%2F%2Flocalhost%2F%23x"}) {
    for (const Reply& reply : {send("GET", authorize({{"redirect_uri", uri}})),
                               choose("acme/ann", authorize({{"redirect_uri", uri}}))}) {
      EXPECT_EQ(reply.status, 400u) << uri;
      EXPECT_EQ(reply.header("location"), "") << uri;
    }
  }
  const Reply stranger = send("GET", authorize({{"client_id", "stranger"}}));
  EXPECT_EQ(stranger.status, 400u);
  EXPECT_EQ(stranger.header("location"), "");
  EXPECT_EQ(send("GET", authorize() + "&redirect_uri=http%3A%2F%2Flocalhost%2F").status, 400u)
      << "a parameter that is there twice";
}

TEST_F(SignInTest, WhatTheFlowNeedsIsRequired) {
  const std::vector<std::pair<Values, std::string>> wrong{
      {{{"response_type", "token"}}, "unsupported_response_type"},
      {{{"response_type", ""}}, "unsupported_response_type"},
      {{{"scope", "profile"}}, "invalid_scope"},
      {{{"state", ""}}, "invalid_request"},
      {{{"nonce", ""}}, "invalid_request"},
      {{{"code_challenge", ""}}, "invalid_request"},
      {{{"code_challenge", "short"}}, "invalid_request"},
      {{{"code_challenge_method", "plain"}}, "invalid_request"},
      {{{"code_challenge_method", ""}}, "invalid_request"},
      {{{"response_mode", "fragment"}}, "invalid_request"},
      {{{"request", "x.y.z"}}, "request_not_supported"},
      {{{"prompt", "none"}}, "login_required"}};
  for (const auto& [change, error] : wrong)
    for (const Reply& reply : {send("GET", authorize(change)), choose("acme/ann", authorize(change))}) {
      EXPECT_EQ(reply.status, 303u) << error;
      EXPECT_TRUE(reply.header("location")
                      .starts_with("http://acme.localhost:8080/auth-callback?error=" + error + "&"))
          << reply.header("location");
      EXPECT_EQ(reply.header("location").find("code="), std::string::npos);
    }
}

TEST_F(SignInTest, ACodeIsRedeemedOnceAndByWhoAskedForIt) {
  const std::string once = code();
  EXPECT_EQ(redeem(redemption(once)).status, 200u);
  EXPECT_EQ(error_of(redeem(redemption(once))), "invalid_grant");

  const std::vector<Values> wrong{{{"code_verifier", "x" + std::string(verifier)}},
                                  {{"code_verifier", ""}},
                                  {{"code_verifier", std::string(challenge)}},
                                  {{"redirect_uri", "http%3A%2F%2Facme.localhost%3A8080%2Felsewhere"}},
                                  {{"redirect_uri", ""}}};
  for (const Values& change : wrong) {
    const std::string stolen = code();
    const Reply reply = redeem(redemption(stolen, change));
    EXPECT_EQ(reply.status, 400u);
    EXPECT_EQ(error_of(reply), "invalid_grant");
    EXPECT_EQ(error_of(redeem(redemption(stolen))), "invalid_grant") << "after a wrong try the code is gone";
  }
  EXPECT_EQ(error_of(redeem(redemption(code(), {{"client_id", "stranger"}}))), "invalid_client");
  EXPECT_EQ(error_of(redeem(redemption(code(), {{"grant_type", "password"}}))), "unsupported_grant_type");
  EXPECT_EQ(error_of(redeem(redemption("unknown"))), "invalid_grant");
  EXPECT_EQ(error_of(redeem("")), "unsupported_grant_type");
  EXPECT_EQ(error_of(send("POST", "/dev/issuer/token", "{}", {{"Content-Type", "application/json"}})),
            "invalid_request");
}

TEST_F(SignInTest, AnotherOriginsPageCannotChooseOrRedeem) {
  for (const Headers& origin :
       {Headers{}, Headers{{"Origin", "http://rebound.example"}}, Headers{{"Origin", "null"}},
        Headers{{"Origin", "http://globex.localhost:8080"}},
        Headers{{"Origin", "http://acme.localhost:9090"}},
        Headers{{"Origin", "https://acme.localhost:8080"}}})
    EXPECT_EQ(choose("acme/ann", authorize(), origin).status, 400u);
  const std::string kept = code();
  EXPECT_EQ(redeem(redemption(kept), {{"Origin", "http://rebound.example"}}).status, 400u);
  EXPECT_EQ(redeem(redemption(kept), {{"Origin", "http://acme.localhost:8080"}}).status, 200u)
      << "the refused page has not used it up";
}

TEST_F(SignInTest, OtherHostsAndProxiesAreNotAnswered) {
  for (const char* host :
       {"rebound.example", "rebound.example:8080", "localhost.rebound.example", "10.0.0.1:8080"}) {
    EXPECT_EQ(send("GET", authorize(), "", {}, host).status, 400u) << host;
    EXPECT_EQ(choose("acme/ann", authorize(), {{"Origin", std::string("http://") + host}}, host).status, 400u)
        << host;
    EXPECT_EQ(redeem(redemption(code()), {}, host).status, 400u) << host;
  }
  for (const char* mark : {"X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via"}) {
    const Headers proxied{{mark, "198.51.100.7"}, {"Origin", "http://acme.localhost:8080"}};
    EXPECT_EQ(send("GET", authorize(), "", proxied).status, 400u) << mark;
    EXPECT_EQ(choose("acme/ann", authorize(), proxied).status, 400u) << mark;
    EXPECT_EQ(redeem(redemption(code()), proxied).status, 400u) << mark;
  }
}

TEST_F(SignInTest, ASignInStandsInTheAuditLog) {
  ASSERT_EQ(choose("acme/ann").status, 303u);
  pg::Blocking admin = server().database().connect_admin();
  const Rows last =
      must(admin.query("select actor, action, subject from catalog.audit_entry order by seq desc limit 1"));
  EXPECT_EQ(last.text(0, 0), "bulkhead:dev");
  EXPECT_EQ(last.text(0, 1), "dev.sign_in");
  EXPECT_EQ(last.text(0, 2), "ann");
}

TEST_F(SignInTest, AServerWithoutItHasNoSuchPaths) {
  TestServer plain(Postgres::shared().make_database(), with_handlers());
  Call call;
  for (const char* path :
       {"/dev/issuer/authorize", "/dev/issuer/token", "/dev/issuer/.well-known/openid-configuration"})
    for (const char* method : {"GET", "POST"}) {
      call.method = method;
      call.target = path;
      HttpClient client = plain.client();
      EXPECT_EQ(client.send(call).status, 404u) << path;
    }
}

TEST(WebPageServed, RoutesComeFirstAndTenantsPathsHaveNoPage) {
  std::string name = (std::filesystem::temp_directory_path() / "bulkhead-page-XXXXXX").string();
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  const std::filesystem::path dir = name;
  std::filesystem::create_directories(dir / "rest" / "v1");
  for (const char* file : {"index.html", "healthz", "rest/v1/artist"})
    std::ofstream(dir / file) << "the page's";
  TestServerSettings settings;
  runtime::WebPageSettings page;
  page.single_page = true;
  settings.page = must(runtime::WebPage::load(dir, page));
  std::filesystem::remove_all(dir);
  TestServer server(Postgres::shared().make_database(), std::move(settings));
  const auto get = [&server](const std::string& target, const std::string& accept = "text/html") {
    Call call;
    call.target = target;
    call.headers = {{"Accept", accept}};
    HttpClient client = server.client();
    return client.send(call);
  };
  EXPECT_EQ(get("/").body, "the page's");
  EXPECT_EQ(get("/album/7").body, "the page's");
  EXPECT_EQ(get("/album/7", "application/json").status, 404u);
  EXPECT_EQ(get("/healthz").body, "ok\n");
  EXPECT_EQ(get("/rest/v1/artist").status, 401u);
  EXPECT_EQ(get("/rest/v1/").status, 401u) << "the API's document is there";
  EXPECT_EQ(get("/tenants/acme/").status, 404u);
  EXPECT_EQ(get("/tenants/acme/index.html").status, 404u);
  EXPECT_EQ(get("/?tenant=acme").body, "the page's");
}

}  // namespace
}  // namespace bulkhead::test
