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

struct IssuerSettings {
  std::string name;                    ///< The key in bulkhead.toml: `[identity.NAME]`.
  std::string issuer;                  ///< Exact `iss`.
  std::vector<std::string> audiences;  ///< At least one of them must be in `aud`.
  std::string jwks_uri;                ///< Empty: found by OpenID Connect Discovery under `issuer`.
  std::string static_jwks;             ///< A JWKS document instead of fetching (the development issuer).
  std::vector<std::string> algorithms{"RS256", "ES256", "EdDSA"};  ///< Allow-list; bound to key type and use.
  std::string tenant_claim =
      "tenant";  ///< Claim that names the tenant, by slug or id; may be absent in a token.
  std::chrono::seconds leeway{60};
  bool allow_http = false;  ///< Loopback issuers in tests and dev only.
};

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
  Verifier(boost::asio::any_io_executor executor, std::vector<IssuerSettings> issuers);
  ~Verifier();

  /// From the cache alone: no signature is computed, no coroutine made. nullptr: ask `verify`.
  [[nodiscard]] ClaimsRef known(std::string_view token, std::chrono::system_clock::time_point now);
  /// Errors: the 3xx family. Never echoes the token.
  [[nodiscard]] Task<Result<ClaimsRef>> verify(std::string token, std::chrono::system_clock::time_point now);
  /// Drops every cached token (revocation, key rotation).
  void forget();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead::identity
