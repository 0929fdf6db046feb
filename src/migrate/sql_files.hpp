#pragma once

#include <string>
#include <string_view>

namespace bulkhead::migrate {

/// The text of src/migrate/sql/NAME.sql, which the build puts into the program; empty if there is none.
[[nodiscard]] std::string sql_file(std::string_view name);

}  // namespace bulkhead::migrate
