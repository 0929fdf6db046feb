#include "support/http_client.hpp"

#include <algorithm>
#include <stdexcept>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <sys/socket.h>
#include <sys/time.h>

namespace bulkhead::test {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return text;
}

tcp::endpoint endpoint(std::uint16_t port) {
  return {asio::ip::address_v4::loopback(), port};
}

void limit_waiting(tcp::socket& socket, long seconds) {
  timeval time{seconds, 0};
  setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
}

}  // namespace

std::string Reply::header(const std::string& name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return {};
}

struct HttpClient::Impl {
  std::uint16_t port;
  asio::io_context io;
  tcp::socket socket{io};
  boost::beast::flat_buffer buffer;

  void connect() {
    boost::system::error_code ignored;
    socket.close(ignored);
    buffer.clear();
    socket.connect(endpoint(port));
    socket.set_option(tcp::no_delay(true));
    limit_waiting(socket, 30);
  }
};

HttpClient::HttpClient(std::uint16_t port) : impl_(std::make_unique<Impl>()) {
  impl_->port = port;
}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;

Reply HttpClient::send(const Call& call) {
  std::string text = call.method + " " + call.target + " HTTP/1.1\r\n";
  bool host = false;
  for (const auto& [name, value] : call.headers) {
    text += name + ": " + value + "\r\n";
    host = host || lower(name) == "host";
  }
  if (!host) text += "Host: 127.0.0.1:" + std::to_string(impl_->port) + "\r\n";
  if (!call.body.empty() || call.method == "POST" || call.method == "PATCH")
    text += "Content-Length: " + std::to_string(call.body.size()) + "\r\n";
  text += "\r\n" + call.body;
  // A connection that the server closed meanwhile is noticed at the first byte that does not come: try once
  // more.
  for (int attempt = 0;; ++attempt) {
    bool fresh = !impl_->socket.is_open();
    if (fresh) impl_->connect();
    boost::system::error_code code;
    asio::write(impl_->socket, asio::buffer(text), code);
    http::response_parser<http::string_body> parser;
    parser.body_limit(std::uint64_t{64} << 20);
    if (call.method == "HEAD") parser.skip(true);
    if (!code) http::read(impl_->socket, impl_->buffer, parser, code);
    if (code) {
      impl_->socket.close();
      if (fresh || attempt > 0)
        throw std::runtime_error("no answer to " + call.method + " " + call.target + ": " + code.message());
      continue;
    }
    auto message = parser.release();
    Reply reply;
    reply.status = message.result_int();
    reply.reason = std::string(message.reason());
    for (const auto& field : message)
      reply.headers.emplace_back(lower(std::string(field.name_string())), std::string(field.value()));
    reply.body = std::move(message.body());
    if (!message.keep_alive()) impl_->socket.close();
    return reply;
  }
}

std::string HttpClient::raw(std::uint16_t port, const std::string& bytes) {
  asio::io_context io;
  tcp::socket socket(io);
  socket.connect(endpoint(port));
  limit_waiting(socket, 2);
  boost::system::error_code code;
  asio::write(socket, asio::buffer(bytes), code);
  std::string answer;
  char part[4096];
  for (;;) {
    auto size = recv(socket.native_handle(), part, sizeof part, 0);
    if (size <= 0) return answer;
    answer.append(part, static_cast<std::size_t>(size));
  }
}

}  // namespace bulkhead::test
