#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "catalog/records.hpp"
#include "support/postgres.hpp"

namespace bulkhead::test {

/// Runs these texts as the app's migrations 1, 2, … in the pool of `database`, and keeps them in the catalog, so that placements
/// of every model can be made from them. Throws on an error.
void migrate_app(const Database& database, const std::vector<std::string>& texts);

/// The sample product's migrations, likewise.
void migrate_recordshop_everywhere(const Database& database);

/// Makes a tenant that really lives in this model: with a schema or a database of its own. Throws on an error.
[[nodiscard]] catalog::TenantRecord make_tenant(const Database& database, std::string_view slug,
                                                catalog::Model model);

/// The operator's connection to where the tenant's rows are. Throws on an error.
[[nodiscard]] pg::Blocking connect_home(const Database& database, const catalog::TenantRecord& tenant);

/// Runs SQL as the server would for this tenant, in one transaction as `role` (viewer, member, admin, owner), over the login of
/// its database; the rows of the last statement. Throws on an error.
Rows as_tenant(const Database& database, const catalog::TenantRecord& tenant, std::string_view role,
               std::string_view sql);

}  // namespace bulkhead::test
