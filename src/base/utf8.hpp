#pragma once

#include <string>
#include <string_view>

namespace bulkhead {

/// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool valid_utf8(std::string_view text) noexcept;

/// `append_json_string` for text from outside: bytes that are no UTF-8 are written as U+FFFD.
void append_json_lossy(std::string& out, std::string_view text);

}  // namespace bulkhead
