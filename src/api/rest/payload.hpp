#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/statement.hpp>

#include "sql/relations.hpp"

namespace bulkhead::api {

using Columns = std::optional<std::vector<std::string>>;

/// A POST's body as an INSERT (its relation set, `returning` not). `rows` is told how many there are.
/// Values that have a plain text form become parameters; bodies with arrays, objects or fractions go to
/// PostgreSQL as the JSON that was sent, so that no digit is lost on the way. Errors: `malformed_json` (with
/// position), `payload_invalid`.
[[nodiscard]] Result<statement::Insert> parse_insert(const sql::Relation& into, std::string_view body,
                                                     const Columns& columns, bool missing_default,
                                                     std::size_t& rows, std::size_t json_depth = 100);

/// A PUT's body, an object or an array of objects, as an INSERT of those of them that its `where` will name.
[[nodiscard]] Result<statement::Insert> parse_put(const sql::Relation& into, std::string_view body,
                                                  std::size_t json_depth = 100);

/// A PATCH's body, an object or an array of one, as an UPDATE without its filters. No assignments: there was
/// no member, and nothing is to be changed.
[[nodiscard]] Result<statement::Update> parse_update(const sql::Relation& of, std::string_view body,
                                                     const Columns& columns, bool missing_default,
                                                     std::size_t json_depth = 100);

}  // namespace bulkhead::api
