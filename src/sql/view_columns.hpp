#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace bulkhead::sql {

/// A column of a view that shows a column of a relation as it is.
struct ViewColumn {
  std::uint32_t number = 0;    ///< The view's column.
  std::uint32_t relation = 0;  ///< The object id of a table or view.
  std::uint32_t column = 0;    ///< Its column's number.

  [[nodiscard]] bool operator==(const ViewColumn&) const = default;
};

/// Reads what a view's columns show out of its rule (`pg_rewrite.ev_action` as text): PostgreSQL notes for each
/// column of the outermost select which column it came from. Text that is no such rule gives nothing. Pure.
[[nodiscard]] std::vector<ViewColumn> view_columns(std::string_view rule);

}  // namespace bulkhead::sql
