#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <bulkhead/result.hpp>

#include "runtime/workspace.hpp"

namespace CLI {
class App;
}

namespace bulkhead::cli {

/// The operator's commands about tenants, cells, plans, the pool, operations and certificates: `tenant create`, `list`, `show`,
/// `suspend`, `resume`, `plan`, `export`, `delete`, `undelete`; `cell`, `plan`, `pool`, `operation`, `certificate`.
class LifecycleCommands {
 public:
  /// Adds them to the command line; `tenant` is its subcommand of that name.
  LifecycleCommands(CLI::App& command, CLI::App& tenant);
  ~LifecycleCommands();
  LifecycleCommands(const LifecycleCommands&) = delete;
  LifecycleCommands& operator=(const LifecycleCommands&) = delete;

  /// Whether one of them was given, and which database it names; nullptr: none of them.
  [[nodiscard]] runtime::DatabaseChoice* chosen();
  /// Does it. Errors: those of the rooms.
  [[nodiscard]] Result<void> run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead::cli
