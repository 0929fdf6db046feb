#pragma once

#include <string_view>

#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>
#include <bulkhead/task.hpp>

namespace bulkhead {

/// Where a handler of `App::stream` writes its answer, piece by piece. The server makes it; it lives as long as the request, and
/// is used on the request's io thread, one call at a time.
class ResponseStream {
 public:
  ResponseStream() = default;
  ResponseStream(const ResponseStream&) = delete;
  ResponseStream& operator=(const ResponseStream&) = delete;
  virtual ~ResponseStream() = default;

  /// Sends status and headers, and the body as the first piece. Once, before `write`. Until it was called, an error that the
  /// handler returns is answered as a problem document; afterwards it cuts the answer off, so that no client takes a part for
  /// the whole. Error: `client_gone`.
  [[nodiscard]] virtual Task<Result<void>> begin(Response response) = 0;
  /// Returns once the kernel has taken the piece: a client that reads slowly slows the handler down, up to `http.write_timeout`
  /// for a piece. `piece` must live until then. Error: `client_gone`: nobody reads any more.
  [[nodiscard]] virtual Task<Result<void>> write(std::string_view piece) = 0;
  [[nodiscard]] virtual bool begun() const noexcept = 0;
};

}  // namespace bulkhead
