#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::identity {

/// RFC 7515 appendix C: base64url without padding. Strict: no padding, no whitespace, no character of the
/// other alphabet, no impossible length, and the bits left over in the last character must be zero, so that
/// one value has exactly one spelling. Anything else is nullopt.
[[nodiscard]] std::optional<std::string> decode_base64url(std::string_view text);

[[nodiscard]] std::string encode_base64url(std::string_view bytes);

}  // namespace bulkhead::identity
