#pragma once

#include <memory>
#include <optional>

#include <bulkhead/result.hpp>

namespace CLI {
class App;
}

namespace bulkhead::cli {

/// `backup`, `restore` and `diff`. Adds itself to the command line; lives as long as it.
class BackupCommands {
 public:
  explicit BackupCommands(CLI::App& command);
  BackupCommands(const BackupCommands&) = delete;
  BackupCommands& operator=(const BackupCommands&) = delete;
  ~BackupCommands();

  /// Does what was parsed; nullopt if that is another command.
  [[nodiscard]] std::optional<Result<void>> run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead::cli
