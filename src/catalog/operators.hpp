#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::catalog {

/// Who may use the control API: known, as users are, by issuer and subject of a verified token.
struct Operator {
  std::string issuer, subject;
  std::string name;     ///< For display.
  std::string made_at;  ///< ISO 8601, UTC.
};

/// Makes the operator or gives it another name. Error: `usage` for an empty or overlong part.
[[nodiscard]] Result<void> add_operator(pg::Blocking& admin, const Operator& added);
/// By issuer and subject.
[[nodiscard]] Result<std::vector<Operator>> list_operators(pg::Blocking& admin);
/// nullopt: this is none.
[[nodiscard]] Result<std::optional<Operator>> find_operator(pg::Blocking& admin, std::string_view issuer,
                                                            std::string_view subject);
/// Error: `not_found`.
[[nodiscard]] Result<void> remove_operator(pg::Blocking& admin, std::string_view issuer,
                                           std::string_view subject);

/// What was answered to a request with a key of the operator's choice.
struct KeptAnswer {
  std::string request;  ///< Hash of the request.
  unsigned status = 0;
  std::string location, body;
};
/// Of the last 24 hours. nullopt: none with this key.
[[nodiscard]] Result<std::optional<KeptAnswer>> find_answer(pg::Blocking& admin, const Operator& asker,
                                                            std::string_view key);
/// Keeps it for 24 hours, and forgets those that are older.
[[nodiscard]] Result<void> keep_answer(pg::Blocking& admin, const Operator& asker, std::string_view key,
                                       const KeptAnswer& answer);

}  // namespace bulkhead::catalog
