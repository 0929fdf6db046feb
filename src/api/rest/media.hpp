#pragma once

#include <string>
#include <string_view>

#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>

namespace bulkhead::api {

/// What the rows are written as.
struct Media {
  bool object = false;         ///< One object instead of an array.
  bool without_nulls = false;  ///< `nulls=stripped`
  bool csv = false;
  bool own = false;  ///< As it is, in the media type that the function called is declared to return.
};

/// The type that `Accept` likes best of those that there are; JSON where it is not set. `own`: the media type that the function
/// called returns, or every one (`*/*`); it comes before JSON. Errors: `not_acceptable`.
[[nodiscard]] Result<Media> read_accept(const Request& request, std::string_view own = {});
/// That of a function's own media type.
[[nodiscard]] std::string own_content_type(std::string_view own);
[[nodiscard]] std::string_view content_type(Media media) noexcept;

inline constexpr std::string_view openapi_type = "application/openapi+json";
/// As which of its two types an OpenAPI document is sent. `root`: it is a relation's place that is asked, where anything means
/// the document's own type and other types are errors (`not_acceptable`); else anything means JSON, which browsers show.
[[nodiscard]] Result<std::string_view> read_document_accept(const Request& request, bool root);

}  // namespace bulkhead::api
