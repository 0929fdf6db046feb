#include "api/rest/call.hpp"

#include <algorithm>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <bulkhead/json.hpp>

#include "api/rest/functions.hpp"
#include "api/rest/json_text.hpp"
#include "api/rest/json_writer.hpp"
#include "api/rest/query.hpp"
#include "api/rest/responses.hpp"
#include "api/rest/scanner.hpp"
#include "base/hex.hpp"
#include "base/utf8.hpp"
#include "data/plane.hpp"

namespace bulkhead::api {

namespace {

namespace json = boost::json;
using Returns = sql::Function::Returns;

constexpr std::string_view prefix = "rpc/";
constexpr std::uint32_t bytea_oid = 17;

/// The arguments, wherever they came from.
struct Values {
  Given given;
  Arguments pairs;          ///< Of a query string or form.
  std::string json_object;  ///< Of a body in JSON or CSV.
};

void note_names(Given& given) {
  std::sort(given.names.begin(), given.names.end());
  given.names.erase(std::unique(given.names.begin(), given.names.end()), given.names.end());
}

Error no_json() {
  return Error(Errc::malformed_json, "Empty or invalid json");
}

// A function is called once: of an array of objects with the first.
Result<void> read_json(Values& values, std::string_view body, std::size_t json_depth) {
  JsonLimits limits;
  limits.depth = json_depth;
  const auto parsed = parse_json(body, limits);
  if (parsed.has_error()) return no_json();
  const json::object* object = parsed->if_object();
  if (object) values.json_object = body;
  if (const json::array* array = parsed->if_array(); array && !array->empty()) {
    object = array->front().if_object();
    // Something else is for a function that takes the body as a whole, if for any.
    if (!object) return {};
    const ObjectText first = objects_of(body).front();
    std::string text = "{";
    for (const MemberText& member : first) {
      if (text.size() > 1) text.push_back(',');
      append_json_string(text, member.name);
      text.append(":").append(member.value);
    }
    values.json_object = text + "}";
  }
  if (!object) return {};
  for (const auto& [name, value] : *object) values.given.names.emplace_back(name.data(), name.size());
  return {};
}

Result<void> read_body(Values& values, const Request& request, const Query& query, std::size_t json_depth) {
  values.given.post = true;
  BULKHEAD_TRY(values.given.body, body_type(request, true));
  switch (values.given.body) {
    case BodyType::json:
      BULKHEAD_CHECK(read_json(values, request.body.empty() ? "{}" : request.body, json_depth));
      if (query.columns) values.given.names = *query.columns;
      return {};
    case BodyType::csv: {
      BULKHEAD_TRY(const std::string rows, csv_to_json(request.body));
      return read_json(values, rows, json_depth);
    }
    case BodyType::form: {
      BULKHEAD_TRY(values.pairs, parse_pairs(request.body));
      for (const auto& [name, value] : values.pairs) values.given.names.push_back(name);
      return {};
    }
    default:
      return {};
  }
}

Result<statement::Value> whole_body(const Request& request, BodyType type) {
  if (type == BodyType::bytes) {
    static constexpr char hex[] = "0123456789abcdef";
    std::string text = "\\x";
    for (char c : request.body) {
      const auto byte = static_cast<unsigned char>(c);
      text.push_back(hex[byte >> 4]);
      text.push_back(hex[byte & 15]);
    }
    return statement::Value(std::move(text));
  }
  if (!valid_utf8(request.body) || request.body.find('\0') != std::string_view::npos)
    return Error(Errc::payload_invalid, "the body is no text in UTF-8");
  return statement::Value(std::string(request.body));
}

// PostgreSQL's text form of an array of texts.
std::string array_of(const std::vector<std::string_view>& values) {
  std::string out = "{";
  for (std::string_view value : values) {
    out.append(out.size() > 1 ? ",\"" : "\"");
    for (char c : value) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    out.push_back('"');
  }
  return out.append("}");
}

void add_arguments(statement::Call& call, const sql::Function& function, Values& values) {
  const bool texts = values.json_object.empty();
  for (const std::string& name : values.given.names) {
    statement::Value value;
    if (texts) {
      std::vector<std::string_view> given;
      for (const auto& [key, text] : values.pairs)
        if (key == name) given.emplace_back(text);
      const bool list = function.variadic && name == function.parameters.back().name;
      value = list ? array_of(given) : std::string(given.back());
    }
    call.arguments.emplace_back(name, std::move(value));
  }
  if (!texts && !call.arguments.empty()) call.json_arguments = std::move(values.json_object);
}

// What bounds the rows, where it must be known before they are sent.
Result<void> add_bounds(AskedCall& asked, const RestSettings& settings) {
  statement::Call& call = asked.call;
  const auto most = most_affected(asked.preferences);
  if (most && !asked.function->set)
    return Error(Errc::filter_malformed,
                 "Function must return SETOF or TABLE when max-affected preference is used with "
                 "handling=strict")
        .sqlstate("PGRST128");
  if (!asked.function->set) return {};
  call.select.limit =
      std::min<std::uint64_t>(call.select.limit.value_or(settings.max_rows), settings.max_rows);
  call.at_most = most;
  // What only reads is counted when it is there.
  call.singular = asked.media.object && !call.read_only;
  return {};
}

Result<void> check_method(Method method) {
  if (method == Method::get || method == Method::head || method == Method::post) return {};
  return Error(Errc::method_not_allowed,
               "Cannot use the " + std::string(method_name(method)) + " method on RPC")
      .sqlstate("PGRST101");
}

Result<Values> read_values(const Request& request, const Query& query, Arguments arguments,
                           const RestSettings& settings) {
  Values values;
  if (request.method == Method::post) {
    BULKHEAD_CHECK(read_body(values, request, query, settings.json_depth));
  } else {
    values.pairs = std::move(arguments);
    for (const auto& [name, value] : values.pairs) values.given.names.push_back(name);
  }
  note_names(values.given);
  return values;
}

std::string scalar(const QueryResult& result, std::size_t row) {
  std::string out;
  if (result.rows.is_null(row, 0))
    out = "null";
  else
    append_value(out, result.rows.text(row, 0), result.shape->columns.front().kind);
  return out;
}

// The values of a function that returns no rows: one, or an array of them.
std::string values_of(const QueryResult& result, bool set) {
  if (!set) return result.rows.empty() ? "null" : scalar(result, 0);
  std::string out = "[";
  for (std::size_t row = 0; row < result.rows.size(); ++row)
    out.append(row > 0 ? ",\n " : "").append(scalar(result, row));
  return out.append("]");
}

// A value as it is: text, or the bytes of a bytea, which PostgreSQL gives in hexadecimal digits.
std::string own_body(const QueryResult& result) {
  if (result.rows.empty() || result.rows.is_null(0, 0)) return {};
  const std::string_view text = result.rows.text(0, 0);
  if (result.rows.type_oid(0) != bytea_oid || !text.starts_with("\\x")) return std::string(text);
  return from_hex(text.substr(2)).value_or(std::string());
}

}  // namespace

bool is_call(std::string_view segment) noexcept {
  return segment.starts_with(prefix) && segment.size() > prefix.size();
}

Result<AskedCall> read_call(const Request& request, sql::RelationsRef relations, std::string_view segment,
                            const RestSettings& settings) {
  segment.remove_prefix(prefix.size());
  if (segment.find('/') != std::string_view::npos)
    return Error(Errc::relation_unknown, "Invalid path specified in request URL").sqlstate("PGRST125");
  BULKHEAD_TRY(const std::string name, decode_segment(segment));
  BULKHEAD_CHECK(check_profile(request));
  BULKHEAD_CHECK(check_method(request.method));
  AskedCall asked;
  BULKHEAD_TRY(asked.preferences, read_preferences(request, settings.choose_transaction));
  const bool post = request.method == Method::post;
  Arguments arguments;
  BULKHEAD_TRY(Query query, parse_query(request.query, post ? nullptr : &arguments));
  BULKHEAD_CHECK(apply_range(request, query.select));
  BULKHEAD_TRY(Values values, read_values(request, query, std::move(arguments), settings));
  BULKHEAD_TRY(const Choice choice, choose_function(*relations, name, values.given));

  // What is chosen from it is shown as JSON, as rows are.
  const std::string_view own = query.select.outputs.empty() ? choice.function->media : std::string_view();
  BULKHEAD_TRY(asked.media, read_accept(request, own));

  asked.relations = std::move(relations);
  asked.function = choice.function;
  asked.call.function = choice.function->signature;
  asked.call.read_only = !post || !choice.function->is_volatile;
  if (choice.whole) {
    BULKHEAD_TRY(statement::Value whole, whole_body(request, values.given.body));
    asked.call.arguments.emplace_back("", std::move(whole));
  } else {
    add_arguments(asked.call, *choice.function, values);
  }
  asked.call.select = std::move(query.select);
  asked.call.select.exact_count = asked.preferences.count;
  asked.call.select.aggregates = settings.aggregates;
  asked.call.select.embed_limit = settings.max_rows;
  asked.call.select.plain = asked.media.own || (asked.media.csv && choice.function->returns == Returns::row);
  BULKHEAD_CHECK(add_bounds(asked, settings));
  return asked;
}

Response call_response(const AskedCall& asked, const QueryResult& result) {
  const sql::Function& function = *asked.function;
  const std::uint64_t offset = asked.call.select.offset.value_or(0);
  Media media = asked.media;
  // One row is one object, whatever was asked for.
  if (function.returns == Returns::row && !function.set && !media.csv && result.rows.size() == 1)
    media.object = true;
  Response response = read_response(result, media, offset);
  if (response.error || response.status == 416) return response;
  if (media.own) {
    response.content_type = own_content_type(function.media);
    response.body = own_body(result);
    return response;
  }
  if (function.returns == Returns::row) {
    response.content_type = content_type(asked.media);
    return response;
  }
  if (function.returns == Returns::value && media.csv) return response;
  response.body = values_of(result, function.set && !asked.media.object);
  if (function.returns != Returns::nothing) return response;
  response.status = 204;
  response.content_type.clear();
  response.body.clear();
  return response;
}

}  // namespace bulkhead::api
