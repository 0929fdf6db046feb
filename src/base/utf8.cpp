#include "base/utf8.hpp"

#include <algorithm>
#include <cstdint>

#include "base/json.hpp"

namespace bulkhead {

namespace {

/// Bytes of the well-formed sequence at the front of `text` (Unicode table 3-7), 0 if there is none.
std::size_t sequence(std::string_view text) noexcept {
  auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<std::uint8_t>(text[i]) : std::uint8_t{0};
  };
  auto tail = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  std::uint8_t lead = byte(0), second = byte(1);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return tail(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    bool overlong = lead == 0xe0 && second < 0xa0, surrogate = lead == 0xed && second > 0x9f;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    bool overlong = lead == 0xf0 && second < 0x90, beyond = lead == 0xf4 && second > 0x8f;
    return tail(1) && tail(2) && tail(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

bool ascii(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<std::uint8_t>(c) < 0x80; });
}

}  // namespace

bool valid_utf8(std::string_view text) noexcept {
  if (ascii(text)) return true;
  while (!text.empty()) {
    std::size_t length = sequence(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void append_json_lossy(std::string& out, std::string_view text) {
  if (valid_utf8(text)) return append_json_string(out, text);
  std::string repaired;
  while (!text.empty()) {
    std::size_t length = sequence(text);
    repaired.append(length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  append_json_string(out, repaired);
}

}  // namespace bulkhead
