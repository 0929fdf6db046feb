#pragma once

#include <bulkhead/result.hpp>
#include <bulkhead/uuid.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::journal {

// The lock that each transaction that writes shares (bulkhead.lock_tenant): whoever has it exclusively has seen the last writer's
// commit, and the next ones wait.

/// Asks for it, for the session, and for a moment only: those who come after wait as long. False: writers that are under way have not
/// ended. From here on PostgreSQL ends this session when it hangs, so that nobody is held up for good.
[[nodiscard]] Result<bool> try_lock_tenant(pg::Blocking& home, const TenantId& tenant);

/// Another session that has it exclusively, and hangs, or whose machine has gone, is ended.
[[nodiscard]] Result<void> end_other_holder(pg::Blocking& home, const TenantId& tenant);

/// Who waits may go on. A session that is gone has let it go as well.
void unlock_tenant(pg::Blocking& home);

}  // namespace bulkhead::journal
