#include "api/rest/body.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <bulkhead/json.hpp>

#include "api/rest/query.hpp"
#include "base/ascii.hpp"

namespace bulkhead::api {

namespace {

std::string type_of(std::string_view header) {
  return lower(trimmed(header.substr(0, header.find(';'))));
}

/// Reads RFC 4180: fields in quotes may hold commas, line ends and doubled quotes.
class CsvReader {
 public:
  explicit CsvReader(std::string_view text) : text_(text) {}

  [[nodiscard]] bool at_end() const noexcept { return at_ >= text_.size(); }
  /// One record and its line end. Errors: `payload_invalid`.
  [[nodiscard]] Result<std::vector<std::string>> record() {
    std::vector<std::string> fields;
    while (true) {
      BULKHEAD_TRY(std::string field, next());
      fields.push_back(std::move(field));
      if (take(",")) continue;
      if (at_end() || take("\r\n") || take("\n") || take("\r")) return fields;
      return Error(Errc::payload_invalid, "a field of the CSV goes on behind its closing quote");
    }
  }

 private:
  bool take(std::string_view token) noexcept {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  Result<std::string> next() {
    if (!take("\"")) {
      const std::size_t begin = at_;
      at_ = std::min(text_.find_first_of(",\r\n", begin), text_.size());
      return std::string(text_.substr(begin, at_ - begin));
    }
    std::string field;
    while (!at_end()) {
      const char c = text_[at_++];
      if (c != '"') {
        field.push_back(c);
        continue;
      }
      if (!take("\"")) return field;
      field.push_back('"');
    }
    return Error(Errc::payload_invalid, "a quote of the CSV is not closed");
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<BodyType> body_type(const Request& request, bool function) {
  const auto sent = request.header("content-type");
  const std::string type = sent ? type_of(*sent) : "application/json";
  if (type == "application/json" || type == "*/*") return BodyType::json;
  if (type == "text/csv") return BodyType::csv;
  if (type == "application/x-www-form-urlencoded") return BodyType::form;
  if (function && type == "text/plain") return BodyType::text;
  if (function && type == "text/xml") return BodyType::xml;
  if (function && type == "application/octet-stream") return BodyType::bytes;
  return Error(Errc::unsupported_media_type, "Content-Type not acceptable: " + type);
}

Result<std::string> csv_to_json(std::string_view csv) {
  CsvReader in(csv);
  if (in.at_end()) return Error(Errc::payload_invalid, "parse error (not enough input) at \"\"");
  BULKHEAD_TRY(const std::vector<std::string> names, in.record());
  std::string out = "[";
  while (!in.at_end()) {
    BULKHEAD_TRY(const std::vector<std::string> fields, in.record());
    if (fields.size() == 1 && fields.front().empty() && names.size() > 1)
      continue;  // a line without anything
    if (fields.size() != names.size())
      return Error(Errc::payload_invalid, "All lines must have same number of fields");
    out.append(out.size() > 1 ? ",{" : "{");
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (i > 0) out.push_back(',');
      append_json_string(out, names[i]);
      out.push_back(':');
      if (fields[i] == "NULL")
        out.append("null");
      else
        append_json_string(out, fields[i]);
    }
    out.push_back('}');
  }
  return out.append("]");
}

Result<std::string> form_to_json(std::string_view form) {
  BULKHEAD_TRY(Arguments pairs, parse_pairs(form));
  std::string out = "{";
  for (auto pair = pairs.begin(); pair != pairs.end(); ++pair) {
    // Of two of one name the last counts.
    if (std::any_of(pair + 1, pairs.end(), [&](const auto& later) { return later.first == pair->first; }))
      continue;
    if (out.size() > 1) out.push_back(',');
    append_json_string(out, pair->first);
    out.push_back(':');
    append_json_string(out, pair->second);
  }
  return out.append("}");
}

Result<std::string_view> json_body(const Request& request, std::string& storage, bool& as_sent) {
  BULKHEAD_TRY(const BodyType type, body_type(request, false));
  as_sent = type == BodyType::json;
  if (as_sent) return request.body;
  if (type == BodyType::csv) {
    BULKHEAD_TRY(storage, csv_to_json(request.body));
  } else {
    BULKHEAD_TRY(storage, form_to_json(request.body));
  }
  return std::string_view(storage);
}

}  // namespace bulkhead::api
