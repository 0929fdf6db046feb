#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>

namespace bulkhead {

/// One field of a form, or one file. `data` is a view into the request's body.
struct FormPart {
  std::string name;
  std::string file_name;  ///< As the client calls it, a last component at most: never a path. Empty: no file.
  std::string content_type;  ///< As the client says, which proves nothing; empty: it does not say.
  std::string_view data;
};

inline constexpr std::size_t form_parts_most = 100, form_part_header_most = 8 * 1024;

/// The parts of a `multipart/form-data` body (RFC 7578, RFC 2046 section 5.1), in their order. Strict: what two readers could
/// take apart in two ways is refused. Errors: `unsupported_media_type` for another body, `malformed_request` for one that is not
/// well-formed or has more than 100 parts. The request's body is bounded by the route (`RouteLimits::body_bytes`).
[[nodiscard]] Result<std::vector<FormPart>> read_form(const Request& request);

}  // namespace bulkhead
