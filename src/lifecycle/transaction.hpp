#pragma once

#include <bulkhead/result.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

/// Runs `work` in a transaction: committed, or rolled back where it or the commit fails.
template <class Work>
[[nodiscard]] Result<void> transaction(pg::Blocking& connection, Work work) {
  BULKHEAD_CHECK(connection.execute("begin"));
  Result<void> done = work();
  if (done.has_value()) done = connection.execute("commit");
  if (done.has_error()) [[maybe_unused]]
    const auto rolled_back = connection.execute("rollback");
  return done;
}

}  // namespace bulkhead::lifecycle
