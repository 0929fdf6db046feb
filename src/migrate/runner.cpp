#include "migrate/runner.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <optional>
#include <thread>

#include "base/utf8.hpp"
#include "migrate/sha256.hpp"
#include "migrate/sql_files.hpp"

namespace bulkhead::migrate {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

Error failed(std::string message) {
  return Error(Errc::migration_failed, std::move(message));
}

std::string file_name(const MigrationFile& file) {
  return file.path.filename().string();
}

bool name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

Result<void> read_text(MigrationFile& file) {
  std::ifstream in(file.path, std::ios::binary);
  if (!in) return failed("cannot read " + file.path.string());
  file.sql.assign(std::istreambuf_iterator<char>(in), {});
  if (in.bad()) return failed("cannot read " + file.path.string());
  file.checksum = sha256_hex(file.sql);
  // Editors of other systems write a byte order mark; PostgreSQL would call it a syntax error.
  if (file.sql.rfind("\xef\xbb\xbf", 0) == 0) file.sql.erase(0, 3);
  if (!valid_utf8(file.sql) || file.sql.find('\0') != std::string::npos) {
    return failed(file_name(file) + " is not UTF-8 text").hint("save it as UTF-8");
  }
  return check_statements(file.sql, file_name(file));
}

struct Ledger {
  std::map<int, std::pair<std::string, std::string>> applied;  // version → name, checksum
  std::map<int, std::string> applied_at;
};

Result<Ledger> read_ledger(pg::Blocking& admin) {
  BULKHEAD_TRY(auto rows,
               admin.query("select version, name, checksum, to_char(applied_at at time zone 'UTC', "
                           "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') from bulkhead.migration order by version"));
  Ledger out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    int version = 0;
    const auto text = rows.text(row, 0);
    std::from_chars(text.data(), text.data() + text.size(), version);
    out.applied[version] = {std::string(rows.text(row, 1)), std::string(rows.text(row, 2))};
    out.applied_at[version] = rows.text(row, 3);
  }
  return out;
}

/// What has been applied must still be what the folder holds.
Result<void> compare(const Ledger& ledger, const std::vector<MigrationFile>& files) {
  for (const auto& file : files) {
    const auto known = ledger.applied.find(file.version);
    if (known == ledger.applied.end()) continue;
    if (known->second.second != file.checksum) {
      return failed(file_name(file) + " was changed after it had been applied")
          .hint(
              "restore the file as it was (your version control has it), and put the change into a new "
              "migration");
    }
  }
  for (const auto& [version, known] : ledger.applied) {
    const bool there = std::any_of(files.begin(), files.end(),
                                   [v = version](const auto& file) { return file.version == v; });
    if (!there) {
      return failed("migration " + std::to_string(version) + " (" + known.first +
                    ") has been applied to this database, but its file is not in the folder")
          .hint("this database belongs to a newer version of the app, or to another app");
    }
  }
  return {};
}

std::optional<std::size_t> position_of(const Error& error) {
  constexpr std::string_view word = "position ";
  if (error.details().rfind(word, 0) != 0) return std::nullopt;
  std::size_t out = 0;
  const auto digits = error.details().substr(word.size());
  if (std::from_chars(digits.data(), digits.data() + digits.size(), out).ec != std::errc())
    return std::nullopt;
  return out;
}

/// `statement`: the one that failed; none when the whole file did, at its commit.
Error explained(const MigrationFile& file, const Error& error,
                std::optional<StatementRange> statement = std::nullopt) {
  std::string where = file_name(file);
  if (statement) {
    // What fails while it runs has no position: then it is the statement's beginning.
    const std::string_view before = std::string_view(file.sql).substr(0, statement->begin);
    const auto position = position_of(error);
    const auto at = line_column(file.sql, position ? characters(before) + *position : characters(before) + 1);
    where += ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
  }
  std::string hint(error.hint());
  if (error.sqlstate() == "55P03") {
    hint =
        "a table it changes is in use; run it again when there is less traffic, or raise "
        "database.lock_timeout_ms";
  }
  return failed(where + ": " + std::string(error.message()))
      .hint(std::move(hint))
      .sqlstate(std::string(error.sqlstate()))
      .internal(std::string(error.internal()));
}

/// Under search_path = pg_catalog: names within the texts that it reads are then whole.
Result<void> ask_safety(pg::Blocking& admin) {
  BULKHEAD_TRY(auto wrong, admin.query(sql_file("08_check")));
  if (wrong.empty()) return {};
  std::string message = std::string(wrong.text(0, 0)) + ": " + std::string(wrong.text(0, 1));
  if (wrong.size() > 1) message += " (and " + std::to_string(wrong.size() - 1) + " more)";
  return Error(Errc::config_invalid, std::move(message)).hint(std::string(wrong.text(0, 2)));
}

