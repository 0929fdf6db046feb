#include "identity/verifier.hpp"

#include "identity/key_source.hpp"
#include "identity/token.hpp"
#include "identity/token_cache.hpp"

namespace bulkhead::identity {

struct Verifier::Impl {
  std::shared_ptr<KeySource> source;
  SignatureChecker checker;
  TokenCache cache;

  /// The last step: signature and claims, and into the cache. `parsed` points into `token`, which is moved
  /// from last.
  Result<ClaimsRef> check(std::string& token, UnverifiedToken parsed, std::size_t issuer,
                          const PublicKeyRef& key, std::chrono::system_clock::time_point now) {
    if (!checker.valid(key, parsed.signed_part, parsed.signature))
      return Error(Errc::token_signature, "the token's signature is not valid");
    BULKHEAD_TRY(Claims claims, check_claims(std::move(parsed), source->settings(issuer), now));
    auto shared = std::make_shared<const Claims>(std::move(claims));
    // Leeway is for clocks that differ; it does not lengthen the time that a token is remembered.
    if (now < shared->expires)
      cache.insert(std::move(token), TokenCache::Entry{shared, key, shared->expires, issuer});
    return ClaimsRef(std::move(shared));
  }

  /// Why no key was found: the issuer may know it, if only it could be asked.
  [[nodiscard]] Error without_key(std::size_t issuer) const {
    if (auto failure = source->failure(issuer)) return unavailable(*failure);
    return Error(Errc::token_key_unknown, "the token's key is not among the issuer's keys")
        .hint("Get a new token from the issuer.");
  }

  [[nodiscard]] static Error unavailable(const Error& failure) {
    std::string internal(failure.message());
    if (!failure.internal().empty()) internal.append(": ").append(failure.internal());
    return Error(Errc::identity_unavailable, "the issuer's keys cannot be had at the moment")
        .hint("Try again soon.")
        .internal(std::move(internal));
  }
};

Verifier::Verifier(boost::asio::any_io_executor executor, std::vector<IssuerSettings> issuers)
    : Verifier(std::move(executor), std::make_shared<KeySource>(std::move(issuers))) {}

// Tasks go on on the executor that they were started on, which is this one.
Verifier::Verifier(boost::asio::any_io_executor, std::shared_ptr<KeySource> keys)
    : impl_(std::make_unique<Impl>()) {
  impl_->source = std::move(keys);
}

Verifier::~Verifier() = default;

ClaimsRef Verifier::known(std::string_view token, std::chrono::system_clock::time_point now) {
  const TokenCache::Entry* entry = impl_->cache.find(token);
  if (entry == nullptr) return nullptr;
  if (now >= entry->dies || entry->key->withdrawn()) {
    impl_->cache.erase(token);
    return nullptr;
  }
  if (!impl_->source->fresh(entry->issuer, now)) return nullptr;
  impl_->source->refresh_if_due(entry->issuer, now);
  return entry->claims;
}

Task<Result<ClaimsRef>> Verifier::verify(std::string token, std::chrono::system_clock::time_point now) {
  if (ClaimsRef hit = known(token, now)) co_return hit;
  BULKHEAD_CO_TRY(UnverifiedToken parsed, parse_token(token));
  KeySource& source = *impl_->source;
  std::optional<std::size_t> issuer = source.find(parsed.issuer);
  if (!issuer)
    co_return Error(Errc::token_issuer, parsed.issuer.empty() ? "the token names no issuer"
                                                              : "the token's issuer is not known here");
  BULKHEAD_CO_CHECK(check_header(parsed, source.settings(*issuer)));
  if (source.fresh(*issuer, now)) {
    source.refresh_if_due(*issuer, now);
  } else {
    co_await source.wait(*issuer, now);
  }
  std::shared_ptr<const KeySet> keys = source.keys(*issuer, now);
  PublicKeyRef key = keys ? keys->find(parsed.algorithm, parsed.kid) : nullptr;
  // An unknown id may be a new key. Without an id there is nothing to look for.
  if (keys && !key && parsed.kid) {
    co_await source.wait(*issuer, now);
    keys = source.keys(*issuer, now);
    key = keys ? keys->find(parsed.algorithm, parsed.kid) : nullptr;
  }
  if (!key) co_return impl_->without_key(*issuer);
  co_return impl_->check(token, std::move(parsed), *issuer, key, now);
}

void Verifier::forget() {
  impl_->cache.clear();
}

}  // namespace bulkhead::identity
