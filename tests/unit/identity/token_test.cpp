// The token check as a pure function: what is accepted, and everything that must not be.
#include <limits>

#include <boost/json/parse.hpp>

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>

#include "identity/base64url.hpp"
#include "unit/identity/support.hpp"

namespace bulkhead::identity {
namespace {

using namespace testing;
using std::chrono::seconds;

std::string header(const SigningKey& issuer, std::string_view more = "") {
  return R"({"alg":")" + std::string(algorithm_name(issuer.algorithm())) + R"(","kid":")" + issuer.kid() +
         "\"" + std::string(more) + "}";
}

const std::string good_payload =
    R"({"iss":"https://issuer.example","aud":"recordshop","sub":"ann","tenant":"acme","exp":1800003600})";

std::string with_header(std::string_view json) {
  return rsa().sign(json, good_payload).value();
}
std::string with_payload(std::string_view json) {
  return ed25519().sign(header(ed25519()), json).value();
}

/// A good token of Ed25519 with one claim replaced, given as JSON; empty takes the claim away.
std::string with_claim(std::string_view name, std::string_view json) {
  auto payload = boost::json::parse(good_payload).as_object();
  payload.erase(name);
  std::string text = boost::json::serialize(payload);
  if (!json.empty())
    text = text.substr(0, text.size() - 1) + ",\"" + std::string(name) + "\":" + std::string(json) + "}";
  return with_payload(text);
}

Errc claim(std::string_view name, std::string_view json) {
  return outcome(verify(with_claim(name, json)));
}

TEST(Token, OfEachAlgorithmIsAccepted) {
  for (const SigningKey* issuer : {&rsa(), &p256(), &ed25519()}) {
    auto claims = verify(issuer->mint(request()).value());
    ASSERT_TRUE(claims) << algorithm_name(issuer->algorithm()) << claims.error().message();
    EXPECT_EQ(claims->issuer, "https://issuer.example");
    EXPECT_EQ(claims->subject, "ann");
    EXPECT_EQ(claims->tenant, "acme");
    EXPECT_EQ(claims->name, "Ann");
    EXPECT_EQ(claims->expires, now + std::chrono::hours(1));
    EXPECT_TRUE(claims->all.contains("jti"));
  }
}

TEST(Token, NamesNoTenantWhenTheClaimIsAbsent) {
  EXPECT_EQ(verify(with_claim("tenant", ""))->tenant, "");
  IssuerSettings other = settings();
  other.tenant_claim = "org";
  EXPECT_EQ(verify(with_claim("org", "\"globex\""), now, other)->tenant, "globex");
  other.tenant_claim = "";
  EXPECT_EQ(verify(with_payload(good_payload), now, other)->tenant, "");
}

TEST(Token, OfAnotherAlgorithmIsRefused) {
  for (std::string name : {"none", "None", "NONE", "", "HS256", "HS384", "HS512", "RS384", "RS512", "PS256",
                           "ES384", "ES256K", "rs256", "RS256 ", "EdDSA\\u0020", "Ed25519", "RSA1_5", "dir"})
    EXPECT_EQ(outcome(verify(with_header(R"({"alg":")" + name + "\"}"))), Errc::token_algorithm) << name;
  for (std::string value : {"null", "1", "[\"RS256\"]", "{\"a\":\"RS256\"}", "true"})
    EXPECT_EQ(outcome(verify(with_header(R"({"alg":)" + value + "}"))), Errc::token_malformed) << value;
  EXPECT_EQ(outcome(verify(with_header("{}"))), Errc::token_malformed);
}

TEST(Token, WithoutSignatureIsRefused) {
  std::string unsigned_part = encode_base64url(R"({"alg":"none"})") + "." + encode_base64url(good_payload);
  EXPECT_EQ(outcome(verify(unsigned_part + ".")), Errc::token_algorithm);
  EXPECT_EQ(outcome(verify(unsigned_part)), Errc::token_malformed);
  std::string token = rsa().mint(request()).value();
  EXPECT_EQ(outcome(verify(token.substr(0, token.rfind('.') + 1))), Errc::token_malformed);
}

