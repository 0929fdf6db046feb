#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>

#include "api/rest/body.hpp"
#include "sql/relations.hpp"

namespace bulkhead::api {

/// What a caller gives to a function, as far as it chooses among overloads.
struct Given {
  std::vector<std::string> names;  ///< Of the arguments: each once, sorted.
  bool post = false;               ///< There is a body, which is of this type.
  BodyType body = BodyType::json;
};

struct Choice {
  const sql::Function* function = nullptr;
  bool whole = false;  ///< The body is the value of its one parameter, which has no name.
};

/// The one function of this name that takes what is given: all of it, and all that it needs. Errors: `relation_unknown`
/// (PGRST202, with what was perhaps meant), `relationship_ambiguous` (PGRST203).
[[nodiscard]] Result<Choice> choose_function(const sql::Relations& relations, std::string_view name,
                                             const Given& given);

}  // namespace bulkhead::api
