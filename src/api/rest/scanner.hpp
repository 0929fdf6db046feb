#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/statement.hpp>

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
  /// `before`: how many characters of the parameter stand before the text, for the errors' columns.
  Scanner(std::string_view what, std::string_view text, std::size_t before = 0)
      : what_(what), text_(text), before_(before) {}

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

  /// `->key`, `->>0`, `->"a key"`, … as long as they follow; nothing if none does.
  [[nodiscard]] Result<std::vector<statement::JsonStep>> json_path();

  /// The text does not go on as it should: `expecting` one of these.
  [[nodiscard]] Error error(std::string_view expecting) const;
  /// The same where one of `words` should stand here, and what stands here begins like the first of them.
  [[nodiscard]] Error error(std::string_view expecting, std::string_view word) const;

 private:
  [[nodiscard]] Error error_at(std::size_t unexpected, std::string_view expecting) const;
  [[nodiscard]] Result<statement::JsonStep> json_step();

  std::string_view what_, text_;
  std::size_t before_ = 0, at_ = 0;
};

}  // namespace bulkhead::api
