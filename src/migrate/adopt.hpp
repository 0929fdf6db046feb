#pragma once

#include <string>
#include <vector>

#include <bulkhead/result.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::migrate {

// Brownfield: whether tenants may be served out of a schema that the app's migrations did not make, and what would mend it.
// Registering its tenants is lifecycle/adopt.hpp.

/// What there is to know of such a schema.
struct AdoptedSchema {
  AdoptedSchema() = default;
  std::string name = "public";
  std::string tenant_column = "tenant_id";
  std::vector<std::string> shared;  ///< Tables that all tenants read.
  std::vector<std::string> hidden;  ///< Tables that are not served.
  std::vector<std::string> roles;   ///< PostgreSQL's, that requests run as besides app_viewer … app_owner.
};

/// A step of the way to what is right.
struct Mend {
  int phase =
      0;  ///< Steps of a lower one come first: 10 columns, 20 indexes, 30 keys, 40 checks of rows, 50 walls.
  std::string sql;
};

/// One thing that is wrong.
struct AdoptFinding {
  std::string rule;      ///< As the linter calls it (docs/reference/lint-rules.md), where it knows it.
  bool breaks = false;   ///< Tenants are not kept apart while it stands.
  std::string relation;  ///< Empty: it is about none alone.
  std::string about, problem;
  std::string advice;       ///< What a person is to do or to know; may be empty.
  std::vector<Mend> mends;  ///< Empty: no SQL alone mends it.
};

struct AdoptLook {
  std::vector<AdoptFinding> findings;
  std::vector<std::string> tables;  ///< With a tenant, by name.
  [[nodiscard]] bool keeps_apart() const noexcept;
};

/// Judges the schema as it stands, in a read-only transaction. `database`: whoever may read the catalogs.
[[nodiscard]] Result<AdoptLook> look_at_schema(pg::Blocking& database, const AdoptedSchema& schema);

/// The migration that mends what SQL can mend, with comments, and what it cannot as comments alone. For psql, statement by
/// statement, as the tables' owner or a superuser. Pure.
[[nodiscard]] std::string mending_sql(const AdoptLook& look, const AdoptedSchema& schema);

/// `{"a","b"}`, for a parameter.
[[nodiscard]] std::string text_array(const std::vector<std::string>& texts);

}  // namespace bulkhead::migrate
