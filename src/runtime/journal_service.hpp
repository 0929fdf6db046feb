#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <bulkhead/result.hpp>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "catalog/cells.hpp"
#include "journal/reader.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::runtime {

/// A reason to read databases' journals: events, backups. Called by several threads at once.
class JournalUse {
 public:
  JournalUse() = default;
  JournalUse(const JournalUse&) = delete;
  JournalUse& operator=(const JournalUse&) = delete;
  virtual ~JournalUse() = default;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  using Wants = std::function<bool(const catalog::DatabaseRecord&)>;
  /// Which databases' journals it wants now; asked every few seconds, once for all databases, of which there may be thousands. One
  /// that nothing wants keeps no replication slot.
  [[nodiscard]] virtual Result<Wants> wanted(pg::Blocking& catalog) = 0;
  /// Takes the journal, on a thread of its own.
  [[nodiscard]] virtual Result<std::unique_ptr<journal::ChangeConsumer>> consumer(
      const journal::JournalDatabase& database, const Uuid& stream) = 0;
};

struct JournalServiceSettings {
  std::function<Result<pg::Blocking>()>
      connect;  ///< To the catalog with the operator's rights; called by any thread.
  std::vector<std::shared_ptr<JournalUse>> uses;
  std::uint64_t max_retained_wal = std::uint64_t{1} << 30U;
  std::chrono::milliseconds pause{3000};  ///< Between two looks at what there is to read.
};

/// Reads the journals of all databases that something wants, each in a thread of its own. Several servers may have one: each
/// database is read by one of them, and by another soon after that one has died. Where nothing wants a journal, no thread
/// is left and no replication slot.
class JournalService {
 public:
  JournalService(JournalServiceSettings settings, Logger& log);
  /// Waits for what is under way.
  ~JournalService();
  JournalService(const JournalService&) = delete;
  JournalService& operator=(const JournalService&) = delete;

  /// Adds its figures. Those stay readable when this is gone.
  void observe(Metrics& metrics) const;
  /// Nothing more is begun. False: after `patience` something is still under way, such as a wait for PostgreSQL; what was not
  /// kept comes again if the process ends now.
  [[nodiscard]] bool stop(std::chrono::milliseconds patience);

 private:
  using Key = std::pair<std::string, std::string>;
  struct Figures;
  struct Worker;

  void keep();
  [[nodiscard]] Result<void> look(pg::Blocking& catalog);
  using Uses = std::vector<std::shared_ptr<JournalUse>>;
  [[nodiscard]] Result<void> look_at(pg::Blocking& catalog, const catalog::DatabaseRecord& database,
                                     Uses uses, bool has_slot);
  [[nodiscard]] Result<void> close(pg::Blocking& catalog, const catalog::DatabaseRecord& database);
  void end(const Key& key);
  void tell_failure(const Key& key, const Error& error);
  [[nodiscard]] bool idle() const;

  JournalServiceSettings settings_;
  Logger& log_;
  std::shared_ptr<Figures> figures_;
  std::map<Key, std::unique_ptr<Worker>> workers_;
  std::map<Key, std::pair<std::string, std::chrono::steady_clock::time_point>> told_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false, ended_ = false, left_ = false;
  std::thread thread_;
};

}  // namespace bulkhead::runtime
