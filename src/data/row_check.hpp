#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include <bulkhead/rows.hpp>

namespace bulkhead::data {

/// The check on the way out: true if every tenant id in the guard columns is `tenant` (36 characters, lower
/// case). A guard holds one id, or NULL where there is no row; with `own_guard` the first one is the row's own and must be there.
[[nodiscard]] bool all_rows_are_of(const Rows& rows, std::span<const std::size_t> guards, bool own_guard,
                                   std::string_view tenant) noexcept;

}  // namespace bulkhead::data
