#pragma once

#include <string>

#include <bulkhead/rows.hpp>

#include "data/plane.hpp"

namespace bulkhead::api {

/// Appends the rows as CSV, their names on the first line; no rows are nothing at all. Values are PostgreSQL's text form,
/// in quotes where its own form of a row has them: NULL is nothing, and the empty text is `""`.
void append_csv(std::string& out, const Rows& rows, const data::OutputShape& shape);

}  // namespace bulkhead::api
