#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bulkhead {

/// The bytes that hexadecimal digits name, two a byte; nullopt for any other text. Pure.
[[nodiscard]] std::optional<std::string> from_hex(std::string_view hex);

}  // namespace bulkhead
