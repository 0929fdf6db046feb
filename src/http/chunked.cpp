#include "http/chunked.hpp"

#include <algorithm>

#include "base/hex.hpp"

namespace bulkhead::http {

namespace {

bool control(char c) noexcept {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
}

bool token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

}  // namespace

std::size_t ChunkedBody::feed(std::string_view input, std::string& body) {
  std::size_t at = 0;
  while (at < input.size() && !done() && !refusal_) {
    if (state_ == State::data) {
      auto part = static_cast<std::size_t>(std::min<std::uint64_t>(size_, input.size() - at));
      body.append(input, at, part);
      at += part;
      size_ -= part;
      if (size_ == 0) state_ = State::data_return;
    } else {
      frame(input[at++], body.size());
    }
  }
  return at;
}

void ChunkedBody::frame(char c, std::size_t body_size) {
  // One-byte chunks need five bytes each; far more than that is an attempt to keep us busy.
  if (++framing_ > 16 * static_cast<std::uint64_t>(body_size) + 64 * 1024)
    return malformed("nearly all of it is framing");
  switch (state_) {
    case State::size:
      return size_digit(c);
    case State::extension:
      if (c == '\r')
        state_ = State::size_feed;
      else if (control(c))
        malformed("a control character in a chunk's line");
      else if (++line_ > line_limit_)
        malformed("a chunk's line is too long");
      return;
    case State::size_feed:
      return c == '\n' ? end_of_size_line(body_size) : malformed("a chunk's line ends wrongly");
    case State::data_return:
      state_ = State::data_feed;
      return c == '\r' ? void() : malformed("a chunk is longer than its size");
    case State::data_feed:
      state_ = State::size;
      size_ = digits_ = 0;
      line_ = 0;
      return c == '\n' ? void() : malformed("a chunk is longer than its size");
    case State::trailer:
      return trailer(c);
    case State::data:
    case State::done:
      return;
  }
}

void ChunkedBody::size_digit(char c) {
  int value = hex_value(c);
  if (value >= 0) {
    // Sixteen digits are all that 64 bits hold; leading zeros count, too.
    if (++digits_ > 16) return malformed("a chunk's size is too long");
    size_ = size_ << 4 | static_cast<std::uint64_t>(value);
    return;
  }
  if (digits_ == 0) return malformed("a chunk has no size");
  if (c == '\r')
    state_ = State::size_feed;
  else if (c == ';')
    state_ = State::extension;
  else
    malformed("a chunk's size is no hexadecimal number");
}

void ChunkedBody::end_of_size_line(std::size_t body_size) {
  line_ = 0;
  if (size_ == 0) {
    state_ = State::trailer;
  } else if (size_ > limit_ || body_size + size_ > limit_) {
    too_large();
  } else {
    state_ = State::data;
  }
}

void ChunkedBody::trailer(char c) {
  if (++line_ > line_limit_) return malformed("the trailers are too long");
  if (c != '\n') {
    trailer_.push_back(c);
    return;
  }
  if (!trailer_.ends_with('\r')) return malformed("a trailer ends wrongly");
  trailer_.pop_back();
  if (trailer_.empty()) {
    state_ = State::done;
    return;
  }
  std::size_t colon = trailer_.find(':');
  bool clean = std::none_of(trailer_.begin(), trailer_.end(), control);
  if (colon == std::string::npos || !token(std::string_view(trailer_).substr(0, colon)) || !clean)
    return malformed("a trailer is no header field");
  trailer_.clear();
}

void ChunkedBody::malformed(std::string_view what) {
  refusal_ =
      Refusal{400, Error(Errc::malformed_request, "the chunked body is malformed: " + std::string(what))};
}

void ChunkedBody::too_large() {
  refusal_ = Refusal{
      413, Error(Errc::body_too_large, "the body is larger than " + std::to_string(limit_) + " bytes")};
}

}  // namespace bulkhead::http
