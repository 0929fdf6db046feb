#include <boost/json/parse.hpp>

#include <gtest/gtest.h>

#include "unit/identity/support.hpp"

namespace bulkhead::identity {
namespace {

using namespace testing;

TEST(SigningKey, KeepsItsKeyAcrossExportAndImport) {
  for (const SigningKey* issuer : {&rsa(), &p256(), &ed25519()}) {
    std::string pem = issuer->private_pem().value();
    EXPECT_TRUE(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    SigningKey again = SigningKey::from_pem(pem).value();
    EXPECT_EQ(again.kid(), issuer->kid());
    EXPECT_EQ(again.jwks(), issuer->jwks());
    EXPECT_EQ(outcome(verify(again.mint(request()).value())), accepted);
  }
}

TEST(SigningKey, RefusesOtherKeys) {
  EXPECT_EQ(SigningKey::from_pem("").error().code(), Errc::config_invalid);
  EXPECT_EQ(
      SigningKey::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").error().code(),
      Errc::config_invalid);
  // X25519: a good key, but none that signs.
  EXPECT_EQ(SigningKey::from_pem("-----BEGIN PRIVATE KEY-----\n"
                                 "MC4CAQAwBQYDK2VuBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6UduSwq\n"
                                 "-----END PRIVATE KEY-----\n")
                .error()
                .code(),
            Errc::config_invalid);
}

TEST(SigningKey, PublishesNoSecret) {
  for (const SigningKey* issuer : {&rsa(), &p256(), &ed25519()})
    for (std::string name : {"d", "p", "q", "dp", "dq", "qi", "k"})
      EXPECT_FALSE(issuer->jwk().contains(name)) << name;
}

TEST(SigningKey, DescribesItself) {
  auto document = boost::json::parse(rsa().discovery("http://127.0.0.1:8080/dev/")).as_object();
  EXPECT_EQ(document.at("issuer"), "http://127.0.0.1:8080/dev/");
  EXPECT_EQ(document.at("jwks_uri"), "http://127.0.0.1:8080/dev/jwks.json");
}

TEST(SigningKey, MintsWhatItWasAsked) {
  MintRequest asked = request();
  asked.tenant.clear();
  asked.lifetime = std::chrono::seconds(90);
  asked.extra["scope"] = "a b";
  auto claims = verify(rsa().mint(asked).value());
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->tenant, "");
  EXPECT_FALSE(claims->all.contains("tenant"));
  EXPECT_EQ(claims->expires, now + std::chrono::seconds(90));
  EXPECT_EQ(claims->all.at("scope"), "a b");
  EXPECT_EQ(claims->all.at("iat"), 1'800'000'000);
}

}  // namespace
}  // namespace bulkhead::identity
