#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace bulkhead::test {

/// A DNS server on a loopback port that knows TXT records. Real packets (RFC 1035), one thread.
class DnsServer {
 public:
  DnsServer();
  ~DnsServer();
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  /// "127.0.0.1:PORT".
  [[nodiscard]] std::string address() const;
  /// Names in lower case, without a trailing dot.
  void set(const std::string& name, std::vector<std::string> texts);
  /// From now on every question is answered with SERVFAIL.
  void fail(bool failing) noexcept { failing_ = failing; }
  [[nodiscard]] unsigned questions() const noexcept { return questions_; }

 private:
  void serve();
  [[nodiscard]] std::string answer(const std::string& question);

  int socket_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> failing_{false}, stop_{false};
  std::atomic<unsigned> questions_{0};
  std::mutex mutex_;  ///< Guards records_.
  std::map<std::string, std::vector<std::string>> records_;
  std::thread thread_;
};

}  // namespace bulkhead::test
