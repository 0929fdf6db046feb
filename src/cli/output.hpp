#pragma once

#include <string>

#include <bulkhead/result.hpp>

#include "runtime/workspace.hpp"

namespace bulkhead::cli {

// What several commands need.

/// A database that Bulkhead was set up in. Error: `not_found` with the command that sets it up.
[[nodiscard]] Result<runtime::Workspace> open_workspace(const runtime::DatabaseChoice& choice);

/// To standard output, at once.
void print(const std::string& text);

}  // namespace bulkhead::cli
