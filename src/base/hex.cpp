#include "base/hex.hpp"

#include <charconv>

namespace bulkhead {

std::optional<std::string> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string out;
  out.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    unsigned byte = 0;
    if (std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16).ptr != hex.data() + i + 2)
      return std::nullopt;
    out += static_cast<char>(byte);
  }
  return out;
}

}  // namespace bulkhead
