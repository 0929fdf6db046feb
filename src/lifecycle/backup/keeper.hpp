#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <bulkhead/result.hpp>

#include "journal/change.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle::backup {

struct KeeperSettings {
  KeeperSettings() = default;
  std::string cell, database;  ///< Whose journal it takes.
  std::string store;           ///< URL.
  /// A segment is closed once it has so much content, its first change has waited so long, or somebody waits for it (`mark_journal`).
  std::size_t segment_bytes = 16UL * 1024 * 1024;
  std::chrono::milliseconds segment_age{10'000};
  /// How old what is known of the tenants' backups may be.
  std::chrono::milliseconds view_age{2000};
};

/// Writes a database's journal into the store, for each tenant whose journal is to be kept (`set_continuous`, or all of them) in sealed
/// segments of its own. `kept()` is what stands in the store for good; the catalog is told as well (catalog.backup_progress).
/// Whatever fails, it has failed for good: make another, which gets again what was not kept. `catalog`: the operator's connection
/// to the catalog, its own. Errors: the store's, the catalog's.
[[nodiscard]] Result<std::unique_ptr<journal::ChangeConsumer>> make_journal_keeper(
    pg::Blocking catalog, const KeeperSettings& settings);

/// Whether the tenant's journal is kept; from the keepers' next look at the catalog on. Its tables are published (bulkhead.publish). Errors:
/// `not_found`, `conflict` (adopted), the database's.
[[nodiscard]] Result<void> set_continuous(pg::Blocking& catalog, const std::string& tenant, bool on);

/// As a condition in SQL on catalog.tenant t: its journal is to be kept.
inline constexpr std::string_view is_enabled =
    "(exists (select from catalog.backup_enabled e where e.tenant_id = t.id) or exists (select from "
    "catalog.setting s where s.name = 'backup_continuous' and s.value = 'true'))";

/// Waits until a server keeps the tenant's journal: the next backup can then be restored to any time after it. False: none does
/// so within `patience`.
[[nodiscard]] Result<bool> await_keeper(pg::Blocking& catalog, const std::string& tenant,
                                        std::chrono::milliseconds patience);

/// The databases, by cell and name, in which some tenant has its journal kept: each wants a keeper.
[[nodiscard]] Result<std::set<std::pair<std::string, std::string>>> keepers_wanted(pg::Blocking& catalog);

/// Writes nothing into the database's journal: a transaction that keepers see, and that is no change of anybody. The place to wait for:
/// a keeper that sees it closes its segments.
[[nodiscard]] Result<pg::Lsn> mark_journal(pg::Blocking& database);

}  // namespace bulkhead::lifecycle::backup
