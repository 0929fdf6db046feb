#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "http/parse.hpp"

namespace bulkhead::http {

/// Decodes one chunked body (RFC 9112 section 7.1). Trailers are read and dropped: nothing here may depend on
/// a field that came after the decision to accept the request.
class ChunkedBody {
 public:
  /// `limit`: bytes of the decoded body. `overhead`: bytes of one chunk's line or of the trailers.
  ChunkedBody(std::size_t limit, std::size_t overhead);
  ~ChunkedBody();

  /// Takes what was received; returns how much of `input` was used up. The rest, if any, must be offered
  /// again with more behind it, unless `done()`.
  [[nodiscard]] std::size_t feed(std::string_view input, std::string& body);
  [[nodiscard]] bool done() const noexcept;
  [[nodiscard]] const std::optional<Refusal>& refusal() const noexcept { return refusal_; }

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
  std::size_t limit_, overhead_, raw_ = 0;
  std::optional<Refusal> refusal_;
};

}  // namespace bulkhead::http
