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

}  // namespace bulkhead
