#pragma once

#include <string>
#include <string_view>

#include <bulkhead/error.hpp>
#include <bulkhead/http.hpp>

namespace bulkhead {

/// The problem document (RFC 9457) of an error: `type`, `title`, `status`, `detail`, and as extensions
/// PostgREST's `code`, `message`, `details` and `hint` (the last two may be null), so that a client of the
/// data API reads it like any of its errors, and `trace_id` where there is one; then the error's own `members()`. Holds nothing of
/// `error.internal()`.
[[nodiscard]] std::string problem_document(const Error& error, unsigned status,
                                           std::string_view trace_id = {});

/// A whole answer: the document, its media type, and the headers its status asks for (`WWW-Authenticate` with
/// 401, RFC 6750; `Retry-After` with 503). `status` 0 means the error's own.
[[nodiscard]] Response problem_response(const Error& error, unsigned status = 0,
                                        std::string_view trace_id = {});

}  // namespace bulkhead
