#pragma once

#include <string_view>

namespace bulkhead {

/// Whether the list of entity tags of an `If-None-Match` has this one (RFC 9110 section 13.1.2: compared weakly).
[[nodiscard]] bool lists_etag(std::string_view list, std::string_view etag) noexcept;

}  // namespace bulkhead
