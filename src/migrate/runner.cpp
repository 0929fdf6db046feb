#include "migrate/runner.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <span>
#include <thread>

#include "base/failpoint.hpp"
#include "migrate/concurrent.hpp"
#include "migrate/rewrite.hpp"
#include "migrate/sql_files.hpp"
#include "migrate/target.hpp"

namespace bulkhead::migrate {
namespace {

using Clock = std::chrono::steady_clock;

Error failed(std::string message) {
  return Error(Errc::migration_failed, std::move(message));
}

std::string file_name(const MigrationFile& file) {
  return file.path.filename().string();
}

std::chrono::milliseconds since(Clock::time_point begun) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun);
}

struct Ledger {
  std::map<int, std::pair<std::string, std::string>> applied;  // version → name, checksum
  std::map<int, std::string> applied_at;
};

Result<Ledger> read_ledger(pg::Blocking& admin, const std::string& schema) {
  BULKHEAD_TRY(auto rows,
               admin.query("select version, name, checksum, to_char(applied_at at time zone 'UTC', "
                           "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') from bulkhead.migration where schema_name = $1 "
                           "order by version",
                           {schema}));
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

/// Bytes before the `position`th character (1-based) of UTF-8 `text`.
std::size_t byte_of(std::string_view text, std::size_t position) {
  std::size_t seen = 0, at = 0;
  for (; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xc0) != 0x80 && ++seen >= position) break;
  }
  return at;
}

/// A statement of a file as it is sent.
struct Statement {
  StatementRange written;
  Rewritten sent;
};

std::vector<StatementRange> statements_of(const MigrationFile& file) {
  return file.statements.empty() ? split_statements(file.sql) : file.statements;
}

