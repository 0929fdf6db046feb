#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/parse.hpp"

namespace bulkhead::http {

/// Decodes one chunked body (RFC 9112 section 7.1), a byte of framing at a time. Trailers are read and
/// dropped: nothing may depend on a field that came after the decision to accept the request.
///
/// Not Beast's parser, which fails an assertion on a malformed last chunk that arrives in pieces
/// (Boost 1.81).
class ChunkedBody {
 public:
  /// `limit`: bytes of the decoded body. `line_limit`: bytes of one chunk's line, and of all trailers.
  ChunkedBody(std::size_t limit, std::size_t line_limit) : limit_(limit), line_limit_(line_limit) {}

  /// Appends what `input` holds of the body to `body`; returns the bytes used, which is all of them unless
  /// the body ended or was refused.
  [[nodiscard]] std::size_t feed(std::string_view input, std::string& body);
  [[nodiscard]] bool done() const noexcept { return state_ == State::done; }
  [[nodiscard]] const std::optional<Refusal>& refusal() const noexcept { return refusal_; }

 private:
  enum class State : std::uint8_t { size, extension, size_feed, data, data_return, data_feed, trailer, done };

  void frame(char c, std::size_t body_size);
  void size_digit(char c);
  void end_of_size_line(std::size_t body_size);
  void trailer(char c);
  void malformed(std::string_view what);
  void too_large();

  std::size_t limit_, line_limit_;
  State state_ = State::size;
  std::uint64_t size_ = 0;  ///< Of the chunk, then what is left of it.
  unsigned digits_ = 0;
  std::size_t line_ = 0;  ///< Bytes of the chunk's line, or of all trailers.
  std::string trailer_;   ///< The trailer line being read.
  std::uint64_t framing_ = 0;
  std::optional<Refusal> refusal_;
};

}  // namespace bulkhead::http
