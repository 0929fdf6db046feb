#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "catalog/store.hpp"
#include "integration/server/shops.hpp"

/// The corpus of requests: each file beside this one is a list of cases, sent byte by byte over a socket to a real server. A
/// case holds
///   name, why       what it is, and why the verdict is right
///   get, host, headers, as   a GET of this target with a Host header and these header lines, with the token of `as`; or
///   raw             the whole request
///   status, code    of the answer; `code` is that of the problem document, or absent
///   tenant          whose rows come back; absent: nobody's
///   server          default, proxied (trusts this machine as a proxy) or membership (that source, too)
///   closed          the server closes the connection after one answer, without being asked to
/// In them \xNN is a byte, and {token}, {acme}, {ACME}, {globex} stand for a token and ids. `as` is `user` or `user@claim`: ann
/// is acme's member, gus is globex's, both is both's, stranger nobody's.
namespace bulkhead::test {
namespace {

using boost::json::object;

/// What came back, and whether the server closed the connection.
struct Exchange {
  std::string text;
  bool closed = false;
};

Exchange exchange(std::uint16_t port, const std::string& bytes) {
  Exchange out;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("the server cannot be reached");
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const auto count = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) break;
    sent += static_cast<std::size_t>(count);
  }
  pollfd waiting{fd, POLLIN, 0};
  std::array<char, 8192> part{};
  while (poll(&waiting, 1, 5000) == 1) {
    const auto got = recv(fd, part.data(), part.size(), 0);
    out.closed = got <= 0;
    if (got <= 0) break;
    out.text.append(part.data(), static_cast<std::size_t>(got));
  }
  close(fd);
  return out;
}

struct Answer {
  unsigned status = 0;
  std::string code, body;
};

Answer answer_of(const std::string& text) {
  Answer answer;
  if (!text.starts_with("HTTP/1.1 ") || text.size() < 12) return answer;
  answer.status = static_cast<unsigned>(std::stoul(text.substr(9, 3)));
  const std::size_t end = text.find("\r\n\r\n");
  if (end == std::string::npos) return answer;
  answer.body = text.substr(end + 4);
  Reply reply;
  reply.body = answer.body;
  answer.code = code_of(reply);
  return answer;
}

std::size_t count_of(const std::string& text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size()) ++count;
  return count;
}

class Requests : public ShopsTest {
 protected:
  static void SetUpTestSuite() {
    ShopsTest::SetUpTestSuite();
    pg::Blocking admin = shops().database.connect_admin();
    must(
        admin.execute("insert into catalog.domain(host, tenant_id, verified) values "
                      "('shop.example.org', '" +
                      shops().acme +
                      "', true), "
                      "('xn--mnchen-3ya.example', '" +
                      shops().acme +
                      "', true), "
                      "('pending.example.org', '" +
                      shops().acme + "', false)"));
    TestServerSettings proxied = with_handlers(), membership = with_handlers();
    proxied.configure = [](AppConfig& config) { config.trusted_proxies = {"127.0.0.0/8"}; };
    membership.configure = [](AppConfig& config) { config.sources.emplace_back("membership"); };
    servers()["default"] = nullptr;
    servers()["proxied"] = std::make_unique<TestServer>(shops().database, proxied);
    servers()["membership"] = std::make_unique<TestServer>(shops().database, membership);
    for (const auto& [tenant, user] :
         {std::pair{"acme", "ann"}, {"globex", "gus"}, {"acme", "both"}, {"globex", "both"}})
      static_cast<void>(server().token(tenant, user, "member"));
  }
  static void TearDownTestSuite() {
    servers().clear();
    ShopsTest::TearDownTestSuite();
  }
  static std::map<std::string, std::unique_ptr<TestServer>>& servers() {
    static std::map<std::string, std::unique_ptr<TestServer>> all;
    return all;
  }
  static TestServer& server_of(const std::string& name) {
    const auto& found = servers().at(name);
    return found ? *found : server();
  }

