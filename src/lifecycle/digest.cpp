#include "lifecycle/digest.hpp"

#include <array>
#include <new>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "identity/base64url.hpp"

namespace bulkhead::lifecycle {
namespace {

constexpr std::string_view header = R"({"alg":"EdDSA","typ":"bulkhead-certificate"})";
constexpr std::size_t signature_size = 64;

struct FreeBio {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// A protected key asks for a password on the terminal unless somebody answers.
int no_password(char*, int, int, void*) {
  return 0;
}

std::string content_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

Error failed(const char* what) {
  return Error(Errc::internal, std::string("OpenSSL failed to ") + what);
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const noexcept {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
}

void Sha256::update(std::string_view piece) {
  EVP_DigestUpdate(context_.get(), piece.data(), piece.size());
}

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  EVP_DigestFinal_ex(context_.get(), hash.data(), &size);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    out += digits[hash[i] >> 4];
    out += digits[hash[i] & 15];
  }
  return out;
}

void SigningKey::Free::operator()(evp_pkey_st* key) const noexcept {
  EVP_PKEY_free(key);
}

Result<SigningKey> SigningKey::generate() {
  Handle key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!key) return failed("make a key");
  return SigningKey(std::move(key));
}

Result<SigningKey> SigningKey::from_pem(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Handle key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr) : nullptr);
  if (!key || EVP_PKEY_is_a(key.get(), "ED25519") != 1)
    return Error(Errc::config_invalid, "the installation's signing key in the catalog is damaged")
        .hint("restore catalog.credential from a backup");
  return SigningKey(std::move(key));
}

Result<std::string> SigningKey::private_pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return failed("write a key");
  return content_of(bio.get());
}

Result<std::string> SigningKey::public_pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_PUBKEY(bio.get(), key_.get()) != 1) return failed("write a key");
  return content_of(bio.get());
}

Result<std::string> SigningKey::sign(std::string_view payload) const {
  std::string out = identity::encode_base64url(header) + "." + identity::encode_base64url(payload);
  std::array<unsigned char, signature_size> signature{};
  std::size_t size = signature.size();
  const Context context(EVP_MD_CTX_new());
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, bytes_of(out), out.size()) != 1)
    return failed("sign");
  return out + "." +
         identity::encode_base64url(std::string_view(reinterpret_cast<char*>(signature.data()), size));
}

Result<std::string> verified_payload(std::string_view jws, const std::string& public_pem) {
  const Bio bio(BIO_new_mem_buf(public_pem.data(), static_cast<int>(public_pem.size())));
  const SigningKey::Handle key(bio ? PEM_read_bio_PUBKEY(bio.get(), nullptr, no_password, nullptr) : nullptr);
  if (!key || EVP_PKEY_is_a(key.get(), "ED25519") != 1)
    return Error(Errc::config_invalid, "this is no public Ed25519 key in PEM form");
  const auto first = jws.find('.');
  const auto second = jws.rfind('.');
  if (first == std::string_view::npos || second == first)
    return Error(Errc::token_malformed, "the signature is not a JWS of three parts");
  const auto head = identity::decode_base64url(jws.substr(0, first));
  auto payload = identity::decode_base64url(jws.substr(first + 1, second - first - 1));
  const auto signature = identity::decode_base64url(jws.substr(second + 1));
  // One algorithm and one kind of statement: what else the header might say is not ours.
  if (!head || *head != header || !payload || !signature || signature->size() != signature_size)
    return Error(Errc::token_malformed, "the signature is not a JWS of this installation's kind");
  const Context context(EVP_MD_CTX_new());
  if (!context || EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1)
    return failed("check a signature");
  if (EVP_DigestVerify(context.get(), bytes_of(*signature), signature->size(), bytes_of(jws), second) != 1)
    return Error(Errc::token_signature,
                 "the signature does not fit: the statement was changed, or another key signed it");
  return std::move(*payload);
}

}  // namespace bulkhead::lifecycle
