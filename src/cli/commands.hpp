#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <bulkhead/app.hpp>
#include <bulkhead/result.hpp>

#include "runtime/workspace.hpp"

/// The commands, one function each: they call a room and print. Parsing is in app.cpp. Each returns an error,
/// which becomes a message on stderr and an exit code of its own (`exit_code`).
namespace bulkhead::cli {

struct ServeOptions {
  std::filesystem::path app_dir;
  runtime::DatabaseChoice database;
  std::optional<std::uint16_t> port;
  std::optional<std::string> address;
  std::optional<std::size_t> threads;
  std::filesystem::path ready_file;
};

struct TokenOptions {
  runtime::DatabaseChoice database;
  std::string tenant, user, role = "member";
  std::filesystem::path tenants_file;  ///< Instead of `tenant`: slugs, one a line; prints a JSON line each.
  bool for_operator = false;           ///< Of the control API instead of a tenant.
  std::int64_t ttl_s = 3600;
  bool json = false;
};

struct TenantImportOptions {
  runtime::DatabaseChoice database;
  std::string tenant;
  std::filesystem::path dir;
};

struct MigrateOptions {
  std::filesystem::path app_dir;
  runtime::DatabaseChoice database;
  bool status = false, json = false, dry_run = false, only_pool = false;
  std::size_t canary = 0;    ///< So many targets first.
  std::size_t parallel = 4;  ///< Targets at once in each cell.
};

struct LintOptions {
  std::filesystem::path dir;
  bool fix = false;
};

struct CodegenOptions {
  std::filesystem::path app_dir, out;
  runtime::DatabaseChoice database;
  std::string name_space = "app";
};

[[nodiscard]] Result<void> dev(const ServeOptions& options, const std::vector<Route>& routes,
                               const std::vector<std::string>& arguments);
[[nodiscard]] Result<void> serve(const ServeOptions& options, const std::vector<Route>& routes);
[[nodiscard]] Result<void> token(const TokenOptions& options);
[[nodiscard]] Result<void> tenant_import(const TenantImportOptions& options);
[[nodiscard]] Result<void> migrate(const MigrateOptions& options);
[[nodiscard]] Result<void> lint(const LintOptions& options);
[[nodiscard]] Result<void> codegen(const CodegenOptions& options);

/// 2 usage, 3 configuration, 4 database unreachable, 5 something missing on this machine, 6 not found, 7
/// already there, 8 migration, 9 not tenant-safe, 10 import, 11 conflict, 12 done in part, 13 the audit log does
/// not hold, 14 an issuer's keys cannot be had, 15 a token is refused, 1 anything else.
[[nodiscard]] int exit_code(Errc code) noexcept;

}  // namespace bulkhead::cli
