#include "runtime/backup_use.hpp"

#include "lifecycle/backup/keeper.hpp"
#include "lifecycle/backup/settings.hpp"

namespace bulkhead::runtime {

Result<bool> BackupUse::wants(pg::Blocking& catalog, const catalog::DatabaseRecord& database) {
  return lifecycle::backup::keeper_wanted(catalog, database.cell, database.name);
}

Result<std::unique_ptr<journal::ChangeConsumer>> BackupUse::consumer(const journal::JournalDatabase& database,
                                                                     const Uuid& /*stream*/) {
  BULKHEAD_TRY(pg::Blocking catalog, connect_());
  lifecycle::backup::KeeperSettings settings;
  settings.cell = database.cell;
  settings.database = database.name;
  BULKHEAD_TRY(settings.store, lifecycle::backup::backup_store(catalog, "", data_dir_));
  return lifecycle::backup::make_journal_keeper(std::move(catalog), settings);
}

}  // namespace bulkhead::runtime
