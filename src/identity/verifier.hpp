#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/json/object.hpp>

#include <bulkhead/result.hpp>
#include <bulkhead/task.hpp>

namespace bulkhead::identity {

class KeySource;

struct IssuerSettings {
  std::string name;                    ///< The key in bulkhead.toml: `[identity.NAME]`.
  std::string issuer;                  ///< Exact `iss`.
  std::vector<std::string> audiences;  ///< At least one of them must be in `aud`.
  std::string jwks_uri;                ///< Empty: found by OpenID Connect Discovery under `issuer`.
  std::string static_jwks;             ///< A JWKS document instead of fetching (the development issuer).
  std::vector<std::string> algorithms{"RS256", "ES256", "EdDSA"};  ///< Allow-list; bound to key type and use.
  std::string tenant_claim = "tenant";  ///< Names the tenant, by slug or id; may be absent in a token.
  std::chrono::seconds leeway{60};
  bool allow_http = false;  ///< Loopback issuers in tests and dev only.
};

/// Whether a Verifier can be made of these: names, issuers and audiences are there, no issuer twice, only
/// algorithms that exist, https (or http where allowed), a sound static key set. `Errc::config_invalid` names
/// the issuer.
[[nodiscard]] Result<void> check_settings(const std::vector<IssuerSettings>& issuers);

/// What a verified token says. Immutable, shared by the token cache.
struct Claims {
  std::string issuer, subject;
  std::string tenant;  ///< Empty: the token names none.
  std::string name;
  std::chrono::system_clock::time_point expires;
  boost::json::object all;
};
using ClaimsRef = std::shared_ptr<const Claims>;

/// One io thread's verifier: issuers, their key sets, and a bounded cache of verified tokens.
/// Verification itself is a pure function of (token, settings, keys, now) underneath; RFC 7515, 7517, 7519,
/// 8725. Not thread-safe.
class Verifier {
 public:
  /// With key sets of its own. Throws std::invalid_argument on settings that `check_settings` refuses.
  Verifier(boost::asio::any_io_executor executor, std::vector<IssuerSettings> issuers);
  /// With key sets shared by the verifiers of all io threads (key_source.hpp), so that the process as a whole
  /// asks an issuer no more often than one thread would.
  Verifier(boost::asio::any_io_executor executor, std::shared_ptr<KeySource> keys);
  ~Verifier();

  /// From the cache alone: no signature is computed, no coroutine made. nullptr: ask `verify`.
  [[nodiscard]] ClaimsRef known(std::string_view token, std::chrono::system_clock::time_point now);
  /// Waits for the issuer's keys when there are none, when they are out of date and when the token's key is
  /// not among them; several waiters share one fetch. Errors: the 3xx family. Never echoes the token. The
  /// Verifier outlives the task; cancelling the task is not supported (it ends within the fetch's deadline).
  [[nodiscard]] Task<Result<ClaimsRef>> verify(std::string token, std::chrono::system_clock::time_point now);
  /// Drops every cached token (revocation, key rotation).
  void forget();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead::identity
