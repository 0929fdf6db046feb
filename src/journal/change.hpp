#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/uuid.hpp>

#include "journal/pgoutput.hpp"

namespace bulkhead::journal {

/// A transaction whose first logical message has this prefix writes what a move or a restore brings: rows that are no news. Only an
/// operator may emit messages.
inline constexpr std::string_view moved_prefix = "bulkhead.move";
/// A transaction with a message of this prefix is told to consumers even if it changes nothing: a place in the journal to wait for.
inline constexpr std::string_view place_prefix = "bulkhead.backup";
/// The publication that the journal is read from (bulkhead.publish).
inline constexpr std::string_view publication = "bulkhead_journal";

enum class ChangeKind : std::uint8_t { insert, update, remove };

/// A change of one tenant's row, as the journal tells it. Its views last as long as the message that it was read from.
struct Change {
  ChangeKind kind = ChangeKind::insert;
  TenantId tenant;
  RelationRef relation;
  std::uint32_t ordinal =
      0;  ///< Among all changes of its transaction, from 0: with the transaction's commit it names the change.
  Tuple old;  ///< The old key, where the row had another, or is removed; else empty.
  Tuple row;  ///< Empty where it is removed.
};

/// Takes a database's journal: whole transactions in the order of their commits, all tenants'. One thread.
class ChangeConsumer {
 public:
  ChangeConsumer() = default;
  ChangeConsumer(const ChangeConsumer&) = delete;
  ChangeConsumer& operator=(const ChangeConsumer&) = delete;
  virtual ~ChangeConsumer() = default;

  [[nodiscard]] virtual Result<void> begin(const Begin& begin) = 0;
  [[nodiscard]] virtual Result<void> change(const Change& change) = 0;
  /// A migration emptied the table of all tenants' rows.
  [[nodiscard]] virtual Result<void> truncate(const RelationRef& relation) = 0;
  [[nodiscard]] virtual Result<void> commit(const Commit& commit) = 0;
  /// Everything that ends here or before is kept for good. Asked now and then, between transactions: what is not kept yet
  /// comes again after a restart.
  [[nodiscard]] virtual Result<pg::Lsn> kept() = 0;
  /// The replication slot was lost: what was changed before `from` and was not kept has not been told and will not be.
  [[nodiscard]] virtual Result<void> lost(pg::Lsn from) = 0;
};

}  // namespace bulkhead::journal
