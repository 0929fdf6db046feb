#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace bulkhead::api {

/// What `Server-Timing` says of a request (W3C Server Timing): how long each of its stages took, up to the one it failed in. Does
/// nothing unless it is on. One request's; not thread-safe.
class ServerTiming {
 public:
  explicit ServerTiming(bool on) : last_(on ? Clock::now() : Clock::time_point()), on_(on) {}

  /// The stage that ends now, in the terms of PostgREST: `parse`, `plan`, `transaction`, `response`.
  void ended(std::string_view stage);
  /// Empty: there is nothing to say.
  [[nodiscard]] const std::string& header() const noexcept { return header_; }

  /// One entry of the header: `jwt;dur=0.1`, in milliseconds.
  [[nodiscard]] static std::string entry(std::string_view stage, std::chrono::microseconds took);

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_;
  bool on_;
  std::string header_;
};

}  // namespace bulkhead::api
