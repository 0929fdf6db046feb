#include "conformance/tokens/corpus.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "base/config.hpp"
#include "identity/base64url.hpp"

namespace bulkhead::identity::conformance {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

/// A function: the corpus is read before main, when tests are named.
fs::path folder() {
  return fs::path(BULKHEAD_SOURCE_DIR) / "tests/conformance/tokens";
}

std::string read(const fs::path& file) {
  std::ifstream in(folder() / file, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + (folder() / file).string());
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string text_in(const json::object& object, std::string_view name, std::string fallback = "") {
  const json::value* found = object.if_contains(name);
  return found != nullptr ? std::string(found->as_string()) : std::move(fallback);
}

/// `[from, to]`: the first `from` of the text becomes `to`. A case that changes nothing is a mistake.
void edit(std::string& text, const json::object& changes, std::string_view name) {
  const json::value* change = changes.if_contains(name);
  if (change == nullptr) return;
  const std::string from(change->as_array().at(0).as_string()), to(change->as_array().at(1).as_string());
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::runtime_error("nothing to edit: " + from);
  text.replace(at, from.size(), to);
}

/// The public key as a file, which an attacker would take for the secret of an HMAC (RFC 8725 section 2.1).
std::string public_pem(const SigningKey& issuer) {
  const std::string pem = issuer.private_pem().value();
  std::unique_ptr<BIO, decltype(&BIO_free)> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                               BIO_free);
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_PUBKEY(out.get(), key.get());
  char* data = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

std::string hmac(const std::string& secret, const std::string& input) {
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(input.data()), input.size(), mac, &size);
  return std::string(reinterpret_cast<const char*>(mac), size);
}

/// The same r and s as other protocols write them.
std::string der(const std::string& raw) {
  std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> signature(ECDSA_SIG_new(), ECDSA_SIG_free);
  const auto* bytes = reinterpret_cast<const unsigned char*>(raw.data());
  ECDSA_SIG_set0(signature.get(), BN_bin2bn(bytes, 32, nullptr), BN_bin2bn(bytes + 32, 32, nullptr));
  unsigned char* data = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &data);
  std::string copy(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  OPENSSL_free(data);
  return copy;
}

/// As an issuer's section names it, or a text that is nobody's.
std::string secret(const std::string& name) {
  const char* known = std::getenv(("CORPUS_" + name).c_str());
  return known != nullptr ? known : name;
}

std::string signature_part(const std::string& token) {
  return token.substr(token.rfind('.') + 1);
}

/// `text` of a case: something done to the finished token.
std::string altered(std::string token, const json::array& how) {
  const std::string_view what = how.at(0).as_string();
  const std::string with(how.at(1).as_string());
  const std::size_t dot = token.rfind('.');
  if (what == "append") return token + with;
  if (what == "prepend") return with + token;
  if (what == "cut") return token.substr(0, token.size() - std::stoul(with));
  if (what == "no-signature-part") return token.substr(0, dot);
  if (what == "double-signature") return token + token.substr(dot + 1);
  if (what == "bump-last") {
    token.back() = static_cast<char>(token.back() + 1);
    return token;
  }
  if (what == "standard-alphabet") {
    std::replace(token.begin() + static_cast<std::ptrdiff_t>(dot), token.end(), '-', '+');
    std::replace(token.begin() + static_cast<std::ptrdiff_t>(dot), token.end(), '_', '/');
    return token;
  }
  throw std::runtime_error("no such alteration: " + std::string(what));
}

void change(json::object& object, const json::object& changes, std::string_view set, std::string_view unset) {
  if (const json::value* names = changes.if_contains(unset))
    for (const json::value& name : names->as_array()) {
      if (object.erase(name.as_string()) == 0) throw std::runtime_error("nothing to take out");
    }
  if (const json::value* members = changes.if_contains(set))
    for (const auto& member : members->as_object()) object[member.key()] = member.value();
}

}  // namespace

Corpus::Corpus() {
  for (const auto& file : fs::directory_iterator(folder() / "shapes"))
    shapes_[file.path().stem().string()] = json::parse(read(file.path())).as_object();
  const json::value keys = json::parse(read("keys.json"));
  published_ = keys.at("published").as_object();
  for (const auto& secret : keys.at("secrets").as_object())
    setenv(("CORPUS_" + std::string(secret.key())).c_str(), secret.value().as_string().c_str(), 1);
  const AppConfig config = parse_app_config(read("issuers.toml"), "issuers.toml").value();
  issuers_ = settings_of(config.identity);
  for (IssuerSettings& issuer : issuers_)
    if (issuer.secret.empty()) issuer.static_jwks = published(issuer.name);
  const json::value cases = json::parse(read("cases.json"));
  for (const json::value& entry : cases.as_array()) {
    const json::object& one = entry.as_object();
    try {
      cases_.push_back({text_in(one, "name"), text_in(one, "why"), token_of(one), one.at("expect")});
    } catch (const std::exception& error) {
      throw std::runtime_error(text_in(one, "name") + ": " + error.what());
    }
  }
}

