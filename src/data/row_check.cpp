#include "data/row_check.hpp"

namespace bulkhead::data {

bool all_rows_are_of(const Rows& rows, std::span<const std::size_t> guards, bool own_guard,
                     std::string_view tenant) noexcept {
  for (std::size_t row = 0; row < rows.size(); ++row)
    for (std::size_t i = 0; i < guards.size(); ++i) {
      const std::string_view id = rows.text(row, guards[i]);
      if (id == tenant) continue;
      if (!id.empty() || (own_guard && i == 0)) return false;
    }
  return true;
}

}  // namespace bulkhead::data
