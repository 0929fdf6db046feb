#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include <bulkhead/result.hpp>

#include "identity/keys.hpp"

namespace bulkhead::identity {

/// What a minted token says.
struct MintRequest {
  MintRequest() = default;
  std::string issuer, audience, subject;
  std::string tenant;  ///< Empty: no tenant claim.
  std::string name;    ///< Empty: no name claim.
  std::chrono::system_clock::time_point issued_at;
  std::chrono::seconds lifetime{std::chrono::hours(1)};
  boost::json::object extra;  ///< Further claims; they come last and win.
};

/// A key pair that signs tokens: of the issuer of `bulkhead dev` and of tests, and of internal tokens (internal_issuer.hpp).
/// Immutable after it is made; `mint` may be called from any thread.
class SigningKey {
 public:
  /// A new key: RSA with 2048 bits, P-256 or Ed25519. RSA takes some 100 ms.
  [[nodiscard]] static Result<SigningKey> generate(Algorithm algorithm = Algorithm::rs256);
  /// From `private_pem()`. `Errc::config_invalid` when it is no key of a kind that `generate` makes.
  [[nodiscard]] static Result<SigningKey> from_pem(std::string_view pem);

  /// PKCS#8, not encrypted: a secret.
  [[nodiscard]] Result<std::string> private_pem() const;
  /// The key's thumbprint (RFC 7638), so that the same key has the same id after a restart.
  [[nodiscard]] const std::string& kid() const noexcept { return kid_; }
  [[nodiscard]] Algorithm algorithm() const noexcept { return algorithm_; }
  /// The public key as a JWK, and as a JWK set of this one key.
  [[nodiscard]] const boost::json::object& jwk() const noexcept { return jwk_; }
  [[nodiscard]] std::string jwks() const;
  /// What `<issuer>/.well-known/openid-configuration` answers (OpenID Connect Discovery 1.0 section 3). The key
  /// set is at `<issuer>/jwks.json`. Nobody can sign in there, unless `more` names the endpoints for it: its
  /// members come last and win.
  [[nodiscard]] std::string discovery(std::string_view issuer, const boost::json::object& more = {}) const;

  /// iss, aud, sub, iat, exp, jti and, where given, tenant and name.
  [[nodiscard]] Result<std::string> mint(const MintRequest& request) const;
  /// Signs any header and payload (compact serialisation, RFC 7515 section 7.1). `alg` and `kid` are not
  /// added.
  [[nodiscard]] Result<std::string> sign(std::string_view header_json, std::string_view payload_json) const;

 private:
  SigningKey(Algorithm algorithm, KeyHandle key) : algorithm_(algorithm), key_(std::move(key)) {}
  static Result<SigningKey> adopt(KeyHandle key);

  Algorithm algorithm_;
  KeyHandle key_;
  boost::json::object jwk_;
  std::string kid_;
};

}  // namespace bulkhead::identity
