// The verifier and its token cache with static key sets; fetched ones are tested in
// tests/integration/identity.
#include "identity/verifier.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <gtest/gtest.h>

#include "identity/key_source.hpp"
#include "identity/token_cache.hpp"
#include "unit/identity/support.hpp"

namespace bulkhead::identity {
namespace {

using namespace testing;
using std::chrono::seconds;

IssuerSettings static_settings() {
  IssuerSettings result = settings();
  result.static_jwks = jwks({&rsa(), &p256(), &ed25519()});
  return result;
}

class VerifierTest : public ::testing::Test {
 protected:
  Result<ClaimsRef> check(std::string token, Time when = now) {
    std::optional<Result<ClaimsRef>> result;
    auto run = [&]() -> Task<void> {
      auto claims = co_await verifier.verify(std::move(token), when);
      result = std::move(claims);
    };
    boost::asio::co_spawn(io, run, boost::asio::detached);
    io.restart();
    io.run();
    return *result;
  }

  static IssuerSettings second_issuer() {
    IssuerSettings result = settings();
    result.name = "second";
    result.issuer = "https://second.example";
    result.audiences = {"second-app"};
    static const SigningKey key = SigningKey::generate(Algorithm::eddsa).value();
    second_key = &key;
    result.static_jwks = key.jwks();
    return result;
  }

