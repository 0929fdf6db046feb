#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <bulkhead/result.hpp>

namespace CLI {
class App;
}

namespace bulkhead::cli {

/// The commands around issuers and their tokens: `identity check`. Adds itself to the command line; lives as long as it.
class IdentityCommands {
 public:
  /// `identity`: the subcommand of that name.
  explicit IdentityCommands(CLI::App& identity);
  IdentityCommands(const IdentityCommands&) = delete;
  IdentityCommands& operator=(const IdentityCommands&) = delete;

  /// Does what was parsed; nullopt if that is another command.
  [[nodiscard]] std::optional<Result<void>> run();

 private:
  [[nodiscard]] Result<void> check() const;

  std::filesystem::path app_dir_ = ".";
  std::string issuer_, token_;
  bool json_ = false;
  CLI::App* check_ = nullptr;
};

}  // namespace bulkhead::cli
