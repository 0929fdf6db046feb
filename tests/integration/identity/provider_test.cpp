// A real OpenID Provider: discovery, its tokens, its audiences, its rotation, its outage, several of them.
#include "integration/identity/provider.hpp"

namespace bulkhead::identity {
namespace {

TEST_F(ProviderTest, TokensOfBothAlgorithmsAreAccepted) {
  start({&testing::rsa(), &testing::p256()});
  make_verifier();
  for (std::string algorithm : {"rs256", "es256"}) {
    std::string text = token("urn:" + algorithm);
    ASSERT_FALSE(text.empty());
    auto claims = check(text);
    ASSERT_TRUE(claims) << algorithm << ": " << claims.error().message() << " " << claims.error().internal();
    EXPECT_EQ((*claims)->subject, "shop");
    EXPECT_EQ((*claims)->tenant, "acme");
    EXPECT_EQ((*claims)->issuer, url);
    EXPECT_EQ((*claims)->all.at("client_id"), "shop");
    EXPECT_NE(verifier->known(text, std::chrono::system_clock::now()), nullptr);
    EXPECT_EQ(check(text, std::chrono::hours(2)).error().code(), Errc::token_time);
    text[text.size() - 20] = text[text.size() - 20] == 'A' ? 'B' : 'A';
    EXPECT_EQ(check(text).error().code(), Errc::token_signature);
  }
}

TEST_F(ProviderTest, ARotatedKeyIsFoundAndTheOldOneRefused) {
  start({&testing::rsa()});
  make_verifier();
  std::string before = token("urn:rs256");
  ASSERT_TRUE(check(before));
  const std::string again = port();
  static const SigningKey next = SigningKey::generate(Algorithm::rs256).value();

  // The provider publishes the new key and signs with it; the old one is still published.
  provider.reset();
  start({&next, &testing::rsa()}, again);
  std::string after = token("urn:rs256");
  EXPECT_EQ(check(after).error().code(), Errc::token_key_unknown) << "asked less than an interval ago";
  EXPECT_TRUE(check(after, std::chrono::seconds(31)));
  EXPECT_TRUE(check(before, std::chrono::seconds(31)));

  // The old key is withdrawn; the next fetch, at the latest when the keys are out of date, notices.
  provider.reset();
  start({&next}, again);
  EXPECT_TRUE(check(before, std::chrono::seconds(60)));
  EXPECT_TRUE(check(after, std::chrono::minutes(55)));  // in the last fifth: a fetch in the background
  bulkhead::testing::run(io, source->wait(0, std::chrono::system_clock::now() + std::chrono::minutes(55)));
  EXPECT_EQ(check(before, std::chrono::minutes(56)).error().code(), Errc::token_key_unknown);
  EXPECT_TRUE(check(after, std::chrono::minutes(56)));
}

TEST_F(ProviderTest, KnownKeysGoOnWhenItIsDown) {
  start({&testing::rsa(), &testing::p256()});
  make_verifier();
  std::string first = token("urn:rs256"), second = token("urn:rs256"), other = token("urn:es256");
  ASSERT_TRUE(check(first));
  provider.reset();
  EXPECT_TRUE(check(first)) << "cached";
  EXPECT_TRUE(check(second)) << "a new token of a known key";
  EXPECT_TRUE(check(other, std::chrono::minutes(59)));
  // Out of date and not to be had: the known keys go on (the leeway carries the tokens over their hour).
  EXPECT_TRUE(check(second, std::chrono::seconds(3620)));
  // Somebody who starts now has nothing to go by.
  make_verifier();
  EXPECT_EQ(check(first).error().code(), Errc::identity_unavailable);
}

TEST_F(ProviderTest, ATokenForAnotherAudienceIsRefused) {
  start({&testing::rsa()});
  make_verifier();
  ASSERT_TRUE(check(token("urn:rs256")));
  EXPECT_EQ(check(token("urn:billing")).error().code(), Errc::token_audience)
      << "the same issuer, key and client, for another service";
  // A service that goes by the client instead takes both: what holds the audience is the settings' choice.
  IssuerSettings by_client = settings();
  by_client.audience_claim = "client_id";
  by_client.audiences = {"shop"};
  source = std::make_shared<KeySource>(std::vector<IssuerSettings>{by_client});
  verifier.emplace(io.get_executor(), source);
  EXPECT_TRUE(check(token("urn:billing")));
}

TEST_F(ProviderTest, EachOfSeveralIssuersHasItsOwnKeys) {
  start({&testing::rsa()});
  const std::string first_url = url, first_token = token("urn:rs256");
  const IssuerSettings first = settings();
  std::unique_ptr<Child> first_provider = std::move(provider);
  static const SigningKey other_key = SigningKey::generate(Algorithm::rs256).value();
  start({&other_key});
  const std::string second_token = token("urn:rs256");
  KeyTimes times;
  times.deadline = std::chrono::seconds(20);
  source = std::make_shared<KeySource>(std::vector<IssuerSettings>{first, settings()}, times);
  verifier.emplace(io.get_executor(), source);
  auto one = check(first_token), two = check(second_token);
  ASSERT_TRUE(one && two);
  EXPECT_EQ((*one)->issuer, first_url);
  EXPECT_EQ((*two)->issuer, url);
  // The second one's key signs a token in the first one's name, under either key id.
  MintRequest forged;
  forged.issuer = first_url;
  forged.audience = "recordshop";
  forged.subject = "shop";
  forged.issued_at = std::chrono::system_clock::now();
  EXPECT_EQ(check(other_key.mint(forged).value()).error().code(), Errc::token_key_unknown);
  const std::string payload =
      R"({"iss":")" + first_url + R"(","aud":"recordshop","sub":"shop","exp":9000000000})";
  const std::string header = R"({"alg":"RS256","kid":")" + testing::rsa().kid() + R"("})";
  EXPECT_EQ(check(other_key.sign(header, payload).value()).error().code(), Errc::token_signature);
  // The first is down; that is nothing to the second.
  first_provider.reset();
  EXPECT_TRUE(check(second_token, std::chrono::minutes(59)));
  EXPECT_TRUE(check(first_token, std::chrono::minutes(59)));
}

}  // namespace
}  // namespace bulkhead::identity
