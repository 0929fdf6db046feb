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
  enum class Resolution : std::uint8_t { unset, merge, ignore };
  enum class Transaction : std::uint8_t { unset, commit, rollback };
  enum class Return : std::uint8_t { unset, minimal, headers_only, representation };
  Return representation = Return::unset;
  bool count = false;            ///< exact, planned or estimated: the answer is exact for all three.
  bool missing_default = false;  ///< Absent keys take the column's default instead of NULL.
  bool missing_set = false;
  Resolution resolution = Resolution::unset;
  Handling handling = Handling::unset;
  Transaction transaction = Transaction::unset;
  std::string timezone;
  std::optional<std::uint64_t> max_affected;  ///< Counts with handling=strict only.
  std::string unknown;                        ///< What is not known, or not done: a list.
};
/// `choose_transaction`: whether `tx` is the client's to say. Errors: `filter_malformed` (PGRST122) for handling=strict
/// with a preference that is not known.
[[nodiscard]] Result<Preferences> read_preferences(const Request& request, bool choose_transaction = false);
/// What a preference that turns out to be none gets with handling=strict.
[[nodiscard]] Error invalid_preferences(const std::string& which);
/// How many rows a PATCH or DELETE may touch, if that was said.
[[nodiscard]] std::optional<std::uint64_t> most_affected(const Preferences& preferences) noexcept;
/// What a request is about, as far as preferences go.
enum class Applies : std::uint8_t { read, insert, update, put, remove, call };
/// The value of `Preference-Applied`; empty: none was.
[[nodiscard]] std::string preferences_applied(const Preferences& preferences, Applies to);

/// The one schema may be named (`Accept-Profile` of a read, `Content-Profile` of a write), and no other. Errors:
/// `not_acceptable` (PGRST106).
[[nodiscard]] Result<void> check_profile(const Request& request);

/// `Range: 0-9` of a GET, met with what limit and offset say. Errors: `range_not_satisfiable`.
[[nodiscard]] Result<void> apply_range(const Request& request, statement::Select& select);

}  // namespace bulkhead::api
