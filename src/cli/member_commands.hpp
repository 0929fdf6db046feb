#pragma once

#include <optional>
#include <string>

#include <bulkhead/result.hpp>

#include "runtime/workspace.hpp"

namespace CLI {
class App;
}

namespace bulkhead::cli {

/// Who belongs to a tenant: `member add|list|suspend|resume|remove`. Adds itself to the command line; lives as long as it.
class MemberCommands {
 public:
  explicit MemberCommands(CLI::App& command);
  MemberCommands(const MemberCommands&) = delete;
  MemberCommands& operator=(const MemberCommands&) = delete;

  /// Does what was parsed; nullopt if that is another command.
  [[nodiscard]] std::optional<Result<void>> run();

 private:
  [[nodiscard]] Result<void> add() const;
  [[nodiscard]] Result<void> list() const;
  [[nodiscard]] Result<void> suspend() const { return set_suspended(true); }
  [[nodiscard]] Result<void> resume() const { return set_suspended(false); }
  [[nodiscard]] Result<void> set_suspended(bool suspended) const;
  [[nodiscard]] Result<void> remove() const;

  runtime::DatabaseChoice database_;
  std::string tenant_, user_, subject_, issuer_, role_ = "member", name_;
  bool json_ = false, service_ = false;
  CLI::App *add_ = nullptr, *list_ = nullptr, *suspend_ = nullptr, *resume_ = nullptr, *remove_ = nullptr;
};

}  // namespace bulkhead::cli
