#include "base/json.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <unordered_set>
#include <vector>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse_options.hpp>
#include <boost/json/value_stack.hpp>

namespace bulkhead {
namespace {

/// What this reader refuses beyond what Boost's does.
enum class Refusal : std::uint8_t { none, duplicate_key, nul, number };

/// Builds the value from the parser's events, as `boost::json::parser` does, and looks at keys, strings and
/// numbers on the way. It may be fed any cut of the text: parts of a string come before its end.
class Builder {
 public:
  static constexpr std::size_t max_object_size = boost::json::object::max_size();
  static constexpr std::size_t max_array_size = boost::json::array::max_size();
  static constexpr std::size_t max_key_size = boost::json::string::max_size();
  static constexpr std::size_t max_string_size = boost::json::string::max_size();
  using Code = boost::system::error_code;
  using View = boost::json::string_view;

  explicit Builder(const JsonLimits& limits) : limits_(limits) { stack_.reset(); }

  [[nodiscard]] Refusal refusal() const noexcept { return refusal_; }
  [[nodiscard]] boost::json::value release() { return stack_.release(); }

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) {
    if (limits_.refuse_duplicate_keys) keys_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t size, Code&) {
    if (limits_.refuse_duplicate_keys) keys_.pop_back();
    stack_.push_object(size);
    return true;
  }
  bool on_array_begin(Code&) { return true; }
  bool on_array_end(std::size_t size, Code&) {
    stack_.push_array(size);
    return true;
  }
  bool on_key_part(View part, std::size_t, Code& code) {
    if (holds_nul(part)) return refuse(Refusal::nul, code);
    if (limits_.refuse_duplicate_keys) key_.append(part.data(), part.size());
    stack_.push_chars(part);
    return true;
  }
  bool on_key(View part, std::size_t, Code& code) {
    if (holds_nul(part)) return refuse(Refusal::nul, code);
    if (limits_.refuse_duplicate_keys) {
      key_.append(part.data(), part.size());
      if (!keys_.back().insert(std::move(key_)).second) return refuse(Refusal::duplicate_key, code);
      key_.clear();
    }
    stack_.push_key(part);
    return true;
  }
  bool on_string_part(View part, std::size_t, Code& code) {
    if (holds_nul(part)) return refuse(Refusal::nul, code);
    stack_.push_chars(part);
    return true;
  }
  bool on_string(View part, std::size_t, Code& code) {
    if (holds_nul(part)) return refuse(Refusal::nul, code);
    stack_.push_string(part);
    return true;
  }
  bool on_number_part(View, Code&) { return true; }
  bool on_int64(std::int64_t number, View, Code&) {
    stack_.push_int64(number);
    return true;
  }
  bool on_uint64(std::uint64_t number, View, Code&) {
    stack_.push_uint64(number);
    return true;
  }
  bool on_double(double number, View, Code& code) {
    if (!std::isfinite(number)) return refuse(Refusal::number, code);
    stack_.push_double(number);
    return true;
  }
  bool on_bool(bool flag, Code&) {
    stack_.push_bool(flag);
    return true;
  }
  bool on_null(Code&) {
    stack_.push_null();
    return true;
  }
  bool on_comment_part(View, Code&) { return true; }
  bool on_comment(View, Code&) { return true; }

 private:
  [[nodiscard]] bool holds_nul(View part) const noexcept {
    return limits_.refuse_nul && part.find('\0') != View::npos;
  }
  bool refuse(Refusal why, Code& code) {
    refusal_ = why;
    code = boost::json::make_error_code(boost::json::error::syntax);
    return false;
  }

  JsonLimits limits_;
  boost::json::value_stack stack_;
  std::vector<std::unordered_set<std::string>> keys_;  // one set for each open object
  std::string key_;
  Refusal refusal_ = Refusal::none;
};

using Parser = boost::json::basic_parser<Builder>;

boost::json::parse_options options_of(const JsonLimits& limits) {
  boost::json::parse_options options;
  options.max_depth = limits.depth;
  return options;
}

/// The offset of the first byte that the parser refuses; the size of `text` when it is cut short. The parser
/// tells no position for what the Builder refuses, so the text is read again: in blocks to find the block,
/// then byte by byte. That costs about twice the first reading, and only for bad input.
std::size_t locate(std::string_view text, const JsonLimits& limits) {
  constexpr std::size_t block = 4096;
  boost::system::error_code code;
  std::size_t begin = 0;
  {
    Parser parser(options_of(limits), limits);
    for (; begin < text.size(); begin += block) {
      std::size_t size = std::min(block, text.size() - begin);
      std::size_t read = parser.write_some(true, text.data() + begin, size, code);
      if (code || read < size) break;
    }
  }
  if (begin >= text.size()) return text.size();
  Parser parser(options_of(limits), limits);
  code = {};
  if (begin > 0) parser.write_some(true, text.data(), begin, code);
  for (std::size_t at = begin; at < text.size(); ++at) {
    std::size_t read = parser.write_some(true, text.data() + at, 1, code);
    if (code || read == 0) return at;
  }
  return text.size();
}

std::string place(std::string_view text, std::size_t offset) {
  std::string_view before = text.substr(0, offset);
  auto line = std::count(before.begin(), before.end(), '\n') + 1;
  std::size_t newline = before.rfind('\n');
  if (newline != std::string_view::npos) before.remove_prefix(newline + 1);
  // A character is counted at its first byte.
  auto column = std::count_if(before.begin(), before.end(),
                              [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }) +
                1;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

std::string reason(Refusal refusal, const boost::system::error_code& code, const JsonLimits& limits) {
  switch (refusal) {
    case Refusal::duplicate_key:
      return "a name occurs twice in one object";
    case Refusal::nul:
      return "a string contains a NUL character (\\u0000)";
    case Refusal::number:
      return "a number is too large";
    case Refusal::none:
      break;
  }
  if (code == boost::json::error::too_deep)
    return "it is nested more than " + std::to_string(limits.depth) + " levels deep";
  if (code == boost::json::error::incomplete) return "it ends too early";
  if (code == boost::json::error::extra_data) return "something follows after the value";
  return code.message();
}

}  // namespace

Result<boost::json::value> parse_json(std::string_view text, const JsonLimits& limits) {
  Parser parser(options_of(limits), limits);
  boost::system::error_code code;
  std::size_t read = parser.write_some(false, text.data(), text.size(), code);
  if (!code && read < text.size()) code = boost::json::make_error_code(boost::json::error::extra_data);
  if (!code) return parser.handler().release();
  return Error(Errc::malformed_json,
               "the JSON is not valid: " + reason(parser.handler().refusal(), code, limits))
      .details(place(text, locate(text, limits)));
}

namespace {

/// How many bytes of `text` from `at` on need no escape. Eight at a time: every text of every row goes through here.
std::size_t plain_run(std::string_view text, std::size_t at) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
  auto has_zero = [](std::uint64_t word) { return (word - ones) & ~word & highs; };
  std::size_t i = at;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, 8);
    std::uint64_t control = (word - ones * 0x20) & ~word & highs;
    if ((control | has_zero(word ^ (ones * '"')) | has_zero(word ^ (ones * '\\'))) != 0) break;
  }
  for (; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == '"' || c == '\\') break;
  }
  return i - at;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  out.push_back('"');
  std::size_t from = 0;
  for (std::size_t i = plain_run(text, 0); i < text.size(); i += 1 + plain_run(text, i + 1)) {
    auto c = static_cast<unsigned char>(text[i]);
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
