#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>

namespace bulkhead::http {

/// Why a request was refused before any handler saw it, and with which status (RFC 9110 section 15). The
/// status stands beside the error because some of them (414, 417, 501, 505) have no error of their own.
struct Refusal {
  unsigned status = 400;
  Error error;
};

/// Looks for the empty line that ends a head, and remembers how far it looked, so that a head that drips in
/// is read once. Refuses at the first sight of it what RFC 9112 lets two parsers read in two ways: a line
/// feed without its carriage return, a folded header line, NUL.
class HeadScanner {
 public:
  enum class State : std::uint8_t { more, complete, malformed };

  /// `text`: everything received of this request so far; only ever grows between calls.
  State scan(std::string_view text) noexcept;
  /// Bytes of the head with its empty line, once complete.
  [[nodiscard]] std::size_t length() const noexcept { return at_; }
  /// Bytes of the request line, 0 while it has not ended: too much of that is 414, not 431.
  [[nodiscard]] std::size_t request_line() const noexcept { return request_line_; }

 private:
  std::size_t at_ = 0;    ///< Where the current line begins.
  std::size_t seen_ = 0;  ///< No line feed stands between `at_` and here.
  std::size_t request_line_ = 0;
};

/// A parsed head. Made once a connection and refilled, so that its memory is reused.
struct Head {
  Request request;  ///< `body`, `peer` and `peer_is_loopback` are the connection's to fill in.
  std::vector<HeaderView> headers;
  bool http11 = false, keep_alive = false, chunked = false, expects_continue = false;
  std::uint64_t content_length = 0;
};

/// RFC 3986 `host [":" port]`, or nothing. What another reader could take for another host is refused: a front end may have
/// routed by the first label, or by what stands before the second colon; or it may have decoded a percent sign.
[[nodiscard]] bool plausible_host(std::string_view host) noexcept;

/// Whether a path means one thing to everybody: percent-encoding that is right and decodes to UTF-8, without NUL and other
/// control characters, without a slash or backslash that is not there until it is decoded, without `.` and `..` segments,
/// however written. Nothing behind this decodes a second time.
[[nodiscard]] bool plain_path(std::string_view path) noexcept;

/// Parses a complete head (`HeadScanner` said so). The views in `head` point into `text`.
/// Pure but for `head`; does not throw on any input.
[[nodiscard]] std::optional<Refusal> parse_head(std::string_view text, Head& head);

}  // namespace bulkhead::http
