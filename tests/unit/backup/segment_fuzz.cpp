// Whatever the bytes are: records or an error, and the same however they are cut.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "lifecycle/backup/layout.hpp"
#include "lifecycle/backup/manifest.hpp"
#include "lifecycle/backup/segment.hpp"

using namespace bulkhead::lifecycle::backup;

namespace {

/// The kinds of the records, and how it ended.
std::string read(std::string_view text, std::size_t piece) {
  SegmentDecoder decoder;
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    decoder.feed(text.substr(at, piece));
    for (;;) {
      const auto record = decoder.next();
      if (record.has_error()) return out + "!";
      if (!*record) break;
      out += static_cast<char>('0' + (*record)->index());
    }
  }
  return out + (decoder.at_end() ? "." : "~");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (size != 0 && read(text, size) != read(text, 7)) abort();
  [[maybe_unused]] const auto manifest = parse_manifest(text);
  [[maybe_unused]] const auto base = parse_base_name(text);
  [[maybe_unused]] const auto segment = parse_segment_name(text);
  if (const auto moment = parse_moment(text);
      moment.has_value() && parse_moment(moment_text(*moment)).has_error())
    abort();
  return 0;
}