  static std::string text_of(const object& one, std::string_view name, std::string otherwise = "") {
    const auto* value = one.if_contains(name);
    return value == nullptr ? otherwise : std::string(value->as_string());
  }
  /// Empty for `none`.
  static std::string token_of(const std::string& as) {
    if (as == "none") return {};
    const std::size_t at = std::min(as.find('@'), as.size());
    return server().token(at == as.size() ? "" : as.substr(at + 1), as.substr(0, at), "");
  }
  static std::string expanded(std::string text, const std::string& token) {
    std::string capitals = shops().acme;
    for (char& c : capitals) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    for (const auto& [what, with] : {std::pair<std::string, std::string>{"{token}", token},
                                     {"{acme}", shops().acme},
                                     {"{ACME}", capitals},
                                     {"{globex}", shops().globex}})
      for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
        text.replace(at, what.size(), with);
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] != '\\') {
        out += text[at];
      } else if (text.at(at + 1) == 'x') {
        out += static_cast<char>(std::stoul(text.substr(at + 2, 2), nullptr, 16));
        at += 3;
      } else {
        out += text.at(++at);
      }
    }
    return out;
  }
  static std::string bytes_of(const object& one) {
    const std::string token = token_of(text_of(one, "as", "ann"));
    if (one.contains("raw")) return expanded(text_of(one, "raw"), token);
    std::string text = "GET " + text_of(one, "get") + " HTTP/1.1\r\nHost: " + text_of(one, "host") + "\r\n";
    if (const auto* headers = one.if_contains("headers"))
      for (const auto& line : headers->as_array()) text += std::string(line.as_string()) + "\r\n";
    if (!token.empty()) text += "Authorization: Bearer {token}\r\n";
    return expanded(text + "Connection: close\r\n\r\n", token);
  }

  static void expect_verdict(const object& one) {
    const Exchange got = exchange(server_of(text_of(one, "server", "default")).port(), bytes_of(one));
    const Answer answer = answer_of(got.text);
    EXPECT_EQ(answer.status, one.at("status").to_number<unsigned>()) << got.text;
    if (one.contains("code")) {
      EXPECT_EQ(answer.code, text_of(one, "code")) << got.text;
    }
    const std::string tenant = text_of(one, "tenant");
    for (const auto& [slug, mark] : {std::pair{"acme", "ACME artist"}, {"globex", "GLOBEX artist"}})
      EXPECT_EQ(got.text.find(mark) != std::string::npos, tenant == slug) << got.text;
    EXPECT_EQ(count_of(got.text, "\r\nDate: "), 1u) << "one request, one answer: " << got.text;
    EXPECT_TRUE(got.closed)
        << "a request that asked for it, or that may be read in two ways, ends the connection";
  }
  static void run(const char* file) {
    std::ifstream in(std::filesystem::path(BULKHEAD_SOURCE_DIR "/tests/conformance/requests") / file);
    std::stringstream text;
    text << in.rdbuf();
    const auto cases = boost::json::parse(text.str()).as_array();
    ASSERT_FALSE(cases.empty());
    for (const auto& one : cases) {
      SCOPED_TRACE(text_of(one.as_object(), "name") + " (" + text_of(one.as_object(), "why") + ")");
      expect_verdict(one.as_object());
    }
    std::printf("%s: %zu requests\n", file, cases.size());
  }
};

TEST_F(Requests, Sources) {
  run("sources.json");
}
TEST_F(Requests, Hosts) {
  run("hosts.json");
}
TEST_F(Requests, Forwarded) {
  run("forwarded.json");
}
TEST_F(Requests, Paths) {
  run("paths.json");
}
TEST_F(Requests, Framing) {
  run("framing.json");
}
TEST_F(Requests, Membership) {
  run("membership.json");
}

}  // namespace
}  // namespace bulkhead::test