TEST(Token, SignedByHmacWithThePublicKeyIsRefused) {
  // The classic confusion: the public key, as text in all its forms, as the secret of HS256.
  std::string jwks_text = jwks({&rsa()}), modulus = decode_base64url(rsa().jwk().at("n").as_string()).value();
  for (const std::string& secret : {jwks_text, boost::json::serialize(rsa().jwk()), modulus}) {
    for (std::string alg : {"HS256", "RS256"}) {
      std::string input = encode_base64url(R"({"alg":")" + alg + R"(","kid":")" + rsa().kid() + "\"}") + "." +
                          encode_base64url(good_payload);
      unsigned char mac[EVP_MAX_MD_SIZE];
      unsigned size = 0;
      HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
           reinterpret_cast<const unsigned char*>(input.data()), input.size(), mac, &size);
      std::string token = input + "." + encode_base64url({reinterpret_cast<const char*>(mac), size});
      EXPECT_EQ(outcome(verify(token)), alg == "HS256" ? Errc::token_algorithm : Errc::token_signature);
    }
  }
}

TEST(Token, WhoseAlgorithmIsAnotherKeysIsRefused) {
  // The right key id, signed by that key, but the header claims another algorithm.
  for (const SigningKey* signer : {&rsa(), &p256(), &ed25519()}) {
    for (std::string alg : {"RS256", "ES256", "EdDSA"}) {
      std::string token =
          signer->sign(R"({"alg":")" + alg + R"(","kid":")" + signer->kid() + "\"}", good_payload).value();
      EXPECT_EQ(outcome(verify(token)),
                alg == algorithm_name(signer->algorithm()) ? accepted : Errc::token_key_unknown);
    }
  }
}

TEST(Token, OfAnAlgorithmThatTheIssuerDoesNotUseIsRefused) {
  IssuerSettings only = settings();
  only.algorithms = {"ES256"};
  EXPECT_EQ(outcome(verify(p256().mint(request()).value(), now, only)), accepted);
  EXPECT_EQ(outcome(verify(rsa().mint(request()).value(), now, only)), Errc::token_algorithm);
  EXPECT_EQ(outcome(verify(ed25519().mint(request()).value(), now, only)), Errc::token_algorithm);
}

TEST(Token, WithCriticalExtensionsIsRefused) {
  for (std::string crit : {R"(["b64"],"b64":false)", R"(["exp"])", "[]", "null", "\"x\""})
    EXPECT_EQ(outcome(verify(with_header(header(rsa(), R"(,"crit":)" + crit)))), Errc::token_malformed)
        << crit;
}

TEST(Token, KeysInTheHeaderAreIgnored) {
  // An attacker's own key, offered in the header in every way there is: it is not even looked at.
  static const SigningKey attacker = SigningKey::generate(Algorithm::es256).value();
  std::string offers = R"(,"jwk":)" + boost::json::serialize(attacker.jwk()) +
                       R"(,"jku":"http://evil.example/jwks","x5u":"http://evil.example/c","x5c":["AAAA"])";
  std::string honest_kid = R"({"alg":"ES256","kid":")" + p256().kid() + "\"" + offers + "}";
  std::string own_kid = R"({"alg":"ES256","kid":")" + attacker.kid() + "\"" + offers + "}";
  EXPECT_EQ(outcome(verify(attacker.sign(honest_kid, good_payload).value())), Errc::token_signature);
  EXPECT_EQ(outcome(verify(attacker.sign(own_kid, good_payload).value())), Errc::token_key_unknown);
  EXPECT_EQ(outcome(verify(p256().sign(honest_kid, good_payload).value())), accepted);
}

TEST(Token, TypeIsJwtOrAccessToken) {
  for (std::string type : {"JWT", "jwt", "at+jwt", "AT+JWT", "application/jwt", "Application/at+JWT"})
    EXPECT_EQ(outcome(verify(with_header(header(rsa(), R"(,"typ":")" + type + "\"")))), accepted) << type;
  for (std::string type : {"\"\"", "\"JOSE\"", "\"dpop+jwt\"", "\"application/\"", "\"application/json\"",
                           "\"x/jwt\"", "\"JWT \"", "null", "1", "[\"JWT\"]", "\"logout+jwt\""})
    EXPECT_EQ(outcome(verify(with_header(header(rsa(), R"(,"typ":)" + type)))), Errc::token_malformed)
        << type;
}

