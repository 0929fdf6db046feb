#include "api/rest/scanner.hpp"

#include <algorithm>

#include "base/hex.hpp"
#include "base/utf8.hpp"

namespace bulkhead::api {

namespace {

bool is_name_byte(char c) {
  auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         c == '_' || c == '$' || c == ' ';
}

Error malformed(std::string_view part, std::string_view what) {
  return Error(Errc::filter_malformed, "the " + std::string(part) + " is malformed: " + std::string(what))
      .hint("Percent-encode the " + std::string(part) + " as UTF-8.");
}

Result<std::string> decode(std::string_view encoded, std::string_view part, bool plus_is_space) {
  std::string out;
  out.reserve(encoded.size());
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    char c = encoded[i];
    int high = c == '%' && i + 2 < encoded.size() ? hex_value(encoded[i + 1]) : -1;
    int low = c == '%' && i + 2 < encoded.size() ? hex_value(encoded[i + 2]) : -1;
    if (c == '+' && plus_is_space) {
      c = ' ';
    } else if (high >= 0 && low >= 0) {  // else a `%` by itself, as people write it in patterns
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return malformed(part, "it holds a NUL byte");
    out.push_back(c);
  }
  if (!valid_utf8(out)) return malformed(part, "it is not valid UTF-8");
  return out;
}

}  // namespace

Result<std::string> decode_component(std::string_view encoded) {
  return decode(encoded, "query string", true);
}

Result<std::string> decode_segment(std::string_view encoded) {
  return decode(encoded, "path", false);
}

void Scanner::skip_spaces() noexcept {
  while (peek() == ' ' || peek() == '\t') ++at_;
}

bool Scanner::take(std::string_view token) noexcept {
  if (!rest().starts_with(token)) return false;
  at_ += token.size();
  return true;
}

Result<std::string> Scanner::quoted() {
  std::string out;
  ++at_;
  while (!at_end()) {
    char c = text_[at_++];
    if (c == '"') return out;
    if (c == '\\') {
      if (at_end()) break;
      c = text_[at_++];
    }
    out.push_back(c);
  }
  return error("closing quote");
}

Result<std::string> Scanner::name() {
  if (peek() == '"') return quoted();
  std::size_t begin = at_;
  while (is_name_byte(peek()) || (peek() == '-' && peek(1) != '>')) ++at_;
  std::string_view found = text_.substr(begin, at_ - begin);
  while (found.starts_with(' ')) found.remove_prefix(1);
  while (found.ends_with(' ')) found.remove_suffix(1);
  if (!found.empty()) return std::string(found);
  at_ = begin;
  return error("field name (* or [a..z0..9_$])");
}

Result<statement::JsonStep> Scanner::json_step() {
  constexpr std::string_view expecting = "\"-\", digit or any non reserved character different from: .,>()";
  statement::JsonStep step;
  step.text = take(">");
  if (peek() == '"') {
    BULKHEAD_TRY(step.key, quoted());
    return step;
  }
  const std::string_view reserved = ".,>():";
  const std::size_t begin = at_;
  if (peek() == '-' && peek(1) == '-') {
    ++at_;
    return error("digit");
  }
  while (!at_end() && reserved.find(peek()) == std::string_view::npos && !(peek() == '-' && peek(1) == '>'))
    ++at_;
  step.key = text_.substr(begin, at_ - begin);
  if (step.key.empty()) return error(expecting);
  const std::size_t digits = step.key.front() == '-' ? 1 : 0;
  // A key of many digits is no index of anything.
  step.index = step.key.size() > digits && step.key.size() < 10 &&
               step.key.find_first_not_of("0123456789", digits) == std::string::npos;
  return step;
}

Result<std::vector<statement::JsonStep>> Scanner::json_path() {
  constexpr std::size_t steps_max = 32;
  std::vector<statement::JsonStep> path;
  while (take("->")) {
    if (path.size() == steps_max) return error("fewer steps into a JSON value");
    BULKHEAD_TRY(statement::JsonStep step, json_step());
    path.push_back(std::move(step));
  }
  return path;
}

Error Scanner::error(std::string_view expecting) const {
  return error_at(at_, expecting);
}

Error Scanner::error(std::string_view expecting, std::string_view word) const {
  std::size_t alike = 0;
  while (alike < word.size() && peek(alike) == word[alike]) ++alike;
  return error_at(std::min(at_ + alike, text_.size()), expecting);
}

Error Scanner::error_at(std::size_t unexpected, std::string_view expecting) const {
  std::string message = "\"failed to parse ";
  message.append(what_).append(" (").append(text_).append(")\" (line 1, column ");
  // Columns count characters, not bytes.
  auto column = std::count_if(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at_),
                              [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
  message.append(std::to_string(static_cast<std::size_t>(column) + before_ + 1)).append(")");
  std::string details = "unexpected ";
  if (unexpected >= text_.size()) {
    details.append("end of input");
  } else {
    std::size_t end = unexpected + 1;
    while (end < text_.size() && (static_cast<unsigned char>(text_[end]) & 0xc0) == 0x80) ++end;
    const char quote = expecting.ends_with("end of input") ? '\'' : '"';
    details.push_back(quote);
    details.append(text_.substr(unexpected, end - unexpected)).push_back(quote);
  }
  details.append(" expecting ").append(expecting);
  return Error(Errc::filter_malformed, std::move(message)).details(std::move(details));
}

}  // namespace bulkhead::api
