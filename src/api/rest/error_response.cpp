#include <algorithm>
#include <array>
#include <string>

#include "api/rest/rest_api.hpp"
#include "base/utf8.hpp"

namespace bulkhead::api {

namespace {

struct StateStatus {
  std::string_view prefix;
  unsigned status;
};

// PostgREST's map of SQLSTATE to status (docs/references/errors.rst); the first prefix that fits counts.
// Callers are always authenticated here, hence 403 for 42501.
constexpr std::array state_statuses{
    StateStatus{"08", 503},    StateStatus{"09", 500},    StateStatus{"0L", 403},
    StateStatus{"0P", 403},    StateStatus{"23503", 409}, StateStatus{"23505", 409},
    StateStatus{"25006", 405}, StateStatus{"25", 500},    StateStatus{"28", 403},
    StateStatus{"2D", 500},    StateStatus{"38", 500},    StateStatus{"39", 500},
    StateStatus{"3B", 500},    StateStatus{"40", 500},    StateStatus{"53400", 500},
    StateStatus{"53", 503},    StateStatus{"54", 500},    StateStatus{"55", 500},
    StateStatus{"57P01", 503}, StateStatus{"57", 500},    StateStatus{"58", 500},
    StateStatus{"F0", 500},    StateStatus{"HV", 500},    StateStatus{"P0001", 400},
    StateStatus{"P0", 500},    StateStatus{"XX", 500},    StateStatus{"42883", 404},
    StateStatus{"42P01", 404}, StateStatus{"42P17", 500}, StateStatus{"42501", 403},
};

unsigned status_of_state(std::string_view state, std::string_view message) {
  // A missing filter is the client's mistake; a subquery or an upsert that meets two rows is the statement's.
  if (state == "21000") return message.ends_with("requires a WHERE clause") ? 400 : 500;
  for (const StateStatus& known : state_statuses)
    if (state.starts_with(known.prefix)) return known.status;
  // A function may choose its status: RAISE … USING ERRCODE = 'PT418'.
  if (state.size() == 5 && state.starts_with("PT")) {
    unsigned status = 0;
    for (char c : state.substr(2)) {
      if (c < '0' || c > '9') return 500;
      status = status * 10 + static_cast<unsigned>(c - '0');
    }
    return status >= 200 && status <= 599 ? status : 500;
  }
  return 400;
}

std::string_view pgrst_code(Errc code) {
  switch (code) {
    case Errc::filter_malformed:
      return "PGRST100";
    case Errc::malformed_json:
    case Errc::payload_invalid:
    case Errc::unsupported_media_type:
      return "PGRST102";
    case Errc::range_not_satisfiable:
      return "PGRST103";
    case Errc::not_acceptable:
      return "PGRST107";
    case Errc::not_singular:
      return "PGRST116";
    case Errc::method_not_allowed:
      return "PGRST117";
    case Errc::relationship_unknown:
      return "PGRST200";
    case Errc::relationship_ambiguous:
      return "PGRST201";
    case Errc::column_unknown:
      return "PGRST204";
    case Errc::relation_unknown:
      return "PGRST205";
    default:
      return error_info(code).name;
  }
}

void append_field(std::string& out, std::string_view key, std::string_view text, bool raw) {
  out.append(",\"").append(key).append("\":");
  if (text.empty())
    out.append("null");
  else if (raw)
    out.append(text);
  else
    append_json_lossy(out, text);
}

// An app may raise an error with any code.
bool is_token(std::string_view code) {
  return !code.empty() && std::all_of(code.begin(), code.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-';
  });
}

unsigned status_of(const Error& error) {
  const std::string_view state = error.sqlstate();
  const bool from_database =
      error.code() == Errc::statement_failed || error.code() == Errc::permission_denied;
  if (from_database && !state.empty()) return status_of_state(state, error.message());
  // To PostgREST a body of another type is a bad body.
  if (error.code() == Errc::unsupported_media_type) return 400;
  return error_info(error.code()).http_status;
}

}  // namespace

Response error_response(const Error& error) {
  const std::string_view state = error.sqlstate();
  const std::string_view code = state.empty() ? pgrst_code(error.code()) : state;
  Response response;
  response.status = status_of(error);
  response.content_type = "application/json; charset=utf-8";
  // RFC 9209, by the name that clients of the dialect look for.
  if (is_token(code)) response.headers.emplace_back("Proxy-Status", "PostgREST; error=" + std::string(code));
  if (response.status == 503) response.headers.emplace_back("Retry-After", "1");
  std::string& body = response.body;
  body.append("{\"code\":");
  append_json_lossy(body, code);
  append_field(body, "message", error.message(), false);
  // The candidates of an ambiguous relationship are an array already.
  append_field(body, "details", error.details(), error.code() == Errc::relationship_ambiguous);
  append_field(body, "hint", error.hint(), false);
  body.push_back('}');
  response.error = error;
  return response;
}

}  // namespace bulkhead::api
