// Bytes of a client, as a head and as a chunked body.
#include <cstdint>
#include <cstdlib>

#include "http/chunked.hpp"
#include "http/parse.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead::http;
  std::string text(data, data + size);

  HeadScanner scanner;
  if (scanner.scan(text) == HeadScanner::State::complete) {
    Head head;
    std::string_view whole = std::string_view(text).substr(0, scanner.length());
    if (!parse_head(whole, head)) {
      // Whatever is accepted is framed in one way, names at most one host, and lies inside what was given.
      if (head.chunked && head.content_length != 0) std::abort();
      if (!plausible_host(head.request.host) || !plain_path(head.request.path)) std::abort();
      for (const bulkhead::HeaderView& header : head.headers) {
        if (header.value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) std::abort();
        if (!header.value.empty() &&
            (header.value.data() < whole.data() ||
             header.value.data() + header.value.size() > whole.data() + whole.size()))
          std::abort();
      }
    }
  }

  // The same bytes in one piece and byte by byte must decode alike.
  ChunkedBody at_once(1000, 100), bytewise(1000, 100);
  std::string body, same;
  std::size_t used = at_once.feed(text, body), used_bytewise = 0;
  while (used_bytewise < text.size() && !bytewise.done() && !bytewise.refusal())
    used_bytewise += bytewise.feed(std::string_view(text).substr(used_bytewise, 1), same);
  if (body != same || used != used_bytewise || at_once.done() != bytewise.done()) std::abort();
  if (body.size() > 1000) std::abort();
  return 0;
}
