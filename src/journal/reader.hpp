#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/uuid.hpp>

#include "base/log.hpp"
#include "journal/change.hpp"
#include "pg/blocking.hpp"
#include "pg/replication.hpp"

namespace bulkhead::journal {

/// Name of the permanent replication slot of a database: such names are the whole server's.
[[nodiscard]] std::string replication_slot_name(std::string_view database);

/// A database whose journal is read.
struct JournalDatabase {
  std::string cell, name;
  std::string conninfo;  ///< The operator's. Holds the password: never log it.
};

using Consumers = std::vector<std::unique_ptr<ChangeConsumer>>;
/// Makes those that take a database's journal. `stream` names it: another whenever the replication slot was made anew, so that
/// `stream`, a commit's place and an ordinal name a change for good.
using ConsumerFactory = std::function<Result<Consumers>(const Uuid& stream)>;

struct JournalFigures {
  std::uint64_t lag = 0;       ///< Bytes of write-ahead log that are not confirmed.
  std::uint64_t retained = 0;  ///< Bytes that PostgreSQL keeps for the replication slot.
};

/// Reads the one permanent replication slot of a database and tells its consumers, transaction by transaction, which tenant's
/// rows have changed. A change is held no longer than it takes to tell it, however large its transaction is. What consumers
/// have not kept comes again after a restart. Blocking; one thread. docs/decisions/0017-journal-reader-and-events.md.
class JournalReader {
 public:
  /// Publishes the tables, makes the replication slot where there is none, and begins to read. nullopt: another process reads
  /// this database. Consumers are told `lost` where a slot was there before and is gone or useless.
  /// `catalog`: the operator's connection, used during the call. Errors: `database_unavailable`, `statement_failed`, consumers'.
  [[nodiscard]] static Result<std::optional<JournalReader>> open(pg::Blocking& catalog,
                                                                 const JournalDatabase& database,
                                                                 const ConsumerFactory& consumers,
                                                                 Logger& log);
  JournalReader(JournalReader&&) noexcept;
  JournalReader& operator=(JournalReader&&) noexcept;
  ~JournalReader();

  /// Tells consumers what comes within `longest`, and confirms what all of them have kept. Ends early, perhaps within a
  /// transaction, when `stop` says so. After an error the reader is of no use any more: open another.
  [[nodiscard]] Result<void> read(std::chrono::milliseconds longest, const std::function<bool()>& stop = {});

  /// Asked of PostgreSQL. An error says, too, that the lock on the journal may be gone.
  [[nodiscard]] Result<JournalFigures> figures();
  /// What changes carry no tenant in their row or old key and were told to nobody.
  [[nodiscard]] std::uint64_t without_tenant() const noexcept;

  /// Drops the replication slot: nobody is to read this database any more. False: a process still reads it.
  [[nodiscard]] static Result<bool> remove(pg::Blocking& catalog, const JournalDatabase& database);

 private:
  struct Impl;
  explicit JournalReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The databases, by cell and name, of whose replication slots the catalog knows.
[[nodiscard]] Result<std::set<std::pair<std::string, std::string>>> databases_with_journal(
    pg::Blocking& catalog);
/// Whether that database is one of them.
[[nodiscard]] Result<bool> has_journal(pg::Blocking& catalog, const std::string& cell,
                                       const std::string& database);

}  // namespace bulkhead::journal
