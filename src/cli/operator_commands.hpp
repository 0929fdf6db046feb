#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <bulkhead/result.hpp>

#include "runtime/workspace.hpp"

namespace CLI {
class App;
}

namespace bulkhead::cli {

/// The commands around operators: `audit-log`, `query`, `operator`. Adds itself to the command line; lives as long as it.
class OperatorCommands {
 public:
  explicit OperatorCommands(CLI::App& command);
  OperatorCommands(const OperatorCommands&) = delete;
  OperatorCommands& operator=(const OperatorCommands&) = delete;

  /// Does what was parsed; nullopt if that is another command.
  [[nodiscard]] std::optional<Result<void>> run();

 private:
  void add_audit_log(CLI::App& command);
  void add_query(CLI::App& command);
  void add_operator(CLI::App& command);
  [[nodiscard]] Result<void> verify_log() const;
  [[nodiscard]] Result<void> list_log() const;
  [[nodiscard]] Result<void> query() const;
  [[nodiscard]] Result<void> add() const;
  [[nodiscard]] Result<void> list() const;
  [[nodiscard]] Result<void> remove() const;
  [[nodiscard]] Result<std::string> issuer(pg::Blocking& admin) const;

  runtime::DatabaseChoice database_;
  bool json_ = false;
  std::string expected_, since_;
  std::size_t limit_ = 100;
  std::string tenants_, statement_, format_ = "csv", role_ = "viewer";
  std::size_t parallel_ = 4;
  std::uint32_t timeout_s_ = 60;
  std::string subject_, issuer_, name_;
  CLI::App *verify_log_ = nullptr, *list_log_ = nullptr, *query_ = nullptr, *add_ = nullptr, *list_ = nullptr,
           *remove_ = nullptr;
};

}  // namespace bulkhead::cli
