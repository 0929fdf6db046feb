#include "lifecycle/import.hpp"

#include <algorithm>
#include <charconv>

#include "catalog/cells.hpp"
#include "lifecycle/adopt.hpp"
#include "lifecycle/csv.hpp"
#include "lifecycle/import_tables.hpp"

namespace bulkhead::lifecycle {
namespace {

namespace fs = std::filesystem;

Error failed(std::string message) {
  return Error(Errc::import_failed, std::move(message));
}

/// PostgreSQL's report of a failed COPY says "COPY file_2, line 7, column price: …".
struct CopyPlace {
  std::uint64_t line = 0;
  std::string column;
};
CopyPlace place_in(std::string_view report) {
  CopyPlace out;
  const auto at = report.find("COPY file_");
  if (at == std::string_view::npos) return out;
  constexpr std::string_view before = ", line ";
  const auto line = report.find(before, at);
  if (line == std::string_view::npos) return out;
  auto rest = report.substr(line + before.size());
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), out.line);
  rest.remove_prefix(static_cast<std::size_t>(parsed.ptr - rest.data()));
  constexpr std::string_view word = ", column ";
  if (rest.rfind(word, 0) == 0)
    out.column = rest.substr(word.size(), rest.find_first_of(":\n") - word.size());
  return out;
}

/// A schema for the rows of one import on their way from the files to the tenant. Its tables show each tenant its own rows
/// alone, as the app's tables do. Gone with this object; what a killed import left behind goes with the next one.
class Staging {
 public:
  /// `role`: as which the rows will go to the tenant.
  Staging(pg::Blocking& admin, std::string role) : admin_(admin), role_(std::move(role)) {}
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging() {
    if (!name_.empty()) [[maybe_unused]]
      const auto dropped = drop(name_);
  }

  Result<void> make() {
    BULKHEAD_TRY(auto left, admin_.query("select nspname from pg_catalog.pg_namespace where nspname like "
                                         "'bulkhead\\_import\\_%'"));
    for (std::size_t i = 0; i < left.size(); ++i) {
      const std::string name(left.text(i, 0));
      BULKHEAD_TRY(auto abandoned,
                   admin_.query("select pg_try_advisory_lock(hashtextextended($1, 0))", {name}));
      if (abandoned.text(0, 0) == "t") BULKHEAD_CHECK(drop(name));
    }
    BULKHEAD_TRY(auto named,
                 admin_.query("select 'bulkhead_import_' || translate(gen_random_uuid()::text, '-', '')"));
    const std::string name(named.text(0, 0));
    // Held while the session lives: this one is not abandoned.
    BULKHEAD_TRY(auto locked, admin_.query("select pg_advisory_lock(hashtextextended($1, 0))", {name}));
    BULKHEAD_CHECK(admin_.execute("create schema " + name + "; grant usage on schema " + name + " to " +
                                  admin_.quote_identifier(role_)));
    name_ = name;
    return {};
  }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  Result<void> drop(const std::string& name) {
    // One that was left behind is named by whoever made it.
    BULKHEAD_CHECK(admin_.execute("drop schema if exists " + admin_.quote_identifier(name) + " cascade"));
    BULKHEAD_TRY(auto unlocked, admin_.query("select pg_advisory_unlock(hashtextextended($1, 0))", {name}));
    return {};
  }

  pg::Blocking& admin_;
  std::string role_, name_;
};

class Import {
 public:
  Import(pg::Blocking& admin, pg::Blocking& server, const catalog::TenantRecord& tenant,
         const ImportOptions& options)
      : admin_(admin),
        server_(server),
        tenant_(tenant),
        options_(options),
        role_(catalog::bound_role(tenant.placement, Role::owner)),
        staging_(admin, role_) {}

