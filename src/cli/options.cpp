#include "cli/options.hpp"

#include <cstdlib>
#include <filesystem>

#include <CLI/CLI.hpp>

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

}  // namespace bulkhead::cli
