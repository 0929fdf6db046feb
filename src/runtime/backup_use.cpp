#include "runtime/backup_use.hpp"

#include "lifecycle/backup/keeper.hpp"
#include "lifecycle/backup/settings.hpp"

namespace bulkhead::runtime {

Result<JournalUse::Wants> BackupUse::wanted(pg::Blocking& catalog) {
  BULKHEAD_TRY(auto databases, lifecycle::backup::keepers_wanted(catalog));
  return Wants([databases = std::move(databases)](const catalog::DatabaseRecord& database) {
    return databases.contains({database.cell, database.name});
  });
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
