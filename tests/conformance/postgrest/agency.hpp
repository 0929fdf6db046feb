#pragma once

#include "support/postgres.hpp"

namespace bulkhead::test {

/// A database with the schema of `app`, and the rows of `seed` for two tenants, alpha and bravo; those of bravo are marked.
[[nodiscard]] Database open_agency();

}  // namespace bulkhead::test
