#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <bulkhead/statement.hpp>

#include "pg/unit.hpp"

namespace bulkhead::sql {

/// A value of a statement, by where it stands in it. Valid as long as the statement is, and as long as it is not changed.
using ValueRef = std::variant<const statement::Value*,               ///< Of a filter, a cell, an argument.
                              const std::vector<statement::Value>*,  ///< What `in` lists.
                              const std::optional<std::uint64_t>*,   ///< An offset.
                              const std::string*>;                   ///< JSON: rows, a row, arguments.

/// A statement taken apart into what its SQL text depends on, and the values that the text has places for.
struct Fingerprint {
  std::string key;               ///< Of two statements the same: they are rendered to the same text.
  std::vector<ValueRef> values;  ///< In the order in which they stand in the statement.
};

/// Pure: thread-safe. No error: what cannot be rendered has a fingerprint, too.
[[nodiscard]] Fingerprint fingerprint(const statement::Statement& statement);

/// Adds a value as PostgreSQL reads it: a list as an array, a number in digits.
void add_value(pg::Params& params, const ValueRef& value);

}  // namespace bulkhead::sql
