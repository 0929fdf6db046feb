#include "identity/key_source.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <utility>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "identity/secret.hpp"

namespace bulkhead::identity {
namespace {

using std::chrono::seconds;

std::int64_t unix_seconds(KeySource::Time when) {
  return std::chrono::duration_cast<seconds>(when.time_since_epoch()).count();
}

/// Threads' clocks read a little apart; only a jump back is a reason to distrust what was written down.
constexpr std::int64_t clock_jump_seconds = 300;

struct Loaded {
  KeySet keys;
  seconds lifetime;
  std::string jwks_uri;
};

/// Two blocking GETs and the parsing, on a thread of the source.
Result<Loaded> load(const IssuerSettings& settings, std::string jwks_uri, const KeyTimes& times,
                    const std::atomic<bool>& stop) {
  if (settings.read_jwks) {
    // Read as often as any document may be asked for: nothing but a bug keeps it from being there.
    BULKHEAD_TRY(const std::string document, settings.read_jwks());
    BULKHEAD_TRY(KeySet keys, parse_jwks(document));
    if (keys.keys().empty()) return Error(Errc::upstream_failed, "there is no key");
    return Loaded{std::move(keys), times.least, ""};
  }
  if (jwks_uri.empty()) {
    BULKHEAD_TRY(jwks_uri, discover_keys(settings, times, stop));
  }
  BULKHEAD_TRY(FetchedKeys fetched, fetch_keys(settings, jwks_uri, times, stop));
  return Loaded{std::move(fetched.keys), fetched.lifetime, std::move(jwks_uri)};
}

}  // namespace

/// One issuer's keys. The atomics are what every request looks at; the rest is under the mutex.
struct KeySource::Issuer {
  IssuerSettings settings;
  std::atomic<std::int64_t> refresh_from{0}, fresh_until{0};  // Unix seconds

  std::mutex mutex;
  std::shared_ptr<const KeySet> keys;
  std::int64_t usable_until = 0;
  std::int64_t attempted = 0, not_before = 0;  // the last fetch; the next one
  bool fetching = false, again = false;
  std::optional<Error> failure;
  std::string jwks_uri;  // known from discovery
  std::vector<std::function<void()>> waiters;
};

struct KeySource::Impl {
  KeyTimes times;
  std::vector<std::unique_ptr<Issuer>> issuers;
  std::atomic<bool> stop{false};
  std::mutex pool_mutex;
  // Made with the first fetch: a development server, whose keys are static, starts no threads for nothing.
  std::unique_ptr<boost::asio::thread_pool> pool;

  /// With the issuer's mutex held: whether a fetch is running afterwards.
  bool start(Issuer& issuer, std::int64_t now) {
    if (issuer.fetching) return true;
    if (!issuer.settings.static_jwks.empty() || !issuer.settings.secret.empty()) return false;
    if (now < issuer.not_before && now + clock_jump_seconds >= issuer.attempted) return false;
    std::lock_guard lock(pool_mutex);
    if (stop) return false;
    issuer.fetching = true;
    issuer.attempted = now;
    if (!pool) pool = std::make_unique<boost::asio::thread_pool>(2);
    boost::asio::post(*pool, [this, &issuer, now, uri = issuer.jwks_uri] {
      auto loaded = load(issuer.settings, uri, times, stop);
      finish(issuer, now, std::move(loaded));
    });
    return true;
  }

  void finish(Issuer& issuer, std::int64_t now, Result<Loaded> loaded) {
    std::vector<std::function<void()>> waiters;
    {
      std::lock_guard lock(issuer.mutex);
      if (loaded) {
        succeed(issuer, now, std::move(*loaded));
      } else {
        fail(issuer, now, loaded.error());
      }
      issuer.fetching = false;
      waiters.swap(issuer.waiters);
      if (std::exchange(issuer.again, false)) {
        issuer.not_before = 0;
        start(issuer, now);
      }
    }
    for (auto& resume : waiters) resume();
  }

  /// Between two fetches. Our own keys are near, and a new one signs as soon as it is there.
  [[nodiscard]] std::int64_t interval_of(const Issuer& issuer) const {
    return issuer.settings.read_jwks ? 1 : times.interval.count();
  }

  void succeed(Issuer& issuer, std::int64_t now, Loaded loaded) {
    std::int64_t lifetime = loaded.lifetime.count();
    issuer.keys = std::make_shared<const KeySet>(std::move(loaded.keys).succeeding(issuer.keys.get()));
    issuer.failure.reset();
    issuer.not_before = now + interval_of(issuer);
    issuer.usable_until = now + lifetime + times.stale.count();
    // The address that discovery found is asked again as often as the keys are; it moves with the keys, if
    // ever.
    if (issuer.settings.jwks_uri.empty()) issuer.jwks_uri = std::move(loaded.jwks_uri);
    issuer.refresh_from = now + lifetime - lifetime / 5;
    issuer.fresh_until = now + lifetime;
  }