  static inline const SigningKey* second_key = nullptr;
  boost::asio::io_context io{1};
  Verifier verifier{io.get_executor(), {static_settings(), second_issuer()}};
};

TEST_F(VerifierTest, RemembersATokenThatWasFoundValid) {
  std::string token = rsa().mint(request()).value();
  EXPECT_EQ(verifier.known(token, now), nullptr);
  auto first = check(token);
  ASSERT_TRUE(first);
  EXPECT_EQ((*first)->subject, "ann");
  EXPECT_EQ(verifier.known(token, now), *first) << "the same object";
  EXPECT_EQ(*check(token), *first);
  verifier.forget();
  EXPECT_EQ(verifier.known(token, now), nullptr);
}

TEST_F(VerifierTest, RemembersNothingThatIsNotValid) {
  std::string token = rsa().mint(request()).value();
  token[token.size() - 10] = token[token.size() - 10] == 'A' ? 'B' : 'A';
  EXPECT_EQ(check(token).error().code(), Errc::token_signature);
  EXPECT_EQ(verifier.known(token, now), nullptr);
}

TEST_F(VerifierTest, ACachedTokenDoesNotVouchForAnotherText) {
  std::string token = rsa().mint(request()).value();
  ASSERT_TRUE(check(token));
  MintRequest other = request();
  other.tenant = "globex";
  std::string forged = rsa().mint(other).value();
  // The other payload with the known token's signature: the same hash in the cache.
  forged = forged.substr(0, forged.rfind('.')) + token.substr(token.rfind('.'));
  EXPECT_EQ(verifier.known(forged, now), nullptr);
  EXPECT_EQ(check(forged).error().code(), Errc::token_signature);
}

TEST_F(VerifierTest, ForgetsATokenWhenItExpiresNotAfterTheLeeway) {
  std::string token = rsa().mint(request()).value();
  Time end = now + std::chrono::hours(1);
  ASSERT_TRUE(check(token));
  EXPECT_NE(verifier.known(token, end - std::chrono::milliseconds(1)), nullptr);
  EXPECT_EQ(verifier.known(token, end), nullptr);
  EXPECT_TRUE(check(token, end + seconds(59))) << "within the leeway it is checked anew";
  EXPECT_EQ(verifier.known(token, end + seconds(59)), nullptr) << "and not remembered";
  EXPECT_EQ(check(token, end + seconds(60)).error().code(), Errc::token_time);
}

TEST_F(VerifierTest, KeepsIssuersApart) {
  MintRequest theirs = request();
  theirs.issuer = "https://second.example";
  theirs.audience = "second-app";
  EXPECT_TRUE(check(second_key->mint(theirs).value()));
  // One issuer's key and the other's name; one issuer's token and the other's audience; nobody's name.
  EXPECT_EQ(check(ed25519().mint(theirs).value()).error().code(), Errc::token_key_unknown);
  EXPECT_EQ(check(second_key->mint(request()).value()).error().code(), Errc::token_key_unknown);
  theirs.audience = "recordshop";
  EXPECT_EQ(check(second_key->mint(theirs).value()).error().code(), Errc::token_audience);
  theirs.issuer = "https://second.example/";
  EXPECT_EQ(check(second_key->mint(theirs).value()).error().code(), Errc::token_issuer);
}

TEST(TokenCache, IsBoundedByEntriesAndKeepsWhatIsUsed) {
  TokenCache cache(100);
  auto name = [](int i) {
    return std::string(600, 't') + std::to_string(100'000'000 + i) + std::string(40, 's');
  };
  cache.insert(name(-1), TokenCache::Entry{});
  for (int i = 0; i < 1000; ++i) {
    cache.insert(name(i), TokenCache::Entry{});
    ASSERT_LE(cache.size(), 101U);
    ASSERT_NE(cache.find(name(-1)), nullptr) << i;
    ASSERT_NE(cache.find(name(i)), nullptr);
  }
  EXPECT_EQ(cache.find(name(0)), nullptr);
  cache.erase(name(-1));
  EXPECT_EQ(cache.find(name(-1)), nullptr);
  cache.clear();
  EXPECT_EQ(cache.size(), 0U);
}

TEST(TokenCache, IsBoundedByBytes) {
  TokenCache cache(50'000, std::size_t{1} << 20);
  for (int i = 0; i < 1000; ++i)
    cache.insert(std::string(8000, 't') + std::to_string(i), TokenCache::Entry{});
  EXPECT_LE(cache.size(), 44U);
  EXPECT_GE(cache.size(), 20U);
}

TEST(Settings, AreCheckedBeforeUse) {
  auto refused = [](auto change) {
    IssuerSettings changed = settings();
    change(changed);
    auto result = check_settings({changed});
    if (!result.has_error()) return false;
    EXPECT_NE(result.error().message().find("[identity.test]"), std::string_view::npos)
        << result.error().message();
    return result.error().code() == Errc::config_invalid;
  };
  EXPECT_FALSE(refused([](IssuerSettings&) {}));
  EXPECT_TRUE(refused([](IssuerSettings& s) { s.issuer.clear(); }));
  EXPECT_TRUE(refused([](IssuerSettings& s) { s.issuer = "http://issuer.example"; }));
  EXPECT_FALSE(refused([](IssuerSettings& s) {
    s.issuer = "http://127.0.0.1:1";
    s.allow_http = true;
  }));
  for (const char* elsewhere :
       {"http://192.0.2.2:1", "http://127.evil.example", "http://127.0.0.1.evil.example", "http://10.0.0.1",
        "http://localhost.example", "http://[::2]"})
    EXPECT_TRUE(refused([&](IssuerSettings& s) {
      s.issuer = elsewhere;
      s.allow_http = true;
    })) << elsewhere;
  for (const char* here :
       {"http://localhost:1", "http://acme.localhost", "http://[::1]:1", "http://127.9.9.9"})
    EXPECT_FALSE(refused([&](IssuerSettings& s) {
      s.issuer = here;
      s.allow_http = true;
    })) << here;
  EXPECT_TRUE(refused([](IssuerSettings& s) { s.issuer = "file:///etc/passwd"; }));
  EXPECT_TRUE(refused([](IssuerSettings& s) { s.jwks_uri = "http://issuer.example/jwks"; }));
  EXPECT_TRUE(refused([](IssuerSettings& s) { s.audiences.clear(); }));
  EXPECT_TRUE(refused([](IssuerSettings& s) { s.algorithms = {"RS256", "none"}; }));
  EXPECT_TRUE(refused([](IssuerSettings& s) { s.algorithms = {"HS256"}; }));
  EXPECT_TRUE(refused([](IssuerSettings& s) { s.algorithms.clear(); }));
  EXPECT_TRUE(refused([](IssuerSettings& s) { s.leeway = seconds(-1); }));
  EXPECT_TRUE(refused([](IssuerSettings& s) { s.leeway = std::chrono::hours(1); }));
  EXPECT_TRUE(refused([](IssuerSettings& s) { s.static_jwks = "{}"; }));
  EXPECT_TRUE(refused([](IssuerSettings& s) { s.static_jwks = R"({"keys":[]})"; }));
  EXPECT_TRUE(check_settings({settings(), settings()}).has_error()) << "one issuer twice";
  boost::asio::io_context io;
  std::vector<IssuerSettings> twice{settings(), settings()};
  EXPECT_THROW(Verifier(io.get_executor(), twice), std::invalid_argument);
}

TEST(KeyLifetime, FollowsCacheControlWithinBounds) {
  KeyTimes times;
  auto lifetime = [&](const char* header) { return key_lifetime(header, times).count(); };
  EXPECT_EQ(key_lifetime(std::nullopt, times).count(), 3600);
  EXPECT_EQ(lifetime(""), 3600);
  EXPECT_EQ(lifetime("public"), 3600);
  EXPECT_EQ(lifetime("max-age=600"), 600);
  EXPECT_EQ(lifetime("public, Max-Age=600 , must-revalidate"), 600);
  EXPECT_EQ(lifetime("max-age=5"), 60);
  EXPECT_EQ(lifetime("max-age=0"), 60);
  EXPECT_EQ(lifetime("max-age=9999999"), 86400);
  EXPECT_EQ(lifetime("max-age=99999999999999999999999"), 86400);
  EXPECT_EQ(lifetime("max-age=-1"), 3600);
  EXPECT_EQ(lifetime("max-age=x"), 3600);
  EXPECT_EQ(lifetime("s-maxage=600"), 3600);
  EXPECT_EQ(lifetime("no-store"), 60);
  EXPECT_EQ(lifetime("max-age=600, no-cache"), 60);
  // What a cache on the way kept it for already.
  auto aged = [&](const char* age) { return key_lifetime("max-age=600", times, age).count(); };
  EXPECT_EQ(aged("100"), 500);
  EXPECT_EQ(aged("590"), 60);
  EXPECT_EQ(aged("99999999999999"), 60);
  EXPECT_EQ(aged("-5"), 600);
  EXPECT_EQ(aged("soon"), 600);
  EXPECT_EQ(key_lifetime(std::nullopt, times, "100").count(), 3600);
}

}  // namespace
}  // namespace bulkhead::identity
