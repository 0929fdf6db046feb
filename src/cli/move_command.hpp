#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <bulkhead/result.hpp>

#include "lifecycle/move.hpp"
#include "runtime/workspace.hpp"

namespace CLI {
class App;
}

namespace bulkhead::cli {

/// `move`: a tenant to another model or cell, and back. Adds itself to the command line; lives as long as it.
class MoveCommand {
 public:
  explicit MoveCommand(CLI::App& root);
  MoveCommand(const MoveCommand&) = delete;
  MoveCommand& operator=(const MoveCommand&) = delete;

  /// Does what was parsed; nullopt if that is another command.
  [[nodiscard]] std::optional<Result<void>> run();

 private:
  [[nodiscard]] Result<void> read_options();
  [[nodiscard]] Result<void> estimate(pg::Blocking& catalog) const;
  [[nodiscard]] Result<void> move(pg::Blocking& catalog) const;
  [[nodiscard]] Result<void> clean(pg::Blocking& catalog) const;
  [[nodiscard]] Result<void> list(pg::Blocking& catalog) const;

  runtime::DatabaseChoice database_;
  lifecycle::MoveRequest request_;
  std::string model_, rate_, keep_ = "7d";
  bool dry_run_ = false, clean_ = false, list_ = false, detach_ = false, json_ = false;
  CLI::App* command_ = nullptr;
};

/// Shows a move under way: a bar with rate and time left while rows are copied, and each phase.
class MoveProgress {
 public:
  MoveProgress();
  ~MoveProgress();
  MoveProgress(const MoveProgress&) = delete;
  MoveProgress& operator=(const MoveProgress&) = delete;
  void show(const lifecycle::Operation& operation);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead::cli
