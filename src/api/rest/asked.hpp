#pragma once

#include <string>
#include <string_view>

#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>

#include "api/rest/media.hpp"
#include "api/rest/preferences.hpp"
#include "api/rest/query.hpp"
#include "sql/relations.hpp"

namespace bulkhead::api {

/// Everything that the verbs have in common, read off the request before anything is asked.
struct Asked {
  const sql::Relation* relation = nullptr;
  sql::RelationsRef relations;  ///< Keeps `relation` alive.
  Query query;
  Preferences preferences;
  Media media;
};

[[nodiscard]] Error unknown_relation(const sql::Relations& relations, const std::string& name);

/// `segment`: the path behind `/rest/v1/`, percent-encoding untouched. Errors: `relation_unknown` (also for what
/// is no path of a relation: PGRST125), and those of the parts it is read from.
[[nodiscard]] Result<Asked> read_request(const Request& request, sql::RelationsRef relations,
                                         std::string_view segment, bool choose_transaction = false);

}  // namespace bulkhead::api