const SigningKey& Corpus::key(const std::string& name) {
  auto found = keys_.find(name);
  if (found == keys_.end())
    found = keys_.emplace(name, SigningKey::from_pem(read(fs::path("keys") / (name + ".pem"))).value()).first;
  return found->second;
}

std::string Corpus::published(const std::string& issuer) {
  const json::value* names = published_.if_contains(issuer);
  json::array keys;
  for (const json::value& name : (names != nullptr ? *names : published_.at("")).as_array())
    keys.push_back(key(std::string(name.as_string())).jwk());
  return json::serialize(json::object{{"keys", keys}});
}

json::value Corpus::filled_in(const json::value& value, const SigningKey& named) {
  if (value.is_array()) {
    json::array filled;
    for (const json::value& entry : value.get_array()) filled.push_back(filled_in(entry, named));
    return filled;
  }
  if (!value.is_string()) return value;
  std::string text(value.get_string());
  if (text.starts_with("$jwk:")) return key(text.substr(5)).jwk();
  if (text.starts_with("$kid:")) return json::value(key(text.substr(5)).kid());
  if (text.starts_with("$kid")) text.replace(0, 4, named.kid());
  return json::value(text);
}

std::string Corpus::signature(const std::string& how, const std::string& input, const SigningKey& signer,
                              const std::string& original) {
  if (how == "none") return "";
  if (how == "of-original") return signature_part(original);
  if (how == "hmac-pem") return encode_base64url(hmac(public_pem(signer), input));
  if (how == "hmac-jwks") return encode_base64url(hmac(published(""), input));
  if (how.starts_with("secret:")) return encode_base64url(hmac(secret(how.substr(7)), input));
  if (how.starts_with("short-secret:")) {
    const std::string mac = hmac(secret(how.substr(13)), input);
    return encode_base64url(mac.substr(0, mac.size() - 1));
  }
  if (how.starts_with("zeros:")) return encode_base64url(std::string(std::stoul(how.substr(6)), '\0'));
  const std::size_t dot = input.find('.');
  const std::string good = signature_part(signer
                                              .sign(decode_base64url(input.substr(0, dot)).value(),
                                                    decode_base64url(input.substr(dot + 1)).value())
                                              .value());
  const std::string raw = decode_base64url(good).value();
  if (how == "der") return encode_base64url(der(raw));
  if (how == "zero-r") return encode_base64url(std::string(32, '\0') + raw.substr(32));
  if (how == "short") return encode_base64url(raw.substr(0, raw.size() - 1));
  if (how == "long") return encode_base64url(raw + '\0');
  if (how != "good") throw std::runtime_error("no such signature: " + how);
  return good;
}

std::string Corpus::compact(const json::object& changes, const json::object& shape) {
  const SigningKey& named = key(text_in(changes, "key", text_in(shape, "key")));
  json::object header = shape.at("header").as_object(), payload = shape.at("payload").as_object();
  change(header, changes, "header", "header_unset");
  change(payload, changes, "set", "unset");
  for (auto& member : header) member.value() = filled_in(member.value(), named);
  std::string header_text = text_in(changes, "header_text", json::serialize(header));
  std::string payload_text = text_in(changes, "payload_text", json::serialize(payload));
  edit(header_text, changes, "header_edit");
  edit(payload_text, changes, "payload_edit");
  const std::string input = encode_base64url(header_text) + "." + encode_base64url(payload_text);
  const bool first = !changes.empty();
  const std::string signer = text_in(changes, "signed_by");
  return input + "." +
         signature(text_in(changes, "signature", text_in(shape, "signature", "good")), input,
                   signer.empty() ? named : key(signer),
                   first ? compact(json::object(), shape) : std::string());
}

std::string Corpus::token_of(const json::object& changes) {
  if (const json::value* literal = changes.if_contains("token")) return std::string(literal->as_string());
  auto shape = shapes_.find(text_in(changes, "of"));
  if (shape == shapes_.end()) throw std::runtime_error("no such shape");
  std::string token = compact(changes, shape->second);
  if (const json::value* how = changes.if_contains("text")) return altered(std::move(token), how->as_array());
  return token;
}

}  // namespace bulkhead::identity::conformance
