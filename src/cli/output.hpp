#pragma once

#include <string>

#include <bulkhead/result.hpp>

#include "runtime/workspace.hpp"

namespace bulkhead::cli {

// What several commands need.

/// A database that Bulkhead was set up in. Error: `not_found` with the command that sets it up.
[[nodiscard]] Result<runtime::Workspace> open_workspace(const runtime::DatabaseChoice& choice);

/// Asks, on a terminal, for the slug of the tenant that is about to lose something. Error: `usage`: something else was typed, or there
/// is no terminal (hint: --yes).
[[nodiscard]] Result<void> confirm_slug(const std::string& slug, const std::string& question);

/// To standard output, at once.
void print(const std::string& text);

}  // namespace bulkhead::cli
