#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace bulkhead::test {

/// A call that came in.
struct Received {
  std::string method, path, body;
  std::map<std::string, std::string> headers;  ///< Names in lower case.
};

struct Reaction {
  unsigned status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::chrono::milliseconds delay{0};  ///< Before the answer.
};

/// A small real HTTP server on a free port of 127.0.0.1 that keeps what it gets. Thread-safe.
class HttpReceiver {
 public:
  /// `react` is called once a call, by several threads; empty: 200.
  explicit HttpReceiver(std::function<Reaction(const Received&)> react = {});
  ~HttpReceiver();
  HttpReceiver(const HttpReceiver&) = delete;
  HttpReceiver& operator=(const HttpReceiver&) = delete;

  [[nodiscard]] std::string url(const std::string& path = "/") const;
  /// Those that were answered with 2xx, in order.
  [[nodiscard]] std::vector<Received> taken() const;
  /// All calls, whatever they were answered.
  [[nodiscard]] std::size_t calls() const;
  /// False: in that time there were not so many taken calls.
  [[nodiscard]] bool wait_for(std::size_t taken, std::chrono::seconds longest = std::chrono::seconds(20));
  [[nodiscard]] bool wait_for_calls(std::size_t calls,
                                    std::chrono::seconds longest = std::chrono::seconds(20));

 private:
  void accept_all();
  void serve(int connection);

  std::function<Reaction(const Received&)> react_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Received> taken_;
  std::size_t calls_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> connections_;
  std::thread thread_;
};

}  // namespace bulkhead::test
