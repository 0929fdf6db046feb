#pragma once

#include <string_view>

#include <bulkhead/data.hpp>
#include <bulkhead/http.hpp>

#include "api/rest/media.hpp"
#include "api/rest/preferences.hpp"
#include "api/rest/rest_api.hpp"
#include "sql/relations.hpp"

namespace bulkhead::api {

/// A request for a function, read off before anything is asked.
struct AskedCall {
  const sql::Function* function = nullptr;
  sql::RelationsRef relations;  ///< Keeps `function` alive.
  statement::Call call;
  Preferences preferences;
  Media media;
};

/// True of the path of a function: `rpc/NAME`.
[[nodiscard]] bool is_call(std::string_view segment) noexcept;

/// `segment`: the path behind `/rest/v1/`. GET and HEAD take the arguments from the query string, POST from the body.
/// Errors: `relation_unknown` (PGRST202), `relationship_ambiguous` (PGRST203), `method_not_allowed` (PGRST101), and those
/// of the parts it is read from.
[[nodiscard]] Result<AskedCall> read_call(const Request& request, sql::RelationsRef relations,
                                          std::string_view segment, const RestSettings& settings);

[[nodiscard]] Response call_response(const AskedCall& asked, const QueryResult& result);

}  // namespace bulkhead::api
