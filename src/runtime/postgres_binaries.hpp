#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <bulkhead/result.hpp>

namespace bulkhead {

/// Where one installation of PostgreSQL keeps its programs.
struct PostgresBinaries {
  std::filesystem::path dir;  ///< Holds initdb, pg_ctl and postgres.
  int major = 0;
};

/// Looks at $BULKHEAD_PG_BIN, then /usr/lib/postgresql/*/bin, then $PATH, for version 15 or newer.
/// `wanted_major`: the version of an existing cluster, which only the same version can open; otherwise the
/// newest wins. Errors (`environment`) name the package to install.
[[nodiscard]] Result<PostgresBinaries> find_postgres(std::optional<int> wanted_major);

/// What an operator should know of a running server by its `server_version_num`: a defect that bears on the
/// isolation of tenants, and the release without it. Empty when there is nothing to tell.
[[nodiscard]] std::string known_defect(int version_number);

}  // namespace bulkhead
