#include "cli/options.hpp"

#include <charconv>
#include <cstdlib>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace bulkhead::cli {

void database_options(CLI::App& command, runtime::DatabaseChoice& choice) {
  auto* data = command.add_option(
      "--data", choice.data_dir,
      "data folder with the embedded PostgreSQL (default: $BULKHEAD_DATA, then ./.bulkhead)");
  auto* url = command.add_option(
      "--database", choice.url,
      "URL of an existing PostgreSQL database, with the operator's rights ($BULKHEAD_DATABASE)");
  data->excludes(url);
}

void complete(runtime::DatabaseChoice& choice) {
  if (!choice.data_dir.empty() || !choice.url.empty()) return;
  if (const char* url = std::getenv("BULKHEAD_DATABASE"); url != nullptr && *url != '\0') {
    choice.url = url;
  } else if (const char* data = std::getenv("BULKHEAD_DATA"); data != nullptr && *data != '\0') {
    choice.data_dir = data;
  } else if (std::filesystem::is_directory(".bulkhead")) {
    choice.data_dir = ".bulkhead";
  }
}

Result<std::chrono::seconds> duration_of(const std::string& text) {
  std::int64_t count = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, count);
  const std::string unit(parsed.ptr, end);
  const std::int64_t seconds = unit == "d"                   ? 86'400
                               : unit == "h"                 ? 3'600
                               : unit == "m"                 ? 60
                               : unit.empty() || unit == "s" ? 1
                                                             : 0;
  if (parsed.ec != std::errc() || seconds == 0 || count < 0 || count > 3'650 * 86'400 / seconds)
    return Error(Errc::usage, fmt::format("\"{}\" is no time span", text))
        .hint("a number and d, h, m or s: 30d, 12h; ten years at most");
  return std::chrono::seconds(count * seconds);
}

}  // namespace bulkhead::cli
