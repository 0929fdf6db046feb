#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "pg/blocking.hpp"
#include "runtime/journal_service.hpp"

namespace bulkhead::runtime {

/// Reads the journals of databases in which a tenant's is kept beside its backups (lifecycle/backup/keeper.hpp). Thread-safe.
class BackupUse : public JournalUse {
 public:
  /// `connect`: to the catalog with the operator's rights, by any thread. `data_dir`: of an embedded PostgreSQL; empty: there is none.
  BackupUse(std::function<Result<pg::Blocking>()> connect, std::filesystem::path data_dir)
      : connect_(std::move(connect)), data_dir_(std::move(data_dir)) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "backup"; }
  [[nodiscard]] Result<Wants> wanted(pg::Blocking& catalog) override;
  [[nodiscard]] Result<std::unique_ptr<journal::ChangeConsumer>> consumer(
      const journal::JournalDatabase& database, const Uuid& stream) override;

 private:
  std::function<Result<pg::Blocking>()> connect_;
  std::filesystem::path data_dir_;
};

}  // namespace bulkhead::runtime
