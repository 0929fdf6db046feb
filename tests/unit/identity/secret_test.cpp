// Issuers whose tokens are made with a shared secret (HS256): where it stands, how long it must be, and that it is good for
// its issuer alone.
#include "identity/secret.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <unistd.h>

#include "identity/base64url.hpp"
#include "unit/identity/support.hpp"

namespace bulkhead::identity {
namespace {

using namespace testing;

constexpr const char* secret = "a secret of forty bytes, which is enough";

std::string mac_of(std::string_view key, std::string_view input) {
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(input.data()), input.size(), mac, &size);
  return {reinterpret_cast<const char*>(mac), size};
}

std::string token(std::string_view payload, std::string_view key = secret, std::string_view alg = "HS256") {
  const std::string input = encode_base64url(R"({"typ":"JWT","alg":")" + std::string(alg) + "\"}") + "." +
                            encode_base64url(payload);
  return input + "." + encode_base64url(mac_of(key, input));
}

constexpr std::string_view without_issuer = R"({"sub":"ann","exp":1800003600,"role":"authenticated"})";

IssuerSettings shared() {
  setenv("BULKHEAD_TEST_SECRET", secret, 1);
  IssuerSettings result = settings();
  result.name = "shared";
  result.secret = "env:BULKHEAD_TEST_SECRET";
  result.algorithms = {"HS256"};
  return result;
}

IssuerSettings unnamed() {
  IssuerSettings result = shared();
  result.issuer = "";
  result.audiences = {};
  result.any_audience = true;
  return result;
}

Result<Claims> verify_shared(std::string_view text, const IssuerSettings& with) {
  const KeySet keys = secret_keys(with).value();
  return verify(text, now, with, keys);
}

TEST(Secret, SignsTokensOfItsIssuer) {
  const std::string good =
      token(R"({"iss":"https://issuer.example","aud":"recordshop","sub":"ann","exp":1800003600})");
  const auto claims = verify_shared(good, shared());
  ASSERT_TRUE(claims) << claims.error().message();
  EXPECT_EQ(claims->subject, "ann");
  EXPECT_EQ(claims->issuer, "https://issuer.example");
  // The same token where the issuer has public keys, and a token of those where it has the secret.
  EXPECT_EQ(outcome(verify(good)), Errc::token_algorithm);
  EXPECT_EQ(outcome(verify_shared(rsa().mint(request()).value(), shared())), Errc::token_algorithm);
}

TEST(Secret, TokensWithoutIssuerAreOfTheOneThatIsConfiguredForThem) {
  const auto claims = verify_shared(token(without_issuer), unnamed());
  ASSERT_TRUE(claims) << claims.error().message();
  EXPECT_EQ(claims->issuer, "urn:bulkhead:identity:shared")
      << "memberships need a name, and never an empty one";
  EXPECT_EQ(outcome(verify_shared(token(without_issuer), shared())), Errc::token_issuer);
  EXPECT_EQ(outcome(verify_shared(token(R"({"iss":"x","sub":"ann","exp":1800003600})"), unnamed())),
            Errc::token_issuer);
  IssuerSettings again = unnamed();
  again.name = "again";
  EXPECT_TRUE(check_settings({unnamed(), shared()}));
  EXPECT_FALSE(check_settings({unnamed(), again})) << "a second one of them";
  IssuerSettings thief = settings();
  thief.issuer = "urn:bulkhead:identity:shared";
  EXPECT_FALSE(check_settings({thief})) << "nobody else goes by that name";
}

TEST(Secret, AWrongOneIsRefused) {
  for (std::string_view wrong :
       {"", "another secret of more than forty bytes, too", "a secret of forty bytes, which is enougH"})
    EXPECT_EQ(outcome(verify_shared(token(without_issuer, wrong), unnamed())), Errc::token_signature)
        << wrong;
  const std::string good = token(without_issuer);
  EXPECT_EQ(outcome(verify_shared(good.substr(0, good.size() - 4), unnamed())), Errc::token_signature);
}

TEST(Secret, IsAReferenceAndLongEnough) {
  const auto said = [](const char* reference, bool base64 = false) {
    IssuerSettings result = unnamed();
    result.secret = reference;
    result.secret_base64 = base64;
    const auto checked = check_settings({result});
    return checked ? std::string("good") : std::string(checked.error().message());
  };
  EXPECT_EQ(said("env:BULKHEAD_TEST_SECRET"), "good");
  EXPECT_NE(said("env:BULKHEAD_TEST_NOTHING").find("BULKHEAD_TEST_NOTHING"), std::string::npos);
  EXPECT_EQ(said(secret).find("forty"), std::string::npos) << "what may be the secret is not repeated";
  EXPECT_NE(said(secret), "good");
  setenv("BULKHEAD_TEST_SHORT", "31 bytes are not enough, are it", 1);
  EXPECT_NE(said("env:BULKHEAD_TEST_SHORT").find("at least 32"), std::string::npos);
  setenv("BULKHEAD_TEST_BASE64", "YSBzZWNyZXQgb2YgZm9ydHkgYnl0ZXMsIHdoaWNoIGlzIGVub3VnaA==", 1);
  EXPECT_EQ(said("env:BULKHEAD_TEST_BASE64", true), "good");
  EXPECT_NE(said("env:BULKHEAD_TEST_SECRET", true), "good") << "that one is no base64";

  const auto file = std::filesystem::temp_directory_path() / ("bulkhead-secret-" + std::to_string(getpid()));
  std::ofstream(file) << secret << "\n";
  EXPECT_EQ(read_secret("file:" + file.string()).value(), secret) << "the last line break does not count";
  // An endless one is not read to its end.
  EXPECT_NE(said("file:/dev/zero"), "good");
  std::filesystem::remove(file);
  EXPECT_NE(said(("file:" + file.string()).c_str()), "good");
}

TEST(Secret, ExcludesPublicKeys) {
  const auto refused = [](auto change) {
    IssuerSettings result = shared();
    change(result);
    return !check_settings({result});
  };
  EXPECT_FALSE(refused([](IssuerSettings&) {}));
  EXPECT_TRUE(refused([](IssuerSettings& s) { s.algorithms = {"HS256", "RS256"}; }));
  EXPECT_TRUE(refused([](IssuerSettings& s) { s.algorithms = {"RS256"}; }));
  EXPECT_TRUE(refused([](IssuerSettings& s) { s.jwks_uri = "https://issuer.example/keys"; }));
  EXPECT_TRUE(refused([](IssuerSettings& s) { s.static_jwks = jwks({&rsa()}); }));
  EXPECT_TRUE(refused([](IssuerSettings& s) { s.secret.clear(); })) << "HS256 without one";
  IssuerSettings anybody = settings();
  anybody.any_audience = true;
  EXPECT_FALSE(check_settings({anybody})) << "that is for secrets alone";
}

}  // namespace
}  // namespace bulkhead::identity