/// `statement`: the one that failed; none when the whole file did, at its commit.
Error explained(const MigrationFile& file, const Error& error, const Statement* statement = nullptr) {
  // The file is not to blame, and it may run in a moment.
  if (error.code() == Errc::database_unavailable) return error;
  std::string where = file_name(file);
  if (statement != nullptr) {
    // What fails while it runs has no position: then it is the statement's beginning.
    const auto position = position_of(error);
    const std::size_t within =
        position ? statement->sent.original(byte_of(statement->sent.text, *position)) : 0;
    const auto before = std::string_view(file.sql).substr(0, statement->written.begin + within);
    const auto at = line_column(file.sql, characters(before) + 1);
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

/// In a transaction, as the administrator: names within the texts that the questions read are then whole, and they are
/// about this schema. A function or DO block of a migration can have changed any of these.
Result<void> as_administrator(pg::Blocking& admin, const std::string& schema) {
  // Compiling our questions would take longer than answering them.
  return admin.execute(
      "reset role; set local search_path = pg_catalog; set local jit = off; set local bulkhead.schema = " +
      admin.quote_literal(schema));
}

Result<void> ask_safety(pg::Blocking& admin) {
  BULKHEAD_TRY(auto wrong, admin.query(sql_file("08_check")));
  if (wrong.empty()) return {};
  std::string message = std::string(wrong.text(0, 0)) + ": " + std::string(wrong.text(0, 1));
  if (wrong.size() > 1) message += " (and " + std::to_string(wrong.size() - 1) + " more)";
  return Error(Errc::config_invalid, std::move(message)).hint(std::string(wrong.text(0, 2)));
}

/// The lock that lets one run at a time work on a schema; let go at the end.
class RunLock {
 public:
  RunLock(pg::Blocking& admin, const std::string& schema)
      : admin_(admin), name_(schema == "app" ? "bulkhead migrate" : "bulkhead migrate " + schema) {}
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  ~RunLock() {
    if (held_) [[maybe_unused]]
      const auto ignored = admin_.query("select pg_advisory_unlock(hashtextextended($1, 0))", {name_});
  }
  Result<void> take(const RunOptions& options) {
    BULKHEAD_TRY(auto tried, admin_.query("select pg_try_advisory_lock(hashtextextended($1, 0))", {name_}));
    if (tried.text(0, 0) != "t") {
      if (options.progress) {
        MigrationStep waiting;
        waiting.kind = MigrationStep::Kind::waiting;
        options.progress(waiting);
      }
      BULKHEAD_TRY(auto waited, admin_.query("select pg_advisory_lock(hashtextextended($1, 0))", {name_}));
    }
    held_ = true;
    return {};
  }

 private:
  pg::Blocking& admin_;
  std::string name_;
  bool held_ = false;
};

/// Files that are applied together: in one transaction, or one that runs outside of any.
using Batch = std::vector<const MigrationFile*>;

/// The files that are to be applied, in order. `apart`: each is a batch of its own.
std::vector<Batch> batches_of(const std::vector<const MigrationFile*>& open, bool apart) {
  std::vector<Batch> out;
  for (const MigrationFile* file : open) {
    if (apart || out.empty() || file->concurrent || out.back().back()->concurrent) out.emplace_back();
    out.back().push_back(file);
  }
  return out;
}

/// Brings one schema to the files' version, over one connection.
class Target {
 public:
  /// `tells`: servers hear of it.
  Target(pg::Blocking& admin, const std::string& schema, const RunOptions& options, bool tells)
      : admin_(admin), schema_(schema), options_(options), tells_(tells) {}

  /// The same again while locks are in the way.
  Result<void> apply(const Batch& batch, MigrationStep step) {
    step.file = batch.front();
    tell(step, MigrationStep::Kind::starting);
    auto pause = std::chrono::milliseconds(200);
    for (;; ++step.attempt) {
      took_.clear();
      auto done = batch.front()->concurrent ? outside_transaction(*batch.front()) : in_transaction(batch);
      if (done.has_value()) break;
      const auto state = done.error().sqlstate();
      if ((state != "55P03" && state != "40P01") || step.attempt >= options_.attempts) return done;
      tell(step, MigrationStep::Kind::locked);
      std::this_thread::sleep_for(pause);
      pause = std::min(pause * 2, std::chrono::milliseconds(5000));
    }
    for (std::size_t i = 0; i < batch.size(); ++i, ++step.index) {
      step.file = batch[i];
      step.took = took_[i];
      tell(step, MigrationStep::Kind::applied);
    }
    return {};
  }

 private:
  void tell(MigrationStep& step, MigrationStep::Kind kind) const {
    step.kind = kind;
    if (options_.progress) options_.progress(step);
  }

  Result<void> in_transaction(const Batch& batch) {
    BULKHEAD_CHECK(
        admin_.execute("begin; set local lock_timeout = " + std::to_string(options_.lock_timeout.count())));
    auto done = all_of(batch);
    if (done.has_value()) {
      done = admin_.execute("commit");
      // A deferred constraint speaks only now.
      if (done.has_error()) done = explained(*batch.back(), done.error());
    }
    if (done.has_error()) {
      [[maybe_unused]] const auto rolled_back = admin_.execute("rollback");
      return done;
    }
    failpoint("migrate.target.committed");
    return {};
  }

  Result<void> all_of(const Batch& batch) {
    failpoint("migrate.target.begun");
    BULKHEAD_CHECK(as_owner("09_rights_taken"));
    for (const MigrationFile* file : batch) {
      const auto begun = Clock::now();
      BULKHEAD_CHECK(as_owner());
      BULKHEAD_CHECK(admin_.execute("set local search_path = " + schema_ + ", bulkhead"));
      BULKHEAD_CHECK(run_statements(*file));
      // What the file deferred is done now, by the role that deferred it, and judged with the rest.
      if (auto done = admin_.execute("set constraints all immediate"); done.has_error())
        return explained(*file, done.error());
      BULKHEAD_CHECK(check_role(*file));
      took_.push_back(since(begun));
      failpoint("migrate.target.file");
    }
    BULKHEAD_CHECK(as_owner("10_rights_given"));
    return judge_and_note(batch);
  }

  /// Statement by statement, each of which a former run may have done or left half-done.
  Result<void> outside_transaction(const MigrationFile& file) {
    BULKHEAD_CHECK(check_concurrent(file.sql, file_name(file)));
    const auto begun = Clock::now();
    auto done = statements_outside(file);
    [[maybe_unused]] const auto reset =
        admin_.execute("reset role; reset search_path; reset bulkhead.schema; reset lock_timeout");
    BULKHEAD_CHECK(std::move(done));
    took_.push_back(since(begun));
    BULKHEAD_CHECK(admin_.execute("begin"));
    done = judge_and_note({&file});
    if (done.has_value()) done = admin_.execute("commit");
    if (done.has_error()) {
      [[maybe_unused]] const auto rolled_back = admin_.execute("rollback");
      return done;
    }
    failpoint("migrate.target.committed");
    return {};
  }

  Result<void> statements_outside(const MigrationFile& file) {
    BULKHEAD_CHECK(admin_.execute("set role bulkhead_owner"));
    BULKHEAD_CHECK(admin_.execute("set search_path = " + schema_ + ", bulkhead"));
    BULKHEAD_CHECK(admin_.execute("set bulkhead.schema = " + admin_.quote_literal(schema_)));
    BULKHEAD_CHECK(
        admin_.execute("set lock_timeout = " + std::to_string(options_.concurrent_lock_timeout.count())));
    for (const StatementRange& range : statements_of(file)) {
      const Statement statement = read(file, range);
      failpoint("migrate.target.concurrent");
      BULKHEAD_TRY(const bool there, made_before(statement));
      if (there) continue;
      if (auto done = admin_.execute(statement.sent.text); done.has_error())
        return explained(file, done.error(), &statement);
    }
    return {};
  }

  /// The index that it makes is there, whole; one that a former run left half-made is taken away.
  Result<bool> made_before(const Statement& statement) {
    const auto index = concurrent_index(statement.sent.text);
    if (!index) return false;
    BULKHEAD_TRY(auto found,
                 admin_.query("select i.indisvalid, t.relname = $3 from pg_catalog.pg_index i "
                              "join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_class t "
                              "on t.oid = i.indrelid join pg_catalog.pg_namespace n on n.oid = "
                              "c.relnamespace where n.nspname = $1 and c.relname = $2",
                              {schema_, index->name, index->table}));
    // An index of another table: PostgreSQL says that the name is taken.
    if (found.empty() || found.text(0, 1) != "t") return false;
    if (found.text(0, 0) == "t") return true;
    BULKHEAD_CHECK(admin_.execute("drop index concurrently if exists " + schema_ + "." +
                                  admin_.quote_identifier(index->name)));
    return false;
  }

  /// One after the other, so that one that fails while it runs can be named.
  Result<void> run_statements(const MigrationFile& file) {
    for (const StatementRange& range : statements_of(file)) {
      const Statement statement = read(file, range);
      auto done = admin_.execute(statement.sent.text);
      if (done.has_error()) return explained(file, done.error(), &statement);
    }
    return {};
  }

  [[nodiscard]] Statement read(const MigrationFile& file, const StatementRange& range) const {
    return {range,
            rewrite_schema(std::string_view(file.sql).substr(range.begin, range.end - range.begin), schema_)};
  }

  /// Becomes bulkhead_owner, and runs one of our own files as it.
  Result<void> as_owner(std::string_view name = {}) {
    BULKHEAD_CHECK(as_administrator(admin_, schema_));
    return admin_.execute("set local role bulkhead_owner;" + sql_file(name));
  }

  /// A DO block that went back to the administrator's role left all that follows it in the file with that role.
  Result<void> check_role(const MigrationFile& file) {
    BULKHEAD_TRY(auto role, admin_.query("select current_user"));
    if (role.text(0, 0) == "bulkhead_owner") return {};
    return failed(file_name(file) + ": it changed the role that it runs as, from bulkhead_owner to " +
                  std::string(role.text(0, 0)))
        .hint("migrations run as bulkhead_owner; take RESET ROLE or SET ROLE out");
  }

  Result<void> judge_and_note(const Batch& batch) {
    BULKHEAD_CHECK(as_administrator(admin_, schema_));
    auto safe = ask_safety(admin_);
    if (safe.has_error() && safe.error().code() == Errc::config_invalid) {
      std::string name = file_name(*batch.front());
      if (batch.size() > 1) name += " to " + file_name(*batch.back());
      return failed(name + ": " + std::string(safe.error().message())).hint(std::string(safe.error().hint()));
    }
    BULKHEAD_CHECK(std::move(safe));
    failpoint("migrate.target.judged");
    return note(batch);
  }

  /// The ledger's lines and the version, in the transaction that changed the tables.
  Result<void> note(const Batch& batch) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const MigrationFile& file = *batch[i];
      BULKHEAD_TRY(auto noted,
                   admin_.query("insert into bulkhead.migration(schema_name, version, name, checksum, "
                                "duration_ms) values ($1, $2, $3, $4, $5)",
                                {schema_, std::to_string(file.version), file.name, file.checksum,
                                 std::to_string(took_[i].count())}));
    }
    const std::string version = std::to_string(batch.back()->version);
    BULKHEAD_TRY(auto moved,
                 admin_.query("update bulkhead.target set version = $2, fingerprint = (" +
                                  sql_file("13_fingerprint") + "), changed_at = now() where schema_name = $1",
                              {schema_, version}));
    // Changes of a new table are told from its first row on.
    BULKHEAD_TRY(auto published, admin_.query("select bulkhead.publish($1, true)", {schema_}));
    if (tells_) {
      BULKHEAD_TRY(auto told, admin_.query("select pg_notify('bulkhead_migrated', $1)", {version}));
    }
    return {};
  }

  pg::Blocking& admin_;
  const std::string& schema_;
  const RunOptions& options_;
  bool tells_;
  std::vector<std::chrono::milliseconds> took_;  ///< By each file of the batch.
};

