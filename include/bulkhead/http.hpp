#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/error.hpp>

namespace bulkhead {

enum class Method : std::uint8_t { get, head, post, put, patch, del, options, other };

/// `GET`, …; `OTHER` for what has no name here.
[[nodiscard]] std::string_view method_name(Method method) noexcept;

struct HeaderView {
  std::string_view name, value;
};

/// What stands in the place of `{name}` in a route's path.
struct PathValue {
  std::string_view name;
  std::string value;  ///< Percent-decoded.
};

class ResponseStream;

/// A parsed request. Views point into the session's buffers and hold until the response was made; a handler
/// that outlives that (it cannot, unless it spawns) must copy.
struct Request {
  Method method = Method::other;
  std::string_view target;  ///< As sent.
  std::string_view
      path;  ///< Up to `?`, percent-encoding untouched; a tenant prefix `/tenants/x` is already removed.
  std::string_view query;  ///< After `?`, percent-encoding untouched.
  std::string_view host;   ///< The Host header as sent, with port.
  std::span<const HeaderView> headers;
  std::string_view body;
  std::span<const PathValue> path_values;  ///< Of the route; read by `path_value` or `Input`.
  ResponseStream* stream = nullptr;        ///< The server's, for the handlers of `App::stream`.
  std::string_view peer;                   ///< Address of the other end, without port.
  bool peer_is_loopback = false;

  /// First header of this name, compared without case.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const noexcept;
  /// What stands in the place of `{name}` in the route's path.
  [[nodiscard]] std::optional<std::string_view> path_value(std::string_view name) const noexcept;
};

struct Response {
  unsigned status = 200;
  std::string content_type;  ///< Empty: none is sent.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool close = false;  ///< Close the connection after this response.
  bool streamed =
      false;  ///< It was written to the request's stream, to its end; nothing else of this is sent.
  std::optional<Error> error;  ///< What went wrong, for the log; never sent.
};

/// The reason phrase of RFC 9110 section 15 (clients show it), "" for an unknown status.
[[nodiscard]] std::string_view reason_phrase(unsigned status) noexcept;

}  // namespace bulkhead
