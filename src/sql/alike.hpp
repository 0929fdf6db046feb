#pragma once

#include <span>
#include <string_view>

namespace bulkhead::sql {

/// The name that whoever wrote `name` may have meant: the one that shares most of its letters and their order, if it is
/// alike enough to be said. Empty if none is. Pure; takes time by the number of names, so it is for errors alone.
[[nodiscard]] std::string_view most_alike(std::string_view name, std::span<const std::string_view> names);

}  // namespace bulkhead::sql
