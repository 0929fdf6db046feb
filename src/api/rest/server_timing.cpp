#include "api/rest/server_timing.hpp"

#include <cstdint>
#include <utility>

namespace bulkhead::api {

void ServerTiming::ended(std::string_view stage) {
  if (!on_) return;
  const Clock::time_point now = Clock::now();
  if (!header_.empty()) header_.append(", ");
  header_ +=
      entry(stage, std::chrono::duration_cast<std::chrono::microseconds>(now - std::exchange(last_, now)));
}

std::string ServerTiming::entry(std::string_view stage, std::chrono::microseconds took) {
  const std::uint64_t tenths = (static_cast<std::uint64_t>(took.count()) + 50) / 100;
  std::string text(stage);
  return text.append(";dur=")
      .append(std::to_string(tenths / 10))
      .append(".")
      .append(std::to_string(tenths % 10));
}

}  // namespace bulkhead::api
