#pragma once

#include <chrono>
#include <string>

#include <bulkhead/result.hpp>

#include "runtime/workspace.hpp"

namespace CLI {
class App;
}

/// Options that most commands have.
namespace bulkhead::cli {

/// `--data` and `--database`.
void database_options(CLI::App& command, runtime::DatabaseChoice& choice);

/// Options not given on the command line come from the environment, then from where the command was started.
void complete(runtime::DatabaseChoice& choice);

/// "30d", "12h", "45m", "10s"; a bare number is seconds. Error: `usage`.
[[nodiscard]] Result<std::chrono::seconds> duration_of(const std::string& text);

}  // namespace bulkhead::cli
