#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

namespace bulkhead::pg {

/// A connection of its own that LISTENs, and reconnects with backoff for as long as it lives.
///
/// Thread: the executor's thread alone; the callbacks run on it. The callbacks are never called after the
/// destructor.
class Listener {
 public:
  using OnNotify = std::function<void(std::string_view channel, std::string_view payload)>;
  /// Called each time LISTEN is in force, the first time, too: what was sent before then has been missed.
  using OnListening = std::function<void()>;

  Listener(boost::asio::any_io_executor executor, std::string conninfo, std::vector<std::string> channels,
           OnNotify on_notify, OnListening on_listening);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  [[nodiscard]] bool listening() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace bulkhead::pg