  Result<std::vector<ImportedTable>> run(const fs::path& dir) {
    BULKHEAD_TRY(tables_, read_tables(admin_, tenant_.placement.schema));
    BULKHEAD_CHECK(open_files(dir));
    std::vector<std::string> names;
    for (const auto& [name, file] : files_) names.push_back(name);
    BULKHEAD_TRY(const auto order, foreign_key_order(tables_, names));
    BULKHEAD_CHECK(staging_.make());
    for (const auto& name : order) BULKHEAD_CHECK(stage(files_.at(name), tables_.at(name)));
    BULKHEAD_CHECK(merge_shared(order));
    auto done = insert_all(order);
    if (done.has_error()) {
      take_shared_back(order);
      return done.error();
    }
    for (const auto& name : order) BULKHEAD_CHECK(advance_sequences(files_.at(name), tables_.at(name)));
    return report(order);
  }

 private:
  Result<void> open_files(const fs::path& dir) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(dir, error)) {
      if (entry.path().extension() != ".csv") continue;
      const std::string name = entry.path().stem().string();
      const auto table = tables_.find(name);
      if (table == tables_.end()) {
        return failed(entry.path().filename().string() + ": the app has no table \"" + name + "\"")
            .hint("each file is named after its table; run `bulkhead migrate` first if the table is new");
      }
      BULKHEAD_TRY(auto file, CsvFile::open(entry.path()));
      BULKHEAD_CHECK(check_header(file, table->second));
      total_ += file.rows();
      files_.emplace(name, std::move(file));
    }
    if (error) return failed("cannot read the folder " + dir.string() + ": " + error.message());
    if (files_.empty())
      return failed("there is no .csv file in " + dir.string())
          .hint("each file is named after its table: track.csv");
    return {};
  }

  static Result<void> check_header(const CsvFile& file, const ImportTable& table) {
    for (const auto& column : file.columns()) {
      const auto known = table.columns.find(column);
      if (column == "tenant_id" && table.tenant) {
        return failed(file.name() + ":1: tenant_id cannot be imported")
            .hint("take the column out: the rows go to the tenant you name");
      }
      if (known == table.columns.end())
        return failed(file.name() + ":1: table \"" + table.name + "\" has no column \"" + column + "\"");
      if (known->second)
        return failed(file.name() + ":1: column \"" + column + "\" is generated and cannot be written");
    }
    if (table.tenant) return {};
    for (const auto& key : table.primary_key) {
      if (std::find(file.columns().begin(), file.columns().end(), key) == file.columns().end()) {
        return failed(file.name() + ":1: column \"" + key + "\" is missing, the key of the shared table \"" +
                      table.name + "\"");
      }
    }
    return {};
  }

  [[nodiscard]] std::vector<ImportedTable> report(const std::vector<std::string>& order) {
    std::vector<ImportedTable> out;
    for (const auto& name : order) {
      ImportedTable imported;
      imported.name = name;
      imported.shared = !tables_.at(name).tenant;
      imported.rows = files_.at(name).rows();
      imported.added = added_[name];
      out.push_back(std::move(imported));
    }
    return out;
  }

  /// In one transaction on a connection as the server has it: what triggers and functions of the app do with the rows,
  /// they do with the rights of the server's login, not with the operator's.
  Result<void> insert_all(const std::vector<std::string>& order) {
    BULKHEAD_TRY(auto signed_context, admin_.query("select bulkhead.sign_context($1::uuid, $2, 86400)",
                                                   {tenant_.id.text(), role_}));
    context_ = signed_context.text(0, 0);
    BULKHEAD_CHECK(server_.execute("begin"));
    auto done = insert_each(order);
    if (done.has_value()) done = server_.execute("commit");
    if (done.has_error()) [[maybe_unused]]
      const auto rolled_back = server_.execute("rollback");
    return done;
  }

  Result<void> insert_each(const std::vector<std::string>& order) {
    // As every writer: not while the tenant is being moved.
    BULKHEAD_TRY(auto locked, server_.query("select bulkhead.lock_tenant($1::uuid)", {tenant_.id.text()}));
    BULKHEAD_TRY(auto resides,
                 server_.query(
                     "select bulkhead.resides($1::uuid, $2::bigint, true, $3, bulkhead.target_version($3))",
                     {tenant_.id.text(), std::to_string(tenant_.placement.epoch), tenant_.placement.schema}));
    if (resides.text(0, 0) != "t") {
      return Error(Errc::placement_stale, "tenant \"" + tenant_.slug + "\" cannot be written here now")
          .hint("try again in a moment");
    }
    for (const auto& name : order) {
      if (!tables_.at(name).tenant) continue;
      BULKHEAD_TRY(added_[name], insert(files_.at(name), tables_.at(name)));
    }
    return {};
  }

  Result<void> merge_shared(const std::vector<std::string>& order) {
    BULKHEAD_CHECK(admin_.execute("begin"));
    const auto merge_each = [&]() -> Result<void> {
      for (const auto& name : order) {
        if (tables_.at(name).tenant) continue;
        BULKHEAD_TRY(added_[name], merge(files_.at(name), tables_.at(name)));
      }
      return {};
    };
    auto done = merge_each();
    if (done.has_value()) done = admin_.execute("commit");
    if (done.has_error()) [[maybe_unused]]
      const auto rolled_back = admin_.execute("rollback");
    return done;
  }

  /// The tenant's rows did not go in, so neither do the shared ones; one that another tenant refers to by now stays.
  void take_shared_back(const std::vector<std::string>& order) {
    for (auto name = order.rbegin(); name != order.rend(); ++name) {
      const auto& table = tables_.at(*name);
      if (table.tenant || added_[*name] == 0) continue;
      [[maybe_unused]] const auto taken =
          admin_.execute("delete from " + target(table) + " t using " + staged(table) +
                         " s where s.\"bulkhead new\" and " + same_key(table));
    }
  }

  [[nodiscard]] std::string target(const ImportTable& table) const {
    return admin_.quote_identifier(tenant_.placement.schema) + "." + admin_.quote_identifier(table.name);
  }
  /// Where the table's rows are staged.
  [[nodiscard]] std::string staged(const ImportTable& table) const {
    const auto place = std::distance(files_.begin(), files_.find(table.name));
    return staging_.name() + ".file_" + std::to_string(place + 1);
  }
  [[nodiscard]] std::string same_key(const ImportTable& table) const {
    std::string out;
    for (const auto& key : table.primary_key) {
      const auto name = admin_.quote_identifier(key);
      out += (out.empty() ? "t." : " and t.") + name + " = s." + name;
    }
    return out;
  }
  [[nodiscard]] std::string list(const std::vector<std::string>& columns,
                                 const std::string& prefix = "") const {
    std::string out;
    for (const auto& column : columns)
      out += (out.empty() ? "" : ", ") + prefix + admin_.quote_identifier(column);
    return out;
  }
  [[nodiscard]] std::string at(const CsvFile& file, std::uint64_t line) const {
    return file.name() + ":" + std::to_string(line);
  }

  /// The rows as they are, with the columns' own types: COPY is refused under row-level security.
  Result<void> stage(CsvFile& file, const ImportTable& table) {
    const auto columns = list(file.columns());
    const auto place = staged(table);
    BULKHEAD_CHECK(admin_.execute(
        "create unlogged table " + place + " as select " + columns + " from " + target(table) +
        " with no data; alter table " + place +
        " add column \"bulkhead row\" bigint generated always as identity, add column \"bulkhead new\" "
        "boolean not null "
        "default false, add column \"bulkhead tenant\" uuid not null default " +
        admin_.quote_literal(tenant_.id.text()) + "; alter table " + place +
        " enable row level security; create policy own_tenant on " + place + " to " +
        admin_.quote_identifier(role_) +
        " using (\"bulkhead tenant\" = (select bulkhead.tenant_id())); grant select on " + place + " to " +
        admin_.quote_identifier(role_)));
    const std::uint64_t before = done_;
    CsvScanner scanner;
    bool more = true;
    auto copied = admin_.copy_in("copy " + place + " (" + columns + ") from stdin (format csv)",
                                 [&](std::string& chunk) -> Result<bool> {
                                   if (!more) return false;
                                   BULKHEAD_TRY(more, file.read(chunk));
                                   scanner.feed(chunk, [](std::uint64_t) {});
                                   tell(before + scanner.records());
                                   return more;
                                 });
    if (copied.has_error()) return copy_error(file, copied.error());
    if (*copied != file.rows()) {
      // COPY takes a line of nothing but \. for the end of the data.
      BULKHEAD_TRY(const auto line, file.line_of_row(*copied + 1));
      return failed(at(file, line) + ": the rows from here on were not read")
          .hint("an empty line, or a line of only \\. ends the data; take it out, or quote the value");
    }
    done_ = before + file.rows();
    tell(done_);
    return {};
  }

  Error copy_error(const CsvFile& file, const Error& error) const {
    if (error.code() != Errc::statement_failed) return error;
    const auto place = place_in(error.internal());
    const std::string where = place.line == 0 ? file.name() : at(file, place.line + file.header_lines());
    return failed(where + (place.column.empty() ? "" : ", column " + place.column) + ": " +
                  std::string(error.message()))
        .sqlstate(std::string(error.sqlstate()))
        .internal(std::string(error.internal()));
  }

  Result<std::uint64_t> insert(CsvFile& file, const ImportTable& table) {
    const auto columns = list(file.columns());
    const auto statement = "insert into " + target(table) + " (" + columns + ") select " + columns +
                           " from " + staged(table) +
                           " where \"bulkhead row\" <= $1::bigint order by \"bulkhead row\"";
    const auto attempt = [&](std::uint64_t rows) -> Result<std::uint64_t> {
      BULKHEAD_CHECK(server_.execute("savepoint import"));
      auto inserted = insert_as_tenant(statement, rows);
      if (inserted.has_error()) BULKHEAD_CHECK(server_.execute("rollback to savepoint import"));
      BULKHEAD_CHECK(server_.execute("release savepoint import"));
      return inserted;
    };
    auto inserted = attempt(file.rows());
    if (inserted.has_value() || inserted.error().code() != Errc::statement_failed) return inserted;
    const Error first = inserted.error();
    if (first.sqlstate() == "23503" && table.refers_to_itself) {
      return failed(file.name() + ": " + std::string(first.message()))
          .hint("a row refers to one that is neither in the folder nor in the tenant")
          .sqlstate("23503")
          .internal(std::string(first.internal()));
    }
    // Which row? The shortest beginning of the file that fails ends with it. (Rolled back each time.)
    std::uint64_t good = 0, bad = file.rows();
    const auto state = std::string(first.sqlstate());
    while (bad - good > 1) {
      const std::uint64_t middle = good + (bad - good) / 2;
      auto part = attempt_and_undo(statement, middle);
      if (part.has_error() && part.error().code() != Errc::statement_failed) return part.error();
      // Another complaint (a row that refers to a later one of the same file, say) is of the probe's own making.
      (part.has_error() && part.error().message() == first.message() ? bad : good) = middle;
    }
    BULKHEAD_TRY(const auto line, file.line_of_row(bad));
    return failed(at(file, line) + ": " + std::string(first.message()))
        .hint(state == "23503" ? "the row that it refers to is neither in the folder nor in the tenant (or "
                                 "stands further down in this file)"
                               : "")
        .sqlstate(state)
        .internal(std::string(first.internal()));
  }

  Result<void> attempt_and_undo(const std::string& statement, std::uint64_t rows) {
    BULKHEAD_CHECK(server_.execute("savepoint probe"));
    auto inserted = insert_as_tenant(statement, rows);
    BULKHEAD_CHECK(server_.execute("rollback to savepoint probe; release savepoint probe"));
    if (inserted.has_error()) return inserted.error();
    return {};
  }

  Result<std::uint64_t> insert_as_tenant(const std::string& statement, std::uint64_t rows) {
    BULKHEAD_TRY(
        auto bound,
        server_.query("select set_config('bulkhead.context', $1, true), set_config('role', $2, true)",
                      {context_, role_}));
    BULKHEAD_TRY(auto result, server_.query(statement, {std::to_string(rows)}));
    return result.affected();
  }

  /// Rows of a shared table: what is there must be the same, what is not is added.
  Result<std::uint64_t> merge(CsvFile& file, const ImportTable& table) {
    std::string differs;
    for (const auto& column : file.columns()) {
      const bool key =
          std::find(table.primary_key.begin(), table.primary_key.end(), column) != table.primary_key.end();
      if (key) continue;
      const auto name = admin_.quote_identifier(column);
      differs += (differs.empty() ? "t." : " or t.") + name + " is distinct from s." + name;
    }
    if (!differs.empty()) {
      BULKHEAD_TRY(auto wrong, admin_.query("select s.\"bulkhead row\" from " + staged(table) + " s join " +
                                            target(table) + " t on " + same_key(table) + " where " + differs +
                                            " order by 1 limit 1"));
      if (!wrong.empty()) {
        std::uint64_t row = 0;
        const auto text = wrong.text(0, 0);
        std::from_chars(text.data(), text.data() + text.size(), row);
        BULKHEAD_TRY(const auto line, file.line_of_row(row));
        return failed(at(file, line) + ": table \"" + table.name +
                      "\" is shared by all tenants and holds another row with this key")
            .hint("use the shared row's key for it, or change the shared row by a migration");
      }
    }
    BULKHEAD_CHECK(admin_.execute("update " + staged(table) +
                                  " s set \"bulkhead new\" = true where not exists (select from " +
                                  target(table) + " t where " + same_key(table) + ")"));
    const auto columns = list(file.columns());
    auto inserted = admin_.query("insert into " + target(table) + " (" + columns + ") select " + columns +
                                 " from " + staged(table) + " where \"bulkhead new\"");
    if (inserted.has_error()) return copy_error(file, inserted.error());
    return inserted->affected();
  }

  /// Identity and serial columns that came with values go on after the largest. (`bulkhead.next_id` does so by itself.)
  Result<void> advance_sequences(const CsvFile& file, const ImportTable& table) {
    for (const auto& column : file.columns()) {
      BULKHEAD_TRY(auto sequence,
                   admin_.query("select pg_get_serial_sequence($1, $2)", {target(table), column}));
      if (sequence.is_null(0, 0)) continue;
      BULKHEAD_TRY(auto moved,
                   admin_.query("select setval($1::regclass, m) from (select max(" +
                                    admin_.quote_identifier(column) + ")::bigint as m from " + staged(table) +
                                    ") x where m > "
                                    "coalesce((select s.last_value from pg_sequences s where "
                                    "format('%I.%I', s.schemaname, s.sequencename) = $1), 0)",
                                {std::string(sequence.text(0, 0))}));
    }
    return {};
  }

  void tell(std::uint64_t done) const {
    if (options_.progress) options_.progress(done, total_);
  }

  pg::Blocking& admin_;
  pg::Blocking& server_;
  const catalog::TenantRecord& tenant_;
  const ImportOptions& options_;
  std::string role_;
  Staging staging_;
  ImportTables tables_;
  std::map<std::string, CsvFile> files_;
  std::map<std::string, std::uint64_t> added_;
  std::string context_;
  std::uint64_t done_ = 0, total_ = 0;
};

}  // namespace

Result<std::vector<ImportedTable>> import_csv(pg::Blocking& catalog, const catalog::TenantRecord& tenant,
                                              const fs::path& dir, const ImportOptions& options) {
  BULKHEAD_CHECK(refuse_adopted(tenant, "an import"));
  BULKHEAD_TRY(const catalog::DatabaseLogin login, catalog::login_of(catalog, tenant.placement));
  BULKHEAD_TRY(pg::Blocking admin,
               catalog::connect_to(catalog, tenant.placement.cell, tenant.placement.database));
  BULKHEAD_TRY(pg::Blocking server, admin.another({{"user", login.name}, {"password", login.password}}));
  return Import(admin, server, tenant, options).run(dir);
}

}  // namespace bulkhead::lifecycle
