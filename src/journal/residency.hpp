#pragma once

#include <cstdint>
#include <string>

#include <bulkhead/result.hpp>
#include <bulkhead/uuid.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::journal {

// The steps of a move that are durable in the databases of source and target (docs/decisions/0016-move.md). Each is one
// transaction. A mover may do them while its attempt is the row's generation; else all of them give `conflict`: another
// mover has the word.

/// What bulkhead.residency says of a tenant in a database.
struct Residency {
  bool there = false;  ///< There is a row.
  bool resident = false, writable = false;
  std::int64_t epoch = 0;
  std::string schema;
};
[[nodiscard]] Result<Residency> residency_of(pg::Blocking& database, const TenantId& tenant);

/// From now on this attempt has the word at the target. Waits for what an earlier one is writing there. Returns what it found.
[[nodiscard]] Result<Residency> claim_target(pg::Blocking& target, const TenantId& tenant,
                                             std::uint64_t attempt, const std::string& schema);
/// And at the source. Error: `conflict` also where the tenant was never there.
[[nodiscard]] Result<Residency> claim_source(pg::Blocking& source, const TenantId& tenant,
                                             std::uint64_t attempt);

/// Begins a transaction that writes rows at the target: nobody takes the word away until its end, and the journal takes its
/// changes for no news.
[[nodiscard]] Result<void> begin_writing(pg::Blocking& target, const TenantId& tenant, std::uint64_t attempt);

/// The fence: no writer binds there any more. The journal tells it by a message (`fence_prefix`, the attempt). To be called by
/// the session that holds the tenant's lock.
inline constexpr const char* fence_prefix = "bulkhead.fence";
[[nodiscard]] Result<void> fence(pg::Blocking& source, const TenantId& tenant, std::uint64_t attempt);
/// Takes it back.
[[nodiscard]] Result<void> unfence(pg::Blocking& source, const TenantId& tenant, std::uint64_t attempt);
/// The move's commit, in the transaction that `begin_writing` began; ends it, on disk.
[[nodiscard]] Result<void> settle(pg::Blocking& target, const TenantId& tenant, std::uint64_t attempt,
                                  std::int64_t epoch);
/// Reads leave the source.
[[nodiscard]] Result<void> leave(pg::Blocking& source, const TenantId& tenant, std::uint64_t attempt);

}  // namespace bulkhead::journal
