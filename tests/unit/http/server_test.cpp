#include "http/server.hpp"

#include <atomic>
#include <future>
#include <stdexcept>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bulkhead/stream.hpp>

namespace bulkhead::http {
namespace {

using namespace std::chrono_literals;

/// A blocking client that sends bytes as they are.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const void* generic = &address;
    if (::connect(socket_, static_cast<const sockaddr*>(generic), sizeof address) != 0)
      throw std::runtime_error("cannot connect to the server under test");
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Stops early, without complaint, when the server has hung up: what it said before is what a test looks
  /// at.
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void finish() { ::shutdown(socket_, SHUT_WR); }

  /// Everything until the server closes.
  std::string rest() {
    while (more()) {
    }
    return std::move(text_);
  }
  /// Reads until `end` was seen, and takes off everything up to its end.
  std::string until(std::string_view end) {
    std::size_t at = 0;
    while ((at = text_.find(end)) == std::string::npos)
      if (!more()) return "closed: " + text_;
    std::string taken = text_.substr(0, at + end.size());
    text_.erase(0, at + end.size());
    return taken;
  }
  /// One response with Content-Length.
  std::string response() {
    std::string head = until("\r\n\r\n");
    std::size_t at = head.find("Content-Length: ");
    std::size_t length = at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
    while (text_.size() < length && more()) {
    }
    std::string all = head + text_.substr(0, length);
    text_.erase(0, length);
    return all;
  }

