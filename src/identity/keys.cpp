#include "identity/keys.hpp"

#include <algorithm>
#include <array>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "base/json.hpp"
#include "identity/base64url.hpp"

namespace bulkhead::identity {
namespace {

constexpr int rsa_bits_least = 2048;
/// A check's cost grows with the square of the size; 8192 bits take about 200 µs.
constexpr int rsa_bits_most = 8192;
constexpr std::size_t p256_bytes = 32;
constexpr std::size_t ed25519_bytes = 32;

struct ParamFree {
  void operator()(OSSL_PARAM_BLD* builder) const noexcept { OSSL_PARAM_BLD_free(builder); }
  void operator()(OSSL_PARAM* params) const noexcept { OSSL_PARAM_free(params); }
  void operator()(BIGNUM* number) const noexcept { BN_free(number); }
  void operator()(ECDSA_SIG* signature) const noexcept { ECDSA_SIG_free(signature); }
};
template <class T>
using Owned = std::unique_ptr<T, ParamFree>;
using Context = std::unique_ptr<EVP_PKEY_CTX, KeyFree>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Owned<BIGNUM> number(std::string_view bytes) {
  return Owned<BIGNUM>(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
}

KeyHandle from_params(const char* type, OSSL_PARAM_BLD* builder) {
  Owned<OSSL_PARAM> params(OSSL_PARAM_BLD_to_param(builder));
  Context context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    return nullptr;
  return KeyHandle(key);
}

KeyHandle rsa_key(std::string_view modulus, std::string_view exponent) {
  Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  Owned<BIGNUM> n = number(modulus), e = number(exponent);
  if (!builder || !n || !e || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
    return nullptr;
  return from_params("RSA", builder.get());
}

KeyHandle p256_key(std::string_view x, std::string_view y) {
  std::string point = "\x04";  // uncompressed, SEC 1 section 2.3.3
  point.append(x).append(y);
  Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) !=
          1)
    return nullptr;
  KeyHandle key = from_params("EC", builder.get());
  if (!key) return nullptr;
  // A point that is not on the curve would make the arithmetic meaningless.
  Context context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  return context && EVP_PKEY_public_check(context.get()) == 1 ? std::move(key) : nullptr;
}

/// A member that must be a string if it is there; absent is an empty optional.
Result<std::optional<std::string>> text_member(const boost::json::object& jwk, std::string_view name) {
  const auto* value = jwk.if_contains(name);
  if (value == nullptr) return std::optional<std::string>();
  if (!value->is_string())
    return Error(Errc::upstream_failed, "a key's \"" + std::string(name) + "\" is not a string");
  return std::optional<std::string>(std::string(value->get_string()));
}

Result<std::string> bytes_member(const boost::json::object& jwk, std::string_view name) {
  BULKHEAD_TRY(std::optional<std::string> text, text_member(jwk, name));
  std::optional<std::string> bytes = text ? decode_base64url(*text) : std::nullopt;
  if (!bytes || bytes->empty())
    return Error(Errc::upstream_failed, "a key's \"" + std::string(name) + "\" is missing or not base64url");
  return std::move(*bytes);
}

/// Whether `use`, `key_ops` and the absence of private members let us verify with it (RFC 7517 sections 4.2
/// and 4.3).
Result<bool> meant_for_verifying(const boost::json::object& jwk) {
  BULKHEAD_TRY(std::optional<std::string> use, text_member(jwk, "use"));
  if (use && *use != "sig") return false;
  if (const auto* operations = jwk.if_contains("key_ops")) {
    if (!operations->is_array()) return Error(Errc::upstream_failed, "a key's \"key_ops\" is not a list");
    const auto& list = operations->get_array();
    bool verifies = std::any_of(list.begin(), list.end(), [](const auto& entry) {
      return entry.is_string() && entry.get_string() == "verify";
    });
    if (!verifies) return false;
  }
  // A published private key is everybody's key.
  return jwk.if_contains("d") == nullptr && jwk.if_contains("k") == nullptr;
}

std::optional<Algorithm> algorithm_of(std::string_view type, std::string_view curve) {
  if (type == "RSA") return Algorithm::rs256;
  if (type == "EC" && curve == "P-256") return Algorithm::es256;
  if (type == "OKP" && curve == "Ed25519") return Algorithm::eddsa;
  return std::nullopt;
}

/// nullptr: sound, but of a strength we do not use.
Result<KeyHandle> key_material(const boost::json::object& jwk, Algorithm algorithm) {
  Error broken(Errc::upstream_failed, "a key's material is broken");
  switch (algorithm) {
    case Algorithm::rs256: {
      BULKHEAD_TRY(std::string n, bytes_member(jwk, "n"));
      BULKHEAD_TRY(std::string e, bytes_member(jwk, "e"));
      if (n.size() * 8 > std::size_t{rsa_bits_most} + 64 || e.size() > 8) return KeyHandle();
      KeyHandle key = rsa_key(n, e);
      if (!key) return broken;
      bool odd = (static_cast<unsigned char>(e.back()) & 1) == 1 && !(e.size() == 1 && e[0] == 1);
      if (!odd || (static_cast<unsigned char>(n.back()) & 1) == 0) return broken;
      int bits = EVP_PKEY_get_bits(key.get());
      return bits >= rsa_bits_least && bits <= rsa_bits_most ? std::move(key) : KeyHandle();
    }
    case Algorithm::es256: {
      BULKHEAD_TRY(std::string x, bytes_member(jwk, "x"));
      BULKHEAD_TRY(std::string y, bytes_member(jwk, "y"));
      if (x.size() != p256_bytes || y.size() != p256_bytes) return broken;
      KeyHandle key = p256_key(x, y);
      if (!key) return broken;
      return key;
    }
    case Algorithm::eddsa: {
      BULKHEAD_TRY(std::string x, bytes_member(jwk, "x"));
      if (x.size() != ed25519_bytes) return broken;
      KeyHandle key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(x), x.size()));
      if (!key) return broken;
      return key;
    }
    case Algorithm::hs256:  // no key set tells a secret
      break;
  }
  return broken;
}

