#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include <bulkhead/result.hpp>

namespace bulkhead {

struct JsonLimits {
  JsonLimits() = default;
  std::size_t depth = 32;
  bool refuse_duplicate_keys = false;  ///< For anything that decides about identity or permission.
  /// Refuses `\u0000` inside strings and keys. JSON allows it, but PostgreSQL's text cannot hold it and C
  /// interfaces would silently cut the value there.
  bool refuse_nul = true;
};

/// The one strict JSON reader for anything from outside (RFC 8259, valid UTF-8, finite numbers, nothing after
/// the value). On bad input: `Errc::malformed_json` whose message names what is wrong and `details` "line L,
/// column C" (both from 1; columns count characters) of the first byte at which the text can no longer be
/// right.
[[nodiscard]] Result<boost::json::value> parse_json(std::string_view text, const JsonLimits& limits = {});

/// Appends `text` as a JSON string with quotes. `text` must be valid UTF-8 (PostgreSQL's output is).
void append_json_string(std::string& out, std::string_view text);

}  // namespace bulkhead
