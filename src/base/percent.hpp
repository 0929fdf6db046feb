#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bulkhead {

/// Percent-decoding (RFC 3986 section 2.1), once. `plus_is_space`: as in a query that a form has made. nullopt for a `%` without
/// two hexadecimal digits, for NUL, and for bytes that are no UTF-8.
[[nodiscard]] std::optional<std::string> decode_percent(std::string_view text, bool plus_is_space);

}  // namespace bulkhead