/// nullptr: a key that is not ours to use. An error: a key that is broken.
Result<PublicKeyRef> parse_jwk(const boost::json::value& value) {
  if (!value.is_object()) return Error(Errc::upstream_failed, "a key of the key set is not an object");
  const auto& jwk = value.get_object();
  BULKHEAD_TRY(std::optional<std::string> type, text_member(jwk, "kty"));
  if (!type) return Error(Errc::upstream_failed, "a key of the key set has no \"kty\"");
  BULKHEAD_TRY(std::optional<std::string> curve, text_member(jwk, "crv"));
  BULKHEAD_TRY(std::optional<std::string> alg, text_member(jwk, "alg"));
  BULKHEAD_TRY(std::optional<std::string> kid, text_member(jwk, "kid"));
  BULKHEAD_TRY(bool ours, meant_for_verifying(jwk));
  std::optional<Algorithm> algorithm = algorithm_of(*type, curve.value_or(""));
  if (!ours || !algorithm || (alg && *alg != algorithm_name(*algorithm))) return PublicKeyRef();
  BULKHEAD_TRY(KeyHandle material, key_material(jwk, *algorithm));
  if (!material) return PublicKeyRef();
  return PublicKeyRef(std::make_shared<const PublicKey>(kid.value_or(""), *algorithm, std::move(material)));
}

