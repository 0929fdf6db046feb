// The JSON reader on any bytes: no crash, and its promises hold. What it accepts, it accepts again after it
// was written; what it refuses has a place inside the text; the strict reader accepts nothing that the other
// refuses.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <boost/json/serialize.hpp>

#include "base/json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  bulkhead::JsonLimits strict;
  strict.refuse_duplicate_keys = true;
  auto loose = bulkhead::parse_json(text);
  auto careful = bulkhead::parse_json(text, strict);
  if (careful && !loose) std::abort();
  if (!loose && !loose.error().details().starts_with("line ")) std::abort();
  if (loose && bulkhead::parse_json(boost::json::serialize(*loose)).has_error()) std::abort();
  std::string written;
  if (loose && loose->is_string()) {
    bulkhead::append_json_string(written, std::string_view(loose->get_string()));
    if (bulkhead::parse_json(written).value() != *loose) std::abort();
  }
  return 0;
}
