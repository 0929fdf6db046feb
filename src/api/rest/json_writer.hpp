#pragma once

#include <string>

#include <bulkhead/rows.hpp>

#include "data/plane.hpp"

namespace bulkhead::api {

/// Appends one row as a JSON object; `without_nulls`: members that are null are left out, at every depth.
void append_row(std::string& out, const Rows& rows, const data::OutputShape& shape, std::size_t row,
                bool without_nulls = false);
/// Appends all rows as a JSON array.
void append_rows(std::string& out, const Rows& rows, const data::OutputShape& shape,
                 bool without_nulls = false);
/// Appends one value; `text` is PostgreSQL's text form of something that is not NULL.
void append_value(std::string& out, std::string_view text, sql::JsonKind kind);

}  // namespace bulkhead::api
