#pragma once

#include <string>
#include <string_view>

#include "sql/relations.hpp"

namespace bulkhead::codegen {

/// The C++ type of a column of this PostgreSQL type (format_type()), without its nullability: what query.hpp
/// reads and writes. Types of no C++ counterpart are std::string and hold PostgreSQL's text form.
[[nodiscard]] std::string_view cpp_type(std::string_view type) noexcept;

/// The header that a product's handlers include: one struct a relation, for query.hpp, in namespace `ns`
/// ("shop" or "acme::shop"; a valid name is the caller's business). Deterministic: the same relations give
/// the same text, relations in the order of their names, columns in the database's order. A name that is none
/// in C++ gets `_` for what does not fit, and `_` behind it where it would be a keyword or taken; the SQL
/// name stays as it is.
///
/// Pure: thread-safe. Throws nothing but std::bad_alloc.
[[nodiscard]] std::string generate(const sql::Relations& relations, std::string_view ns);

}  // namespace bulkhead::codegen
