#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "identity/signing_key.hpp"
#include "identity/token.hpp"

namespace bulkhead::identity::testing {

using Time = std::chrono::system_clock::time_point;

/// All tests stand at this moment; whoever wants another adds to it.
inline const Time now{std::chrono::seconds(1'800'000'000)};

inline IssuerSettings settings() {
  IssuerSettings result;
  result.name = "test";
  result.issuer = "https://issuer.example";
  result.audiences = {"recordshop", "other-app"};
  return result;
}

inline MintRequest request() {
  MintRequest result;
  result.issuer = "https://issuer.example";
  result.audience = "recordshop";
  result.subject = "ann";
  result.tenant = "acme";
  result.name = "Ann";
  result.issued_at = now;
  return result;
}

/// A JWK set of these issuers' keys.
inline std::string jwks(const std::vector<const SigningKey*>& issuers) {
  boost::json::array keys;
  for (const auto* issuer : issuers) keys.push_back(issuer->jwk());
  return boost::json::serialize(boost::json::object{{"keys", keys}});
}

/// One key of each kind, made once: RSA keys take their time.
inline const SigningKey& rsa() {
  static const SigningKey issuer = SigningKey::generate(Algorithm::rs256).value();
  return issuer;
}
inline const SigningKey& p256() {
  static const SigningKey issuer = SigningKey::generate(Algorithm::es256).value();
  return issuer;
}
inline const SigningKey& ed25519() {
  static const SigningKey issuer = SigningKey::generate(Algorithm::eddsa).value();
  return issuer;
}
inline const KeySet& all_keys() {
  static const KeySet keys = parse_jwks(jwks({&rsa(), &p256(), &ed25519()})).value();
  return keys;
}

inline Result<Claims> verify(std::string_view token, Time when = now, const IssuerSettings& with = settings(),
                             const KeySet& keys = all_keys()) {
  SignatureChecker checker;
  return verify_token(token, with, keys, checker, when);
}

/// `internal` (that is: no error) stands for success, so that a table of cases reads well.
inline Errc outcome(const Result<Claims>& result) {
  return result ? Errc::internal : result.error().code();
}
inline constexpr Errc accepted = Errc::internal;

}  // namespace bulkhead::identity::testing
