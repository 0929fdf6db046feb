#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <bulkhead/result.hpp>

namespace bulkhead::api {

/// Decodes percent-encoding and `+` of a query string; a `%` before anything but two hexadecimal digits stands
/// for itself. Errors: `filter_malformed` for a NUL byte or bytes that are no UTF-8.
[[nodiscard]] Result<std::string> decode_component(std::string_view encoded);
/// The same for a segment of the path, where `+` is no space.
[[nodiscard]] Result<std::string> decode_segment(std::string_view encoded);

/// Reads one parameter's text from left to right. Its errors have PostgREST's form: what could not be parsed,
/// where, and what was expected. Views into the text; the text outlives it.
class Scanner {
 public:
  /// `what`: "select parameter", "filter", … for the error's message.
  Scanner(std::string_view what, std::string_view text) : what_(what), text_(text) {}

  [[nodiscard]] bool at_end() const noexcept { return at_ == text_.size(); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const noexcept {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  [[nodiscard]] std::string_view rest() const noexcept { return text_.substr(at_); }
  void skip(std::size_t bytes) noexcept { at_ += bytes; }
  void skip_spaces() noexcept;
  /// Takes `token` if it stands here.
  [[nodiscard]] bool take(std::string_view token) noexcept;
  /// A name of a column or relation: letters, digits, `_`, `$`, spaces inside, `-` (but not `->`), or
  /// anything in double quotes.
  [[nodiscard]] Result<std::string> name();
  /// `"…"` with `\` escapes; the opening quote stands here.
  [[nodiscard]] Result<std::string> quoted();

  [[nodiscard]] Error error(std::string_view expecting) const;

 private:
  std::string_view what_, text_;
  std::size_t at_ = 0;
};

}  // namespace bulkhead::api
