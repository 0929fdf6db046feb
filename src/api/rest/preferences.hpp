#pragma once

#include <optional>
#include <string>

#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>
#include <bulkhead/statement.hpp>

namespace bulkhead::api {

/// `Prefer` (RFC 7240), as far as the dialect knows it. Of two that say different things the first counts.
struct Preferences {
  enum class Handling : std::uint8_t { unset, lenient, strict };
  enum class Return : std::uint8_t { unset, minimal, headers_only, representation };
  Return representation = Return::unset;
  bool count = false;            ///< exact, planned or estimated: the answer is exact for all three.
  bool missing_default = false;  ///< Absent keys take the column's default instead of NULL.
  bool missing_set = false;
  bool upsert = false;  ///< resolution=merge-duplicates or ignore-duplicates.
  Handling handling = Handling::unset;
  std::optional<std::uint64_t> max_affected;  ///< Counts with handling=strict only.
  std::string unknown;                        ///< What is not known, or not done: a list.
};
/// Errors: `filter_malformed` (PGRST122) for handling=strict with a preference that is not known.
[[nodiscard]] Result<Preferences> read_preferences(const Request& request);
/// How many rows a PATCH or DELETE may touch, if that was said.
[[nodiscard]] std::optional<std::uint64_t> most_affected(const Preferences& preferences) noexcept;
/// The value of `Preference-Applied`; empty: none was.
[[nodiscard]] std::string preferences_applied(const Preferences& preferences, Method method);

/// The one schema may be named (`Accept-Profile` of a read, `Content-Profile` of a write), and no other. Errors:
/// `not_acceptable` (PGRST106).
[[nodiscard]] Result<void> check_profile(const Request& request);

/// `Range: 0-9` of a GET, met with what limit and offset say. Errors: `range_not_satisfiable`.
[[nodiscard]] Result<void> apply_range(const Request& request, statement::Select& select);

/// A body must be JSON or say nothing of its type. Errors: `unsupported_media_type`.
[[nodiscard]] Result<void> check_content_type(const Request& request);

}  // namespace bulkhead::api
