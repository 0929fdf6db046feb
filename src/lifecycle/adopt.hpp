#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>

#include "catalog/records.hpp"
#include "migrate/adopt.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

struct AdoptRequest {
  AdoptRequest() = default;
  std::string url;                ///< The operator's, to the database itself; may hold a password.
  migrate::AdoptedSchema schema;  ///< migrate/adopt.hpp
  std::string
      cell;  ///< Names the database's server, where it is not registered yet and not the catalog's own.
  std::string slugs_from;  ///< `table.column` by whose key tenants are known there; empty: a slug of the id.
};

struct Adoption {
  std::string cell, database, schema;
  std::int32_t version = 0;
  std::uint64_t tenants = 0;  ///< That the schema's rows name.
  std::uint64_t fresh = 0;    ///< That were not registered before.
};

/// Installs schema `bulkhead` in the database, registers it and its schema, and each tenant whose id its rows name: a row
/// tenant that lives there. Changes none of the schema's own tables. May be repeated: that takes in what is new, and makes
/// servers read the tables again. `told`: tenants done, of how many.
/// Errors: `lint_failed` while something does not keep tenants apart (details: what); `usage`; `conflict` for a tenant that is
/// registered elsewhere; `config_invalid` (rights, version); `database_unavailable`.
[[nodiscard]] Result<Adoption> adopt(pg::Blocking& catalog, const AdoptRequest& request,
                                     const std::function<void(std::uint64_t, std::uint64_t)>& told = {});

/// What `forget_adopted` takes out.
struct AdoptedThere {
  std::string cell, database;
  std::vector<std::string> tenants;  ///< Slugs.
};
/// Error: `not_found` where the schema was never adopted.
[[nodiscard]] Result<AdoptedThere> find_adopted(pg::Blocking& catalog, const AdoptRequest& request);
/// Takes the schema's tenants out of the catalog, with their memberships, and its target and residency out of the database.
/// Rows, tables and policies stay as they are. Error: as above.
[[nodiscard]] Result<AdoptedThere> forget_adopted(pg::Blocking& catalog, const AdoptRequest& request);

/// For what only works on the app's own tables. Error: `conflict` for a tenant of an adopted schema.
[[nodiscard]] Result<void> refuse_adopted(const catalog::TenantRecord& tenant, std::string_view what);

}  // namespace bulkhead::lifecycle
