// Key sets fetched from an issuer that misbehaves in all the ways that real ones do. Time is the test's:
// `now` is given.
#include "identity/key_source.hpp"

#include <boost/asio/executor_work_guard.hpp>

#include <gtest/gtest.h>

#include "integration/identity/imposter.hpp"
#include "integration/identity/run.hpp"
#include "unit/identity/support.hpp"

namespace bulkhead::identity {
namespace {

using bulkhead::testing::Imposter;
using identity::testing::ed25519;
using identity::testing::now;
using identity::testing::p256;
using identity::testing::request;
using identity::testing::rsa;
using identity::testing::Time;
using std::chrono::seconds;

class KeySourceTest : public ::testing::Test {
 protected:
  void SetUp() override { publish({&ed25519()}); }

  void publish(const std::vector<const SigningKey*>& keys) { document(identity::testing::jwks(keys)); }
  void document(std::string text) {
    std::lock_guard lock(mutex);
    jwks = std::move(text);
  }
  void break_down(bool is_down) {
    std::lock_guard lock(mutex);
    down = is_down;
  }

  std::string answer(const std::string& path) {
    std::lock_guard lock(mutex);
    if (down) return Imposter::status("503 Service Unavailable");
    if (path == "/.well-known/openid-configuration")
      return Imposter::ok(boost::json::serialize(boost::json::object{
          {"issuer", claimed.empty() ? server.url() : claimed}, {"jwks_uri", server.url("/jwks")}}));
    return Imposter::ok(jwks, cache_control);
  }

  IssuerSettings settings() {
    IssuerSettings result = identity::testing::settings();
    result.issuer = server.url();
    result.allow_http = true;
    return result;
  }

  std::string token(const SigningKey& signer, Time issued = now) {
    MintRequest asked = request();
    asked.issuer = server.url();
    asked.issued_at = issued;
    asked.lifetime = std::chrono::hours(100);
    return signer.mint(asked).value();
  }

  Errc check(const std::string& text, Time when = now) {
    auto result = bulkhead::testing::run(io, verifier().verify(text, when));
    return result ? identity::testing::accepted : result.error().code();
  }

  Verifier& verifier() {
    if (!verifier_) {
      KeyTimes times;
      times.deadline = seconds(20);  // these tests are not about the fetch's deadline
      source = std::make_shared<KeySource>(std::vector<IssuerSettings>{settings()}, times);
      verifier_.emplace(io.get_executor(), source);
    }
    return *verifier_;
  }

  /// Waits for a fetch in the background, if one runs.
  void settle(Time when) { bulkhead::testing::run(io, source->wait(0, when)); }