Result<RunReport> run(pg::Blocking& admin, const std::string& schema, const std::vector<MigrationFile>& files,
                      const RunOptions& options, bool catalog_pool) {
  RunLock lock(admin, schema);
  BULKHEAD_CHECK(lock.take(options));
  BULKHEAD_TRY(const auto ledger, read_ledger(admin, schema));
  BULKHEAD_CHECK(compare(ledger, files));
  std::vector<const MigrationFile*> open;
  for (const auto& file : files) {
    if (ledger.applied.count(file.version) == 0) open.push_back(&file);
  }
  RunReport report;
  report.up_to_date = files.size() - open.size();
  Target target(admin, schema, options, catalog_pool);
  for (const Batch& batch : batches_of(open, catalog_pool)) {
    MigrationStep step;
    step.index = report.applied.size();
    step.total = open.size();
    BULKHEAD_CHECK(target.apply(batch, step));
    for (const MigrationFile* file : batch) report.applied.push_back(file->version);
  }
  return report;
}

/// A question about a schema in a transaction of its own that changes nothing.
template <class Question>
auto asked_about(pg::Blocking& admin, const std::string& schema, Question question) -> decltype(question()) {
  BULKHEAD_CHECK(admin.execute("begin read only"));
  auto ready = as_administrator(admin, schema);
  auto answer = ready.has_value() ? question() : decltype(question())(ready.error());
  BULKHEAD_CHECK(admin.execute("rollback"));
  return answer;
}

}  // namespace

