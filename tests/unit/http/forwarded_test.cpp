#include "http/forwarded.hpp"

#include <gtest/gtest.h>

namespace bulkhead::http {
namespace {

struct Case {
  const char* what;
  std::vector<HeaderView> headers;
  const char* host;  ///< nullptr: refused.
};

TEST(ApplyForwarded, Table) {
  const std::vector<Case> cases{
      {"nothing", {{"X-Other", "a"}}, "sent"},
      {"one", {{"X-Forwarded-Host", "acme.example"}}, "acme.example"},
      {"case of the name", {{"x-FORWARDED-host", "acme.example"}}, "acme.example"},
      {"with a port", {{"X-Forwarded-Host", "acme.example:8443"}}, "acme.example:8443"},
      {"the same twice", {{"X-Forwarded-Host", "acme.example, ACME.example"}}, "acme.example"},
      {"two headers alike", {{"X-Forwarded-Host", "a.b"}, {"X-Forwarded-Host", "a.b"}}, "a.b"},
      {"two", {{"X-Forwarded-Host", "acme.example, globex.example"}}, nullptr},
      {"two headers", {{"X-Forwarded-Host", "a.b"}, {"X-Forwarded-Host", "c.d"}}, nullptr},
      {"empty", {{"X-Forwarded-Host", ""}}, nullptr},
      {"empty first", {{"X-Forwarded-Host", ", a.b"}}, nullptr},
      {"empty port and another's", {{"X-Forwarded-Host", "a.b:80:80"}}, nullptr},
      {"slash", {{"X-Forwarded-Host", "a.b/c"}}, nullptr},
      {"at", {{"X-Forwarded-Host", "a@b"}}, nullptr},
      {"percent", {{"X-Forwarded-Host", "acme%2eexample"}}, nullptr},
      {"forwarded", {{"Forwarded", "for=192.0.2.1;host=acme.example;proto=https"}}, "acme.example"},
      {"quoted", {{"Forwarded", "host=\"acme.example:8443\""}}, "acme.example:8443"},
      {"without host", {{"Forwarded", "for=\"[2001:db8::1]:4711\";by=_x"}}, "sent"},
      {"case of the parameter", {{"Forwarded", "For=192.0.2.1; HOST=a.b"}}, "a.b"},
      {"comma in quotes", {{"Forwarded", "for=\"a,host=evil.example\", for=b;host=a.b"}}, "a.b"},
      {"escaped quote", {{"Forwarded", "for=\"a\\\",host=evil.example,\\\"\";host=a.b"}}, "a.b"},
      {"elements alike", {{"Forwarded", "host=a.b, for=x;host=A.B"}}, "a.b"},
      {"elements that differ", {{"Forwarded", "host=a.b, host=c.d"}}, nullptr},
      {"twice in an element", {{"Forwarded", "host=a.b;host=a.b"}}, nullptr},
      {"open quote", {{"Forwarded", "host=\"a.b"}}, nullptr},
      {"escape in the host", {{"Forwarded", "host=\"a\\.b\""}}, nullptr},
      {"no value", {{"Forwarded", "host"}}, nullptr},
      {"both agree", {{"Forwarded", "host=a.b"}, {"X-Forwarded-Host", "a.b"}}, "a.b"},
      {"both differ", {{"Forwarded", "host=a.b"}, {"X-Forwarded-Host", "c.d"}}, nullptr},
  };
  for (const Case& one : cases) {
    Request request;
    request.host = "sent";
    request.headers = one.headers;
    const auto refusal = apply_forwarded(request);
    ASSERT_EQ(refusal.has_value(), one.host == nullptr) << one.what;
    if (one.host != nullptr) {
      EXPECT_EQ(request.host, one.host) << one.what;
      continue;
    }
    EXPECT_EQ(refusal->status, 400u) << one.what;
    EXPECT_EQ(request.host, "sent") << one.what;
  }
}

TEST(Networks, HoldWhatTheirPrefixSays) {
  const Networks networks({"10.0.0.0/8", "192.0.2.7", "fd00::/8", "2001:db8::1"});
  const auto has = [&](const char* address) { return networks.has(boost::asio::ip::make_address(address)); };
  for (const char* inside :
       {"10.0.0.0", "10.255.255.255", "192.0.2.7", "fd12::9", "2001:db8::1", "::ffff:10.1.2.3"})
    EXPECT_TRUE(has(inside)) << inside;
  for (const char* outside :
       {"9.255.255.255", "11.0.0.0", "192.0.2.8", "fe00::1", "2001:db8::2", "::ffff:11.0.0.1"})
    EXPECT_FALSE(has(outside)) << outside;
  EXPECT_FALSE(Networks().has(boost::asio::ip::make_address("127.0.0.1")));
  EXPECT_TRUE(Networks({"0.0.0.0/0"}).has(boost::asio::ip::make_address("127.0.0.1")));
}

TEST(PlausibleHost, HasNoNul) {
  EXPECT_TRUE(plausible_host("[::ffff:1]:8080"));
  EXPECT_FALSE(plausible_host(std::string_view("[::ffff:1\0x]:8080", 18)));
  EXPECT_FALSE(plausible_host(std::string_view("acme\0.localhost", 15)));
}

TEST(PlainPath, MeansOneThingToEverybody) {
  for (const char* good : {"/", "/rest/v1/artist", "/a..b", "/...", "/.well-known/x", "/a%20b",
                           "/k%C3%BCnstler", "/k\xc3\xbcnstler", "//a", "/a/", "/%41", "/a.b%2e", "*"})
    EXPECT_TRUE(plain_path(good)) << good;
  for (const char* bad :
       {"/.",     "/..",    "/a/../b", "/a/./b",  "/%2e%2e/a",  "/.%2E/a",    "/a/%2e",
        "/a%2fb", "/a%2Fb", "/a%5cb",  "/a\\b",   "/a%00b",     "/a%0ab",     "/a%7f",
        "/%",     "/%4",    "/%zz",    "/%c0%af", "/%e0%80%af", "/%ed%a0%80", "/%f4%90%80%80",
        "/%ff",   "/%c3",   "/%c3/a",  "/\xff",   "/%c3%28"})
    EXPECT_FALSE(plain_path(bad)) << bad;
}

}  // namespace
}  // namespace bulkhead::http