TEST(Token, KeyIdIsMatchedExactly) {
  auto with_kid = [](std::string_view json) {
    return with_header(R"({"alg":"RS256","kid":)" + std::string(json) + "}");
  };
  EXPECT_EQ(outcome(verify(with_kid("\"" + rsa().kid() + "\""))), accepted);
  EXPECT_EQ(outcome(verify(with_kid("\"" + rsa().kid() + " \""))), Errc::token_key_unknown);
  EXPECT_EQ(outcome(verify(with_kid("\"" + rsa().kid().substr(1) + "\""))), Errc::token_key_unknown);
  EXPECT_EQ(outcome(verify(with_kid("\"../../dev/null\""))), Errc::token_key_unknown);
  EXPECT_EQ(outcome(verify(with_kid("\"' or 1=1 --\""))), Errc::token_key_unknown);
  EXPECT_EQ(outcome(verify(with_kid("\"\\u0000\""))), Errc::token_malformed);
  EXPECT_EQ(outcome(verify(with_kid("\"\""))), Errc::token_malformed);
  EXPECT_EQ(outcome(verify(with_kid("1"))), Errc::token_malformed);
  EXPECT_EQ(outcome(verify(with_kid("null"))), Errc::token_malformed);
}

TEST(Token, KeyIdIsNeededWhereThereIsAChoice) {
  static const SigningKey second = SigningKey::generate(Algorithm::es256).value();
  std::string token = p256().sign(R"({"alg":"ES256"})", good_payload).value();
  EXPECT_EQ(outcome(verify(token)), accepted) << "one key of the algorithm: no choice";
  KeySet two = parse_jwks(jwks({&rsa(), &p256(), &second})).value();
  EXPECT_EQ(outcome(verify(token, now, settings(), two)), Errc::token_key_unknown);
}

TEST(Token, IssuerIsMatchedExactly) {
  EXPECT_EQ(claim("iss", "\"https://issuer.example/\""), Errc::token_issuer);
  EXPECT_EQ(claim("iss", "\"https://ISSUER.example\""), Errc::token_issuer);
  EXPECT_EQ(claim("iss", "\"\""), Errc::token_issuer);
  EXPECT_EQ(claim("iss", ""), Errc::token_issuer);
  EXPECT_EQ(claim("iss", "[\"https://issuer.example\"]"), Errc::token_issuer);
}

TEST(Token, AudienceIsAStringOrAList) {
  EXPECT_EQ(claim("aud", "\"recordshop\""), accepted);
  EXPECT_EQ(claim("aud", "\"other-app\""), accepted);
  EXPECT_EQ(claim("aud", "[\"x\",\"recordshop\"]"), accepted);
  EXPECT_EQ(claim("aud", "\"Recordshop\""), Errc::token_audience);
  EXPECT_EQ(claim("aud", "\"recordshop other-app\""), Errc::token_audience);
  EXPECT_EQ(claim("aud", "[]"), Errc::token_audience);
  EXPECT_EQ(claim("aud", "[\"x\",\"y\"]"), Errc::token_audience);
  EXPECT_EQ(claim("aud", ""), Errc::token_audience);
  EXPECT_EQ(claim("aud", "null"), Errc::token_malformed);
  EXPECT_EQ(claim("aud", "[1,\"recordshop\"]"), Errc::token_malformed);
  EXPECT_EQ(claim("aud", "[\"recordshop\",null]"), Errc::token_malformed);
  EXPECT_EQ(claim("aud", "{\"recordshop\":1}"), Errc::token_malformed);
  EXPECT_EQ(claim("aud", "[[\"recordshop\"]]"), Errc::token_malformed);
}

TEST(Token, ExpiresAfterTheLeewayToTheSecond) {
  std::string token = with_claim("exp", "1800000000");
  EXPECT_EQ(outcome(verify(token, now - seconds(1))), accepted);
  EXPECT_EQ(outcome(verify(token, now)), accepted);
  EXPECT_EQ(outcome(verify(token, now + seconds(59))), accepted);
  EXPECT_EQ(outcome(verify(token, now + seconds(60))), Errc::token_time);
  EXPECT_EQ(outcome(verify(token, now + seconds(61))), Errc::token_time);
  IssuerSettings exact = settings();
  exact.leeway = seconds(0);
  EXPECT_EQ(outcome(verify(token, now - seconds(1), exact)), accepted);
  EXPECT_EQ(outcome(verify(token, now, exact)), Errc::token_time);
  std::string half = with_claim("exp", "1800000000.5");
  EXPECT_EQ(outcome(verify(half, now + std::chrono::milliseconds(499), exact)), accepted);
  EXPECT_EQ(outcome(verify(half, now + std::chrono::milliseconds(501), exact)), Errc::token_time);
}

