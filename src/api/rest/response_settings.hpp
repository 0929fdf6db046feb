#pragma once

#include <string_view>
#include <vector>

#include <bulkhead/data.hpp>
#include <bulkhead/http.hpp>

namespace bulkhead::api {

/// What the app's functions may set of a response's headers: names in lower case; one that ends with `*` is a beginning.
using HeaderList = std::vector<std::string>;

/// The list where the configuration has none: what a cache, a browser or a client reads of a document. No cookies, which
/// reach the other tenants of a host, and nothing that a proxy acts on.
[[nodiscard]] HeaderList usual_headers();

/// The response as the app's functions and triggers want it (settings `response.status` and `response.headers`). Headers that
/// are not on the list are left out. A setting that cannot be read makes it an error (PGRST111, PGRST112).
void apply_response_settings(Response& response, const QueryResult& result, const HeaderList& allowed);

/// The response that `RAISE SQLSTATE 'PGRST'` describes: `message` holds code, message, details and hint, `details` the
/// status and headers, both as JSON. One that cannot be read is PGRST121.
[[nodiscard]] Response raised_response(const Error& error, const HeaderList& allowed);

}  // namespace bulkhead::api
