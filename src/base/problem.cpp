#include "base/problem.hpp"

#include "base/json.hpp"
#include "base/utf8.hpp"

namespace bulkhead {

namespace {

void append_name(std::string& out, std::string_view name) {
  out.append(out.size() > 1 ? ",\"" : "\"").append(name).append("\":");
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  append_name(out, name);
  append_json_lossy(out, value);
}

void append_or_null(std::string& out, std::string_view name, std::string_view value) {
  append_name(out, name);
  if (value.empty())
    out.append("null");
  else
    append_json_lossy(out, value);
}

/// RFC 6750 section 3: a caller who sent no token is told only that one is wanted.
std::string_view challenge(Errc code) noexcept {
  return code == Errc::token_missing ? "Bearer" : "Bearer error=\"invalid_token\"";
}

}  // namespace

std::string problem_document(const Error& error, unsigned status, std::string_view trace_id) {
  const ErrorInfo& info = error_info(error.code());
  std::string out = "{";
  out.reserve(256);
  append_member(out, "type", "urn:bulkhead:error:" + std::string(info.name));
  append_member(out, "title", info.title);
  out.append(",\"status\":").append(std::to_string(status));
  append_member(out, "detail", error.message());
  append_member(out, "code", info.name);
  // The four members that a client of PostgREST reads: below /rest/v1 the entry's errors come in this form.
  append_member(out, "message", error.message());
  append_or_null(out, "details", error.details());
  append_or_null(out, "hint", error.hint());
  if (!error.members().empty()) out.append(",").append(error.members());
  if (!trace_id.empty()) append_member(out, "trace_id", trace_id);
  return out.append("}");
}

Response problem_response(const Error& error, unsigned status, std::string_view trace_id) {
  Response response;
  response.status = status == 0 ? error_info(error.code()).http_status : status;
  response.content_type = "application/problem+json";
  response.body = problem_document(error, response.status, trace_id);
  if (response.status == 401) response.headers.emplace_back("WWW-Authenticate", challenge(error.code()));
  if (response.status == 503) response.headers.emplace_back("Retry-After", "1");
  response.error = error;
  return response;
}

}  // namespace bulkhead
