#include "http/parse.hpp"

#include <string>

#include <gtest/gtest.h>

#include "http/chunked.hpp"

namespace bulkhead::http {
namespace {

/// 0: accepted.
unsigned status_of(std::string_view text) {
  HeadScanner scanner;
  if (scanner.scan(text) != HeadScanner::State::complete) return 400;
  Head head;
  auto refusal = parse_head(text.substr(0, scanner.length()), head);
  return refusal ? refusal->status : 0;
}

TEST(ParseHead, SplitsARequest) {
  std::string_view text =
      "GET /rest/v1/album?select=*&id=eq.1 HTTP/1.1\r\nHost: acme.localhost:8080\r\nX-A:  b c \r\n\r\n";
  HeadScanner scanner;
  ASSERT_EQ(scanner.scan(text), HeadScanner::State::complete);
  ASSERT_EQ(scanner.length(), text.size());
  Head head;
  ASSERT_FALSE(parse_head(text, head));
  EXPECT_EQ(head.request.method, Method::get);
  EXPECT_EQ(head.request.path, "/rest/v1/album");
  EXPECT_EQ(head.request.query, "select=*&id=eq.1");
  EXPECT_EQ(head.request.host, "acme.localhost:8080");
  EXPECT_EQ(head.request.header("x-a"), "b c");
  EXPECT_FALSE(head.request.header("x-b"));
  EXPECT_TRUE(head.keep_alive);
  EXPECT_TRUE(head.http11);
}

TEST(ParseHead, AHeadThatDripsInIsTheSame) {
  std::string text = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
  HeadScanner scanner;
  for (std::size_t size = 0; size + 4 <= text.size() - 0 && size < text.size() - 3; ++size) {
    ASSERT_EQ(scanner.scan(std::string_view(text).substr(0, size)), HeadScanner::State::more) << size;
  }
  ASSERT_EQ(scanner.scan(text), HeadScanner::State::complete);
  EXPECT_EQ(scanner.length(), text.size() - 3);
}

TEST(HeadScanner, AnEmptyLineBeforeTheRequestMayComeInHalves) {
  HeadScanner scanner;
  EXPECT_EQ(scanner.scan("\r"), HeadScanner::State::more);
  EXPECT_EQ(scanner.length(), 0U) << "nothing is counted yet: the pair is skipped when it is there";
  EXPECT_EQ(scanner.scan("\rG"), HeadScanner::State::malformed);
}

struct Case {
  const char* name;
  std::string text;
  unsigned status;
};

class Heads : public testing::TestWithParam<Case> {};

TEST_P(Heads, Status) {
  EXPECT_EQ(status_of(GetParam().text), GetParam().status) << GetParam().text;
}

std::string with(std::string_view fields) {
  return "GET / HTTP/1.1\r\n" + std::string(fields) + "\r\n";
}

INSTANTIATE_TEST_SUITE_P(
    Table, Heads,
    testing::Values(
        Case{"Plain", with("Host: a\r\n"), 0}, Case{"Http10NeedsNoHost", "GET / HTTP/1.0\r\n\r\n", 0},
        Case{"NoHost", with(""), 400}, Case{"TwoHosts", with("Host: a\r\nHost: a\r\n"), 400},
        Case{"EmptyHost", with("Host:\r\n"), 0}, Case{"HostWithSpace", with("Host: a b\r\n"), 400},
        Case{"HostWithComma", with("Host: a, b\r\n"), 400}, Case{"HostWithSlash", with("Host: a/b\r\n"), 400},
        Case{"HostWithAt", with("Host: a@b\r\n"), 400}, Case{"Ipv6Host", with("Host: [::1]:80\r\n"), 0},
        Case{"Ipv6HostAlone", with("Host: [fe80::1%25eth0]\r\n"), 0},
        Case{"HostWithLastDot", with("Host: a.example.:80\r\n"), 0},
        Case{"HostWithEmptyPort", with("Host: a.example:\r\n"), 0},
        Case{"HostWithPortOfLetters", with("Host: globex.localhost:8x\r\n"), 400},
        Case{"HostWithTwoPorts", with("Host: globex.localhost:80:80\r\n"), 400},
        Case{"HostWithTwoLastDots", with("Host: globex.localhost..\r\n"), 400},
        Case{"HostWithEmptyLabel", with("Host: globex..localhost\r\n"), 400},
        Case{"HostWithFirstDot", with("Host: .localhost\r\n"), 400},
        Case{"HostOfADot", with("Host: .\r\n"), 400},
        Case{"NameBehindAddress", with("Host: [::1].acme.localhost\r\n"), 400},
        Case{"HostWithPercent", with("Host: acme%2elocalhost\r\n"), 400},
        Case{"HostOfALabels", with("Host: xn--mnchen-3ya.example:443\r\n"), 0},
        Case{"HostOfULabels", with("Host: m\xc3\xbcnchen.example\r\n"), 400},
        Case{"HostWithPortTooLarge", with("Host: a:65536\r\n"), 400},
        Case{"HostWithLongPort", with("Host: a:000080\r\n"), 400},
        Case{"AddressThatIsNone", with("Host: [1::2::3]\r\n"), 400},
        Case{"NameInBrackets", with("Host: [acme.localhost]\r\n"), 400},
        Case{"AbsoluteTargetInCapitals", "GET HTTP://A/b HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        Case{"AbsoluteTargetWithUser", "GET http://u@a/b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Case{"AbsoluteTargetOtherPort", "GET http://a:81/b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Case{"AbsoluteTargetOtherScheme", "GET ftp://a/b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Case{"DotSegments", "GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Case{"EncodedSlash", "GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Case{"DotsInTheQuery", "GET /a?b=../%2f%00 HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        Case{"OpenBracket", with("Host: [::1\r\n"), 400}, Case{"EmptyBrackets", with("Host: []\r\n"), 400},
        Case{"BracketInName", with("Host: a[b]\r\n"), 400},
        Case{"Version2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        Case{"Version12", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
        Case{"VersionText", "GET / HTTP/x.y\r\nHost: a\r\n\r\n", 400},
        Case{"VersionLong", "GET / HTTP/1.11\r\nHost: a\r\n\r\n", 400},
        Case{"NoVersion", "GET /\r\nHost: a\r\n\r\n", 400},
        Case{"TwoSpaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Case{"SpaceInTarget", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Case{"ControlInTarget", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Case{"Fragment", "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Case{"RelativeTarget", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Case{"AbsoluteTarget", "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        Case{"AbsoluteTargetOther", "GET http://b/b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Case{"OptionsStar", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        Case{"GetStar", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Case{"BareLineFeed", "GET / HTTP/1.1\nHost: a\n\n", 400},
        Case{"BareLineFeedInField", with("Host: a\r\nX: b\nY: c\r\n"), 400},
        Case{"BareCarriageReturn", with("Host: a\r\nX: b\rc\r\n"), 400},
        Case{"Folded", with("Host: a\r\nX: b\r\n c\r\n"), 400},
        Case{"FoldedFirst", with(" Host: a\r\n"), 400},
        Case{"Nul", with(std::string_view("Host: a\r\nX: b\0c\r\n", 17)), 400},
        Case{"ControlInValue", with("Host: a\r\nX: b\x02\r\n"), 400},
        Case{"SpaceBeforeColon", with("Host : a\r\n"), 400},
        Case{"EmptyName", with("Host: a\r\n: b\r\n"), 400}, Case{"NoColon", with("Host: a\r\nabc\r\n"), 400},
        Case{"Length", with("Host: a\r\nContent-Length: 5\r\n"), 0},
        Case{"TwoLengths", with("Host: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n"), 400},
        Case{"LengthList", with("Host: a\r\nContent-Length: 5, 5\r\n"), 400},
        Case{"LengthSigned", with("Host: a\r\nContent-Length: +5\r\n"), 400},
        Case{"LengthNegative", with("Host: a\r\nContent-Length: -5\r\n"), 400},
        Case{"LengthHex", with("Host: a\r\nContent-Length: 0x5\r\n"), 400},
        Case{"LengthEmpty", with("Host: a\r\nContent-Length:\r\n"), 400},
        Case{"LengthOverflows", with("Host: a\r\nContent-Length: 18446744073709551617\r\n"), 400},
        Case{"Chunked", with("Host: a\r\nTransfer-Encoding: Chunked\r\n"), 0},
        Case{"ChunkedTwice", with("Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
             400},
        Case{"ChunkedAndLength", with("Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400},
        Case{"LengthAndChunked", with("Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400},
        Case{"GzipAndLength", with("Host: a\r\nTransfer-Encoding: gzip\r\nContent-Length: 5\r\n"), 400},
        Case{"Gzip", with("Host: a\r\nTransfer-Encoding: gzip\r\n"), 501},
        Case{"GzipChunked", with("Host: a\r\nTransfer-Encoding: gzip, chunked\r\n"), 501},
        Case{"Identity", with("Host: a\r\nTransfer-Encoding: identity\r\n"), 501},
        Case{"ChunkedWithTab",
             with("Host: a\r\nTransfer-Encoding: \x0b"
                  "chunked\r\n"),
             400},
        Case{"ChunkedOn10", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        Case{"Expect", with("Host: a\r\nExpect: 100-Continue\r\n"), 0},
        Case{"ExpectOther", with("Host: a\r\nExpect: 200-ok\r\n"), 417},
        Case{"TlsHello", std::string("\x16\x03\x01\x02\x00\r\n\r\n", 9), 400}),
    [](const auto& info) { return info.param.name; });

TEST(ParseHead, KeepAliveFollowsVersionAndConnection) {
  Head head;
  ASSERT_FALSE(parse_head("GET / HTTP/1.0\r\n\r\n", head));
  EXPECT_FALSE(head.keep_alive);
  ASSERT_FALSE(parse_head("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", head));
  EXPECT_TRUE(head.keep_alive);
  ASSERT_FALSE(parse_head("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", head));
  EXPECT_FALSE(head.keep_alive);
}

TEST(ParseHead, ForgetsTheRequestBefore) {
  Head head;
  ASSERT_FALSE(parse_head(
      "POST /a?b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n", head));
  EXPECT_TRUE(head.chunked);
  EXPECT_TRUE(head.expects_continue);
  ASSERT_FALSE(parse_head("GET /c HTTP/1.0\r\n\r\n", head));
  EXPECT_FALSE(head.chunked);
  EXPECT_FALSE(head.expects_continue);
  EXPECT_EQ(head.content_length, 0U);
  EXPECT_TRUE(head.request.query.empty());
  EXPECT_TRUE(head.request.host.empty());
  EXPECT_TRUE(head.headers.empty());
}

/// Offers `wire` in pieces of `step` bytes; the decoded body, or the status of the refusal.
std::string decode(std::string_view wire, std::size_t step, std::size_t limit = 100) {
  ChunkedBody chunked(limit, 64);
  std::string body, raw;
  while (!wire.empty()) {
    raw.append(wire.substr(0, step));
    wire.remove_prefix(std::min(step, wire.size()));
    raw.erase(0, chunked.feed(raw, body));
    if (chunked.refusal()) return std::to_string(chunked.refusal()->status);
    if (chunked.done()) return body + "|" + raw + std::string(wire);
  }
  return "more";
}

TEST(ChunkedBody, DecodesInPiecesOfAnySize) {
  std::string_view wire = "3\r\nabc\r\n0A;x=y\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\nNEXT";
  for (std::size_t step = 1; step <= wire.size(); ++step)
    EXPECT_EQ(decode(wire, step), "abc0123456789|NEXT") << step;
}

TEST(ChunkedBody, RefusesWhatIsMalformed) {
  for (std::string_view wire :
       {"x\r\nabc\r\n", "-1\r\na\r\n", "+1\r\na\r\n", "3\r\nabcd\r\n", "3\r\nabc\rx", "3\nabc\n0\n\n", "3\rx",
        "11111111111111111\r\n", "3;\x01\r\nabc\r\n0\r\n\r\n", "0\r\nbad trailer\r\n\r\n", "0\r\n: b\r\n\r\n",
        "0\r\nA: b\n\r\n", "0\r\n folded\r\n\r\n", " 3\r\nabc\r\n0\r\n\r\n", "3 \r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n", "\r\n\r\n"}) {
    EXPECT_EQ(decode(wire, 1), "400") << wire;
    EXPECT_EQ(decode(wire, 1000), "400") << wire;
  }
}

TEST(ChunkedBody, LimitsTheBodyAndItsFraming) {
  EXPECT_EQ(decode("65\r\n", 10), "413");
  EXPECT_EQ(decode("FFFFFFFFFFFFFFFF\r\n", 10), "413");
  EXPECT_EQ(decode("64\r\n" + std::string(100, 'a') + "\r\n1\r\n", 10), "413");
  EXPECT_EQ(decode("1;" + std::string(100, 'e'), 10), "400");
  EXPECT_EQ(decode("0\r\n" + std::string(200, 't'), 10), "400");
  std::string padded;
  for (int i = 0; i < 5000; ++i) padded += "01;" + std::string(60, 'e') + "\r\na\r\n";
  EXPECT_EQ(decode(padded, 1000, 10'000), "400");
}

}  // namespace
}  // namespace bulkhead::http
