#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace bulkhead {

/// Bytes: "1GB", "512MB", "64kB", as PostgreSQL writes sizes, 1024 to a step. Nothing for what is no such size, or 0.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text) noexcept;

/// "30d", "12h", "45m", "10s"; a bare number is seconds; ten years at most. Nothing for what is no such time span.
[[nodiscard]] std::optional<std::chrono::seconds> parse_time_span(std::string_view text) noexcept;

}  // namespace bulkhead