/// OpenSSL wants DER; the token has r and s, 32 bytes each (RFC 7518 section 3.4). Empty when it cannot be
/// one.
std::string der_signature(std::string_view raw) {
  if (raw.size() != 2 * p256_bytes) return {};
  Owned<ECDSA_SIG> signature(ECDSA_SIG_new());
  Owned<BIGNUM> r = number(raw.substr(0, p256_bytes)), s = number(raw.substr(p256_bytes));
  if (!signature || !r || !s || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return {};
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  unsigned char* der = nullptr;
  int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return {};
  std::string copy(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return copy;
}

}  // namespace

void KeyFree::operator()(evp_pkey_st* key) const noexcept {
  EVP_PKEY_free(key);
}
void KeyFree::operator()(evp_pkey_ctx_st* context) const noexcept {
  EVP_PKEY_CTX_free(context);
}
void KeyFree::operator()(evp_md_st* digest) const noexcept {
  EVP_MD_free(digest);
}
void KeyFree::operator()(evp_md_ctx_st* context) const noexcept {
  EVP_MD_CTX_free(context);
}

std::string_view algorithm_name(Algorithm algorithm) noexcept {
  switch (algorithm) {
    case Algorithm::rs256:
      return "RS256";
    case Algorithm::es256:
      return "ES256";
    case Algorithm::eddsa:
      return "EdDSA";
    case Algorithm::hs256:
      return "HS256";
  }
  return "";
}

std::optional<Algorithm> parse_algorithm(std::string_view name) noexcept {
  if (name == "RS256") return Algorithm::rs256;
  if (name == "ES256") return Algorithm::es256;
  if (name == "EdDSA") return Algorithm::eddsa;
  if (name == "HS256") return Algorithm::hs256;
  return std::nullopt;
}

bool PublicKey::same_as(const PublicKey& other) const noexcept {
  return kid_ == other.kid_ && algorithm_ == other.algorithm_ && EVP_PKEY_eq(handle(), other.handle()) == 1;
}

PublicKeyRef KeySet::find(Algorithm algorithm, const std::optional<std::string>& kid) const noexcept {
  PublicKeyRef found;
  for (const auto& key : keys_) {
    if (key->algorithm() != algorithm) continue;
    if (kid && key->kid() != *kid && algorithm != Algorithm::hs256) continue;
    if (found) return nullptr;
    found = key;
  }
  return found;
}

KeySet KeySet::succeeding(const KeySet* before) && {
  if (before == nullptr) return std::move(*this);
  for (const auto& old : before->keys_) {
    auto same = std::find_if(keys_.begin(), keys_.end(), [&](const auto& key) { return key->same_as(*old); });
    if (same != keys_.end()) {
      *same = old;
    } else {
      old->withdraw();
    }
  }
  return std::move(*this);
}

Result<KeySet> parse_jwks(std::string_view document) {
  if (document.size() > jwks_size_limit)
    return Error(Errc::upstream_failed, "the key set is longer than 1 MB");
  JsonLimits limits;
  limits.refuse_duplicate_keys = true;
  BULKHEAD_TRY(boost::json::value root, parse_json(document, limits));
  const auto* object = root.if_object();
  const auto* list = object != nullptr ? object->if_contains("keys") : nullptr;
  if (list == nullptr || !list->is_array())
    return Error(Errc::upstream_failed, "the key set is not an object with a list \"keys\"");
  const auto& entries = list->get_array();
  if (entries.size() > jwks_key_limit)
    return Error(Errc::upstream_failed,
                 "the key set has more than " + std::to_string(jwks_key_limit) + " keys");
  std::vector<PublicKeyRef> keys;
  for (const auto& entry : entries) {
    auto parsed = parse_jwk(entry);
    if (!parsed || !*parsed) continue;
    PublicKeyRef key = std::move(*parsed);
    for (const auto& other : keys)
      if (!key->kid().empty() && other->kid() == key->kid() && other->algorithm() == key->algorithm())
        return Error(Errc::upstream_failed, "two keys of the key set have the same \"kid\"");
    keys.push_back(std::move(key));
  }
  return KeySet(std::move(keys));
}

Result<KeySet> secret_key(std::string_view secret) {
  if (secret.size() < secret_bytes_least)
    return Error(Errc::config_invalid, "the shared secret has " + std::to_string(secret.size()) +
                                           " bytes; at least " + std::to_string(secret_bytes_least) +
                                           " are needed")
        .hint("a shorter one can be guessed from one token: make another with `openssl rand -base64 48`");
  KeyHandle key(EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, nullptr, bytes_of(secret), secret.size()));
  if (!key) return Error(Errc::internal, "internal error").internal("OpenSSL makes no HMAC key");
  std::vector<PublicKeyRef> keys;
  keys.push_back(std::make_shared<const PublicKey>("", Algorithm::hs256, std::move(key)));
  return KeySet(std::move(keys));
}