Result<void> check_schema(pg::Blocking& admin, const MigrationFile& file) {
  auto safe = ask_safety(admin);
  if (safe.has_value() || safe.error().code() != Errc::config_invalid) return safe;
  return failed(file_name(file) + ": " + std::string(safe.error().message()))
      .hint(std::string(safe.error().hint()));
}

/// A DO block that went back to the administrator's role left all that follows it in the file with that role.
Result<void> check_role(pg::Blocking& admin, const MigrationFile& file) {
  BULKHEAD_TRY(auto role, admin.query("select current_user"));
  if (role.text(0, 0) == "bulkhead_owner") return {};
  return failed(file_name(file) + ": it changed the role that it runs as, from bulkhead_owner to " +
                std::string(role.text(0, 0)))
      .hint("migrations run as bulkhead_owner; take RESET ROLE or SET ROLE out");
}

/// Runs one of our own files as bulkhead_owner, and stays it. A function or DO block of a migration can have
/// changed role and search_path.
Result<void> as_owner(pg::Blocking& admin, std::string_view name) {
  BULKHEAD_CHECK(
      admin.execute("reset role; set local role bulkhead_owner; set local search_path = pg_catalog"));
  return admin.execute(sql_file(name));
}

/// One after the other, so that one that fails while it runs can be named.
Result<void> run_statements(pg::Blocking& admin, const MigrationFile& file) {
  for (const StatementRange& statement : split_statements(file.sql)) {
    auto done =
        admin.execute(std::string_view(file.sql).substr(statement.begin, statement.end - statement.begin));
    if (done.has_error()) return explained(file, done.error(), statement);
  }
  return {};
}

Result<void> in_transaction(pg::Blocking& admin, const MigrationFile& file, const RunOptions& options,
                            Clock::time_point begun) {
  BULKHEAD_CHECK(admin.execute("set local lock_timeout = " + std::to_string(options.lock_timeout.count())));
  BULKHEAD_CHECK(as_owner(admin, "09_rights_taken"));
  BULKHEAD_CHECK(admin.execute("set local search_path = app, bulkhead"));
  BULKHEAD_CHECK(run_statements(admin, file));
  // What the file deferred is done now, by the role that deferred it, and judged with the rest.
  if (auto done = admin.execute("set constraints all immediate"); done.has_error())
    return explained(file, done.error());
  BULKHEAD_CHECK(check_role(admin, file));
  BULKHEAD_CHECK(as_owner(admin, "10_rights_given"));
  // A function or DO block can have changed any of these.
  BULKHEAD_CHECK(admin.execute("reset role; set local search_path = pg_catalog"));
  BULKHEAD_CHECK(check_schema(admin, file));
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun);
  BULKHEAD_TRY(
      auto noted,
      admin.query(
          "insert into bulkhead.migration(version, name, checksum, duration_ms) values ($1, $2, $3, $4)",
          {std::to_string(file.version), file.name, file.checksum, std::to_string(took.count())}));
  BULKHEAD_TRY(auto moved, admin.query("update bulkhead.target set version = $1, changed_at = now() "
                                       "where schema_name = 'app'",
                                       {std::to_string(file.version)}));
  BULKHEAD_TRY(auto told,
               admin.query("select pg_notify('bulkhead_migrated', $1)", {std::to_string(file.version)}));
  return {};
}

Result<void> apply(pg::Blocking& admin, MigrationStep step, const RunOptions& options) {
  const MigrationFile& file = *step.file;
  const auto tell = [&](MigrationStep::Kind kind) {
    step.kind = kind;
    if (options.progress) options.progress(step);
  };
  tell(MigrationStep::Kind::starting);
  auto pause = std::chrono::milliseconds(200);
  for (;; ++step.attempt) {
    const auto begun = Clock::now();
    BULKHEAD_CHECK(admin.execute("begin"));
    auto done = in_transaction(admin, file, options, begun);
    if (done.has_value()) {
      done = admin.execute("commit");
      // A deferred constraint speaks only now.
      if (done.has_error()) done = explained(file, done.error());
    }
    if (done.has_value()) {
      step.took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun);
      tell(MigrationStep::Kind::applied);
      return {};
    }
    [[maybe_unused]] const auto rolled_back = admin.execute("rollback");
    const auto state = done.error().sqlstate();
    if ((state != "55P03" && state != "40P01") || step.attempt >= options.attempts) return done;
    tell(MigrationStep::Kind::locked);
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(5000));
  }
}

