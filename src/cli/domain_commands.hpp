#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <bulkhead/result.hpp>

#include "catalog/members.hpp"
#include "lifecycle/domains.hpp"
#include "runtime/workspace.hpp"

namespace CLI {
class App;
}

namespace bulkhead::cli {

/// `domain`: the hosts of a tenant's own. Adds itself to the command line; lives as long as it.
class DomainCommands {
 public:
  explicit DomainCommands(CLI::App& command);
  DomainCommands(const DomainCommands&) = delete;
  DomainCommands& operator=(const DomainCommands&) = delete;

  /// Does what was parsed; nullopt if that is another command.
  [[nodiscard]] std::optional<Result<void>> run();

 private:
  [[nodiscard]] Result<void> add() const;
  [[nodiscard]] Result<void> list() const;
  [[nodiscard]] Result<void> verify() const;
  [[nodiscard]] Result<void> remove() const;
  /// Of the app's bulkhead.toml.
  [[nodiscard]] Result<lifecycle::DomainSettings> settings() const;
  void tell(const catalog::DomainRecord& domain) const;

  runtime::DatabaseChoice database_;
  std::filesystem::path app_dir_ = ".";
  bool json_ = false;
  std::string tenant_, host_;
  CLI::App *add_ = nullptr, *list_ = nullptr, *verify_ = nullptr, *remove_ = nullptr;
};

}  // namespace bulkhead::cli
