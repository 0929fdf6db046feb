#include "support/dns_server.hpp"

#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bulkhead::test {

namespace {

constexpr std::size_t head_size = 12;
constexpr char no_error = 0, server_failure = 2, no_such_name = 3;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

/// The name of the first question, and where it ends; "" for what is no question.
std::string name_of(const std::string& packet, std::size_t& at) {
  std::string name;
  at = head_size;
  while (at < packet.size() && packet[at] != 0) {
    const auto length = static_cast<unsigned char>(packet[at]);
    if (length > 63 || at + 1 + length >= packet.size()) return {};
    if (!name.empty()) name += '.';
    for (std::size_t i = 0; i < length; ++i) name += lower(packet[at + 1 + i]);
    at += 1U + length;
  }
  ++at;
  return name;
}

void put16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8 & 0xff);
  out += static_cast<char>(value & 0xff);
}

}  // namespace

DnsServer::DnsServer() : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  if (socket_ < 0 || bind(socket_, plain, size) != 0 || getsockname(socket_, plain, &size) != 0)
    throw std::runtime_error("no UDP port on the loopback");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

DnsServer::~DnsServer() {
  stop_ = true;
  const sockaddr_in address = loopback(port_);
  // Wakes the thread.
  static_cast<void>(sendto(socket_, "", 0, 0, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  thread_.join();
  close(socket_);
}

std::string DnsServer::address() const {
  return "127.0.0.1:" + std::to_string(port_);
}

void DnsServer::set(const std::string& name, std::vector<std::string> texts) {
  const std::lock_guard lock(mutex_);
  records_[name] = std::move(texts);
}

void DnsServer::serve() {
  std::string packet;
  while (!stop_) {
    packet.resize(4096);
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const auto got =
        recvfrom(socket_, packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got < static_cast<ssize_t>(head_size)) continue;
    packet.resize(static_cast<std::size_t>(got));
    ++questions_;
    const std::string out = answer(packet);
    static_cast<void>(
        sendto(socket_, out.data(), out.size(), 0, reinterpret_cast<const sockaddr*>(&from), size));
  }
}

std::string DnsServer::answer(const std::string& question) {
  std::size_t end = 0;
  const std::string name = name_of(question, end);
  const std::lock_guard lock(mutex_);
  const auto found = records_.find(name);
  const bool known = found != records_.end() && !failing_;
  const std::size_t count = known ? found->second.size() : 0;
  std::string out = question.substr(0, 2);
  out += '\x81';  // An answer, recursion desired.
  out += static_cast<char>('\x80' | (failing_ ? server_failure : known ? no_error : no_such_name));
  put16(out, 1);
  put16(out, count);
  put16(out, 0);
  put16(out, 0);
  out += question.substr(head_size, end + 4 - head_size);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& text = found->second[i];
    put16(out, 0xc000 | head_size);  // The question's name.
    put16(out, 16);                  // TXT
    put16(out, 1);                   // IN
    put16(out, 0);
    put16(out, 5);  // Seconds to live.
    put16(out, text.size() + 1);
    out += static_cast<char>(text.size());
    out += text;
  }
  return out;
}

}  // namespace bulkhead::test
