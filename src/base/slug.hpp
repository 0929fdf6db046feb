#pragma once

#include <string_view>

namespace bulkhead {

/// 3 to 63 characters of [a-z0-9-], first a letter, last no hyphen, no "--", not a reserved name (www, api,
/// admin, …).
[[nodiscard]] bool valid_slug(std::string_view slug) noexcept;

}  // namespace bulkhead
