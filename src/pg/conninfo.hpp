#pragma once

#include <string>

#include <bulkhead/result.hpp>

namespace bulkhead::pg {

/// The same server and database under another login: takes a libpq connection string or URI apart and puts it
/// together in key='value' form. An empty password leaves authentication to the server (a trusted unix
/// socket).
[[nodiscard]] Result<std::string> with_login(const std::string& conninfo, const std::string& user,
                                             const std::string& password);

/// The database's name in `conninfo` ("" when it names none).
[[nodiscard]] Result<std::string> database_of(const std::string& conninfo);

}  // namespace bulkhead::pg
