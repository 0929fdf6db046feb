#pragma once

#include <optional>
#include <string>

#include <bulkhead/result.hpp>

#include "lifecycle/adopt.hpp"
#include "runtime/workspace.hpp"

namespace CLI {
class App;
}

namespace bulkhead::cli {

/// `bulkhead adopt`: a schema that the app's migrations did not make. Looks, unless it is told to do more.
class AdoptCommand {
 public:
  explicit AdoptCommand(CLI::App& root);
  /// nullopt: another command was given.
  [[nodiscard]] std::optional<Result<void>> run();

 private:
  [[nodiscard]] Result<void> look() const;
  [[nodiscard]] Result<void> apply() const;
  [[nodiscard]] Result<void> undo() const;

  CLI::App* command_ = nullptr;
  runtime::DatabaseChoice database_;
  lifecycle::AdoptRequest request_;
  std::string setting_, write_;
  bool apply_ = false, undo_ = false, json_ = false;
};

}  // namespace bulkhead::cli
