// Amazon Cognito's user pools as moto plays them: both kinds of its tokens, with the preset.
#include <filesystem>
#include <set>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <gtest/gtest.h>

#include "identity/key_source.hpp"
#include "integration/identity/child.hpp"
#include "integration/identity/run.hpp"

namespace bulkhead::identity {
namespace {

using bulkhead::testing::Child;

class CognitoTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!bulkhead::testing::installed("python3 -c 'import moto.server, boto3'")) return;
    const auto script = std::filesystem::path(BULKHEAD_SOURCE_DIR) / "tests/integration/identity/cognito.py";
    moto = std::make_unique<Child>(std::vector<std::string>{"python3", script}, "{");
    if (!moto->line().empty()) told = boost::json::parse(moto->line()).as_object();
  }
  static void TearDownTestSuite() { moto.reset(); }
  void SetUp() override {
    if (!moto)
      GTEST_SKIP()
          << "moto and boto3 are not installed (pip install 'moto[server]' boto3), so there is no Cognito";
    ASSERT_FALSE(told.empty()) << "cognito.py did not start";
  }

  static std::string text(const char* name) { return std::string(told.at(name).as_string()); }
  static std::string token(const char* client, const char* use) {
    return std::string(told.at(client).at(use).as_string());
  }
  /// moto keeps groups in no order.
  static std::set<std::string> roles_of(const Claims& claims) {
    return std::set<std::string>(claims.roles.begin(), claims.roles.end());
  }
  /// As bulkhead.toml would have it; the key set's address only because moto is not at the issuer's.
  Result<ClaimsRef> check(const char* token_use, const std::string& token) {
    IdentityConfig config;
    config.name = "cognito";
    config.preset = "cognito";
    config.issuer = text("issuer");
    config.audiences = {text("client")};
    config.token_use = token_use;
    config.jwks_uri = text("jwks");
    config.allow_http = true;
    KeyTimes times;
    times.deadline = std::chrono::seconds(20);
    Verifier verifier(io.get_executor(),
                      std::make_shared<KeySource>(std::vector<IssuerSettings>{settings_of(config)}, times));
    return bulkhead::testing::run(io, verifier.verify(token, std::chrono::system_clock::now()));
  }

  static inline std::unique_ptr<Child> moto;
  static inline boost::json::object told;
  boost::asio::io_context io{1};
};

TEST_F(CognitoTest, AnAccessTokenIsTakenByItsClient) {
  auto claims = check("", token("ours", "access"));
  ASSERT_TRUE(claims) << claims.error().message() << " " << claims.error().internal();
  EXPECT_EQ((*claims)->name, "ann");
  EXPECT_EQ(roles_of(**claims), (std::set<std::string>{"admins", "staff"}));
  EXPECT_EQ((*claims)->tenant, "") << "custom attributes are in the ID token alone";
  EXPECT_EQ(check("", token("other", "access")).error().code(), Errc::token_audience);
}

TEST_F(CognitoTest, AnIdTokenIsTakenWhereItIsAskedFor) {
  auto claims = check("id", token("ours", "id"));
  ASSERT_TRUE(claims) << claims.error().message() << " " << claims.error().internal();
  EXPECT_EQ((*claims)->name, "ann");
  EXPECT_EQ((*claims)->tenant, "acme");
  EXPECT_EQ(roles_of(**claims), (std::set<std::string>{"admins", "staff"}));
  EXPECT_EQ(check("id", token("other", "id")).error().code(), Errc::token_audience);
}

TEST_F(CognitoTest, OneKindIsNeverTakenForTheOther) {
  EXPECT_EQ(check("access", token("ours", "id")).error().code(), Errc::token_audience);
  EXPECT_EQ(check("id", token("ours", "access")).error().code(), Errc::token_audience);
}

}  // namespace
}  // namespace bulkhead::identity
