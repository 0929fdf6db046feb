#include "base/json.hpp"

#include <algorithm>

#include <boost/json/parse_options.hpp>
#include <boost/json/stream_parser.hpp>

namespace bulkhead {

Result<boost::json::value> parse_json(std::string_view text, const JsonLimits& limits) {
  boost::json::parse_options options;
  options.max_depth = limits.depth;
  boost::json::stream_parser parser({}, options);
  boost::system::error_code code;
  std::size_t read = parser.write_some(text.data(), text.size(), code);
  if (!code && read < text.size()) code = boost::json::make_error_code(boost::json::error::extra_data);
  if (!code) parser.finish(code);
  if (code) {
    std::string_view before = text.substr(0, std::min(read, text.size()));
    auto line = std::count(before.begin(), before.end(), '\n') + 1;
    std::size_t start = before.rfind('\n');
    std::size_t column = before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1;
    return Error(Errc::malformed_json, "the JSON is not valid: " + code.message())
        .details("line " + std::to_string(line) + ", column " + std::to_string(column));
  }
  return parser.release();
}

void append_json_string(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  out.push_back('"');
  std::size_t from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, from, i - from);
    from = i + 1;
    switch (c) {
      case '"':
        out.append("\\\"");
        break;
      case '\\':
        out.append("\\\\");
        break;
      case '\n':
        out.append("\\n");
        break;
      case '\r':
        out.append("\\r");
        break;
      case '\t':
        out.append("\\t");
        break;
      case '\b':
        out.append("\\b");
        break;
      case '\f':
        out.append("\\f");
        break;
      default:
        out.append("\\u00");
        out.push_back(hex[c >> 4]);
        out.push_back(hex[c & 15]);
    }
  }
  out.append(text, from, std::string_view::npos);
  out.push_back('"');
}

}  // namespace bulkhead
