#include "identity/key_source.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <functional>
#include <limits>
#include <mutex>
#include <stdexcept>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/object.hpp>

#include "base/fetch.hpp"
#include "base/json.hpp"

namespace bulkhead::identity {
namespace {

using std::chrono::seconds;

std::int64_t unix_seconds(KeySource::Time when) {
  return std::chrono::duration_cast<seconds>(when.time_since_epoch()).count();
}

/// Threads' clocks read a little apart; only a jump back is a reason to distrust what was written down.
constexpr std::int64_t clock_jump_seconds = 300;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return lower;
}

Result<FetchResponse> get(const std::string& url, const IssuerSettings& settings, const KeyTimes& times,
                          const std::atomic<bool>& stop) {
  FetchRequest request(url);
  request.headers.emplace_back("Accept", "application/json");
  request.deadline = times.deadline;
  request.body_limit = jwks_size_limit;
  request.allow_http = settings.allow_http;
  BULKHEAD_TRY(FetchResponse response, fetch_blocking(request, &stop));
  if (response.status != 200)
    return Error(Errc::upstream_failed, "the issuer answered with status " + std::to_string(response.status))
        .internal("GET " + url);
  return response;
}

/// OpenID Connect Discovery 1.0 section 4: where the key set is.
Result<std::string> discover(const IssuerSettings& settings, const KeyTimes& times,
                             const std::atomic<bool>& stop) {
  std::string url = settings.issuer;
  if (url.ends_with('/')) url.pop_back();
  url += "/.well-known/openid-configuration";
  BULKHEAD_TRY(FetchResponse response, get(url, settings, times, stop));
  JsonLimits limits;
  limits.refuse_duplicate_keys = true;
  BULKHEAD_TRY(boost::json::value root, parse_json(response.body, limits));
  const auto* document = root.if_object();
  const auto* issuer = document != nullptr ? document->if_contains("issuer") : nullptr;
  const auto* uri = document != nullptr ? document->if_contains("jwks_uri") : nullptr;
  // Section 4.3: else another issuer's document could be put in this one's place.
  if (issuer == nullptr || !issuer->is_string() || issuer->get_string() != settings.issuer)
    return Error(Errc::upstream_failed, "the discovery document names another issuer").internal("GET " + url);
  if (uri == nullptr || !uri->is_string())
    return Error(Errc::upstream_failed, "the discovery document has no \"jwks_uri\"").internal("GET " + url);
  return std::string(uri->get_string());
}

struct Loaded {
  KeySet keys;
  seconds lifetime;
  std::string jwks_uri;
};

/// Two blocking GETs and the parsing, on a thread of the source.
Result<Loaded> load(const IssuerSettings& settings, std::string jwks_uri, const KeyTimes& times,
                    const std::atomic<bool>& stop) {
  if (jwks_uri.empty()) {
    BULKHEAD_TRY(jwks_uri, discover(settings, times, stop));
  }
  BULKHEAD_TRY(FetchResponse response, get(jwks_uri, settings, times, stop));
  BULKHEAD_TRY(KeySet keys, parse_jwks(response.body));
  if (keys.keys().empty()) return Error(Errc::upstream_failed, "the key set holds no key that can be used");
  return Loaded{std::move(keys), key_lifetime(response.header("cache-control"), times), std::move(jwks_uri)};
}

}  // namespace

seconds key_lifetime(std::optional<std::string_view> cache_control, const KeyTimes& times) {
  if (!cache_control) return times.usual;
  std::string directives = lower_case(*cache_control);
  std::string_view rest = directives;
  std::optional<seconds> age;
  while (!rest.empty()) {
    std::size_t comma = std::min(rest.find(','), rest.size());
    std::string_view directive = trimmed(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (directive == "no-store" || directive == "no-cache") return times.least;
    constexpr std::string_view name = "max-age=";
    if (!directive.starts_with(name) || age) continue;
    directive.remove_prefix(name.size());
    std::uint32_t number = 0;
    auto [end, error] = std::from_chars(directive.data(), directive.data() + directive.size(), number);
    // What does not fit in 32 bits is over 136 years.
    if (error == std::errc::result_out_of_range) age = times.most;
    if (error == std::errc() && end == directive.data() + directive.size()) age = seconds(number);
  }
  return age ? std::clamp(*age, times.least, times.most) : times.usual;
}

/// One issuer's keys. The atomics are what every request looks at; the rest is under the mutex.
struct KeySource::Issuer {
  IssuerSettings settings;
  std::atomic<std::int64_t> refresh_from{0}, fresh_until{0};  // Unix seconds

  std::mutex mutex;
  std::shared_ptr<const KeySet> keys;
  std::int64_t usable_until = 0;
  std::int64_t attempted = 0, not_before = 0;  // the last fetch; the next one
  bool fetching = false;
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
    if (!issuer.settings.static_jwks.empty()) return false;
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
    }
    for (auto& resume : waiters) resume();
  }

  void succeed(Issuer& issuer, std::int64_t now, Loaded loaded) {
    std::int64_t lifetime = loaded.lifetime.count();
    issuer.keys = std::make_shared<const KeySet>(std::move(loaded.keys).succeeding(issuer.keys.get()));
    issuer.failure.reset();
    issuer.not_before = now + times.interval.count();
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
    std::int64_t pause = (issuer.keys ? times.interval : times.first_interval).count();
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
    if (!settings.static_jwks.empty()) {
      issuer->keys = std::make_shared<const KeySet>(parse_jwks(settings.static_jwks).value());
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
