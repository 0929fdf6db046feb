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

/// How users are known outside: `identity list|link|unlink|import|retire|merge|rotate`. Adds itself to the command line; lives as long as
/// it.
class IdentityLinkCommands {
 public:
  /// `identity`: the subcommand of that name.
  explicit IdentityLinkCommands(CLI::App& identity);
  IdentityLinkCommands(const IdentityLinkCommands&) = delete;
  IdentityLinkCommands& operator=(const IdentityLinkCommands&) = delete;

  /// Does what was parsed; nullopt if that is another command.
  [[nodiscard]] std::optional<Result<void>> run();

 private:
  [[nodiscard]] Result<void> list() const;
  [[nodiscard]] Result<void> link() const;
  [[nodiscard]] Result<void> unlink() const;
  [[nodiscard]] Result<void> import() const;
  [[nodiscard]] Result<void> retire() const;
  [[nodiscard]] Result<void> merge() const;
  [[nodiscard]] Result<void> rotate() const;

  runtime::DatabaseChoice database_;
  std::string subject_, issuer_, user_, same_as_, same_as_issuer_, from_, to_;
  std::filesystem::path file_;
  bool json_ = false, dry_run_ = false, all_ = false, withdraw_ = false;
  CLI::App *list_ = nullptr, *link_ = nullptr, *unlink_ = nullptr, *import_ = nullptr, *retire_ = nullptr,
           *merge_ = nullptr, *rotate_ = nullptr;
};

}  // namespace bulkhead::cli
