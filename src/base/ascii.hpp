#pragma once

#include <string>
#include <string_view>

namespace bulkhead {

/// Letters of ASCII in lower case, whatever the locale; every other byte as it is.
[[nodiscard]] constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}
[[nodiscard]] inline std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

/// Without the blanks and tabs at both ends (OWS of RFC 9110 section 5.6.3). A view into `text`.
[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) noexcept {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

}  // namespace bulkhead
