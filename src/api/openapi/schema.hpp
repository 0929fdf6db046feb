#pragma once

#include <boost/json/object.hpp>

#include "sql/relations.hpp"

namespace bulkhead::api::openapi {

/// What the values of a column, parameter or result look like in JSON, as a JSON Schema (2020-12). `nullable`: it may be null,
/// too. `enums`: where the values of enum types are looked up.
[[nodiscard]] boost::json::object schema_of(const sql::Column& column, bool nullable,
                                            const sql::Relations& enums);

}  // namespace bulkhead::api::openapi
