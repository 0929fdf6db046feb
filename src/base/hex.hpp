#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bulkhead {

/// What one hexadecimal digit of either case says; -1 for any other character.
[[nodiscard]] constexpr int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The bytes that hexadecimal digits name, two a byte; nullopt for any other text. Pure.
[[nodiscard]] std::optional<std::string> from_hex(std::string_view hex);

}  // namespace bulkhead
