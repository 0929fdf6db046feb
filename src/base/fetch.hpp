#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/task.hpp>

namespace bulkhead {

/// One outgoing GET, or a POST where there is a body. Redirects are never followed; certificates and host names are always verified.
struct FetchRequest {
  FetchRequest() = default;
  explicit FetchRequest(std::string where) : url(std::move(where)) {}

  std::string url;  ///< Absolute, https (or, of this machine, http where `allow_http`).
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<std::string> body;           ///< Sent by POST; its Content-Type stands in `headers`.
  std::chrono::milliseconds deadline{2000};  ///< For the whole exchange: name, connect, TLS, header, body.
  std::size_t body_limit = std::size_t{1} << 20;  ///< Bytes; a longer body is an error, not cut.
  bool allow_http = false;
  /// Of any host, without TLS where `allow_http`, but only at addresses of the public Internet (base/public_address.hpp) and
  /// never through a proxy: for URLs that somebody else made up. The address is looked at when the connection is made, so
  /// a name that changes its mind gains nothing.
  bool public_only = false;
  std::string
      connect_to;  ///< "address:port" that is asked instead of the URL's, whatever it is; empty: the URL's.
  std::string ca_file;  ///< PEM file instead of the system's authorities; empty: the system's.
};

struct FetchResponse {
  unsigned status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  ///< Names in lower case, in order.
  std::string body;

  /// The first header of this name (give it in lower case).
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const noexcept;
};

/// Whether the URL would be fetched at all. Errors: `usage`.
[[nodiscard]] Result<void> check_url(const FetchRequest& request);

/// Does the exchange on the calling thread. Any status is a response; `Errc::upstream_failed` when there is
/// none, `Errc::deadline_exceeded` when it took too long, `Errc::usage` when the URL is not allowed. `stop`,
/// when it becomes true, ends the exchange within a second (`Errc::upstream_failed`). Thread-safe.
[[nodiscard]] Result<FetchResponse> fetch_blocking(const FetchRequest& request,
                                                   const std::atomic<bool>* stop = nullptr);

/// A few threads that do exchanges for coroutines. Thread-safe.
///
/// Lifetime: outlives every task of `fetch`, and ends before the io_context that those tasks run on. The
/// destructor stops running exchanges and waits for them (a second at most).
class Fetcher {
 public:
  /// The threads start with the first fetch.
  explicit Fetcher(std::size_t threads = 2);
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;
  ~Fetcher();

  /// As `fetch_blocking`, on one of the threads; the task goes on on its own executor.
  [[nodiscard]] Task<Result<FetchResponse>> fetch(FetchRequest request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead
