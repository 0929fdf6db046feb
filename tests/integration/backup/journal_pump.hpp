#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <thread>

#include "lifecycle/backup/keeper.hpp"
#include "support/tenants.hpp"

namespace bulkhead::test {

/// Feeds a keeper from a real replication slot of one database, as a server does, in a thread of its own. The slot goes with the object.
class JournalPump {
 public:
  /// Publishes every schema of the database first. Throws on an error.
  JournalPump(const Database& database, const catalog::TenantRecord& tenant, const std::string& store,
              std::chrono::milliseconds segment_age = std::chrono::milliseconds(50));
  ~JournalPump();
  JournalPump(const JournalPump&) = delete;
  JournalPump& operator=(const JournalPump&) = delete;

  /// What was not kept by then comes again after `begin`.
  void stop();
  void begin();
  /// As if the replication slot had been lost and made anew. Stopped before.
  void lose();
  /// What it ended with, if by itself.
  [[nodiscard]] const std::optional<Error>& failure() const noexcept { return failure_; }

 private:
  void make_slot();
  Result<void> run();
  Result<void> feed(journal::ChangeConsumer& keeper, const journal::Message& message);

  const Database& database_;
  lifecycle::backup::KeeperSettings settings_;
  std::string conninfo_, slot_;
  bool lost_ = false, moved_ = false;
  std::uint32_t ordinal_ = 0;
  std::atomic<bool> stop_{false};
  std::optional<Error> failure_;
  std::thread thread_;
};

}  // namespace bulkhead::test
