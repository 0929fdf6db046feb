#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "unit/identity/support.hpp"

namespace bulkhead::identity {
namespace {

using namespace testing;

std::string set_of(const boost::json::object& jwk) {
  return boost::json::serialize(boost::json::object{{"keys", boost::json::array{jwk}}});
}

template <class T>
boost::json::object changed(const SigningKey& issuer, std::string_view name, const T& value) {
  boost::json::object jwk = issuer.jwk();
  if constexpr (std::is_same_v<T, std::string>) {
    jwk[name] = std::string_view(value);
  } else {
    jwk[name] = value;
  }
  return jwk;
}

std::size_t usable(const boost::json::object& jwk) {
  auto keys = parse_jwks(set_of(jwk));
  EXPECT_TRUE(keys) << set_of(jwk);
  return keys ? keys->keys().size() : 99;
}

TEST(KeySet, TakesEachKind) {
  EXPECT_EQ(all_keys().keys().size(), 3U);
  for (const SigningKey* issuer : {&rsa(), &p256(), &ed25519()}) {
    PublicKeyRef key = all_keys().find(issuer->algorithm(), issuer->kid());
    ASSERT_TRUE(key);
    EXPECT_EQ(key->algorithm(), issuer->algorithm());
    EXPECT_EQ(key->kid(), issuer->kid());
  }
}

TEST(KeySet, PassesOverKeysThatAreNotForThis) {
  EXPECT_EQ(usable(rsa().jwk()), 1U);
  EXPECT_EQ(usable(changed(rsa(), "use", "enc")), 0U);
  EXPECT_EQ(usable(changed(rsa(), "alg", "RS384")), 0U);
  EXPECT_EQ(usable(changed(rsa(), "alg", "ES256")), 0U);
  EXPECT_EQ(usable(changed(rsa(), "alg", "HS256")), 0U);
  EXPECT_EQ(usable(changed(rsa(), "key_ops", boost::json::array{"sign"})), 0U);
  EXPECT_EQ(usable(changed(rsa(), "key_ops", boost::json::array{"sign", "verify"})), 1U);
  EXPECT_EQ(usable(changed(rsa(), "kty", "oct")), 0U);
  EXPECT_EQ(usable(changed(rsa(), "kty", "rsa")), 0U);
  EXPECT_EQ(usable(changed(rsa(), "d", "AQAB")), 0U) << "a published private key is everybody's";
  EXPECT_EQ(usable(changed(p256(), "crv", "P-384")), 0U);
  EXPECT_EQ(usable(changed(p256(), "crv", "secp256k1")), 0U);
  EXPECT_EQ(usable(changed(ed25519(), "crv", "X25519")), 0U);
  EXPECT_EQ(usable({{"kty", "oct"}, {"k", "c2VjcmV0"}, {"alg", "HS256"}}), 0U);
  EXPECT_EQ(usable({{"kty", "future"}, {"kid", "x"}}), 0U);
  boost::json::object bare = rsa().jwk();
  bare.erase("use");
  bare.erase("alg");
  bare.erase("kid");
  EXPECT_EQ(usable(bare), 1U);
}

TEST(KeySet, PassesOverBrokenKeys) {
  EXPECT_EQ(usable(changed(rsa(), "n", "***")), 0U);
  EXPECT_EQ(usable(changed(rsa(), "n", "")), 0U);
  EXPECT_EQ(usable(changed(rsa(), "n", 5)), 0U);
  EXPECT_EQ(usable(changed(rsa(), "e", "AQ")), 0U) << "exponent 1 lets everybody sign";
  EXPECT_EQ(usable(changed(rsa(), "e", "BA")), 0U) << "an even exponent";
  EXPECT_EQ(usable(changed(rsa(), "kid", 5)), 0U);
  EXPECT_EQ(usable(changed(rsa(), "key_ops", "verify")), 0U);
  EXPECT_EQ(usable(changed(p256(), "x", p256().jwk().at("y"))), 0U) << "a point that is not on the curve";
  EXPECT_EQ(usable(changed(p256(), "x", "AAAA")), 0U);
  EXPECT_EQ(usable(changed(ed25519(), "x", "AAAA")), 0U);
  EXPECT_EQ(usable({{"kid", "no kty"}}), 0U);
  // The good key beside a broken one stays.
  auto both = parse_jwks(boost::json::serialize(
      boost::json::object{{"keys", boost::json::array{1, changed(rsa(), "n", "***"), ed25519().jwk()}}}));
  ASSERT_TRUE(both);
  EXPECT_EQ(both->keys().size(), 1U);
}

TEST(KeySet, RefusesRsaKeysOfTheWrongSize) {
  auto modulus = [](std::size_t bytes) {
    std::string text(bytes * 4 / 3, 'A');
    text.front() = '_';
    text.back() = 'B';
    return text;
  };
  EXPECT_EQ(usable(changed(rsa(), "n", modulus(129))), 0U) << "1032 bits";
  EXPECT_EQ(usable(changed(rsa(), "n", modulus(255))), 0U) << "2040 bits";
  EXPECT_EQ(usable(changed(rsa(), "n", modulus(258))), 1U) << "2064 bits";
  EXPECT_EQ(usable(changed(rsa(), "n", modulus(1026))), 0U) << "8208 bits";
  EXPECT_EQ(usable(changed(rsa(), "n", modulus(12'000))), 0U);
}

TEST(KeySet, RefusesBrokenDocuments) {
  for (std::string bad :
       {"", "[]", "null", "{}", R"({"keys":{}})", R"({"keys":null})", R"({"keys":[],"keys":[]})",
        R"({"keys":[]}x)", R"({"keys":[{"kty":"RSA","kty":"EC"}]})"})
    EXPECT_TRUE(parse_jwks(bad).has_error()) << bad;
  EXPECT_EQ(parse_jwks(R"({"keys":[]})")->keys().size(), 0U);
  EXPECT_TRUE(parse_jwks("{\"keys\":" + std::string(10'000, '[')).has_error());
}

TEST(KeySet, IsBounded) {
  auto many = [](std::size_t count) {
    boost::json::array keys;
    for (std::size_t i = 0; i < count; ++i) keys.push_back(changed(ed25519(), "kid", std::to_string(i)));
    return boost::json::serialize(boost::json::object{{"keys", keys}});
  };
  EXPECT_EQ(parse_jwks(many(64))->keys().size(), 64U);
  EXPECT_TRUE(parse_jwks(many(65)).has_error());
  std::string padded = R"({"keys":[],"pad":")" + std::string(jwks_size_limit, 'p') + "\"}";
  EXPECT_TRUE(parse_jwks(padded).has_error());
}

TEST(KeySet, RefusesOneIdForTwoKeysOfAKind) {
  static const SigningKey second = SigningKey::generate(Algorithm::es256).value();
  auto both = [](const boost::json::object& a, const boost::json::object& b) {
    return parse_jwks(boost::json::serialize(boost::json::object{{"keys", boost::json::array{a, b}}}));
  };
  EXPECT_TRUE(both(changed(p256(), "kid", "1"), changed(second, "kid", "1")).has_error());
  auto kinds = both(changed(p256(), "kid", "1"), changed(rsa(), "kid", "1"));
  ASSERT_TRUE(kinds) << "equivalent keys of two kinds may share an id (RFC 7517 section 4.5)";
  EXPECT_EQ(kinds->find(Algorithm::es256, "1")->algorithm(), Algorithm::es256);
  EXPECT_EQ(kinds->find(Algorithm::rs256, "1")->algorithm(), Algorithm::rs256);
}

TEST(KeySet, SuccessorKeepsKeysAndWithdrawsTheRest) {
  KeySet before = parse_jwks(jwks({&rsa(), &p256()})).value();
  PublicKeyRef kept = before.find(Algorithm::rs256, rsa().kid());
  PublicKeyRef gone = before.find(Algorithm::es256, p256().kid());
  KeySet after = parse_jwks(jwks({&rsa(), &ed25519()})).value().succeeding(&before);
  EXPECT_EQ(after.find(Algorithm::rs256, rsa().kid()), kept) << "the same object";
  EXPECT_FALSE(kept->withdrawn());
  EXPECT_TRUE(gone->withdrawn());
  EXPECT_EQ(after.keys().size(), 2U);
  // The same id with other key material is another key.
  static const SigningKey second = SigningKey::generate(Algorithm::eddsa).value();
  PublicKeyRef replaced = after.find(Algorithm::eddsa, ed25519().kid());
  KeySet last = parse_jwks(set_of(changed(second, "kid", ed25519().kid()))).value().succeeding(&after);
  EXPECT_TRUE(replaced->withdrawn());
  EXPECT_FALSE(last.keys()[0]->withdrawn());
}

TEST(SignatureChecker, UsesOneContextForManyChecks) {
  SignatureChecker checker;
  for (int round = 0; round < 3; ++round) {
    for (const SigningKey* issuer : {&rsa(), &ed25519(), &p256()}) {
      UnverifiedToken token;
      std::string text = issuer->mint(request()).value();
      token = parse_token(text).value();
      PublicKeyRef key = all_keys().find(issuer->algorithm(), issuer->kid());
      EXPECT_TRUE(checker.valid(key, token.signed_part, token.signature));
      EXPECT_FALSE(checker.valid(key, "other", token.signature)) << "and a failure leaves nothing behind";
      EXPECT_FALSE(checker.valid(key, token.signed_part, ""));
    }
  }
}

}  // namespace
}  // namespace bulkhead::identity
