#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <bulkhead/result.hpp>

struct evp_md_ctx_st;
struct evp_pkey_st;

namespace bulkhead::lifecycle {

/// SHA-256 of what comes in pieces.
class Sha256 {
 public:
  /// Throws std::bad_alloc.
  Sha256();
  void update(std::string_view piece);
  /// 64 lower-case hex digits; ends it.
  [[nodiscard]] std::string hex();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// An Ed25519 key pair that signs what the installation attests. Immutable.
class SigningKey {
 public:
  [[nodiscard]] static Result<SigningKey> generate();
  /// From `private_pem()`. Error: `config_invalid`.
  [[nodiscard]] static Result<SigningKey> from_pem(const std::string& pem);
  /// PKCS#8, not encrypted: a secret.
  [[nodiscard]] Result<std::string> private_pem() const;
  [[nodiscard]] Result<std::string> public_pem() const;
  /// A JWS of the payload, in compact serialisation (RFC 7515, RFC 8037), which any JOSE library can check.
  [[nodiscard]] Result<std::string> sign(std::string_view payload) const;

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const noexcept;
  };
  using Handle = std::unique_ptr<evp_pkey_st, Free>;
  explicit SigningKey(Handle key) : key_(std::move(key)) {}
  friend Result<std::string> verified_payload(std::string_view jws, const std::string& public_pem);
  Handle key_;
};

/// The payload of a JWS that this public key (PEM) has signed with Ed25519. Errors: `config_invalid` (no such key),
/// `token_malformed`, `token_signature`.
[[nodiscard]] Result<std::string> verified_payload(std::string_view jws, const std::string& public_pem);

}  // namespace bulkhead::lifecycle
