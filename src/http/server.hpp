#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>

#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>
#include <bulkhead/task.hpp>

namespace bulkhead::http {

/// Limits on everything that comes from outside; all configurable under `[http]` in bulkhead.toml.
struct Limits {
  Limits() = default;
  std::size_t header_bytes = 16 * 1024;
  std::size_t body_bytes = 1024 * 1024;
  /// Of this request, whose body has not been read yet, where it is another; nullopt: `body_bytes`. Called on the io thread.
  std::function<std::optional<std::size_t>(const Request&)> body_limit;
  std::size_t connections = 10'000;  ///< Per io thread; further ones wait in the kernel's queue.
  std::chrono::seconds header_timeout{10}, body_timeout{30}, idle_timeout{75}, write_timeout{30};
  std::vector<std::string>
      trusted_proxies;  ///< Networks whose `Forwarded` and `X-Forwarded-Host` are believed.
};

/// Answers one request. Owned by the caller for the server's lifetime; called on the server's io thread.
/// An exception that leaves it becomes 500 without detail. It may write to the request's `stream` instead of answering; then what
/// it returns says whether that was all (`streamed`), or breaks the connection off.
using Handler = std::function<Task<Response>(Request&)>;

/// What a server has seen, for metrics; monotonic since start but for `open`.
struct Counters {
  std::uint64_t accepted = 0, requests = 0;
  std::uint64_t refused = 0;  ///< Requests answered without a handler: malformed, too large, too slow.
  std::uint64_t handler_exceptions = 0;
  std::uint64_t open = 0;
};

/// Told of each refused request, on the server's io thread; must not throw.
using RefusalObserver = std::function<void(unsigned status, const Error& error, std::string_view peer)>;

/// Told that connections cannot be accepted (too many open files, mostly), once a minute at most, on the server's
/// io thread; must not throw.
using AcceptObserver = std::function<void(const std::string& why)>;

/// Whether nobody listens there yet. SO_REUSEPORT, which lets the io threads share a port, would also let two
/// servers share it unnoticed; a process asks this once before its first `Server::listen`. Errors:
/// `environment`.
[[nodiscard]] Result<void> check_port_is_free(const std::string& address, std::uint16_t port);

/// HTTP/1.1 on one io thread (RFC 9112): parses within limits, keeps connections alive, answers pipelined
/// requests in order. What two front ends could read in two ways (TE with CL, repeated CL or Host, bare LF,
/// obs-fold) is refused with 400 and the connection closed.
class Server {
 public:
  Server(boost::asio::io_context& io, Limits limits, Handler handler);
  ~Server();

  /// Binds (SO_REUSEPORT) and starts accepting; port 0 picks one. Returns the port.
  [[nodiscard]] Result<std::uint16_t> listen(const std::string& address, std::uint16_t port);
  /// Stops accepting, lets requests under way finish, closes idle connections.
  [[nodiscard]] Task<void> drain(std::chrono::steady_clock::time_point deadline);

  /// Before `listen`.
  void observe_refusals(RefusalObserver observer);
  /// Before `listen`.
  void observe_accept_failures(AcceptObserver observer);

  /// Any thread.
  [[nodiscard]] std::size_t open_connections() const noexcept;
  /// Any thread.
  [[nodiscard]] Counters counters() const noexcept;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // Shared with the coroutines that accept and tick.
};

}  // namespace bulkhead::http