/// The lock that lets one run at a time work on a database; let go at the end.
class RunLock {
 public:
  explicit RunLock(pg::Blocking& admin) : admin_(admin) {}
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  ~RunLock() {
    if (held_) [[maybe_unused]]
      const auto ignored = admin_.query("select pg_advisory_unlock(hashtextextended('bulkhead migrate', 0))");
  }
  Result<void> take(const RunOptions& options) {
    BULKHEAD_TRY(auto tried,
                 admin_.query("select pg_try_advisory_lock(hashtextextended('bulkhead migrate', 0))"));
    if (tried.text(0, 0) != "t") {
      if (options.progress) {
        MigrationStep waiting;
        waiting.kind = MigrationStep::Kind::waiting;
        options.progress(waiting);
      }
      BULKHEAD_TRY(auto waited,
                   admin_.query("select pg_advisory_lock(hashtextextended('bulkhead migrate', 0))"));
    }
    held_ = true;
    return {};
  }

 private:
  pg::Blocking& admin_;
  bool held_ = false;
};

}  // namespace

std::optional<MigrationFile> parse_migration_name(const fs::path& path) {
  const std::string name = path.filename().string();
  if (name.size() < 10 || name[4] != '_' ||
      !std::all_of(name.begin(), name.begin() + 4, [](char c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  MigrationFile out;
  std::from_chars(name.data(), name.data() + 4, out.version);
  out.name = name.substr(5, name.size() - 9);
  out.path = path;
  if (out.version == 0 || !std::all_of(out.name.begin(), out.name.end(), name_character)) return std::nullopt;
  return out;
}

Error not_a_migration(const fs::path& path) {
  return failed(path.filename().string() + " is not a migration's name")
      .hint("name it NNNN_name.sql: four digits from 0001 on, an underscore, a name of a-z, 0-9 and _");
}

Result<std::vector<MigrationFile>> read_migrations(const fs::path& dir) {
  std::error_code error;
  std::vector<MigrationFile> files;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    if (entry.path().extension() != ".sql") continue;
    if (entry.is_directory(error)) {
      return failed(entry.path().filename().string() + " is a folder, not a migration")
          .hint("give the folder a name that does not end with .sql");
    }
    auto file = parse_migration_name(entry.path());
    if (!file) return not_a_migration(entry.path());
    files.push_back(std::move(*file));
  }
  if (error) {
    return failed("cannot read the folder " + dir.string() + ": " + error.message())
        .hint("an app's migrations stand in its folder migrations/");
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (i > 0 && files[i].version == files[i - 1].version) {
      return failed(file_name(files[i - 1]) + " and " + file_name(files[i]) + " have the same number")
          .hint("give the newer one the next free number");
    }
    if (files[i].version != static_cast<int>(i) + 1) {
      return failed(file_name(files[i]) + ": number " + std::to_string(i + 1) + " is missing before it")
          .hint("migrations are numbered without gaps, from 0001 on");
    }
    BULKHEAD_CHECK(read_text(files[i]));
  }
  return files;
}

Result<void> check_tenant_safety(pg::Blocking& admin) {
  BULKHEAD_CHECK(admin.execute("begin read only; set local search_path = pg_catalog"));
  auto safe = ask_safety(admin);
  BULKHEAD_CHECK(admin.execute("rollback"));
  return safe;
}

Result<RunReport> run_migrations(pg::Blocking& admin, const std::vector<MigrationFile>& files,
                                 const RunOptions& options) {
  RunLock lock(admin);
  BULKHEAD_CHECK(lock.take(options));
  BULKHEAD_TRY(const auto ledger, read_ledger(admin));
  BULKHEAD_CHECK(compare(ledger, files));
  std::vector<const MigrationFile*> open;
  for (const auto& file : files) {
    if (ledger.applied.count(file.version) == 0) open.push_back(&file);
  }
  RunReport report;
  report.up_to_date = files.size() - open.size();
  for (const auto* file : open) {
    MigrationStep step;
    step.index = report.applied.size();
    step.total = open.size();
    step.file = file;
    BULKHEAD_CHECK(apply(admin, step, options));
    report.applied.push_back(file->version);
  }
  return report;
}

Result<std::vector<MigrationStatus>> migration_status(pg::Blocking& admin,
                                                      const std::vector<MigrationFile>& files) {
  BULKHEAD_TRY(const auto ledger, read_ledger(admin));
  BULKHEAD_CHECK(compare(ledger, files));
  std::vector<MigrationStatus> out;
  for (const auto& file : files) {
    MigrationStatus status;
    status.version = file.version;
    status.name = file.name;
    const auto at = ledger.applied_at.find(file.version);
    status.applied = at != ledger.applied_at.end();
    if (status.applied) status.applied_at = at->second;
    out.push_back(std::move(status));
  }
  return out;
}

}  // namespace bulkhead::migrate
