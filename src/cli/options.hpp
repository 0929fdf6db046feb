#pragma once

#include <string>

#include <bulkhead/result.hpp>

#include "runtime/workspace.hpp"

namespace CLI {
class App;
}

/// What the commands have in common.
namespace bulkhead::cli {

/// `--data` and `--database`.
void database_options(CLI::App& command, runtime::DatabaseChoice& choice);

/// Options not given on the command line come from the environment, then from where the command was started.
void complete(runtime::DatabaseChoice& choice);

/// A database that Bulkhead was set up in. Error: `not_found` if it was not.
[[nodiscard]] Result<runtime::Workspace> open_workspace(const runtime::DatabaseChoice& choice);

/// To standard output, at once.
void print(const std::string& text);

}  // namespace bulkhead::cli
