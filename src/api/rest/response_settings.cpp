#include "api/rest/response_settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <bulkhead/json.hpp>

#include "api/rest/rest_api.hpp"
#include "base/ascii.hpp"

namespace bulkhead::api {

namespace {

namespace json = boost::json;

// What frames the message, or what a proxy acts on: no list can open these.
bool is_never_allowed(std::string_view name) {
  constexpr std::array<std::string_view, 9> framing{
      "connection", "content-length",    "date",    "keep-alive", "te",
      "trailer",    "transfer-encoding", "upgrade", "x-sendfile"};
  return std::find(framing.begin(), framing.end(), name) != framing.end() || name.starts_with("proxy-") ||
         name.starts_with("x-accel-") || name.starts_with("x-forwarded-");
}

bool is_allowed(const HeaderList& allowed, std::string_view name) {
  if (is_never_allowed(name)) return false;
  return std::any_of(allowed.begin(), allowed.end(), [&](std::string_view entry) {
    return entry.ends_with('*') ? name.starts_with(entry.substr(0, entry.size() - 1)) : name == entry;
  });
}

bool is_token(std::string_view name) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  });
}

// A line end would begin a header of its own.
bool is_field_value(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

void set_header(Response& response, std::string_view name, std::string_view value,
                const HeaderList& allowed) {
  const std::string low = lower(name);
  if (!is_allowed(allowed, low)) return;
  if (low == "content-type") {
    response.content_type = value;
    return;
  }
  response.headers.emplace_back(name, value);
}

using Fields = std::vector<std::pair<std::string, std::string>>;

// Members that are a header's name and value; nullopt: something else is there.
std::optional<Fields> fields_of(const json::object& object) {
  Fields fields;
  for (const auto& [name, value] : object) {
    const json::string* text = value.if_string();
    const std::string_view key(name.data(), name.size());
    if (!text || !is_token(key) || !is_field_value({text->data(), text->size()})) return std::nullopt;
    fields.emplace_back(key, std::string_view(text->data(), text->size()));
  }
  return fields;
}

// `[{"Name": "value"}, …]`
std::optional<Fields> headers_of(std::string_view text) {
  const auto parsed = parse_json(text);
  const json::array* array = parsed.has_value() ? parsed->if_array() : nullptr;
  if (!array) return std::nullopt;
  Fields all;
  for (const json::value& element : *array) {
    const json::object* object = element.if_object();
    if (!object || object->size() != 1) return std::nullopt;
    std::optional<Fields> one = fields_of(*object);
    if (!one) return std::nullopt;
    all.push_back(std::move(one->front()));
  }
  return all;
}

std::optional<unsigned> status_in(std::string_view text) {
  unsigned status = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), status);
  if (failed != std::errc() || end != text.data() + text.size() || status < 200 || status > 599)
    return std::nullopt;
  return status;
}

Response bad_setting(std::string code, std::string message) {
  return error_response(Error(Errc::internal, std::move(message)).sqlstate(std::move(code)));
}

// The headers of the app come instead of the server's of the same name.
void replace_headers(Response& response, const Fields& fields, const HeaderList& allowed) {
  for (const auto& [name, value] : fields) {
    const std::string low = lower(name);
    if (is_allowed(allowed, low))
      std::erase_if(response.headers, [&](const auto& header) { return lower(header.first) == low; });
  }
  for (const auto& [name, value] : fields) set_header(response, name, value, allowed);
}

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  const json::string* text = value ? value->if_string() : nullptr;
  return text ? std::string(text->data(), text->size()) : std::string();
}

Response unreadable(std::string details, std::string hint) {
  return error_response(Error(Errc::internal, "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error")
                            .sqlstate("PGRST121")
                            .details(std::move(details))
                            .hint(std::move(hint)));
}

Response bad_message(std::string_view message) {
  return unreadable(
      "Invalid JSON value for MESSAGE: '" + std::string(message) + "'",
      "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: "
      "'details', 'hint'.");
}

Response bad_detail(std::string_view detail) {
  return unreadable(detail.empty() ? "DETAIL is missing in the RAISE statement"
                                   : "Invalid JSON value for DETAIL: '" + std::string(detail) + "'",
                    "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional "
                    "key: 'status_text'.");
}

}  // namespace

HeaderList usual_headers() {
  return {"cache-control",
          "content-disposition",
          "content-language",
          "content-location",
          "content-type",
          "etag",
          "expires",
          "last-modified",
          "link",
          "location",
          "retry-after",
          "vary",
          "x-*"};
}

void apply_response_settings(Response& response, const QueryResult& result, const HeaderList& allowed) {
  if (!result.response_headers.empty()) {
    const std::optional<Fields> fields = headers_of(result.response_headers);
    if (!fields) {
      response =
          bad_setting("PGRST111",
                      "response.headers guc must be a JSON array composed of objects with a single key and "
                      "a string value");
      return;
    }
    replace_headers(response, *fields, allowed);
  }
  if (result.response_status.empty()) return;
  const std::optional<unsigned> status = status_in(result.response_status);
  if (!status) {
    response = bad_setting("PGRST112", "response.status guc must be a valid status code");
    return;
  }
  response.status = *status;
}

Response raised_response(const Error& error, const HeaderList& allowed) {
  const auto said = parse_json(error.message());
  const json::object* what = said.has_value() ? said->if_object() : nullptr;
  if (!what || !what->if_contains("code") || !what->if_contains("message"))
    return bad_message(error.message());
  const auto how_said = parse_json(error.details());
  const json::object* how = how_said.has_value() ? how_said->if_object() : nullptr;
  const json::value* status = how ? how->if_contains("status") : nullptr;
  const json::value* headers = how ? how->if_contains("headers") : nullptr;
  if (!status || !status->is_int64() || !headers || !headers->is_object()) return bad_detail(error.details());
  const std::optional<Fields> fields = fields_of(headers->get_object());
  const std::optional<unsigned> number = status_in(std::to_string(status->get_int64()));
  if (!fields || !number) return bad_detail(error.details());
  Response response = error_response(Error(Errc::statement_failed, text_in(*what, "message"))
                                         .sqlstate(text_in(*what, "code"))
                                         .details(text_in(*what, "details"))
                                         .hint(text_in(*what, "hint")));
  response.status = *number;
  replace_headers(response, *fields, allowed);
  return response;
}

}  // namespace bulkhead::api
