#pragma once

#include <bulkhead/result.hpp>

#include "catalog/records.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

/// Takes a tenant's rows and counters out of the place that the record names: its rows of shared tables, or its schema, or its
/// database. Nobody may be resident there. May be repeated.
[[nodiscard]] Result<void> remove_rows_at(pg::Blocking& catalog, const catalog::TenantRecord& tenant);

}  // namespace bulkhead::lifecycle
