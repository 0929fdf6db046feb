#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/statement.hpp>

namespace bulkhead::api {

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
[[nodiscard]] Result<Query> parse_query(std::string_view query);

}  // namespace bulkhead::api
