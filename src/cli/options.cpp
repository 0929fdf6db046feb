#include "cli/options.hpp"

#include <cstdlib>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/size.hpp"

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
  if (const auto span = parse_time_span(text)) return *span;
  return Error(Errc::usage, fmt::format("\"{}\" is no time span", text))
      .hint("a number and d, h, m or s: 30d, 12h; ten years at most");
}

}  // namespace bulkhead::cli