  std::mutex mutex;
  std::string jwks, cache_control = "Cache-Control: max-age=1000\r\n", claimed;
  bool down = false;
  Imposter server{[this](const std::string& path) { return answer(path); }};
  boost::asio::io_context io{1};
  std::shared_ptr<KeySource> source;
  std::optional<Verifier> verifier_;
};

constexpr Errc accepted = identity::testing::accepted;

TEST_F(KeySourceTest, FindsTheKeysByDiscoveryOnce) {
  EXPECT_EQ(check(token(ed25519())), accepted);
  EXPECT_EQ(check(token(ed25519(), now - seconds(1))), accepted);
  EXPECT_EQ(server.requests("/.well-known/openid-configuration"), 1);
  EXPECT_EQ(server.requests("/jwks"), 1);
}

TEST_F(KeySourceTest, RefusesADiscoveryDocumentOfAnotherIssuer) {
  claimed = "https://somebody.example";
  EXPECT_EQ(check(token(ed25519())), Errc::identity_unavailable);
  EXPECT_EQ(server.requests("/jwks"), 0);
}

TEST_F(KeySourceTest, IsUnavailableWhileNothingWasEverFetched) {
  break_down(true);
  EXPECT_EQ(check(token(ed25519())), Errc::identity_unavailable);
  EXPECT_EQ(check(token(ed25519())), Errc::identity_unavailable);
  EXPECT_EQ(server.requests("/.well-known/openid-configuration"), 1) << "one try a second";
  break_down(false);
  EXPECT_EQ(check(token(ed25519()), now + seconds(1)), accepted);
}

TEST_F(KeySourceTest, FetchesNothingOnceItWasStopped) {
  verifier();
  source->stop();
  EXPECT_NE(check(token(ed25519())), accepted);
  EXPECT_EQ(server.requests("/.well-known/openid-configuration"), 0);
}

TEST_F(KeySourceTest, RefusesATokenWithoutAskingTheIssuer) {
  EXPECT_EQ(check("garbage"), Errc::token_malformed);
  EXPECT_EQ(check(ed25519().sign(R"({"alg":"none"})", "{}").value()), Errc::token_algorithm);
  EXPECT_EQ(server.requests("/.well-known/openid-configuration"), 0);
}

TEST_F(KeySourceTest, ANewKeyIsFoundByItsId) {
  EXPECT_EQ(check(token(ed25519())), accepted);
  publish({&ed25519(), &p256()});
  EXPECT_EQ(check(token(p256()), now + seconds(29)), Errc::token_key_unknown)
      << "the interval has not passed";
  EXPECT_EQ(server.requests("/jwks"), 1);
  EXPECT_EQ(check(token(p256()), now + seconds(30)), accepted);
  EXPECT_EQ(server.requests("/jwks"), 2);
}

TEST_F(KeySourceTest, UnknownIdsCostOneFetchAnInterval) {
  EXPECT_EQ(check(token(ed25519())), accepted);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(check(token(rsa(), now - seconds(i)), now + seconds(30 + i / 10)), Errc::token_key_unknown);
  EXPECT_EQ(server.requests("/jwks"), 2);
}

TEST_F(KeySourceTest, ManyCallersOnTwoThreadsShareOneFetch) {
  verifier();
  std::atomic<int> good{0};
  auto work = [&] {
    boost::asio::io_context own{1};
    Verifier mine(own.get_executor(), source);
    auto one = [&](int i) -> Task<void> {
      auto result = co_await mine.verify(token(ed25519(), now - seconds(i)), now);
      if (result) ++good;
    };
    for (int i = 0; i < 50; ++i) boost::asio::co_spawn(own, one(i), boost::asio::detached);
    own.run();
  };
  server.hold(true);
  std::thread first(work), second(work);
  server.wait_for_requests("/.well-known/openid-configuration", 1);
  server.hold(false);
  first.join();
  second.join();
  EXPECT_EQ(good, 100);
  EXPECT_EQ(server.requests("/.well-known/openid-configuration"), 1);
  EXPECT_EQ(server.requests("/jwks"), 1);
}

TEST_F(KeySourceTest, AWithdrawnKeysTokensAreForgotten) {
  publish({&ed25519(), &p256()});
  std::string old = token(ed25519()), kept = token(p256());
  EXPECT_EQ(check(old), accepted);
  EXPECT_EQ(check(kept), accepted);
  ClaimsRef before = verifier().known(kept, now);
  publish({&p256()});
  EXPECT_NE(verifier().known(old, now + seconds(999)), nullptr) << "within max-age";
  settle(now + seconds(999));
  EXPECT_EQ(verifier().known(old, now + seconds(999)), nullptr);
  EXPECT_EQ(check(old, now + seconds(999)), Errc::token_key_unknown);
  EXPECT_EQ(verifier().known(kept, now + seconds(999)), before) << "the other key's tokens stay";
}

TEST_F(KeySourceTest, RefreshesInTheBackgroundBeforeTheKeysAreOutOfDate) {
  std::string text = token(ed25519());
  EXPECT_EQ(check(text), accepted);
  EXPECT_NE(verifier().known(text, now + seconds(799)), nullptr);
  EXPECT_EQ(server.requests("/jwks"), 1);
  EXPECT_NE(verifier().known(text, now + seconds(800)), nullptr) << "served at once";
  server.wait_for_requests("/jwks", 2);
  settle(now + seconds(800));
  EXPECT_NE(verifier().known(text, now + seconds(1500)), nullptr) << "fresh again until 1800";
  EXPECT_EQ(server.requests("/.well-known/openid-configuration"), 1);
}

TEST_F(KeySourceTest, KeysOutOfDateAreFetchedBeforeTheyAreBelieved) {
  std::string text = token(ed25519());
  EXPECT_EQ(check(text), accepted);
  publish({&p256()});
  EXPECT_EQ(verifier().known(text, now + seconds(1000)), nullptr);
  EXPECT_EQ(check(text, now + seconds(1000)), Errc::token_key_unknown);
}

TEST_F(KeySourceTest, KnownKeysOutliveAnOutage) {
  std::string text = token(ed25519());
  EXPECT_EQ(check(text), accepted);
  break_down(true);
  // An hour and more beyond their lifetime, with a failed fetch at most every interval.
  for (int minute = 17; minute <= 120; ++minute) {
    EXPECT_EQ(check(text, now + seconds(60 * minute)), accepted) << minute;
    EXPECT_EQ(check(token(ed25519(), now - seconds(minute)), now + seconds(60 * minute + 5)), accepted)
        << minute;
  }
  EXPECT_LE(server.requests("/jwks") + server.requests("/.well-known/openid-configuration"), 2 + 104);
  EXPECT_EQ(check(token(p256()), now + seconds(7300)), Errc::identity_unavailable)
      << "its key may exist by now";
  // In between, nobody waits: a failed fetch makes the old keys good for two intervals.
  EXPECT_NE(verifier().known(text, now + seconds(7310)), nullptr);
  settle(now + seconds(7310));
  Time end = now + seconds(1000) + std::chrono::hours(24);
  EXPECT_EQ(check(text, end - seconds(120)), accepted);
  EXPECT_EQ(check(text, end), Errc::identity_unavailable) << "not for ever";
  break_down(false);
  EXPECT_EQ(check(text, end + seconds(30)), accepted);
}

TEST_F(KeySourceTest, AnEmptyOrBrokenKeySetDoesNotReplaceAGoodOne) {
  std::string text = token(ed25519());
  EXPECT_EQ(check(text), accepted);
  int hour = 1;
  for (std::string bad :
       {std::string(R"({"keys":[]})"), std::string("<html>"), std::string("{}"), std::string(2'000'000, ' '),
        std::string(R"({"keys":[{"kty":"oct","k":"AAAA"}]})")}) {
    document(bad);
    EXPECT_EQ(check(text, now + std::chrono::hours(hour)), accepted) << bad.substr(0, 40);
    ++hour;
  }
  publish({&p256()});
  EXPECT_EQ(check(text, now + std::chrono::hours(hour)), Errc::token_key_unknown);
}

TEST_F(KeySourceTest, AClockSetBackDoesNotStopTheFetching) {
  EXPECT_EQ(check(token(ed25519())), accepted);
  publish({&ed25519(), &p256()});
  std::string text = token(p256(), now - std::chrono::hours(48));
  EXPECT_EQ(check(text, now - std::chrono::hours(24)), accepted);
}

TEST_F(KeySourceTest, EndsWhileAFetchRuns) {
  server.hold(true);
  auto own = std::make_unique<KeySource>(std::vector<IssuerSettings>{settings()});
  bool resumed = false;
  auto one = [&]() -> Task<void> {
    co_await own->wait(0, now);
    resumed = true;
  };
  boost::asio::co_spawn(io, one, boost::asio::detached);
  io.poll();
  server.wait_for_requests("/.well-known/openid-configuration", 1);
  own.reset();
  io.run();
  EXPECT_TRUE(resumed) << "whoever waits is told";
}

}  // namespace
}  // namespace bulkhead::identity
