#include "identity/signing_key.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <bulkhead/uuid.hpp>

#include "identity/base64url.hpp"

namespace bulkhead::identity {
namespace {

struct BioFree {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
  void operator()(BIGNUM* number) const noexcept { BN_free(number); }
  void operator()(ECDSA_SIG* signature) const noexcept { ECDSA_SIG_free(signature); }
};
using Bio = std::unique_ptr<BIO, BioFree>;
using Number = std::unique_ptr<BIGNUM, BioFree>;
using EcSignature = std::unique_ptr<ECDSA_SIG, BioFree>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, KeyFree>;

constexpr std::size_t p256_bytes = 32;

Error crypto_failed(const char* what) {
  ERR_clear_error();
  return Error(Errc::environment, std::string("OpenSSL could not ") + what);
}

/// A number parameter of the key, big-endian, at least `width` bytes; empty when the key has none.
std::string number_param(EVP_PKEY* key, const char* name, int width = 0) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) return {};
  Number number(raw);
  std::string bytes(static_cast<std::size_t>(std::max(BN_num_bytes(number.get()), width)), '\0');
  BN_bn2binpad(number.get(), reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  return bytes;
}

/// The members that identify the key, in the order of RFC 7638 section 3.3: lexicographic.
boost::json::object public_members(Algorithm algorithm, EVP_PKEY* key) {
  switch (algorithm) {
    case Algorithm::rs256:
      return {{"e", encode_base64url(number_param(key, OSSL_PKEY_PARAM_RSA_E))},
              {"kty", "RSA"},
              {"n", encode_base64url(number_param(key, OSSL_PKEY_PARAM_RSA_N))}};
    case Algorithm::es256:
      return {{"crv", "P-256"},
              {"kty", "EC"},
              {"x", encode_base64url(number_param(key, OSSL_PKEY_PARAM_EC_PUB_X, p256_bytes))},
              {"y", encode_base64url(number_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, p256_bytes))}};
    case Algorithm::eddsa: {
      std::array<unsigned char, 32> raw{};
      std::size_t size = raw.size();
      EVP_PKEY_get_raw_public_key(key, raw.data(), &size);
      return {{"crv", "Ed25519"},
              {"kty", "OKP"},
              {"x", encode_base64url({reinterpret_cast<const char*>(raw.data()), raw.size()})}};
    }
    case Algorithm::hs256:  // a secret has no public half
      break;
  }
  return {};
}

std::string sha256(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), hash.data(), &size, EVP_sha256(), nullptr);
  return {reinterpret_cast<const char*>(hash.data()), size};
}

/// OpenSSL's DER as RFC 7518 section 3.4 wants it: r and s, 32 bytes each. Empty on failure.
std::string raw_signature(std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  EcSignature signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  if (!signature) return {};
  std::string raw(2 * p256_bytes, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out, p256_bytes);
  BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out + p256_bytes, p256_bytes);
  return raw;
}

std::int64_t unix_seconds(std::chrono::system_clock::time_point when) {
  return std::chrono::duration_cast<std::chrono::seconds>(when.time_since_epoch()).count();
}

}  // namespace

Result<SigningKey> SigningKey::adopt(KeyHandle key) {
  Algorithm algorithm = Algorithm::rs256;
  std::array<char, 64> group{};
  if (EVP_PKEY_is_a(key.get(), "ED25519") == 1) {
    algorithm = Algorithm::eddsa;
  } else if (EVP_PKEY_is_a(key.get(), "EC") == 1 &&
             EVP_PKEY_get_group_name(key.get(), group.data(), group.size(), nullptr) == 1 &&
             std::string_view(group.data()) == "prime256v1") {
    algorithm = Algorithm::es256;
  } else if (EVP_PKEY_is_a(key.get(), "RSA") != 1 || EVP_PKEY_get_bits(key.get()) < 2048) {
    return Error(Errc::config_invalid,
                 "the signing key is none of RSA (2048 bits or more), P-256 and Ed25519");
  }
  SigningKey issuer(algorithm, std::move(key));
  boost::json::object members = public_members(algorithm, issuer.key_.get());
  issuer.kid_ = encode_base64url(sha256(boost::json::serialize(members)));
  members["kid"] = issuer.kid_;
  members["use"] = "sig";
  members["alg"] = algorithm_name(algorithm);
  issuer.jwk_ = std::move(members);
  return issuer;
}

