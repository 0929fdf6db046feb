#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/http.hpp>

namespace bulkhead::entry {

/// Which pages of other origins may call from a browser (the Fetch standard's CORS protocol). Callers name
/// themselves with tokens, never with cookies, so credentials are not allowed. Immutable; shared between
/// threads.
class Cors {
 public:
  /// `origins` as browsers write them (`https://shop.example`), or `*` for all; none: no page may call.
  explicit Cors(std::vector<std::string> origins);

  [[nodiscard]] bool on() const noexcept { return any_ || !origins_.empty(); }
  /// The answer to the question that a browser asks before it sends the request itself; nullopt if this is
  /// none, or of an origin that may not call. `methods`: what the path takes.
  [[nodiscard]] std::optional<Response> preflight(const Request& request, std::string_view methods) const;
  /// Adds what a browser wants to see before it shows the answer to the page.
  void mark(const Request& request, Response& response) const;

 private:
  [[nodiscard]] bool allows(std::string_view origin) const noexcept;
  void add_origin(Response& response, std::string_view origin) const;

  bool any_ = false;
  std::vector<std::string> origins_;
};

}  // namespace bulkhead::entry
