#include "api/control/call.hpp"

#include <algorithm>
#include <charconv>

#include "api/rest/scanner.hpp"
#include "base/json.hpp"
#include "base/utf8.hpp"
#include "identity/base64url.hpp"

namespace bulkhead::api::control {
namespace {

/// Between two versions of what stands in a cursor.
constexpr std::string_view cursor_mark = "1:";

std::string in_quotes(std::string_view name) {
  return "\"" + std::string(name) + "\"";
}

const Field* field_called(const std::vector<Field>& fields, std::string_view name) {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

std::string names_of(const std::vector<std::string_view>& names) {
  std::string out;
  for (const std::string_view name : names) out.append(out.empty() ? "" : ", ").append(name);
  return out;
}

/// `code`: what the place is refused with.
Result<void> check_value(const Field& field, std::string_view value, Errc code) {
  if (value.size() > field.longest || value.find('\0') != std::string_view::npos || !valid_utf8(value))
    return Error(
        code, in_quotes(field.name) + " takes text of at most " + std::to_string(field.longest) + " bytes");
  if (field.required && value.empty()) return Error(code, in_quotes(field.name) + " must not be empty");
  if (field.allowed.empty() ||
      std::find(field.allowed.begin(), field.allowed.end(), value) != field.allowed.end())
    return {};
  return Error(code, in_quotes(field.name) + " cannot have this value")
      .hint("one of " + names_of(field.allowed));
}

Result<void> read_limit(std::string_view text, Call& call) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), call.limit);
  if (code == std::errc() && end == text.data() + text.size() && call.limit >= 1 && call.limit <= page_most)
    return {};
  return Error(Errc::malformed_request, "\"limit\" is a number from 1 to " + std::to_string(page_most));
}

Result<void> read_cursor(std::string_view text, Call& call) {
  const auto content = identity::decode_base64url(text);
  if (!content || !content->starts_with(cursor_mark) || !valid_utf8(*content) ||
      content->find('\0') != std::string::npos)
    return Error(Errc::malformed_request, "this cursor is none of ours")
        .hint("take \"next\" of the page before, as it is");
  call.after = content->substr(cursor_mark.size());
  return {};
}

Result<void> take_parameter(const Route& route, const std::string& name, const std::string& value,
                            Call& call) {
  if (route.page && name == "limit") return read_limit(value, call);
  if (route.page && name == "cursor") return read_cursor(value, call);
  const Field* field = field_called(route.query, name);
  if (field == nullptr)
    return Error(Errc::malformed_request, "there is no parameter " + in_quotes(name) + " here");
  BULKHEAD_CHECK(check_value(*field, value, Errc::malformed_request));
  call.query.emplace(name, value);
  return {};
}

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> out;
  for (std::size_t at = 1; at <= path.size();) {
    const std::size_t slash = std::min(path.find('/', at), path.size());
    out.push_back(path.substr(at, slash - at));
    at = slash + 1;
  }
  return out;
}

bool is_place(std::string_view segment) {
  return segment.starts_with('{');
}

bool same_shape(const std::vector<std::string_view>& pattern, const std::vector<std::string_view>& path) {
  return std::equal(pattern.begin(), pattern.end(), path.begin(), path.end(),
                    [](std::string_view a, std::string_view b) { return is_place(a) ? !b.empty() : a == b; });
}

/// A literal segment is stronger than a place: there are few routes, and none that is both.
Result<Values> places_of(const std::vector<std::string_view>& pattern,
                         const std::vector<std::string_view>& path) {
  Values out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (!is_place(pattern[i])) continue;
    BULKHEAD_TRY(std::string value, decode_segment(path[i]));
    if (!valid_utf8(value) || value.find('\0') != std::string::npos || value.size() > 255)
      return Error(Errc::malformed_request, "the path cannot be read");
    out.emplace(pattern[i].substr(1, pattern[i].size() - 2), std::move(value));
  }
  return out;
}

}  // namespace

std::string Call::asked(std::string_view name) const {
  const auto found = query.find(name);
  return found == query.end() ? std::string() : found->second;
}

std::string Call::given(std::string_view name) const {
  const auto found = body.find(name);
  return found == body.end() ? std::string() : found->second;
}

Result<void> read_query(const Route& route, std::string_view query, Call& call) {
  call.limit = page_default;
  std::vector<std::string> seen;
  for (std::size_t at = 0; at < query.size();) {
    const std::size_t end = std::min(query.find('&', at), query.size());
    const std::string_view pair = query.substr(at, end - at);
    at = end + 1;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    BULKHEAD_TRY(std::string name, decode_component(pair.substr(0, equals)));
    BULKHEAD_TRY(const std::string value, decode_component(pair.substr(std::min(equals + 1, pair.size()))));
    if (std::find(seen.begin(), seen.end(), name) != seen.end())
      return Error(Errc::malformed_request, "the parameter " + in_quotes(name) + " is there twice");
    BULKHEAD_CHECK(take_parameter(route, name, value, call));
    seen.push_back(std::move(name));
  }
  return {};
}

Result<void> read_body(const Route& route, std::string_view body, Call& call) {
  boost::json::object object;
  if (!body.empty()) {
    JsonLimits limits;
    limits.depth = 4;
    limits.refuse_duplicate_keys = true;
    BULKHEAD_TRY(boost::json::value value, parse_json(body, limits));
    if (!value.is_object()) return Error(Errc::payload_invalid, "the body is not a JSON object");
    object = std::move(value.get_object());
  }
  for (const auto& [key, value] : object) {
    const Field* field = field_called(route.body, key);
    if (field == nullptr)
      return Error(Errc::payload_invalid, "there is no field " + in_quotes(key) + " here");
    if (!value.is_string()) return Error(Errc::payload_invalid, in_quotes(key) + " takes text");
    BULKHEAD_CHECK(check_value(*field, value.get_string(), Errc::payload_invalid));
    call.body.emplace(key, value.get_string());
  }
  for (const Field& field : route.body)
    if (field.required && !call.body.contains(field.name))
      return Error(Errc::payload_invalid, in_quotes(field.name) + " is missing")
          .hint(std::string(field.description));
  return {};
}

Result<Found> find_route(Method method, std::string_view path) {
  Found found;
  const auto segments = segments_of(path);
  for (const Route& route : routes()) {
    const auto pattern = segments_of(route.path);
    if (!same_shape(pattern, segments)) continue;
    found.allow.append(found.allow.empty() ? "" : ", ").append(method_name(route.method));
    if (route.method == Method::get) found.allow.append(", HEAD");
    if (route.method != (method == Method::head ? Method::get : method)) continue;
    found.route = &route;
    BULKHEAD_TRY(found.path, places_of(pattern, segments));
    return found;
  }
  return found;
}

std::string cursor_of(std::string_view last) {
  return identity::encode_base64url(std::string(cursor_mark) + std::string(last));
}

}  // namespace bulkhead::api::control
