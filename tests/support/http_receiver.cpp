#include "support/http_receiver.hpp"

#include <algorithm>
#include <cctype>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bulkhead::test {
namespace {

/// Reads a call with a Content-Length; false: the connection ended before.
bool read_call(int connection, Received& out) {
  std::string text;
  std::size_t end = std::string::npos, wanted = 0;
  while (end == std::string::npos || text.size() < end + 4 + wanted) {
    char buffer[16384];
    const ssize_t size = recv(connection, buffer, sizeof buffer, 0);
    if (size <= 0) return false;
    text.append(buffer, static_cast<std::size_t>(size));
    if (end != std::string::npos) continue;
    end = text.find("\r\n\r\n");
    if (end == std::string::npos) continue;
    const std::size_t first = text.find("\r\n");
    const std::string line = text.substr(0, first);
    out.method = line.substr(0, line.find(' '));
    out.path = line.substr(out.method.size() + 1, line.rfind(' ') - out.method.size() - 1);
    for (std::size_t at = first + 2; at < end;) {
      const std::size_t stop = text.find("\r\n", at);
      const std::size_t colon = text.find(':', at);
      std::string name = text.substr(at, colon - at);
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
      const std::size_t value = text.find_first_not_of(' ', colon + 1);
      out.headers[name] = text.substr(value, stop - value);
      at = stop + 2;
    }
    const auto length = out.headers.find("content-length");
    wanted = length == out.headers.end() ? 0 : std::stoul(length->second);
  }
  out.body = text.substr(end + 4, wanted);
  return true;
}

}  // namespace

HttpReceiver::HttpReceiver(std::function<Reaction(const Received&)> react) : react_(std::move(react)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 64) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("no port for a receiver");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { accept_all(); });
}

HttpReceiver::~HttpReceiver() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  for (std::thread& connection : connections_) connection.join();
  close(listener_);
}

void HttpReceiver::accept_all() {
  for (;;) {
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) return;
    connections_.emplace_back([this, connection] { serve(connection); });
  }
}

void HttpReceiver::serve(int connection) {
  Received call;
  if (read_call(connection, call)) {
    const Reaction reaction = react_ ? react_(call) : Reaction();
    {
      std::unique_lock lock(mutex_);
      ++calls_;
      changed_.notify_all();
      changed_.wait_for(lock, reaction.delay, [this] { return stopping_; });
      if (reaction.status / 100 == 2) taken_.push_back(call);
    }
    std::string answer = "HTTP/1.1 " + std::to_string(reaction.status) + " X\r\nConnection: close\r\n";
    for (const auto& [name, value] : reaction.headers) answer += name + ": " + value + "\r\n";
    answer += "Content-Length: 0\r\n\r\n";
    [[maybe_unused]] const auto sent = ::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
    changed_.notify_all();
  }
  close(connection);
}

std::string HttpReceiver::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

std::vector<Received> HttpReceiver::taken() const {
  const std::lock_guard lock(mutex_);
  return taken_;
}

std::size_t HttpReceiver::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

bool HttpReceiver::wait_for(std::size_t taken, std::chrono::seconds longest) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, longest, [&] { return taken_.size() >= taken; });
}

bool HttpReceiver::wait_for_calls(std::size_t calls, std::chrono::seconds longest) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, longest, [&] { return calls_ >= calls; });
}

}  // namespace bulkhead::test
