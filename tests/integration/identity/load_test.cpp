// The issuer is switched off, rotated and switched back on while requests run: no valid one is refused, no invalid one accepted.
#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "integration/identity/provider.hpp"

namespace bulkhead::identity {
namespace {

using namespace std::chrono_literals;

/// What a worker must get for a token.
enum class Expect : std::uint8_t {
  accepted,
  refused,
  either,  ///< The issuer's word has just changed; both are right until it is known here.
};

struct Judged {
  std::string token, what;
  Expect expect;
};
using Traffic = std::shared_ptr<const std::vector<Judged>>;

/// Threads as a server's io threads are: each with its own verifier, all with one key source.
class Load {
 public:
  Load(std::shared_ptr<KeySource> source, Traffic traffic)
      : source_(std::move(source)), traffic_(std::move(traffic)) {
    for (std::size_t i = 0; i < workers_.size(); ++i) workers_[i] = std::thread([this, i] { work(i); });
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() {
    stop_ = true;
    for (std::thread& worker : workers_) worker.join();
  }

  /// Afterwards nobody judges by the former traffic any more.
  void send(Traffic traffic) {
    std::unique_lock lock(mutex_);
    traffic_ = std::move(traffic);
    const std::size_t round = ++round_;
    changed_.wait(lock, [&] { return done_[0] >= round && done_[1] >= round; });
  }
  /// So many more checks of the traffic that is being sent now.
  void wait_for(std::size_t checks) {
    std::unique_lock lock(mutex_);
    const std::size_t until = checks_ + checks;
    changed_.wait(lock, [&] { return checks_ >= until; });
  }
  [[nodiscard]] std::vector<std::string> wrong() const {
    const std::lock_guard lock(mutex_);
    return wrong_;
  }

 private:
  void work(std::size_t self) {
    boost::asio::io_context io{1};
    Verifier verifier(io.get_executor(), source_);
    for (std::size_t turn = 0; !stop_; ++turn) {
      // Every other turn nothing is remembered, so that keys are asked for, and not only the cache.
      if (turn % 2 == 0) verifier.forget();
      std::unique_lock lock(mutex_);
      const Traffic traffic = traffic_;
      const std::size_t round = round_;
      lock.unlock();
      for (const Judged& one : *traffic) {
        auto task = verifier.verify(one.token, std::chrono::system_clock::now());
        note(one, bulkhead::testing::run(io, std::move(task)));
      }
      lock.lock();
      done_[self] = round;
      changed_.notify_all();
    }
  }
  void note(const Judged& one, const Result<ClaimsRef>& claims) {
    const std::lock_guard lock(mutex_);
    ++checks_;
    if (one.expect == Expect::either || claims.has_value() == (one.expect == Expect::accepted)) return;
    constexpr std::size_t enough = 20;
    if (wrong_.size() < enough)
      wrong_.push_back(one.what +
                       (claims ? " was accepted" : " was refused: " + std::string(claims.error().message())));
  }

  std::shared_ptr<KeySource> source_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Traffic traffic_;
  std::size_t round_ = 0, checks_ = 0;
  std::array<std::size_t, 2> done_{};
  std::vector<std::string> wrong_;
  std::atomic<bool> stop_{false};
  std::array<std::thread, 2> workers_;
};

class LoadTest : public ProviderTest {
 protected:
  std::string minted(const SigningKey& key, const std::string& audience = "recordshop",
                     std::chrono::seconds age = 0s) const {
    MintRequest request;
    request.issuer = url;
    request.audience = audience;
    request.subject = "shop";
    request.issued_at = std::chrono::system_clock::now() - age;
    return key.mint(request).value();
  }
  /// Under the first key's id, by somebody else.
  std::string forged(const SigningKey& name_of, const SigningKey& by) const {
    return by
        .sign(R"({"alg":"RS256","kid":")" + name_of.kid() + R"("})",
              R"({"iss":")" + url + R"(","aud":"recordshop","sub":"root","exp":9000000000})")
        .value();
  }
  Traffic traffic(Expect old_key, Expect new_key) const {
    std::vector<Judged> all;
    for (std::size_t i = 0; i < 3; ++i) {
      all.push_back({old_tokens[i], "a token of the old key", old_key});
      all.push_back({new_tokens[i], "a token of the new key", new_key});
    }
    for (const Judged& bad : hostile) all.push_back(bad);
    return std::make_shared<const std::vector<Judged>>(std::move(all));
  }
  /// Whether a verifier that remembers nothing takes the token now.
  bool taken(const std::string& text) {
    Verifier fresh(io.get_executor(), source);
    return bulkhead::testing::run(io, fresh.verify(text, std::chrono::system_clock::now())).has_value();
  }
  template <class Predicate>
  static bool eventually(Predicate is_so) {
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (std::chrono::steady_clock::now() < end) {
      if (is_so()) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }

  std::vector<std::string> old_tokens, new_tokens;
  std::vector<Judged> hostile;
};

TEST_F(LoadTest, NoValidRequestIsRefusedAndNoInvalidOneAccepted) {
  const SigningKey& old_key = testing::rsa();
  static const SigningKey new_key = SigningKey::generate(Algorithm::rs256).value();
  static const SigningKey thief = SigningKey::generate(Algorithm::rs256).value();
  start({&old_key});
  const std::string again = port();
  KeyTimes times;
  times.least = times.usual = times.most = 1s;
  times.interval = times.first_interval = 1s;
  times.stale = 10min;
  times.deadline = 20s;
  source = std::make_shared<KeySource>(std::vector<IssuerSettings>{settings()}, times);
  old_tokens.push_back(token("urn:rs256"));
  for (int i = 0; i < 3; ++i) {
    old_tokens.push_back(minted(old_key));
    new_tokens.push_back(minted(new_key));
  }
  hostile = {{forged(old_key, thief), "a forged token", Expect::refused},
             {forged(new_key, thief), "a token forged in the new key's name", Expect::refused},
             {minted(thief), "a token of a key of nobody's", Expect::refused},
             {minted(old_key, "billing"), "a token for another audience", Expect::refused},
             {minted(old_key, "recordshop", 2h), "a token that has expired", Expect::refused}};
  ASSERT_TRUE(taken(old_tokens[0]));

  Load load(source, traffic(Expect::accepted, Expect::refused));
  constexpr std::size_t many = 2000;
  load.wait_for(many);

  // Off. Its keys run out, fetches fail, and the known key goes on.
  provider.reset();
  ASSERT_TRUE(eventually([&] { return source->failure(0).has_value(); }));
  load.wait_for(many);
  const auto two_lifetimes = std::chrono::steady_clock::now() + 3s;
  while (std::chrono::steady_clock::now() < two_lifetimes) load.wait_for(50);
  EXPECT_TRUE(source->failure(0).has_value());

  // Back, with a new key that it signs with, and the old one still published.
  load.send(traffic(Expect::accepted, Expect::either));
  start({&new_key, &old_key}, again);
  ASSERT_TRUE(eventually([&] { return taken(new_tokens[0]); }));
  EXPECT_FALSE(source->failure(0).has_value());
  new_tokens[0] = token("urn:rs256");
  load.send(traffic(Expect::accepted, Expect::accepted));
  load.wait_for(many);

  // The old key is withdrawn: within a lifetime its tokens stop, the remembered ones, too.
  load.send(traffic(Expect::either, Expect::accepted));
  provider.reset();
  start({&new_key}, again);
  ASSERT_TRUE(eventually([&] { return !taken(old_tokens[0]); }));
  load.send(traffic(Expect::refused, Expect::accepted));
  load.wait_for(many);

  for (const std::string& wrong : load.wrong()) ADD_FAILURE() << wrong;
}

}  // namespace
}  // namespace bulkhead::identity
