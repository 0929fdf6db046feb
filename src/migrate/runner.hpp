#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::migrate {

/// Where a statement of a text begins (its first word) and ends (before its semicolon), in bytes.
struct StatementRange {
  std::size_t begin = 0, end = 0;
};

/// One file of an app's `migrations/`: `NNNN_name.sql`.
struct MigrationFile {
  int version = 0;
  std::string name;  ///< "first_tables" of 0001_first_tables.sql
  std::filesystem::path path;
  std::string sql;
  std::string checksum;                    ///< SHA-256 of the bytes, hex.
  std::vector<StatementRange> statements;  ///< As `split_statements` divides it; empty: not divided yet.
  bool concurrent = false;                 ///< Marked `-- bulkhead: concurrent`: runs outside a transaction.
};

/// Version and name of "0001_first_tables.sql"; nullopt for what is not a migration's name.
[[nodiscard]] std::optional<MigrationFile> parse_migration_name(const std::filesystem::path& path);
/// The error about such a file.
[[nodiscard]] Error not_a_migration(const std::filesystem::path& path);

/// All files of the folder, in order. Errors (`migration_failed`) name the file: bad names, gaps, duplicates,
/// bytes that are not UTF-8, transaction commands, psql's commands.
[[nodiscard]] Result<std::vector<MigrationFile>> read_migrations(const std::filesystem::path& dir);

/// Looks for what cannot stand in a migration file, which runs in one transaction of its own: BEGIN, COMMIT
/// and the like, SET ROLE and SET SESSION AUTHORIZATION, psql's backslash commands, COPY FROM STDIN. The
/// error tells line and column. Pure.
[[nodiscard]] Result<void> check_statements(std::string_view sql, const std::string& file_name);

/// True when `-- bulkhead: concurrent` stands on a line before the first statement. Pure.
[[nodiscard]] bool is_concurrent(std::string_view sql);

/// The statements of a text, as PostgreSQL's own grammar divides it. A text that our copy of the grammar does
/// not take is one statement, for the server to judge.
[[nodiscard]] std::vector<StatementRange> split_statements(std::string_view sql);

/// How many characters `text`, UTF-8, has.
[[nodiscard]] std::size_t characters(std::string_view text) noexcept;
/// 1-based line and column (in characters) of the `position`th character (1-based) of UTF-8 `text`.
struct LineColumn {
  std::size_t line = 1, column = 1;
};
[[nodiscard]] LineColumn line_column(std::string_view text, std::size_t position) noexcept;

struct MigrationStep {
  enum class Kind : std::uint8_t { waiting, starting, locked, applied };
  Kind kind = Kind::starting;
  std::size_t index = 0, total = 0;     ///< Of the files to apply in this run.
  const MigrationFile* file = nullptr;  ///< Not while waiting for another run to end.
  std::chrono::milliseconds took{0};    ///< applied
  int attempt = 1;                      ///< locked: tried this often; it is tried again.
};

struct RunOptions {
  RunOptions() = default;
  std::chrono::milliseconds lock_timeout{2000};  ///< A statement that waits longer for a lock gives up and is
                                                 ///< repeated, so that readers do not queue up behind it.
  int attempts = 10;
  /// The same for a concurrent file, whose statements wait for other transactions by design and block nobody meanwhile.
  std::chrono::milliseconds concurrent_lock_timeout{60000};
  std::function<void(const MigrationStep&)> progress;
};

struct RunReport {
  std::vector<int> applied;    ///< In this run.
  std::size_t up_to_date = 0;  ///< Files that had been applied before.
};

/// What keeps tenants apart, as the database has it now: tables, views, sequences and functions of a schema of the
/// app's with their policies, keys and grants, and the attributes and memberships of Bulkhead's roles. A question in a
/// transaction of its own; takes milliseconds. Error (`config_invalid`): what it is about and what is wrong with it; the
/// hint says what to write.
[[nodiscard]] Result<void> check_tenant_safety(pg::Blocking& admin, const std::string& schema = "app");

/// Applies what the ledger `bulkhead.migration` does not hold yet to the pool in the catalog's database: each file in a
/// transaction of its own, as bulkhead_owner, with search_path app, bulkhead, one statement after the other. At the end
/// of each file the app's roles get what ordinary statements need besides the tables (10_rights_given.sql), and what
/// `check_tenant_safety` asks must hold. One run at a time for a schema (advisory lock). Servers hear of it: NOTIFY
/// bulkhead_migrated, payload the version. Errors (`migration_failed`) name file, line and column; the files before the
/// failed one stay applied.
[[nodiscard]] Result<RunReport> run_migrations(pg::Blocking& admin, const std::vector<MigrationFile>& files,
                                               const RunOptions& options = {});

/// The same for any schema that is a target (bulkhead.target), read with the schema's name where the files say app
/// (rewrite.hpp); servers find the new version when they bind. All open files in one transaction, so that the target
/// is at its old version or at its new one; a file marked `-- bulkhead: concurrent` ends the transaction before it and runs
/// outside of one, one statement after the other: who died in the middle does it again, and an index that was left
/// half-made is made anew. Places in errors are those of the files. Errors: as above, and `not_found` for no target.
[[nodiscard]] Result<RunReport> migrate_target(pg::Blocking& admin, const std::string& schema,
                                               const std::vector<MigrationFile>& files,
                                               const RunOptions& options = {});

/// A hash over the schema's tables, columns, defaults, constraints, indexes, policies, grants, functions and types, the
/// same for all schemas that are alike. The last migration's stands in bulkhead.target.
[[nodiscard]] Result<std::string> fingerprint(pg::Blocking& admin, const std::string& schema);

struct MigrationStatus {
  int version = 0;
  std::string name;
  bool applied = false;
  std::string applied_at;
};
/// What is applied to the schema and what is not. Errors as `run_migrations` where files and ledger disagree.
[[nodiscard]] Result<std::vector<MigrationStatus>> migration_status(pg::Blocking& admin,
                                                                    const std::vector<MigrationFile>& files,
                                                                    const std::string& schema = "app");

}  // namespace bulkhead::migrate