 private:
  bool more() {
    pollfd waiting{socket_, POLLIN, 0};
    if (::poll(&waiting, 1, 20'000) <= 0) return false;
    std::array<char, 65536> piece{};
    ssize_t got = ::recv(socket_, piece.data(), piece.size(), 0);
    if (got <= 0) return false;
    text_.append(piece.data(), static_cast<std::size_t>(got));
    return true;
  }

  int socket_;
  std::string text_;
};

/// A server on a thread of its own. Its handler tells what it was given.
class ServerTest : public testing::Test {
 protected:
  void start(Limits limits = {}) {
    auto handler = [this](Request& request) { return answer(request); };
    server_ = std::make_unique<Server>(io_, limits, handler);
    server_->observe_refusals(observer_);
    server_->observe_accept_failures(accept_observer_);
    auto port = server_->listen("127.0.0.1", 0);
    ASSERT_TRUE(port.has_value());
    port_ = *port;
    thread_ = std::thread([this] { io_.run(); });
  }

  void TearDown() override {
    if (!thread_.joinable()) return;
    boost::asio::post(io_, [this] { server_.reset(); });
    thread_.join();
  }

  Task<Response> answer(Request& request) {
    ++answered_;
    Response response;
    response.content_type = "text/plain";
    if (request.path == "/throw") throw std::runtime_error("a secret of the inside");
    if (request.path == "/split") response.headers.emplace_back("X-A", "b\r\nX-Injected: c");
    if (request.path == "/large") response.body.assign(8 * 1024 * 1024, 'x');
    if (request.path == "/none") response.status = 204;
    if (request.path == "/close") response.close = true;
    if (request.path == "/wait") co_await wait();
    if (request.path.starts_with("/stream")) co_return co_await stream(request);
    if (response.body.empty() && response.status == 200)
      response.body = std::string(method_name(request.method)) + " " + std::string(request.path) + " [" +
                      std::string(request.body) + "] " + std::string(request.peer);
    co_return response;
  }

  /// "/stream", "/stream/broken" (half of it), "/stream/throw", "/stream/endless", "/stream/split" (a header that cannot be).
  Task<Response> stream(Request& request) {
    ResponseStream& out = *request.stream;
    Response head;
    head.content_type = "text/plain";
    head.body = "first,";
    if (request.path == "/stream/split") head.headers.emplace_back("X-A", "b\r\nX-Injected: c");
    Response ended;
    Result<void> written = co_await out.begin(std::move(head));
    if (written.has_error()) co_return ended;
    const std::string piece(request.path == "/stream/endless" ? 100'000 : 7, 'p');
    for (int i = 0; i < 3 || request.path == "/stream/endless"; ++i) {
      written = co_await out.write(piece);
      if (written.has_error()) break;
    }
    gone_ = written.has_error() && written.error().code() == Errc::client_gone;
    if (request.path == "/stream/throw") throw std::runtime_error("a secret of the inside");
    ended.streamed = written.has_value() && request.path != "/stream/broken";
    co_return ended;
  }

  /// Suspends until `release()`.
  Task<void> wait() {
    boost::asio::steady_timer timer(io_, boost::asio::steady_timer::time_point::max());
    gate_ = &timer;
    waiting_.set_value();
    try {
      co_await timer.async_wait(boost::asio::use_awaitable);
    } catch (const boost::system::system_error&) {
    }
  }
  void release() {
    boost::asio::post(io_, [this] { gate_->cancel(); });
  }

  /// The server has read what was sent so far: its loop has looked at its sockets more than once since.
  void let_it_read() {
    std::promise<void> done;
    std::function<void(int)> round = [&](int left) {
      if (left == 0) return done.set_value();
      boost::asio::post(io_, [&round, left] { round(left - 1); });
    };
    boost::asio::post(io_, [&round] { round(20); });
    done.get_future().wait();
  }

  std::string ask(std::string_view bytes) {
    Client client(port_);
    client.send(bytes);
    return client.rest();
  }
  std::future<void> drain(std::chrono::milliseconds patience) {
    auto done = std::make_shared<std::promise<void>>();
    auto future = done->get_future();
    boost::asio::co_spawn(io_, server_->drain(std::chrono::steady_clock::now() + patience),
                          [done](std::exception_ptr) { done->set_value(); });
    return future;
  }

  boost::asio::io_context io_{1};
  std::unique_ptr<Server> server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
  std::atomic<int> answered_ = 0;
  std::atomic<bool> gone_ = false;
  boost::asio::steady_timer* gate_ = nullptr;
  std::promise<void> waiting_;
  RefusalObserver observer_;
  AcceptObserver accept_observer_;
};

constexpr std::string_view get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

TEST_F(ServerTest, AnswersAndKeepsTheConnection) {
  start();
  Client client(port_);
  for (int i = 0; i < 3; ++i) {
    client.send(get);
    std::string response = client.response();
    EXPECT_TRUE(response.starts_with("HTTP/1.1 200 OK\r\nDate: ")) << response;
    EXPECT_TRUE(response.ends_with("\r\n\r\nGET /a [] 127.0.0.1")) << response;
  }
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  start();
  Client client(port_);
  std::string all;
  for (int i = 0; i < 200; ++i)
    all += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n" +
           std::to_string(100 + i);
  client.send(all);
  for (int i = 0; i < 200; ++i) {
    std::string response = client.response();
    EXPECT_TRUE(
        response.ends_with("POST /" + std::to_string(i) + " [" + std::to_string(100 + i) + "] 127.0.0.1"))
        << response;
  }
}

TEST_F(ServerTest, ARequestMayArriveByteByByte) {
  start();
  Client client(port_);
  for (char c : std::string("\r\nPOST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"))
    client.send({&c, 1});
  EXPECT_TRUE(client.response().ends_with("POST /a [hello] 127.0.0.1"));
}

TEST_F(ServerTest, ChunkedBodiesAreDecodedAndWhatFollowsIsTheNextRequest) {
  start();
  Client client(port_);
  client.send(
      "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: "
      "t\r\n\r\n");
  client.send(
      "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /c HTTP/1.1\r\nHost: "
      "a\r\n\r\n");
  EXPECT_TRUE(client.response().ends_with("POST /a [abcde] 127.0.0.1"));
  EXPECT_TRUE(client.response().ends_with("POST /b [] 127.0.0.1"));
  EXPECT_TRUE(client.response().ends_with("GET /c [] 127.0.0.1"));
}

TEST_F(ServerTest, LargeBodiesGoBothWays) {
  start();
  Client client(port_);
  std::string body(900'000, 'b');
  client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n" + body);
  EXPECT_TRUE(client.response().ends_with("[" + body + "] 127.0.0.1"));
  client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  std::string large = client.response();
  EXPECT_EQ(large.size() - large.find("\r\n\r\n") - 4, 8U * 1024 * 1024);
  client.send(get);
  EXPECT_TRUE(client.response().ends_with("GET /a [] 127.0.0.1"));
}

TEST_F(ServerTest, HeadHasTheLengthAndNoBody) {
  start();
  Client client(port_);
  client.send("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n");
  std::string head = client.until("\r\n\r\n");
  EXPECT_NE(head.find("Content-Length: 20\r\n"), std::string::npos) << head;
  client.send(get);
  EXPECT_TRUE(client.response().starts_with("HTTP/1.1 200 OK"));
}

TEST_F(ServerTest, NoContentHasNoLength) {
  start();
  EXPECT_EQ(ask("GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").find("Content-Length"),
            std::string::npos);
}

TEST_F(ServerTest, ContinueIsSaidBeforeTheBody) {
  start();
  Client client(port_);
  client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hi");
  EXPECT_TRUE(client.response().ends_with("POST /a [hi] 127.0.0.1"));
}

TEST_F(ServerTest, ContinueIsNotSaidToWhatIsTooLarge) {
  start();
  std::string response =
      ask("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(response.starts_with("HTTP/1.1 413 Content Too Large\r\n")) << response;
}

TEST_F(ServerTest, Http10ClosesUnlessAskedNotTo) {
  start();
  EXPECT_NE(ask("GET /a HTTP/1.0\r\n\r\n").find("Connection: close"), std::string::npos);
  Client client(port_);
  client.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_NE(client.response().find("Connection: keep-alive"), std::string::npos);
  client.send("GET /b HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(client.response().ends_with("GET /b [] 127.0.0.1"));
}

TEST_F(ServerTest, AnAnswerInPieces) {
  start();
  Client client(port_);
  for (int i = 0; i < 2; ++i) {
    client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string response = client.until("\r\n0\r\n\r\n");
    EXPECT_NE(response.find("\r\nTransfer-Encoding: chunked\r\n"), std::string::npos) << response;
    EXPECT_EQ(response.find("Content-Length"), std::string::npos) << response;
    EXPECT_TRUE(response.ends_with(
        "\r\n\r\n6\r\nfirst,\r\n7\r\nppppppp\r\n7\r\nppppppp\r\n7\r\nppppppp\r\n0\r\n\r\n"))
        << response;
  }
  client.send("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n");
  client.send(get);
  const std::string both = client.until("GET /a [] 127.0.0.1");
  EXPECT_EQ(both.find("first"), std::string::npos) << both;
  client.send("GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(client.rest().ends_with("\r\n0\r\n\r\n"));
}

TEST_F(ServerTest, AnAnswerInPiecesToHttp10EndsWithTheConnection) {
  start();
  const std::string response = ask("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(response.ends_with("\r\n\r\nfirst,ppppppppppppppppppppp")) << response;
  EXPECT_EQ(response.find("chunked"), std::string::npos) << response;
}

TEST_F(ServerTest, AnAnswerThatBreaksOffHasNoEnd) {
  start();
  for (const char* path : {"/stream/broken", "/stream/throw"}) {
    const std::string response = ask("GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_NE(response.find("first,"), std::string::npos) << path;
    EXPECT_EQ(response.find("\r\n0\r\n"), std::string::npos) << path;
    EXPECT_EQ(response.find("secret"), std::string::npos) << path;
  }
  const std::string refused =
      ask("GET /stream/split HTTP/1.1\r\nHost: a\r\n\r\nGET /close HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(refused.find("Injected"), std::string::npos);
}

TEST_F(ServerTest, AReaderWhoGoesEndsAStream) {
  start();
  {
    Client client(port_);
    client.send("GET /stream/endless HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(client.until("ppppp").starts_with("HTTP/1.1 200 OK"));
  }
  Client other(port_);
  other.send(get);
  EXPECT_TRUE(other.response().ends_with("GET /a [] 127.0.0.1"));
  const auto until = std::chrono::steady_clock::now() + 10s;
  while (!gone_ && std::chrono::steady_clock::now() < until) let_it_read();
  EXPECT_TRUE(gone_);
}

TEST_F(ServerTest, AReaderWhoStallsEndsAStream) {
  Limits limits;
  limits.write_timeout = 1s;
  start(limits);
  Client client(port_);
  client.send("GET /stream/endless HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto until = std::chrono::steady_clock::now() + 20s;
  while (!gone_ && std::chrono::steady_clock::now() < until) let_it_read();
  EXPECT_TRUE(gone_);
}

TEST_F(ServerTest, ABodysLimitMayBeTheRoutesOwn) {
  Limits limits;
  limits.body_bytes = 10;
  limits.body_limit = [](const Request& request) -> std::optional<std::size_t> {
    if (request.path == "/upload") return 100;
    if (request.path == "/small") return 3;
    return std::nullopt;
  };
  start(limits);
  const auto status = [&](const std::string& path, std::size_t bytes, bool chunked) {
    std::string text = "POST " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
    const std::string body(bytes, 'x');
    if (chunked)
      text += "Transfer-Encoding: chunked\r\n\r\n" + std::to_string(bytes / 10) + "0\r\n";
    else
      text += "Content-Length: " + std::to_string(bytes) + "\r\n\r\n";
    if (chunked) {
      // Sizes are hexadecimal: one chunk of bytes/10 * 16.
      text += std::string(bytes / 10 * 16, 'x') + "\r\n0\r\n\r\n";
    } else {
      text += body;
    }
    return ask(text).substr(9, 3);
  };
  EXPECT_EQ(status("/a", 10, false), "200");
  EXPECT_EQ(status("/a", 11, false), "413");
  EXPECT_EQ(status("/upload", 100, false), "200");
  EXPECT_EQ(status("/upload", 101, false), "413");
  EXPECT_EQ(status("/upload", 60, true), "200");
  EXPECT_EQ(status("/upload", 70, true), "413");
  EXPECT_EQ(status("/small", 3, false), "200");
  EXPECT_EQ(status("/small", 4, false), "413");
}

TEST_F(ServerTest, AHandlerMayClose) {
  start();
  std::string response = ask("GET /close HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_NE(response.find("GET /close"), std::string::npos);
  EXPECT_EQ(response.find("GET /b"), std::string::npos);
}

TEST_F(ServerTest, AnExceptionIs500WithoutDetail) {
  start();
  for (std::string_view path : {"/throw", "/split"}) {
    std::string response =
        ask("GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(response.starts_with("HTTP/1.1 500 Internal Server Error\r\n")) << response;
    EXPECT_EQ(response.find("secret"), std::string::npos) << response;
    EXPECT_EQ(response.find("Injected"), std::string::npos) << response;
  }
}

struct Refused {
  const char* name;
  std::string bytes;
  const char* status;
};

class RefusedTest : public ServerTest, public testing::WithParamInterface<Refused> {};

/// The client gets the answer, as a problem document, and then the end of the connection; no handler runs.
TEST_P(RefusedTest, IsAnsweredAndClosed) {
  Limits limits;
  limits.header_bytes = 1024;
  limits.body_bytes = 1000;
  start(limits);
  Client client(port_);
  client.send(GetParam().bytes);
  std::string response = client.until("}");
  EXPECT_TRUE(response.starts_with("HTTP/1.1 " + std::string(GetParam().status) + " ")) << response;
  EXPECT_NE(response.find("Content-Type: application/problem+json\r\n"), std::string::npos) << response;
  EXPECT_NE(response.find("Connection: close\r\n"), std::string::npos) << response;
  EXPECT_EQ(client.rest(), "");
  EXPECT_EQ(answered_, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Table, RefusedTest,
    testing::Values(
        Refused{"Garbage", "\x16\x03\x01 garbage", "400"},
        Refused{"BareLineFeeds", "GET / HTTP/1.1\nHost: a\n\n", "400"},
        Refused{"Folded", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", "400"},
        Refused{"NulInHeader", std::string("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 34), "400"},
        Refused{"NoHost", "GET / HTTP/1.1\r\n\r\n", "400"},
        Refused{
            "Smuggling",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
            "400"},
        Refused{"UnknownEncoding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "501"},
        Refused{"Version", "GET / HTTP/3.0\r\nHost: a\r\n\r\n", "505"},
        Refused{"Expectation", "POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n",
                "417"},
        Refused{"LongTarget", "GET /" + std::string(3000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", "414"},
        Refused{"LongTargetUnfinished", "GET /" + std::string(3000, 'a'), "414"},
        Refused{"LongHeader", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(3000, 'a') + "\r\n\r\n",
                "431"},
        Refused{"LongHeaderUnfinished", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(3000, 'a'), "431"},
        Refused{"ManyHeaders",
                [] {
                  std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
                  for (int i = 0; i < 1000; ++i) text += "a:b\r\n";
                  return text + "\r\n";
                }(),
                "431"},
        Refused{"LongBody",
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n" + std::string(1001, 'a'), "413"},
        Refused{"HugeBody",
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n" + std::string(3'000'000, 'a'),
                "413"},
        Refused{"LongChunk", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3E9\r\n",
                "413"},
        Refused{"BadChunk", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "400"},
        Refused{"ChunkSizeOverflows",
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111111\r\n",
                "400"},
        Refused{"EndlessChunkLine",
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(3000, 'e'),
                "400"}),
    [](const auto& info) { return info.param.name; });

TEST_F(ServerTest, ASlowHeadIs408AndASilentClientIsDropped) {
  Limits limits;
  limits.header_timeout = 1s;
  start(limits);
  Client slow(port_), silent(port_);
  slow.send("GET / HT");
  EXPECT_TRUE(slow.rest().starts_with("HTTP/1.1 408 Request Timeout\r\n"));
  EXPECT_EQ(silent.rest(), "");
  EXPECT_EQ(answered_, 0);
}

/// Whether a byte has just come when the time is over is a matter of luck, so there are many who try it.
TEST_F(ServerTest, AHeadThatDripsBeyondItsTimeEndsAlways) {
  Limits limits;
  limits.header_timeout = 1s;
  // Time alone ends it, however quick the drops are.
  limits.header_bytes = 16U << 20U;
  start(limits);
  constexpr int count = 60;
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<Client>(port_));
    clients.back()->send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
  }
  auto over = std::chrono::steady_clock::now() + 2500ms;
  while (std::chrono::steady_clock::now() < over)
    for (auto& client : clients) client->send("x");
  for (auto& client : clients) {
    std::string rest = client->rest();
    EXPECT_TRUE(rest.starts_with("HTTP/1.1 408 ")) << rest;
  }
  EXPECT_EQ(answered_, 0);
}

TEST_F(ServerTest, AnEmptyLineBetweenRequestsMayComeInHalves) {
  start();
  Client client(port_);
  client.send(get);
  client.response();
  client.send("\r");
  let_it_read();
  client.send("\n");
  client.send(get);
  EXPECT_TRUE(client.response().starts_with("HTTP/1.1 200 OK"));
}

TEST_F(ServerTest, ARefusedHeadRequestHasNoBodyEither) {
  Limits limits;
  limits.body_bytes = 10;
  start(limits);
  for (const char* fields :
       {"Host: a\r\nHost: b\r\n", "Host: a\r\nContent-Length: 11\r\n", "Host: a\r\nExpect: tea\r\n"}) {
    std::string response = ask("HEAD / HTTP/1.1\r\n" + std::string(fields) + "\r\n");
    EXPECT_TRUE(response.starts_with("HTTP/1.1 4")) << response;
    EXPECT_TRUE(response.ends_with("\r\n\r\n")) << response;
  }
  // What was a HEAD before says nothing of a request that could not be read.
  Client client(port_);
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  client.until("\r\n\r\n");
  client.send("\x01 garbage\r\n\r\n");
  EXPECT_TRUE(client.rest().ends_with("}"));
}

TEST_F(ServerTest, ASlowBodyIs408) {
  Limits limits;
  limits.body_timeout = 1s;
  start(limits);
  EXPECT_TRUE(ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab").starts_with("HTTP/1.1 408 "));
  EXPECT_TRUE(ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")
                  .starts_with("HTTP/1.1 408 "));
}

TEST_F(ServerTest, AnIdleConnectionIsClosedAfterAWhile) {
  Limits limits;
  limits.idle_timeout = 1s;
  start(limits);
  Client client(port_);
  client.send(get);
  client.response();
  EXPECT_EQ(client.rest(), "");
}

TEST_F(ServerTest, AClientThatDoesNotReadIsDropped) {
  Limits limits;
  limits.write_timeout = 1s;
  start(limits);
  Client client(port_);
  client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  auto gone = std::chrono::steady_clock::now() + 20s;
  std::promise<void> dropped;
  std::function<void()> look = [&] {
    if (answered_ == 1 && server_->open_connections() == 0)
      dropped.set_value();
    else if (std::chrono::steady_clock::now() < gone)
      boost::asio::post(io_, look);
  };
  boost::asio::post(io_, look);
  EXPECT_EQ(dropped.get_future().wait_for(20s), std::future_status::ready);
}

TEST_F(ServerTest, ConnectionsBeyondTheLimitWaitTheirTurn) {
  Limits limits;
  limits.connections = 1;
  start(limits);
  auto first = std::make_unique<Client>(port_);
  first->send(get);
  first->response();
  Client second(port_);
  second.send(get);
  first.reset();
  EXPECT_TRUE(second.response().starts_with("HTTP/1.1 200 OK"));
}

// UBSan looks through a pipe of its own whether an object's memory is readable, and without files takes every one for broken.
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
#define BULKHEAD_SANITIZER_NEEDS_FILES 1
#endif
#endif

TEST_F(ServerTest, WithoutFilesNobodyIsAcceptedAndItIsToldOnce) {
#ifdef BULKHEAD_SANITIZER_NEEDS_FILES
  GTEST_SKIP() << "UBSan needs files of its own";
#endif
  std::atomic<int> told = 0;
  std::promise<std::string> why;
  accept_observer_ = [&](const std::string& text) {
    if (told++ == 0) why.set_value(text);
  };
  Limits limits;
  limits.connections = 1;
  start(limits);
  auto first = std::make_unique<Client>(port_);
  first->send(get);
  first->response();
  Client second(port_);
  second.send(get);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 3;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  first.reset();
  EXPECT_NE(why.get_future().get().find("open files"), std::string::npos);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(second.response().starts_with("HTTP/1.1 200 OK")) << "and it goes on by itself";
  EXPECT_EQ(told, 1);
}

TEST_F(ServerTest, DrainFinishesWhatIsUnderWayAndClosesIdleConnections) {
  start();
  Client idle(port_), busy(port_);
  idle.send(get);
  idle.response();
  busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  waiting_.get_future().wait();
  auto drained = drain(20s);
  EXPECT_EQ(idle.rest(), "");
  EXPECT_EQ(drained.wait_for(0s), std::future_status::timeout);
  release();
  std::string response = busy.rest();
  EXPECT_TRUE(response.starts_with("HTTP/1.1 200 OK")) << response;
  EXPECT_NE(response.find("Connection: close"), std::string::npos) << response;
  EXPECT_EQ(drained.wait_for(20s), std::future_status::ready);
  EXPECT_THROW(Client refused(port_), std::runtime_error);
}

TEST_F(ServerTest, DrainGivesUpAtItsDeadline) {
  start();
  Client busy(port_);
  busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  waiting_.get_future().wait();
  EXPECT_EQ(drain(100ms).wait_for(20s), std::future_status::ready);
  EXPECT_EQ(busy.rest(), "");
  release();
}

TEST_F(ServerTest, APortThatIsTakenIsNoticed) {
  start();
  auto taken = check_port_is_free("127.0.0.1", port_);
  ASSERT_TRUE(taken.has_error());
  EXPECT_EQ(taken.error().code(), Errc::environment);
  EXPECT_TRUE(check_port_is_free("127.0.0.1", 0).has_value());
}

TEST_F(ServerTest, RefusalsAreCountedAndTold) {
  std::promise<std::pair<unsigned, std::string>> told;
  observer_ = [&](unsigned status, const Error&, std::string_view peer) {
    told.set_value(std::pair(status, std::string(peer)));
  };
  start();
  ask("GET / HTTP/9.9\r\nHost: a\r\n\r\n");
  EXPECT_EQ(told.get_future().get(), std::pair(505U, std::string("127.0.0.1")));
  EXPECT_EQ(server_->counters().refused, 1U);
  EXPECT_EQ(server_->counters().accepted, 1U);
}

TEST_F(ServerTest, ListeningWhereOneMayNotSaysWhere) {
  Server server(io_, Limits(), [](Request&) -> Task<Response> { co_return Response(); });
  auto port = server.listen("203.0.113.1", 80);
  ASSERT_TRUE(port.has_error());
  EXPECT_NE(port.error().message().find("203.0.113.1:80"), std::string_view::npos);
  EXPECT_TRUE(server.listen("no address", 80).has_error());
}

}  // namespace
}  // namespace bulkhead::http
