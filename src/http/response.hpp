#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <bulkhead/http.hpp>

namespace bulkhead::http {

/// What of the request decides about the form of its answer.
struct Framing {
  bool head = false;   ///< The request was HEAD: all headers, no body.
  bool http11 = true;  ///< Else keeping the connection must be said.
  bool keep_alive = false;
  bool stream = false;  ///< The body's length is not known: chunks, or to HTTP/1.0 until the connection ends.
};

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
[[nodiscard]] std::string http_date(std::chrono::sys_seconds time);

/// Appends status line and header fields with the empty line behind them. Returns whether the body is to
/// follow. A header that holds CR, LF or NUL is a bug of its handler and would let a caller write our
/// headers: false in `well_formed`, and nothing may be sent of it.
bool append_response_head(std::string& out, const Response& response, const Framing& framing,
                          std::string_view date);
[[nodiscard]] bool well_formed(const Response& response) noexcept;

}  // namespace bulkhead::http