Result<void> check_tenant_safety(pg::Blocking& admin, const std::string& schema) {
  return asked_about(admin, schema, [&] { return ask_safety(admin); });
}

Result<std::string> fingerprint(pg::Blocking& admin, const std::string& schema) {
  return asked_about(admin, schema, [&]() -> Result<std::string> {
    BULKHEAD_TRY(auto rows, admin.query(sql_file("13_fingerprint")));
    return std::string(rows.text(0, 0));
  });
}

Result<RunReport> run_migrations(pg::Blocking& admin, const std::vector<MigrationFile>& files,
                                 const RunOptions& options) {
  return run(admin, "app", files, options, true);
}

Result<RunReport> migrate_target(pg::Blocking& admin, const std::string& schema,
                                 const std::vector<MigrationFile>& files, const RunOptions& options) {
  // Its name stands in SQL as it is.
  const bool plain = schema == "app" || is_tenant_schema(schema);
  BULKHEAD_TRY(auto known, admin.query("select from bulkhead.target where schema_name = $1", {schema}));
  if (known.empty() || !plain)
    return Error(Errc::not_found, "there is no target \"" + schema + "\" in this database")
        .hint("`bulkhead migrate APP --status` lists the targets");
  return run(admin, schema, files, options, false);
}

Result<std::vector<MigrationStatus>> migration_status(pg::Blocking& admin,
                                                      const std::vector<MigrationFile>& files,
                                                      const std::string& schema) {
  BULKHEAD_TRY(const auto ledger, read_ledger(admin, schema));
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
