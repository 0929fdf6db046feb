#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include <bulkhead/result.hpp>

#include "identity/keys.hpp"
#include "identity/verifier.hpp"

/// The check of a token as plain functions of (token, settings, keys, now): RFC 7515, 7519, 8725.
/// No clock, no network, no cache; `Verifier` puts those around.
namespace bulkhead::identity {

inline constexpr std::size_t token_size_limit = 8 * 1024;
inline constexpr std::size_t subject_size_limit = 255;

/// A token that is well-formed. **Nothing in it is verified**: `issuer` chooses the keys to check it with and
/// no more. The views point into the token.
struct UnverifiedToken {
  Algorithm algorithm = Algorithm::rs256;
  std::optional<std::string> kid;
  std::string_view signed_part;  ///< Header, dot, payload, as sent.
  std::string signature;
  std::string issuer;
  boost::json::object payload;
};

/// Three strict base64url parts; header and payload strict JSON objects without repeated names; `alg` one of
/// ours; no `crit`; `typ`, if present, a JWT or an access token. `jku`, `jwk`, `x5u` and `x5c` are never
/// looked at. Errors: `token_malformed`, `token_algorithm`, `token_issuer` (no `iss`).
[[nodiscard]] Result<UnverifiedToken> parse_token(std::string_view token);

/// Issuer, audience, times, subject, tenant. Call it after the signature has been found valid.
/// Errors: `token_issuer`, `token_audience`, `token_time`, `token_malformed`.
[[nodiscard]] Result<Claims> check_claims(UnverifiedToken token, const IssuerSettings& settings,
                                          std::chrono::system_clock::time_point now);

/// Whether the settings allow the algorithm.
[[nodiscard]] bool allows(const IssuerSettings& settings, Algorithm algorithm) noexcept;

/// The whole check. Errors as above, and `token_key_unknown`, `token_signature`.
[[nodiscard]] Result<Claims> verify_token(std::string_view token, const IssuerSettings& settings,
                                          const KeySet& keys, SignatureChecker& checker,
                                          std::chrono::system_clock::time_point now);

}  // namespace bulkhead::identity
