#pragma once

#include <functional>
#include <string>

#include "journal/cloud_event.hpp"
#include "journal/reader.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::journal {

/// Makes events of the changes that the app declares and keeps them in the catalog's outbox (migrate/sql/17_events.sql), each
/// once, whatever is told again.
class EventConsumer : public ChangeConsumer {
 public:
  /// `catalog`: a connection of its own with the operator's rights. `stored` is told how many new events were kept.
  EventConsumer(EventSettings settings, pg::Blocking catalog, const JournalDatabase& database,
                const Uuid& stream, std::function<void(std::uint64_t)> stored = {});

  [[nodiscard]] Result<void> begin(const Begin& begin) override;
  [[nodiscard]] Result<void> change(const Change& change) override;
  [[nodiscard]] Result<void> truncate(const RelationRef& relation) override;
  [[nodiscard]] Result<void> commit(const Commit& commit) override;
  /// Writes what is still held.
  [[nodiscard]] Result<pg::Lsn> kept() override;
  /// Every tenant of the database gets an event that says so.
  [[nodiscard]] Result<void> lost(pg::Lsn from) override;

 private:
  [[nodiscard]] Result<void> add(const CloudEvent& event);
  [[nodiscard]] Result<void> flush();
  /// Those who live in this database, in that schema or in any.
  [[nodiscard]] Result<std::vector<TenantId>> tenants(const std::string& schema);

  EventSettings settings_;
  pg::Blocking catalog_;
  std::string cell_, database_;
  Uuid stream_;
  std::function<void(std::uint64_t)> stored_;
  Begin transaction_;
  std::string batch_;  ///< JSON's elements.
  std::size_t held_ = 0;
  pg::Lsn end_ = 0;
};

}  // namespace bulkhead::journal
