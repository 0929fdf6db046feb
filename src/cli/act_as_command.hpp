#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <bulkhead/result.hpp>

#include "runtime/workspace.hpp"

namespace CLI {
class App;
}

namespace bulkhead::cli {

/// `tenant act-as`: an operator acts for a tenant. Adds itself to the command line; lives as long as it.
class ActAsCommand {
 public:
  /// `tenant`: the subcommand of that name.
  explicit ActAsCommand(CLI::App& tenant);
  ActAsCommand(const ActAsCommand&) = delete;
  ActAsCommand& operator=(const ActAsCommand&) = delete;

  /// Does what was parsed; nullopt if that is another command.
  [[nodiscard]] std::optional<Result<void>> run();

 private:
  [[nodiscard]] Result<void> begin() const;
  [[nodiscard]] Result<void> list() const;
  [[nodiscard]] Result<void> end() const;

  runtime::DatabaseChoice database_;
  std::string tenant_, role_ = "viewer", user_, reason_, lasts_ = "30m", ended_;
  std::filesystem::path app_dir_ = ".";
  bool json_ = false, list_ = false;
  CLI::App* command_ = nullptr;
};

}  // namespace bulkhead::cli
