#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <bulkhead/result.hpp>

struct evp_pkey_st;
struct evp_pkey_ctx_st;
struct evp_md_st;
struct evp_md_ctx_st;

namespace bulkhead::identity {

/// The signature algorithms that exist here (RFC 7518 section 3.1, RFC 8037). There is no other: a name that
/// is none of these is refused before any key is looked at, so `none` has no way in. A key checks one of them alone, and
/// hs256 is only ever a shared secret's (`secret_key`): a key set that was fetched holds none, so neither has HS256 with a
/// public key for its secret.
enum class Algorithm : std::uint8_t { rs256, es256, eddsa, hs256 };

[[nodiscard]] std::string_view algorithm_name(Algorithm algorithm) noexcept;
/// Exact, case-sensitive (RFC 7515 section 4.1.1).
[[nodiscard]] std::optional<Algorithm> parse_algorithm(std::string_view name) noexcept;

struct KeyFree {
  void operator()(evp_pkey_st* key) const noexcept;
  void operator()(evp_pkey_ctx_st* context) const noexcept;
  void operator()(evp_md_st* digest) const noexcept;
  void operator()(evp_md_ctx_st* context) const noexcept;
};
using KeyHandle = std::unique_ptr<evp_pkey_st, KeyFree>;

/// A key that checks signatures of exactly one algorithm: public, or (hs256) a shared secret. Shared by threads; only
/// `withdrawn` changes.
class PublicKey {
 public:
  PublicKey(std::string kid, Algorithm algorithm, KeyHandle key)
      : kid_(std::move(kid)), algorithm_(algorithm), key_(std::move(key)) {}

  [[nodiscard]] const std::string& kid() const noexcept { return kid_; }  ///< Empty: the JWK has none.
  [[nodiscard]] Algorithm algorithm() const noexcept { return algorithm_; }
  [[nodiscard]] evp_pkey_st* handle() const noexcept { return key_.get(); }
  /// The same key id, algorithm and key material.
  [[nodiscard]] bool same_as(const PublicKey& other) const noexcept;

  /// Set once, when the issuer's key set no longer holds the key: tokens it signed are no longer believed.
  [[nodiscard]] bool withdrawn() const noexcept { return withdrawn_.load(std::memory_order_relaxed); }
  void withdraw() const noexcept { withdrawn_.store(true, std::memory_order_relaxed); }

 private:
  std::string kid_;
  Algorithm algorithm_;
  KeyHandle key_;
  mutable std::atomic<bool> withdrawn_{false};
};
using PublicKeyRef = std::shared_ptr<const PublicKey>;

/// The usable keys of one issuer. Immutable, shared by threads.
class KeySet {
 public:
  explicit KeySet(std::vector<PublicKeyRef> keys) : keys_(std::move(keys)) {}

  /// The one key for a token of this algorithm. With a `kid`: the key of exactly this id. Without: the only
  /// key of the algorithm, when there is only one. A shared secret has no id, whatever the token calls it. nullptr otherwise.
  [[nodiscard]] PublicKeyRef find(Algorithm algorithm, const std::optional<std::string>& kid) const noexcept;
  [[nodiscard]] const std::vector<PublicKeyRef>& keys() const noexcept { return keys_; }

  /// This set, but with the objects of `before` for keys that both hold, so that cached tokens keep their
  /// key; keys that only `before` holds are withdrawn.
  [[nodiscard]] KeySet succeeding(const KeySet* before) &&;

 private:
  std::vector<PublicKeyRef> keys_;
};

/// A secret that is shorter can be guessed from one token (RFC 7518 section 3.2).
inline constexpr std::size_t secret_bytes_least = 32;
/// The one key of an issuer whose tokens are made with a shared secret. Error: `config_invalid` for one that is too short.
[[nodiscard]] Result<KeySet> secret_key(std::string_view secret);

inline constexpr std::size_t jwks_size_limit = 1'000'000;
inline constexpr std::size_t jwks_key_limit = 64;

/// A JWK set (RFC 7517 section 5). Keys that are not ours to use are passed over, as the RFC asks, so that
/// one odd key does not take the good ones away: broken ones, another `kty` or curve, RSA below 2048 or above
/// 8192 bits, `use` other than "sig", `key_ops` without "verify", an `alg` that does not fit the key, private
/// members. Refused as a whole: over the limits, broken JSON, names that occur twice, two usable keys with
/// one id and algorithm. May be without usable keys. Errors: `Errc::malformed_json` or
/// `Errc::upstream_failed`; they never quote the document.
[[nodiscard]] Result<KeySet> parse_jwks(std::string_view document);

/// Checks signatures and keeps OpenSSL's prepared contexts between calls (28 µs become 17 for RSA). One
/// thread at a time.
class SignatureChecker {
 public:
  SignatureChecker();
  SignatureChecker(const SignatureChecker&) = delete;
  SignatureChecker& operator=(const SignatureChecker&) = delete;
  ~SignatureChecker();

  /// Whether `signature` (as RFC 7518 and 8037 write it: ES256 is raw r and s) is `key`'s over `input`.
  /// Malformed signatures are false.
  [[nodiscard]] bool valid(const PublicKeyRef& key, std::string_view input, std::string_view signature);

 private:
  struct Prepared {
    PublicKeyRef key;  // keeps the address, which is the map's key, from being used again
    std::unique_ptr<evp_pkey_ctx_st, KeyFree> context;
  };
  Prepared* prepared(const PublicKeyRef& key);
  bool valid_mac(const PublicKey& key, std::string_view input, std::string_view mac);

  std::unique_ptr<evp_md_st, KeyFree> sha256_;
  std::unique_ptr<evp_md_ctx_st, KeyFree> digest_;
  std::unordered_map<const PublicKey*, Prepared> prepared_;
};

}  // namespace bulkhead::identity
