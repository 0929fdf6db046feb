#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <bulkhead/context.hpp>

namespace bulkhead::entry {

/// Makes trace and span ids: random enough not to collide, which is all they must be; never a secret.
/// Not thread-safe; one an Entry.
class TraceIds {
 public:
  /// Seeds from OpenSSL once. Throws std::runtime_error if that has no entropy.
  TraceIds();
  /// `digits` hex digits, 16 or 32, never all zero.
  [[nodiscard]] std::string next(std::size_t digits);

 private:
  std::uint64_t number() noexcept;
  std::array<std::uint64_t, 4> state_{};
};

/// A `traceparent` taken over: trace, parent and flag, `span_id` empty. Version 00 exactly; a higher version
/// by its first four fields (W3C trace context section 3.2); nullopt when it is malformed.
[[nodiscard]] std::optional<TraceContext> parse_traceparent(std::string_view header);

}  // namespace bulkhead::entry