SignatureChecker::SignatureChecker()
    : sha256_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), digest_(EVP_MD_CTX_new()) {}
SignatureChecker::~SignatureChecker() = default;

SignatureChecker::Prepared* SignatureChecker::prepared(const PublicKeyRef& key) {
  auto found = prepared_.find(key.get());
  if (found != prepared_.end()) return &found->second;
  // Keys come and go over weeks; those that are gone leave when there are many.
  constexpr std::size_t many = 256;
  if (prepared_.size() >= many) prepared_.clear();
  Context context(EVP_PKEY_CTX_new_from_pkey(nullptr, key->handle(), nullptr));
  if (!context || EVP_PKEY_verify_init(context.get()) != 1) return nullptr;
  if (key->algorithm() == Algorithm::rs256 &&
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1)
    return nullptr;
  if (EVP_PKEY_CTX_set_signature_md(context.get(), sha256_.get()) != 1) return nullptr;
  return &prepared_.emplace(key.get(), Prepared{key, std::move(context)}).first->second;
}

bool SignatureChecker::valid_mac(const PublicKey& key, std::string_view input, std::string_view mac) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> made{};
  std::size_t size = made.size();
  const bool done = EVP_DigestSignInit(digest_.get(), nullptr, sha256_.get(), nullptr, key.handle()) == 1 &&
                    EVP_DigestSign(digest_.get(), made.data(), &size, bytes_of(input), input.size()) == 1;
  EVP_MD_CTX_reset(digest_.get());
  // Its length is everybody's knowledge; what it is, is told by nothing, the time that this takes included.
  return done && mac.size() == size && CRYPTO_memcmp(made.data(), mac.data(), size) == 0;
}

bool SignatureChecker::valid(const PublicKeyRef& key, std::string_view input, std::string_view signature) {
  bool good = false;
  if (key->algorithm() == Algorithm::hs256) {
    good = valid_mac(*key, input, signature);
  } else if (key->algorithm() == Algorithm::eddsa) {
    // Ed25519 hashes the input itself, twice, so there is nothing to prepare.
    good = EVP_DigestVerifyInit(digest_.get(), nullptr, nullptr, nullptr, key->handle()) == 1 &&
           EVP_DigestVerify(digest_.get(), bytes_of(signature), signature.size(), bytes_of(input),
                            input.size()) == 1;
    EVP_MD_CTX_reset(digest_.get());  // else the next SHA-256 would go to this key's context
  } else {
    std::string der = key->algorithm() == Algorithm::es256 ? der_signature(signature) : std::string();
    if (key->algorithm() == Algorithm::es256) signature = der;
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
    unsigned size = 0;
    Prepared* with = prepared(key);
    good =
        with != nullptr && !signature.empty() &&
        EVP_DigestInit_ex2(digest_.get(), sha256_.get(), nullptr) == 1 &&
        EVP_DigestUpdate(digest_.get(), input.data(), input.size()) == 1 &&
        EVP_DigestFinal_ex(digest_.get(), hash.data(), &size) == 1 &&
        EVP_PKEY_verify(with->context.get(), bytes_of(signature), signature.size(), hash.data(), size) == 1;
  }
  // A wrong signature leaves reports in OpenSSL's queue of this thread, where TLS code would stumble over
  // them.
  if (!good) ERR_clear_error();
  return good;
}

}  // namespace bulkhead::identity
