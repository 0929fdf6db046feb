#include "data/row_check.hpp"

namespace bulkhead::data {

namespace {

bool all_ids_are(std::string_view list, std::string_view tenant) noexcept {
  while (list.size() > tenant.size()) {
    if (list[tenant.size()] != ',' || list.substr(0, tenant.size()) != tenant) return false;
    list.remove_prefix(tenant.size() + 1);
  }
  return list == tenant;
}

}  // namespace

bool all_rows_are_of(const Rows& rows, std::span<const std::size_t> guards, bool own_guard,
                     std::string_view tenant) noexcept {
  for (std::size_t row = 0; row < rows.size(); ++row)
    for (std::size_t i = 0; i < guards.size(); ++i) {
      std::string_view ids = rows.text(row, guards[i]);
      if (ids == tenant) continue;
      if (ids.empty() && !(own_guard && i == 0)) continue;
      if (!all_ids_are(ids, tenant)) return false;
    }
  return true;
}

}  // namespace bulkhead::data