TEST(Token, IsNotValidBeforeItsTime) {
  for (std::string name : {"nbf", "iat"}) {
    std::string token = with_claim(name, "1800000100");
    EXPECT_EQ(outcome(verify(token, now + seconds(100))), accepted);
    EXPECT_EQ(outcome(verify(token, now + seconds(40))), accepted) << "leeway";
    EXPECT_EQ(outcome(verify(token, now + seconds(39))), Errc::token_time);
  }
}

TEST(Token, TimesAreNumbersWithinReason) {
  EXPECT_EQ(claim("exp", ""), Errc::token_malformed);
  for (std::string bad :
       {"\"1800003600\"", "null", "-1", "1e300", "-1e300", "253402300800", "9223372036854775807",
        "18446744073709551615", "123456789012345678901234567890", "true", "[1800003600]", "{}"})
    for (std::string name : {"exp", "nbf", "iat"})
      EXPECT_EQ(claim(name, bad), Errc::token_malformed) << name << " " << bad;
  EXPECT_EQ(claim("exp", "1e999"), Errc::token_malformed);
  EXPECT_EQ(claim("exp", "1.8000036e9"), accepted);
  EXPECT_EQ(claim("exp", "253402300799"), accepted) << "the last second of the year 9999";
  EXPECT_EQ(claim("exp", "0"), Errc::token_time);
  EXPECT_EQ(claim("nbf", "0"), accepted);
}

TEST(Token, SubjectIsANonEmptyString) {
  EXPECT_EQ(claim("sub", ""), Errc::token_malformed);
  for (std::string bad : {"\"\"", "null", "7", "[\"ann\"]", "\"ann\\u0000\""})
    EXPECT_EQ(claim("sub", bad), Errc::token_malformed) << bad;
  EXPECT_EQ(claim("sub", "\"" + std::string(255, 's') + "\""), accepted);
  EXPECT_EQ(claim("sub", "\"" + std::string(256, 's') + "\""), Errc::token_malformed);
}

TEST(Token, TenantIsAString) {
  for (std::string bad :
       {"\"\"", "null", "7", "[\"acme\",\"globex\"]", "{\"id\":\"acme\"}", "\"ac\\u0000me\""})
    EXPECT_EQ(claim("tenant", bad), Errc::token_malformed) << bad;
}

TEST(Token, WithANameTwiceIsRefused) {
  EXPECT_EQ(outcome(verify(
                with_payload(good_payload.substr(0, good_payload.size() - 1) + R"(,"tenant":"globex"})"))),
            Errc::token_malformed);
  EXPECT_EQ(outcome(verify(
                with_payload(good_payload.substr(0, good_payload.size() - 1) + R"(,"\u0073ub":"bob"})"))),
            Errc::token_malformed);
  EXPECT_EQ(outcome(verify(
                with_payload(good_payload.substr(0, good_payload.size() - 1) + R"(,"x":{"a":1,"a":2}})"))),
            Errc::token_malformed);
  EXPECT_EQ(outcome(verify(with_header(R"({"alg":"none","alg":"RS256"})"))), Errc::token_malformed);
}

TEST(Token, WithBrokenJsonIsRefused) {
  for (std::string bad : {"", "{", "[]", "null", "\"x\"", "{}x", "{} {}", "{'iss':1}", "\xEF\xBB\xBF{}",
                          "{\"iss\":\"\xFF\"}"}) {
    EXPECT_EQ(outcome(verify(with_payload(bad))), Errc::token_malformed) << bad;
    EXPECT_EQ(outcome(verify(with_header(bad))), Errc::token_malformed) << bad;
  }
  EXPECT_EQ(outcome(verify(with_payload(std::string(5000, '[')))), Errc::token_malformed);
}

TEST(Token, SpellingIsStrict) {
  std::string token = rsa().mint(request()).value();
  ASSERT_EQ(outcome(verify(token)), accepted);
  for (const std::string& bad : {token + "=", token + " ", " " + token, token + "\n", "Bearer " + token,
                                 token + ".", "." + token, token + "." + token, token + std::string(1, '\0')})
    EXPECT_EQ(outcome(verify(bad)), Errc::token_malformed);
  // The last character of a 256-byte signature carries four unused bits: only zeros are right.
  std::string stray = token;
  stray.back() = static_cast<char>(stray.back() + 1);
  EXPECT_EQ(outcome(verify(stray)), Errc::token_malformed);
  for (std::string bad : {"", ".", "..", "...", "a.b.c", "e30.e30.", "e30.e30.AA"})
    EXPECT_NE(outcome(verify(bad)), accepted) << bad;
}

