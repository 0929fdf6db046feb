#include "runtime/dev_sign_in.hpp"

#include <gtest/gtest.h>

namespace bulkhead::runtime {
namespace {

TEST(DevSignIn, HostsOfThisMachineNameTheirTenant) {
  for (const char* host :
       {"localhost", "localhost:8080", "LocalHost:80", "127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:8080"})
    EXPECT_EQ(tenant_of_local_host(host), "") << host;
  for (const char* host : {"acme.localhost", "acme.localhost:8080", "ACME.localhost"})
    EXPECT_EQ(tenant_of_local_host(host), "acme") << host;
}

TEST(DevSignIn, OtherHostsAreNotAnswered) {
  for (const char* host : {"",
                           ":8080",
                           "rebound.example",
                           "rebound.example:8080",
                           "localhost.rebound.example",
                           "localhost:8080.example",
                           "localhost@rebound.example",
                           "127.0.0.1.rebound.example",
                           "127.0.0.2",
                           "10.0.0.1:8080",
                           "0.0.0.0",
                           "2130706433",
                           "lanserver",
                           "lxxxxxxxx",
                           "localhost:",
                           "localhost:x",
                           "localhost:123456",
                           "[::2]",
                           "[::1",
                           "::1",
                           "acmelocalhost",
                           ".localhost",
                           "a b.localhost",
                           "acme.evil.localhost"})
    EXPECT_EQ(tenant_of_local_host(host), std::nullopt) << host;
}

TEST(DevSignIn, CodesAreSentToThisMachineAlone) {
  EXPECT_EQ(local_origin("http://localhost:5173/auth-callback"), "http://localhost:5173");
  EXPECT_EQ(local_origin("http://acme.localhost:8080/auth-callback?x=1"), "http://acme.localhost:8080");
  EXPECT_EQ(local_origin("http://127.0.0.1/"), "http://127.0.0.1");
  EXPECT_EQ(local_origin("http://[::1]:99"), "http://[::1]:99");
  for (const char* uri : {"",
                          "localhost",
                          "https://localhost/",
                          "ftp://localhost/",
                          "HTTP://localhost/",
                          "http:localhost",
                          "http:///x",
                          "//localhost/",
                          "http://rebound.example/",
                          "http://localhost.rebound.example/",
                          "http://localhost@rebound.example/",
                          "http://localhost:80@rebound.example/",
                          "http://rebound.example@localhost/",
                          "http://localhost\\@rebound.example/",
                          "http://localhost\t/",
                          "http://localhost/\r\nSet-Cookie: a=b",
                          "http://localhost/#fragment",
                          "http://localhost#@rebound.example/",
                          "http://localhost /",
                          "http://10.0.0.1/",
                          "javascript:alert(1)",
                          "http://localhost%2erebound.example/",
                          "http://localhost/\"><script>",
                          "http://localhost;.rebound.example/"})
    EXPECT_EQ(local_origin(uri), std::nullopt) << uri;
  EXPECT_EQ(local_origin("http://localhost/" + std::string(2000, 'x')), std::nullopt);
}

TEST(DevSignIn, TheVerifierMustBeTheOneOfTheChallenge) {
  // RFC 7636 appendix B.
  const std::string verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
  const std::string challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
  EXPECT_TRUE(verifier_fits(verifier, challenge));
  EXPECT_FALSE(verifier_fits(challenge, challenge)) << "the plain method is not taken";
  EXPECT_FALSE(verifier_fits(verifier + "x", challenge));
  EXPECT_FALSE(verifier_fits("", challenge));
  EXPECT_FALSE(verifier_fits(verifier.substr(1), challenge)) << "too short for RFC 7636";
  EXPECT_FALSE(verifier_fits(verifier, ""));
}

DevGrant grant_of(const std::string& subject) {
  DevGrant grant;
  grant.subject = subject;
  return grant;
}

TEST(DevSignIn, ACodeIsGoodOnceAndForAMinute) {
  DevCodes codes;
  const auto now = std::chrono::steady_clock::now();
  const std::string first = codes.add(grant_of("ann"), now), second = codes.add(grant_of("gus"), now);
  EXPECT_NE(first, second);
  EXPECT_EQ(first.size(), 43u);
  EXPECT_FALSE(codes.take("", now));
  EXPECT_FALSE(codes.take("unknown", now));
  ASSERT_EQ(codes.take(first, now)->subject, "ann");
  EXPECT_FALSE(codes.take(first, now));
  EXPECT_FALSE(codes.take(second, now + DevCodes::lifetime)) << "expired";
  EXPECT_FALSE(codes.take(second, now)) << "and gone";
}

TEST(DevSignIn, CodesThatNobodyRedeemsDoNotPileUp) {
  DevCodes codes;
  auto now = std::chrono::steady_clock::now();
  const std::string first = codes.add(grant_of("first"), now);
  std::string last;
  for (std::size_t i = 0; i < DevCodes::most; ++i) {
    now += std::chrono::microseconds(1);
    last = codes.add(grant_of("ann"), now);
  }
  EXPECT_FALSE(codes.take(first, now)) << "the oldest gave way";
  EXPECT_TRUE(codes.take(last, now));
}

}  // namespace
}  // namespace bulkhead::runtime
