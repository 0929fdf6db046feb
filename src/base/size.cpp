#include "base/size.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace bulkhead {

std::optional<std::uint64_t> parse_size(std::string_view text) noexcept {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (read.ec != std::errc() || number == 0 || number > 1'000'000) return std::nullopt;
  const std::string_view unit(read.ptr, static_cast<std::size_t>(end - read.ptr));
  constexpr std::array<std::string_view, 4> units{"kB", "MB", "GB", "TB"};
  const auto* const known = std::find(units.begin(), units.end(), unit);
  if (known == units.end()) return std::nullopt;
  return number << 10U * (static_cast<unsigned>(known - units.begin()) + 1U);
}

std::optional<std::chrono::seconds> parse_time_span(std::string_view text) noexcept {
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, count);
  const std::string_view unit(parsed.ptr, static_cast<std::size_t>(end - parsed.ptr));
  const std::int64_t seconds = unit == "d"                   ? 86'400
                               : unit == "h"                 ? 3'600
                               : unit == "m"                 ? 60
                               : unit.empty() || unit == "s" ? 1
                                                             : 0;
  if (parsed.ec != std::errc() || seconds == 0 || count < 0 || count > 3'650 * 86'400 / seconds)
    return std::nullopt;
  return std::chrono::seconds(count * seconds);
}

}  // namespace bulkhead
