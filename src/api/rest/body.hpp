#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>

namespace bulkhead::api {

enum class BodyType : std::uint8_t { json, csv, form, text, xml, bytes };

/// What a body says it is; nothing said is JSON. `function`: a function also takes a text, XML or bytes as they are.
/// Errors: `unsupported_media_type` (PGRST102).
[[nodiscard]] Result<BodyType> body_type(const Request& request, bool function);

/// The rows of a CSV document, whose first line names the columns, as a JSON array of objects. Values are strings,
/// and null where `NULL` stands. Errors: `payload_invalid`.
[[nodiscard]] Result<std::string> csv_to_json(std::string_view csv);
/// A form (`a=1&b=2`) as a JSON object of strings. Errors: `filter_malformed` for what is no UTF-8.
[[nodiscard]] Result<std::string> form_to_json(std::string_view form);

/// A body for a relation as JSON: itself, or made into `storage`. `as_sent`: it was JSON.
[[nodiscard]] Result<std::string_view> json_body(const Request& request, std::string& storage, bool& as_sent);

}  // namespace bulkhead::api
