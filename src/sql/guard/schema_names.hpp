#pragma once

#include <string>
#include <string_view>

namespace bulkhead::sql {

/// A handler's statement, written for schema `app`, for a tenant whose tables are in `schema`: `app.` as a qualifier becomes
/// that name. Strings and comments stay. A text that the guard has let through; pure.
[[nodiscard]] std::string in_schema(std::string_view sql, std::string_view schema);

}  // namespace bulkhead::sql
