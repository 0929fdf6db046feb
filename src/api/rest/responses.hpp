#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <bulkhead/data.hpp>
#include <bulkhead/http.hpp>

#include "api/rest/media.hpp"
#include "api/rest/preferences.hpp"

/// Parts of answers that relations' and functions' have in common.
namespace bulkhead::api {

[[nodiscard]] std::string content_range(std::uint64_t lower, std::uint64_t rows,
                                        const std::optional<std::uint64_t>& total);
[[nodiscard]] Error not_singular(std::uint64_t rows);
/// The rows that were read, with their range and status (200, 206, 406, 416).
[[nodiscard]] Response read_response(const QueryResult& result, Media media, std::uint64_t offset);
/// A statement that met too many rows and was undone says how many, and not which of the two bounds it met:
/// `object`, or what the client said with `max-affected`.
[[nodiscard]] Error bounded_error(const Preferences& preferences, bool object, const Error& error);

}  // namespace bulkhead::api