Result<SigningKey> SigningKey::generate(Algorithm algorithm) {
  EVP_PKEY* key = nullptr;
  switch (algorithm) {
    case Algorithm::rs256:
      key = EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048});
      break;
    case Algorithm::es256:
      key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
      break;
    case Algorithm::eddsa:
      key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
      break;
    case Algorithm::hs256:
      break;
  }
  if (key == nullptr) return crypto_failed("make a signing key");
  return adopt(KeyHandle(key));
}

Result<SigningKey> SigningKey::from_pem(std::string_view pem) {
  Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // Without this, OpenSSL would ask for an encrypted key's password on the terminal.
  auto no_password = [](char*, int, int, void*) { return -1; };
  EVP_PKEY* key = bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr) : nullptr;
  ERR_clear_error();
  if (key == nullptr)
    return Error(Errc::config_invalid, "the signing key is not a private key in PEM")
        .hint("It must be PKCS#8 without a password.");
  return adopt(KeyHandle(key));
}

Result<std::string> SigningKey::private_pem() const {
  Bio bio(BIO_new(BIO_s_secmem()));
  if (!bio ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return crypto_failed("write the signing key");
  char* text = nullptr;
  long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

std::string SigningKey::jwks() const {
  boost::json::object set;
  set["keys"] = boost::json::array{jwk_};
  return boost::json::serialize(set);
}

std::string SigningKey::discovery(std::string_view issuer, const boost::json::object& more) const {
  std::string base(issuer);
  while (base.ends_with('/')) base.pop_back();
  boost::json::object document{
      {"issuer", issuer},
      {"jwks_uri", base + "/jwks.json"},
      {"response_types_supported", boost::json::array{"none"}},
      {"subject_types_supported", boost::json::array{"public"}},
      {"id_token_signing_alg_values_supported", boost::json::array{algorithm_name(algorithm_)}}};
  for (const auto& member : more) document[member.key()] = member.value();
  return boost::json::serialize(document);
}

Result<std::string> SigningKey::mint(const MintRequest& request) const {
  boost::json::object header{{"alg", algorithm_name(algorithm_)}, {"typ", "JWT"}, {"kid", kid_}};
  boost::json::object payload{{"iss", request.issuer},
                              {"aud", request.audience},
                              {"sub", request.subject},
                              {"iat", unix_seconds(request.issued_at)},
                              {"exp", unix_seconds(request.issued_at + request.lifetime)},
                              {"jti", Uuid::random().text()}};
  if (!request.tenant.empty()) payload["tenant"] = request.tenant;
  if (!request.name.empty()) payload["name"] = request.name;
  for (const auto& claim : request.extra) payload[claim.key()] = claim.value();
  return sign(boost::json::serialize(header), boost::json::serialize(payload));
}

Result<std::string> SigningKey::sign(std::string_view header_json, std::string_view payload_json) const {
  std::string token = encode_base64url(header_json) + "." + encode_base64url(payload_json);
  DigestContext context(EVP_MD_CTX_new());
  const EVP_MD* digest = algorithm_ == Algorithm::eddsa ? nullptr : EVP_sha256();
  std::size_t size = 0;
  const auto* input = reinterpret_cast<const unsigned char*>(token.data());
  if (!context || EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, input, token.size()) != 1)
    return crypto_failed("sign a token");
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, input,
                     token.size()) != 1)
    return crypto_failed("sign a token");
  signature.resize(size);
  if (algorithm_ == Algorithm::es256) signature = raw_signature(signature);
  if (signature.empty()) return crypto_failed("sign a token");
  return token + "." + encode_base64url(signature);
}

}  // namespace bulkhead::identity
