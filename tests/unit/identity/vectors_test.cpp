// The examples of the RFCs themselves.
#include <gtest/gtest.h>

#include "identity/base64url.hpp"
#include "unit/identity/support.hpp"

namespace bulkhead::identity {
namespace {

const std::string payload_a1 =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

bool verifies(const std::string& jwk, const std::string& token) {
  KeySet keys = parse_jwks("{\"keys\":[" + jwk + "]}").value();
  UnverifiedToken parsed = parse_token(token).value();
  SignatureChecker checker;
  PublicKeyRef key = keys.find(parsed.algorithm, parsed.kid);
  return key && checker.valid(key, parsed.signed_part, parsed.signature);
}

TEST(Vectors, Rfc7515AppendixA2IsAccepted) {
  std::string jwk =
      R"({"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrc)"
      R"(S2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rex)"
      R"(MdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco)"
      R"(9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"})";
  std::string signature =
      "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
      "O8W2Fp5jujGbds9uJdbF9CUAr7"
      "t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_"
      "eSN9383LcOLn6_dO--xi1"
      "2jzDwusC-"
      "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGl"
      "UPQGe77Rw";
  EXPECT_TRUE(verifies(jwk, "eyJhbGciOiJSUzI1NiJ9." + payload_a1 + "." + signature));
  signature[10] = signature[10] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(verifies(jwk, "eyJhbGciOiJSUzI1NiJ9." + payload_a1 + "." + signature));
}

TEST(Vectors, Rfc7515AppendixA3IsAccepted) {
  std::string jwk = R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
  std::string signature =
      "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
  EXPECT_TRUE(verifies(jwk, "eyJhbGciOiJFUzI1NiJ9." + payload_a1 + "." + signature));
  signature[10] = 'A';
  EXPECT_FALSE(verifies(jwk, "eyJhbGciOiJFUzI1NiJ9." + payload_a1 + "." + signature));
}

TEST(Vectors, Rfc8037AppendixA4IsAccepted) {
  // Its payload is text and no JSON, so the signature is checked alone.
  KeySet keys =
      parse_jwks(
          R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})")
          .value();
  std::string input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
  std::string signature =
      decode_base64url(
          "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")
          .value();
  SignatureChecker checker;
  EXPECT_TRUE(checker.valid(keys.keys()[0], input, signature));
  EXPECT_FALSE(checker.valid(keys.keys()[0], input + "x", signature));
}

TEST(Vectors, Rfc8037KeyHasItsThumbprintAndSignature) {
  SigningKey issuer = SigningKey::from_pem(
                          "-----BEGIN PRIVATE KEY-----\n"
                          "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                          "-----END PRIVATE KEY-----\n")
                          .value();
  EXPECT_EQ(issuer.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");  // appendix A.3
  EXPECT_EQ(issuer.sign(R"({"alg":"EdDSA"})", "Example of Ed25519 signing").value(),
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
}

TEST(Base64url, IsStrict) {
  EXPECT_EQ(decode_base64url(""), "");
  EXPECT_EQ(decode_base64url("AA"), std::string(1, '\0'));
  EXPECT_EQ(decode_base64url("_-8"), "\xFF\xEF");
  EXPECT_EQ(decode_base64url("Zm9v"), "foo");
  for (std::string bad :
       {"A", "AAAAA", "AA==", "AA=", "A A", "AA\n", "+A", "/A", "A.A", "AB", "AAB", "\xC3\xA4"})
    EXPECT_EQ(decode_base64url(bad), std::nullopt) << bad;
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(decode_base64url(encode_base64url(bytes)), bytes);
    bytes.push_back(static_cast<char>(i * 7));
  }
}

}  // namespace
}  // namespace bulkhead::identity
