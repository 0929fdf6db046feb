#pragma once

#include <string>

#include <bulkhead/result.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

/// Copies the rows of the app's shared tables (those without tenant_id) from the pool of the catalog's own database into
/// the empty ones among `schema`'s; all or nothing. Sequences of the copied tables go on after the largest value.
/// `catalog`: without an open transaction.
[[nodiscard]] Result<void> copy_shared_rows(pg::Blocking& catalog, pg::Blocking& target,
                                            const std::string& schema);

}  // namespace bulkhead::lifecycle
