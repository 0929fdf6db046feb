#pragma once

#include <optional>
#include <string>

#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>

namespace bulkhead::api {

/// `Prefer` (RFC 7240), as far as the dialect knows it; unknown preferences are ignored.
struct Preferences {
  enum class Return : std::uint8_t { unset, minimal, headers_only, representation };
  Return representation = Return::unset;
  bool count = false;            ///< exact, planned or estimated: the answer is exact for all three.
  bool missing_default = false;  ///< Absent keys take the column's default instead of NULL.
  bool missing_set = false;
  bool upsert = false;  ///< resolution=merge-duplicates or ignore-duplicates.
};
[[nodiscard]] Preferences read_preferences(const Request& request);
/// The value of `Preference-Applied`; empty: none was.
[[nodiscard]] std::string preferences_applied(const Preferences& preferences, Method method);

enum class Media : std::uint8_t { array, object };
/// Errors: `not_acceptable`.
[[nodiscard]] Result<Media> read_accept(const Request& request);
[[nodiscard]] std::string_view content_type(Media media);

/// A body must be JSON or say nothing of its type. Errors: `unsupported_media_type`.
[[nodiscard]] Result<void> check_content_type(const Request& request);

}  // namespace bulkhead::api