  void fail(Issuer& issuer, std::int64_t now, const Error& error) {
    issuer.failure = error;
    if (issuer.settings.jwks_uri.empty()) issuer.jwks_uri.clear();  // perhaps it moved
    std::int64_t pause = issuer.keys ? interval_of(issuer) : times.first_interval.count();
    issuer.not_before = now + pause;
    issuer.refresh_from = now + pause;
    if (issuer.keys)
      issuer.fresh_until =
          std::max(issuer.fresh_until.load(), std::min(now + 2 * pause, issuer.usable_until));
  }
};

KeySource::KeySource(std::vector<IssuerSettings> issuers, const KeyTimes& times)
    : impl_(std::make_unique<Impl>()) {
  if (auto checked = check_settings(issuers); !checked)
    throw std::invalid_argument(std::string(checked.error().message()));
  impl_->times = times;
  for (auto& settings : issuers) {
    auto issuer = std::make_unique<Issuer>();
    issuer->jwks_uri = settings.jwks_uri;
    if (!settings.static_jwks.empty() || !settings.secret.empty()) {
      auto keys = settings.secret.empty() ? parse_jwks(settings.static_jwks) : secret_keys(settings);
      issuer->keys = std::make_shared<const KeySet>(std::move(keys).value());
      constexpr auto never = std::numeric_limits<std::int64_t>::max();
      issuer->refresh_from = issuer->fresh_until = issuer->usable_until = never;
    }
    issuer->settings = std::move(settings);
    impl_->issuers.push_back(std::move(issuer));
  }
}

KeySource::~KeySource() {
  stop();
}

void KeySource::stop() {
  boost::asio::thread_pool* pool = nullptr;
  {
    std::lock_guard lock(impl_->pool_mutex);
    impl_->stop = true;
    pool = impl_->pool.get();
  }
  if (pool != nullptr) pool->join();
}

std::size_t KeySource::size() const noexcept {
  return impl_->issuers.size();
}

const IssuerSettings& KeySource::settings(std::size_t issuer) const noexcept {
  return impl_->issuers[issuer]->settings;
}

std::optional<std::size_t> KeySource::find(std::string_view iss) const noexcept {
  for (std::size_t i = 0; i < impl_->issuers.size(); ++i)
    if (impl_->issuers[i]->settings.issuer == iss) return i;
  return std::nullopt;
}

bool KeySource::fresh(std::size_t issuer, Time now) const noexcept {
  return unix_seconds(now) < impl_->issuers[issuer]->fresh_until.load(std::memory_order_relaxed);
}

void KeySource::refresh_if_due(std::size_t issuer, Time now) {
  Issuer& state = *impl_->issuers[issuer];
  std::int64_t seconds_now = unix_seconds(now);
  if (seconds_now < state.refresh_from.load(std::memory_order_relaxed)) return;
  std::lock_guard lock(state.mutex);
  impl_->start(state, seconds_now);
}

void KeySource::renew(std::size_t issuer, Time now) {
  Issuer& state = *impl_->issuers[issuer];
  std::lock_guard lock(state.mutex);
  state.not_before = 0;
  // One that is under way may have read what was there before.
  state.again = state.fetching;
  impl_->start(state, unix_seconds(now));
}

std::shared_ptr<const KeySet> KeySource::keys(std::size_t issuer, Time now) const {
  Issuer& state = *impl_->issuers[issuer];
  std::lock_guard lock(state.mutex);
  return unix_seconds(now) < state.usable_until ? state.keys : nullptr;
}

std::optional<Error> KeySource::failure(std::size_t issuer) const {
  Issuer& state = *impl_->issuers[issuer];
  std::lock_guard lock(state.mutex);
  return state.failure;
}

Task<void> KeySource::wait(std::size_t issuer, Time now) {
  Impl* impl = impl_.get();
  // Named before the co_await: g++ 12 destroys captures of a temporary twice.
  auto initiate = [impl, issuer, now](auto handler) {
    auto executor = boost::asio::get_associated_executor(handler);
    auto work = boost::asio::make_work_guard(executor);
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    auto resume = [shared, executor, work] {
      boost::asio::post(executor, [shared] { std::move (*shared)(); });
    };
    Issuer& state = *impl->issuers[issuer];
    std::unique_lock lock(state.mutex);
    if (impl->start(state, unix_seconds(now))) {
      state.waiters.emplace_back(std::move(resume));
      return;
    }
    lock.unlock();
    resume();
  };
  co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
      initiate, boost::asio::use_awaitable);
}

}  // namespace bulkhead::identity
