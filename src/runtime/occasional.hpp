#pragma once

#include <atomic>
#include <chrono>
#include <functional>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

namespace bulkhead::runtime {

/// Work that is asked for whenever somebody says that something changed, which anybody may say as often as they
/// like. However often it is asked for while it waits, it is done once; and between two beginnings lies a pause.
/// What is asked for while it is being done is done once more afterwards.
class Occasional {
 public:
  /// The pool must have one thread, and outlive this; stop it, or join it, before this goes.
  Occasional(boost::asio::thread_pool& pool, std::chrono::milliseconds pause, std::function<void()> work)
      : pause_(pause), work_(std::move(work)), timer_(pool) {}
  Occasional(const Occasional&) = delete;
  Occasional& operator=(const Occasional&) = delete;

  /// Any one thread at a time. Returns at once.
  void ask() {
    // Whoever turns the flag has the timer and the time to itself until the work has turned it back.
    if (asked_.exchange(true)) return;
    timer_.expires_at(earliest_);
    timer_.async_wait([this](const boost::system::error_code&) {
      earliest_ = std::chrono::steady_clock::now() + pause_;
      asked_ = false;
      work_();
    });
  }

 private:
  std::chrono::milliseconds pause_;
  std::function<void()> work_;
  boost::asio::steady_timer timer_;
  std::chrono::steady_clock::time_point earliest_;
  std::atomic<bool> asked_ = false;
};

}  // namespace bulkhead::runtime
