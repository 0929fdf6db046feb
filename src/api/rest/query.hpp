#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/statement.hpp>

namespace bulkhead::api {

/// A function's arguments as a query string has them: a name may come several times.
using Arguments = std::vector<std::pair<std::string, std::string>>;

/// What a query string of PostgREST's dialect asks for.
struct Query {
  statement::Select select;  ///< Without its relation. `where` is an `all` of every filter of the top level.
  std::optional<std::vector<std::string>> columns;  ///< `columns=`: the payload's keys that are meant.
  std::vector<std::string> on_conflict;             ///< The key that an upsert goes by; empty: not said.
};

/// Parses `select`, filters, `and`/`or`, `order`, `limit`, `offset`, `columns`, `on_conflict`, and the same of embedded
/// relations
/// (`album.title=eq.x`, `album.order=id`). Pure; the query string is as sent.
/// Errors: `filter_malformed` with position, `range_not_satisfiable`, `relationship_unknown` for a filter of
/// a relation that `select` does not embed.
/// `arguments`: where what is no filter goes, for who calls a function; nullptr: it is an error.
[[nodiscard]] Result<Query> parse_query(std::string_view query, Arguments* arguments = nullptr);

/// Name and value of each pair of a query string or form, decoded. Errors: `filter_malformed` for what is no UTF-8.
[[nodiscard]] Result<Arguments> parse_pairs(std::string_view text);

}  // namespace bulkhead::api
