#include "base/fetch.hpp"

#include <csignal>
#include <cstdio>

#include <gtest/gtest.h>

#include "integration/identity/imposter.hpp"
#include "integration/identity/run.hpp"

namespace bulkhead {
namespace {

using testing::Imposter;
using testing::SelfSigned;

FetchRequest request_for(std::string url) {
  FetchRequest request(std::move(url));
  request.allow_http = true;
  request.deadline = std::chrono::seconds(20);  // generous: only the tests of the deadline are about it
  return request;
}

TEST(Fetch, BringsStatusHeadersAndBody) {
  Imposter server(
      [](const std::string& path) { return Imposter::ok("body of " + path, "X-Some:  thing \r\n"); });
  auto response = fetch_blocking(request_for(server.url("/a?b=c")));
  ASSERT_TRUE(response) << response.error().internal();
  EXPECT_EQ(response->status, 200U);
  EXPECT_EQ(response->body, "body of /a?b=c");
  EXPECT_EQ(response->header("x-some"), "thing");
  EXPECT_EQ(response->header("x-other"), std::nullopt);
}

TEST(Fetch, OfUrlsThatOthersMadeUpAsksPublicAddressesOnly) {
  Imposter server([](const std::string&) { return Imposter::ok("inside"); });
  for (const char* host : {"localhost", "127.0.0.1", "[::1]", "0.0.0.0", "127.1", "a.localhost"}) {
    std::string url = server.url("/latest/meta-data");
    url.replace(url.find("//") + 2, url.rfind(':') - url.find("//") - 2, host);
    FetchRequest request = request_for(url);
    request.public_only = true;
    auto response = fetch_blocking(request);
    ASSERT_TRUE(response.has_error()) << url;
    EXPECT_EQ(response.error().code(), Errc::upstream_failed) << url;
  }
  EXPECT_EQ(server.requests("/latest/meta-data"), 0);
  // Where it is told to connect it does, under the name that was asked for.
  FetchRequest request = request_for("http://shop.example.org/proof");
  request.public_only = true;
  const std::string url = server.url("");
  request.connect_to = "127.0.0.1" + url.substr(url.rfind(':'));
  auto response = fetch_blocking(request);
  ASSERT_TRUE(response) << response.error().internal();
  EXPECT_EQ(response->body, "inside");
}

TEST(Fetch, WithoutTlsAsksThisMachineOnly) {
  for (const char* url :
       {"http://192.0.2.2/", "http://127.evil.example/", "http://localhost.evil.example/"}) {
    auto response = fetch_blocking(request_for(url));
    ASSERT_TRUE(response.has_error());
    EXPECT_EQ(response.error().code(), Errc::usage) << url;
  }
}

TEST(Fetch, FollowsNoRedirect) {
  Imposter server([](const std::string& path) {
    return path == "/" ? Imposter::status("302 Found", "Location: /secret\r\n") : Imposter::ok("secret");
  });
  auto response = fetch_blocking(request_for(server.url("/")));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 302U);
  EXPECT_EQ(server.requests("/secret"), 0);
}

TEST(Fetch, BoundsTheBodyHoweverItIsSent) {
  std::string body(10'000, 'b');
  Imposter server([&](const std::string& path) {
    return path == "/length" ? Imposter::ok(body) : "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body;
  });
  for (std::string path : {"/length", "/open"}) {
    FetchRequest request = request_for(server.url(path));
    request.body_limit = 10'000;
    EXPECT_EQ(fetch_blocking(request)->body.size(), 10'000U);
    request.body_limit = 9'999;
    auto response = fetch_blocking(request);
    ASSERT_TRUE(response.has_error());
    EXPECT_EQ(response.error().code(), Errc::upstream_failed);
    EXPECT_NE(response.error().message().find("9999 bytes"), std::string_view::npos);
  }
}

TEST(Fetch, BoundsTheHeader) {
  Imposter server([](const std::string&) {
    std::string many;
    for (int i = 0; i < 100; ++i) many += "X-Pad: " + std::string(1000, 'p') + "\r\n";
    return Imposter::ok("", many);
  });
  EXPECT_EQ(fetch_blocking(request_for(server.url())).error().code(), Errc::upstream_failed);
}

TEST(Fetch, EndsAtTheDeadline) {
  Imposter server([](const std::string&) { return Imposter::ok("late"); });
  server.hold(true);
  FetchRequest request = request_for(server.url("/slow"));
  request.deadline = std::chrono::milliseconds(200);
  auto begin = std::chrono::steady_clock::now();
  auto response = fetch_blocking(request);
  EXPECT_EQ(response.error().code(), Errc::deadline_exceeded);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(190));
  EXPECT_EQ(server.requests("/slow"), 1);
}

TEST(Fetch, RefusesUrlsThatAreNotForIt) {
  FetchRequest request;
  for (std::string url :
       {"http://127.0.0.1:1/", "file:///etc/passwd", "ftp://localhost/", "gopher://localhost/", "",
        "localhost", "/path", "https://", "https://user:secret@localhost/"}) {
    request.url = url;
    EXPECT_EQ(fetch_blocking(request).error().code(), Errc::usage) << url;
  }
}

TEST(Fetch, SaysThatNobodyAnswers) {
  std::string url;
  {
    Imposter gone([](const std::string&) { return ""; });
    url = gone.url();
  }
  EXPECT_EQ(fetch_blocking(request_for(url)).error().code(), Errc::upstream_failed);
  Imposter garbage([](const std::string&) { return "SSH-2.0-OpenSSH\r\n"; });
  EXPECT_EQ(fetch_blocking(request_for(garbage.url())).error().code(), Errc::upstream_failed);
  Imposter cut([](const std::string&) { return "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"; });
  EXPECT_EQ(fetch_blocking(request_for(cut.url())).error().code(), Errc::upstream_failed);
}

TEST(Fetch, VerifiesTheCertificateAndItsName) {
  SelfSigned certificate;
  std::string authority = ::testing::TempDir() + "/bulkhead_fetch_authority.pem";
  certificate.write(authority);
  Imposter server([](const std::string&) { return Imposter::ok("secure"); }, &certificate);
  FetchRequest request("https://localhost:" + server.port() + "/");
  request.deadline = std::chrono::seconds(20);
  EXPECT_EQ(fetch_blocking(request).error().code(), Errc::upstream_failed) << "nobody trusts it";
  request.ca_file = authority;
  auto response = fetch_blocking(request);
  ASSERT_TRUE(response) << response.error().internal();
  EXPECT_EQ(response->body, "secure");
  request.url = "https://127.0.0.1:" + server.port() + "/";
  EXPECT_EQ(fetch_blocking(request).error().code(), Errc::upstream_failed) << "trusted, but for another name";
  std::remove(authority.c_str());
}

/// What OpenSSL does when the peer has gone: SIGPIPE to the thread that writes. Its default action ends the process.
TEST(Fetch, SurvivesABrokenPipeAndLeavesTheSignalAsItWas) {
  const pthread_t caller = pthread_self();
  Imposter server([caller](const std::string&) {
    pthread_kill(caller, SIGPIPE);
    return Imposter::ok("still here");
  });
  auto response = fetch_blocking(request_for(server.url()));
  ASSERT_TRUE(response) << response.error().internal();
  EXPECT_EQ(response->body, "still here");
  sigset_t mask, pending;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  sigpending(&pending);
  EXPECT_EQ(sigismember(&mask, SIGPIPE), 0);
  EXPECT_EQ(sigismember(&pending, SIGPIPE), 0);
}

Task<std::string> fetch_and_tell_thread(Fetcher& fetcher, FetchRequest request, std::thread::id* after) {
  auto response = co_await fetcher.fetch(std::move(request));
  *after = std::this_thread::get_id();
  if (!response) co_return "error";
  co_return std::move(response->body);
}

TEST(Fetcher, ComesBackToTheCallersThread) {
  Imposter server([](const std::string& path) { return Imposter::ok(path); });
  boost::asio::io_context io{1};
  Fetcher fetcher;
  std::thread::id after;
  EXPECT_EQ(testing::run(io, fetch_and_tell_thread(fetcher, request_for(server.url("/x")), &after)), "/x");
  EXPECT_EQ(after, std::this_thread::get_id());
}

TEST(Fetcher, StopsWhatRunsWhenItEnds) {
  Imposter server([](const std::string&) { return Imposter::ok("never"); });
  server.hold(true);
  boost::asio::io_context io{1};
  auto fetcher = std::make_unique<Fetcher>(1);
  std::vector<Errc> outcomes;
  auto fetch_one = [&]() -> Task<void> {
    auto response = co_await fetcher->fetch(request_for(server.url("/held")));
    outcomes.push_back(response.error().code());
  };
  boost::asio::co_spawn(io, fetch_one, boost::asio::detached);
  boost::asio::co_spawn(io, fetch_one, boost::asio::detached);
  io.poll();
  server.wait_for_requests("/held", 1);
  fetcher.reset();
  io.run();
  EXPECT_EQ(outcomes, (std::vector<Errc>{Errc::upstream_failed, Errc::upstream_failed}));
}

}  // namespace
}  // namespace bulkhead