TEST(Token, SizeIsBounded) {
  MintRequest large = request();
  large.extra["pad"] = std::string(5000, 'p');
  std::string token = rsa().mint(large).value();
  ASSERT_LE(token.size(), token_size_limit);
  EXPECT_EQ(outcome(verify(token)), accepted);
  large.extra["pad"] = std::string(8000, 'p');
  EXPECT_EQ(outcome(verify(rsa().mint(large).value())), Errc::token_malformed);
  EXPECT_EQ(outcome(verify(std::string(10'000'000, 'A'))), Errc::token_malformed);
}

TEST(Token, EveryCutIsRefused) {
  for (const SigningKey* issuer : {&rsa(), &p256(), &ed25519()}) {
    std::string token = issuer->mint(request()).value();
    for (std::size_t size = 0; size < token.size(); ++size)
      ASSERT_NE(outcome(verify(std::string_view(token).substr(0, size))), accepted) << size;
    for (std::size_t from = 1; from < token.size(); ++from)
      ASSERT_NE(outcome(verify(std::string_view(token).substr(from))), accepted) << from;
  }
}

TEST(Token, EveryFlippedBitIsRefused) {
  for (const SigningKey* issuer : {&rsa(), &p256(), &ed25519()}) {
    std::string token = issuer->mint(request()).value();
    for (std::size_t at = 0; at < token.size(); ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string flipped = token;
        flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
        ASSERT_NE(outcome(verify(flipped)), accepted) << at << " " << bit;
      }
    }
  }
}

TEST(Token, EcdsaSignatureIsRawAndInRange) {
  std::string token = p256().mint(request()).value();
  std::string input = token.substr(0, token.rfind('.'));
  std::string raw = decode_base64url(token.substr(token.rfind('.') + 1)).value();
  ASSERT_EQ(raw.size(), 64U);
  auto with = [&](std::string_view signature) {
    return outcome(verify(input + "." + encode_base64url(signature)));
  };
  EXPECT_EQ(with(raw), accepted);
  EXPECT_EQ(with(std::string(64, '\0')), Errc::token_signature) << "the zeros of CVE-2022-21449";
  EXPECT_EQ(with(std::string(32, '\0') + raw.substr(32)), Errc::token_signature);
  EXPECT_EQ(with(raw.substr(0, 32) + std::string(32, '\0')), Errc::token_signature);
  EXPECT_EQ(with(std::string(64, '\xFF')), Errc::token_signature);
  EXPECT_EQ(with(raw.substr(0, 63)), Errc::token_signature);
  EXPECT_EQ(with(raw + '\0'), Errc::token_signature);
  // The same signature in DER, which other protocols use, is not what a token holds.
  ECDSA_SIG* signature = ECDSA_SIG_new();
  const auto* bytes = reinterpret_cast<const unsigned char*>(raw.data());
  ECDSA_SIG_set0(signature, BN_bin2bn(bytes, 32, nullptr), BN_bin2bn(bytes + 32, 32, nullptr));
  unsigned char* der = nullptr;
  int size = i2d_ECDSA_SIG(signature, &der);
  EXPECT_EQ(with({reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)}),
            Errc::token_signature);
  OPENSSL_free(der);
  ECDSA_SIG_free(signature);
}

TEST(Token, ErrorsNeverQuoteIt) {
  std::string secret = "s3cr3t-marker";
  MintRequest marked = request();
  marked.subject = secret;
  marked.audience = secret;
  std::string token = rsa().mint(marked).value();
  for (const auto& result :
       {verify(token), verify(token + "x"), verify(with_header(R"({"alg":"s3cr3t-marker"})")),
        verify(with_claim("iss", "\"s3cr3t-marker\"")), verify(with_claim("exp", "\"s3cr3t-marker\""))}) {
    ASSERT_TRUE(result.has_error());
    for (std::string_view text : {result.error().message(), result.error().hint(), result.error().details(),
                                  result.error().internal()}) {
      EXPECT_EQ(text.find(secret), std::string_view::npos);
      EXPECT_EQ(text.find(token.substr(0, 20)), std::string_view::npos);
    }
  }
}

}  // namespace
}  // namespace bulkhead::identity
