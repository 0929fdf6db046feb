#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include <bulkhead/result.hpp>

#include "identity/keys.hpp"
#include "identity/verifier.hpp"

/// The check of a token as plain functions of (token, settings, keys, now): RFC 7515, 7519, 8725.
/// No clock, no network, no cache; `Verifier` puts those around.
namespace bulkhead::identity {

inline constexpr std::size_t token_size_limit = 8 * 1024;
inline constexpr std::size_t subject_size_limit = 255;

inline constexpr std::size_t role_size_limit = 255;
inline constexpr std::size_t role_limit = 256;

/// A token that is well-formed. **Nothing in it is verified**: `issuer` chooses the keys to check it with and
/// no more. The views point into the token.
struct UnverifiedToken {
  Algorithm algorithm = Algorithm::rs256;
  std::optional<std::string> kid;
  std::string type;  ///< `typ` in lower case and without "application/"; "jwt" where the header has none.
  std::string_view signed_part;  ///< Header, dot, payload, as sent.
  std::string signature;
  std::string issuer;  ///< Empty: the token names none.
  boost::json::object payload;
};

/// Three strict base64url parts; header and payload strict JSON objects without repeated names; `alg` one of
/// ours; no `crit`. `jku`, `jwk`, `x5u` and `x5c` are never looked at. Errors: `token_malformed`,
/// `token_algorithm`, `token_issuer` (an `iss` that names nobody).
[[nodiscard]] Result<UnverifiedToken> parse_token(std::string_view token);

/// Whether the settings allow what the header says: algorithm and type. Errors: `token_algorithm`, `token_malformed`.
[[nodiscard]] Result<void> check_header(const UnverifiedToken& token, const IssuerSettings& settings);

/// Issuer, times, audience, kind, subject, tenant, roles, in this order. Call it after the signature has been found valid.
/// Errors: `token_issuer`, `token_audience`, `token_time`, `token_malformed`.
[[nodiscard]] Result<Claims> check_claims(UnverifiedToken token, const IssuerSettings& settings,
                                          std::chrono::system_clock::time_point now);

/// One check of a token, for people.
struct CheckStep {
  std::string check;    ///< A few words: "signature".
  Result<void> result;  ///< What verification says.
  std::string seen;     ///< What was found there; nothing secret. May be empty.
};
/// The checks of `check_claims` one by one, each whatever the ones before say.
[[nodiscard]] std::vector<CheckStep> explain_claims(const UnverifiedToken& token,
                                                    const IssuerSettings& settings,
                                                    std::chrono::system_clock::time_point now);

/// The whole check. Errors as above, and `token_key_unknown`, `token_signature`.
[[nodiscard]] Result<Claims> verify_token(std::string_view token, const IssuerSettings& settings,
                                          const KeySet& keys, SignatureChecker& checker,
                                          std::chrono::system_clock::time_point now);

}  // namespace bulkhead::identity
