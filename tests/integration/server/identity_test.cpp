#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "identity/base64url.hpp"
#include "runtime/dev_identity.hpp"
#include "shops.hpp"

/// Tokens that must not be believed.
namespace bulkhead::test {
namespace {

using boost::json::object;
using identity::encode_base64url;

constexpr const char* artists = "/rest/v1/artist?limit=1";

std::int64_t now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// The public key in the form that an attacker would take as an HMAC secret (RFC 8725 section 2.1).
std::string public_pem(const identity::SigningKey& issuer) {
  std::string pem = must(issuer.private_pem());
  std::unique_ptr<BIO, decltype(&BIO_free)> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                               BIO_free);
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_PUBKEY(out.get(), key.get());
  char* data = nullptr;
  auto size = BIO_get_mem_data(out.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

std::string hs256(const std::string& secret, const std::string& signed_text) {
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(signed_text.data()), signed_text.size(), mac, &size);
  return std::string(reinterpret_cast<const char*>(mac), size);
}

class IdentityTest : public ShopsTest {
 protected:
  static object header() { return {{"alg", "RS256"}, {"typ", "JWT"}, {"kid", server().issuer().kid()}}; }
  static object payload() {
    return {{"iss", server().issuer_url()},
            {"aud", runtime::dev_audience},
            {"sub", "ann"},
            {"tenant", "acme"},
            {"iat", now()},
            {"exp", now() + 3600}};
  }
  static std::string signed_token(const object& head, const object& body) {
    return must(server().issuer().sign(serialize(head), serialize(body)));
  }
  template <class T>
  static object with(object base, const char* name, const T& value) {
    base[name] = value;
    return base;
  }
  static object without(object base, const char* name) {
    base.erase(name);
    return base;
  }
  /// Refused with this code; the answer holds nothing of the tenant, the token or the keys.
  static void expect_refused(const std::string& token, const std::string& code) {
    Reply reply = Caller(server(), token).get(artists);
    EXPECT_EQ(reply.status, 401u) << reply.body;
    EXPECT_EQ(reply.reason, "Unauthorized");
    EXPECT_EQ(code_of(reply), code) << reply.body;
    EXPECT_EQ(reply.header("content-type"), "application/problem+json");
    EXPECT_EQ(reply.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    EXPECT_EQ(told_to_acme(reply, shops()), "");
    EXPECT_EQ(reply.body.find(token), std::string::npos);
    EXPECT_EQ(reply.body.find("acme"), std::string::npos) << reply.body;
  }
  void SetUp() override { static_cast<void>(server().token("acme", "ann", "member")); }
};

TEST_F(IdentityTest, TheHandMadeTokenIsGood) {
  // So that the refusals below are for the one thing that each changes.
  EXPECT_EQ(Caller(server(), signed_token(header(), payload())).get(artists).status, 200u);
}

TEST_F(IdentityTest, NoTokenIsToldWhatIsWanted) {
  for (const Headers& headers : {Headers{}, Headers{{"Authorization", "Basic YW5uOmFubg=="}}}) {
    Reply reply = Caller(server(), "", headers).get(artists, {{"X-Tenant-ID", "acme"}});
    EXPECT_EQ(reply.status, 401u);
    EXPECT_EQ(code_of(reply), "BLK300");
    EXPECT_EQ(reply.header("www-authenticate"), "Bearer");
  }
}

TEST_F(IdentityTest, WhatIsNoTokenIsRefused) {
  for (const char* text : {"x", "a.b", "a.b.c", "....", "eyJ.eyJ.sig"}) expect_refused(text, "BLK301");
  Reply twice =
      Caller(server(), signed_token(header(), payload())).get(artists, {{"Authorization", "Bearer x"}});
  EXPECT_EQ(twice.status, 400u);
}

TEST_F(IdentityTest, TimesCount) {
  expect_refused(signed_token(header(), with(payload(), "exp", now() - 61)), "BLK306");
  expect_refused(signed_token(header(), with(payload(), "nbf", now() + 120)), "BLK306");
  EXPECT_EQ(Caller(server(), signed_token(header(), without(payload(), "exp"))).get(artists).status, 401u);
}

TEST_F(IdentityTest, AGoodTokenThatExpiresIsRefusedFromThenOn) {
  // Sixty seconds of leeway are forgiven: this one has a second or two left.
  std::string token = signed_token(header(), with(payload(), "exp", now() - 58));
  Caller caller(server(), token);
  ASSERT_EQ(caller.get(artists).status, 200u);
  EXPECT_TRUE(eventually([&] { return caller.get(artists).status == 401; }))
      << "a cached token must expire, too";
}

TEST_F(IdentityTest, IssuerAndAudienceCount) {
  expect_refused(signed_token(header(), with(payload(), "iss", "https://elsewhere.example")), "BLK304");
  expect_refused(signed_token(header(), with(payload(), "iss", server().issuer_url() + "/")), "BLK304");
  expect_refused(signed_token(header(), with(payload(), "aud", "another-api")), "BLK305");
  expect_refused(signed_token(header(), with(payload(), "aud", boost::json::array{"x", "y"})), "BLK305");
}

TEST_F(IdentityTest, AlgorithmsOtherThanTheKeysAreRefused) {
  std::string body = encode_base64url(serialize(payload()));
  for (const char* none : {"none", "None", "NONE", "nOnE"}) {
    std::string head = encode_base64url(serialize(with(header(), "alg", none)));
    Reply reply = Caller(server(), head + "." + body + ".").get(artists);
    EXPECT_EQ(reply.status, 401u) << none;
    expect_refused(head + "." + body + ".AA", "BLK302");
  }
  std::string head = encode_base64url(serialize(with(header(), "alg", "HS256")));
  for (const std::string& secret : {public_pem(server().issuer()), server().issuer().jwks(),
                                    boost::json::serialize(server().issuer().jwk())})
    expect_refused(head + "." + body + "." + encode_base64url(hs256(secret, head + "." + body)), "BLK302");
  for (const char* alg : {"RS512", "PS256", "ES256", "EdDSA"})
    EXPECT_EQ(Caller(server(), signed_token(with(header(), "alg", alg), payload())).get(artists).status, 401u)
        << alg;
}

TEST_F(IdentityTest, SignaturesCount) {
  std::string good = signed_token(header(), payload());
  std::string signature = good.substr(good.rfind('.') + 1);
  // Another payload under a good signature.
  std::string other = good.substr(0, good.find('.')) + "." +
                      encode_base64url(serialize(with(payload(), "sub", "gus"))) + "." + signature;
  expect_refused(other, "BLK303");
  std::string flipped = good;
  char& c = flipped[good.rfind('.') + 10];
  c = c == 'A' ? 'B' : 'A';
  expect_refused(flipped, "BLK303");
  // Another key under the known key's id, and under its own.
  static const identity::SigningKey imposter = must(identity::SigningKey::generate());
  expect_refused(must(imposter.sign(serialize(header()), serialize(payload()))), "BLK303");
  expect_refused(must(imposter.sign(serialize(with(header(), "kid", imposter.kid())), serialize(payload()))),
                 "BLK307");
  // A key that the token brings along is no key.
  object own = with(with(header(), "kid", imposter.kid()), "jwk", imposter.jwk());
  EXPECT_EQ(Caller(server(), must(imposter.sign(serialize(own), serialize(payload())))).get(artists).status,
            401u);
}

TEST_F(IdentityTest, TheRoleIsTheCatalogsNotTheTokens) {
  static_cast<void>(server().token("acme", "wisher", "viewer"));
  object claims = with(with(payload(), "sub", "wisher"), "role", "owner");
  claims["roles"] = boost::json::array{"owner", "app_owner"};
  Caller caller(server(), signed_token(header(), claims));
  EXPECT_EQ(caller.get(artists).status, 200u);
  EXPECT_EQ(caller.post("/rest/v1/artist", R"({"name":"x"})").status, 403u);
}

}  // namespace
}  // namespace bulkhead::test
