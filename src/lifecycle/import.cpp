#include "lifecycle/import.hpp"

#include <algorithm>
#include <charconv>

#include "lifecycle/csv.hpp"
#include "lifecycle/import_tables.hpp"

namespace bulkhead::lifecycle {
namespace {

namespace fs = std::filesystem;

Error failed(std::string message) {
  return Error(Errc::import_failed, std::move(message));
}

/// PostgreSQL's report of a failed COPY says "COPY staging, line 7, column price: …".
struct CopyPlace {
  std::uint64_t line = 0;
  std::string column;
};
CopyPlace place_in(std::string_view report) {
  CopyPlace out;
  const auto at = report.find("COPY bulkhead_import, line ");
  if (at == std::string_view::npos) return out;
  auto rest = report.substr(at + 27);
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), out.line);
  rest.remove_prefix(static_cast<std::size_t>(parsed.ptr - rest.data()));
  constexpr std::string_view word = ", column ";
  if (rest.rfind(word, 0) == 0)
    out.column = rest.substr(word.size(), rest.find_first_of(":\n") - word.size());
  return out;
}

class Import {
 public:
  Import(pg::Blocking& admin, const catalog::TenantRecord& tenant, const ImportOptions& options)
      : admin_(admin), tenant_(tenant), options_(options) {}

  Result<std::vector<ImportedTable>> run(const fs::path& dir) {
    BULKHEAD_TRY(tables_, read_tables(admin_, tenant_.placement.schema));
    BULKHEAD_CHECK(open_files(dir));
    std::vector<std::string> names;
    for (const auto& [name, file] : files_) names.push_back(name);
    BULKHEAD_TRY(const auto order, foreign_key_order(tables_, names));
    BULKHEAD_CHECK(admin_.execute("begin"));
    auto done = load(order);
    if (done.has_value()) {
      if (auto committed = admin_.execute("commit"); committed.has_error()) done = committed.error();
    }
    if (done.has_error()) [[maybe_unused]]
      const auto rolled_back = admin_.execute("rollback");
    return done;
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

  Result<std::vector<ImportedTable>> load(const std::vector<std::string>& order) {
    // As every writer: not while the tenant is being moved.
    BULKHEAD_TRY(auto locked, admin_.query("select bulkhead.lock_tenant($1::uuid)", {tenant_.id.text()}));
    BULKHEAD_TRY(auto resides, admin_.query("select bulkhead.resides($1::uuid, $2::bigint, true)",
                                            {tenant_.id.text(), std::to_string(tenant_.placement.epoch)}));
    if (resides.text(0, 0) != "t") {
      return Error(Errc::placement_stale, "tenant \"" + tenant_.slug + "\" cannot be written here now")
          .hint("try again in a moment");
    }
    BULKHEAD_CHECK(admin_.execute("set local search_path = pg_catalog, pg_temp"));
    std::vector<ImportedTable> out;
    for (const auto& name : order) {
      auto& file = files_.at(name);
      const auto& table = tables_.at(name);
      BULKHEAD_CHECK(stage(file, table));
      ImportedTable imported;
      imported.name = name;
      imported.shared = !table.tenant;
      imported.rows = file.rows();
      BULKHEAD_TRY(imported.added, table.tenant ? insert(file, table) : merge(file, table));
      BULKHEAD_CHECK(advance_sequences(file, table));
      BULKHEAD_CHECK(admin_.execute("drop table pg_temp.bulkhead_import"));
      out.push_back(std::move(imported));
    }
    return out;
  }

  [[nodiscard]] std::string target(const ImportTable& table) const {
    return admin_.quote_identifier(tenant_.placement.schema) + "." + admin_.quote_identifier(table.name);
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

  /// The rows as they are, with the columns' own types, in a temporary table: COPY is refused under row-level security.
  Result<void> stage(CsvFile& file, const ImportTable& table) {
    const auto columns = list(file.columns());
    BULKHEAD_CHECK(admin_.execute("create temporary table bulkhead_import as select " + columns + " from " +
                                  target(table) + " with no data"));
    BULKHEAD_CHECK(
        admin_.execute("alter table pg_temp.bulkhead_import add column \"bulkhead row\" bigint generated "
                       "always as identity"));
    const std::uint64_t before = done_;
    CsvScanner scanner;
    bool more = true;
    auto copied = admin_.copy_in("copy pg_temp.bulkhead_import (" + columns + ") from stdin (format csv)",
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
    BULKHEAD_CHECK(admin_.execute("grant select on pg_temp.bulkhead_import to app_owner"));
    const auto columns = list(file.columns());
    const auto statement =
        "insert into " + target(table) + " (" + columns + ") select " + columns +
        " from pg_temp.bulkhead_import where \"bulkhead row\" <= $1::bigint order by \"bulkhead row\"";
    const auto attempt = [&](std::uint64_t rows) -> Result<std::uint64_t> {
      BULKHEAD_CHECK(admin_.execute("savepoint import"));
      auto inserted = insert_as_tenant(statement, rows);
      if (inserted.has_error()) BULKHEAD_CHECK(admin_.execute("rollback to savepoint import"));
      BULKHEAD_CHECK(admin_.execute("release savepoint import; reset role"));
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
    BULKHEAD_CHECK(admin_.execute("savepoint probe"));
    auto inserted = insert_as_tenant(statement, rows);
    BULKHEAD_CHECK(admin_.execute("rollback to savepoint probe; release savepoint probe; reset role"));
    if (inserted.has_error()) return inserted.error();
    return {};
  }

  Result<std::uint64_t> insert_as_tenant(const std::string& statement, std::uint64_t rows) {
    BULKHEAD_TRY(auto bound, admin_.query("select set_config('bulkhead.context', "
                                          "bulkhead.sign_context($1::uuid, 'app_owner', 86400), true), "
                                          "set_config('role', 'app_owner', true)",
                                          {tenant_.id.text()}));
    BULKHEAD_TRY(auto result, admin_.query(statement, {std::to_string(rows)}));
    return result.affected();
  }

  /// Rows of a shared table: what is there must be the same, what is not is added.
  Result<std::uint64_t> merge(CsvFile& file, const ImportTable& table) {
    std::string same_key, differs;
    for (const auto& column : file.columns()) {
      const auto name = admin_.quote_identifier(column);
      const bool key =
          std::find(table.primary_key.begin(), table.primary_key.end(), column) != table.primary_key.end();
      auto& text = key ? same_key : differs;
      if (!text.empty()) text += key ? " and " : " or ";
      text += "t." + name + (key ? " = s." : " is distinct from s.") + name;
    }
    if (!differs.empty()) {
      BULKHEAD_TRY(auto wrong, admin_.query("select s.\"bulkhead row\" from pg_temp.bulkhead_import s join " +
                                            target(table) + " t on " + same_key + " where " + differs +
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
    const auto columns = list(file.columns());
    auto inserted = admin_.query("insert into " + target(table) + " (" + columns + ") select " +
                                 list(file.columns(), "s.") +
                                 " from pg_temp.bulkhead_import s where not exists (select from " +
                                 target(table) + " t where " + same_key + ")");
    if (inserted.has_error()) return copy_error(file, inserted.error());
    return inserted->affected();
  }

  /// Identity and serial columns that came with values go on after the largest. (`bulkhead.next_id` does so by itself.)
  Result<void> advance_sequences(const CsvFile& file, const ImportTable& table) {
    for (const auto& column : file.columns()) {
      BULKHEAD_TRY(auto sequence,
                   admin_.query("select pg_get_serial_sequence($1, $2)", {target(table), column}));
      if (sequence.is_null(0, 0)) continue;
      BULKHEAD_TRY(auto moved, admin_.query("select setval($1::regclass, m) from (select max(" +
                                                admin_.quote_identifier(column) +
                                                ")::bigint as m from pg_temp.bulkhead_import) x where m > "
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
  const catalog::TenantRecord& tenant_;
  const ImportOptions& options_;
  ImportTables tables_;
  std::map<std::string, CsvFile> files_;
  std::uint64_t done_ = 0, total_ = 0;
};

}  // namespace

Result<std::vector<ImportedTable>> import_csv(pg::Blocking& admin, const catalog::TenantRecord& tenant,
                                              const fs::path& dir, const ImportOptions& options) {
  return Import(admin, tenant, options).run(dir);
}

}  // namespace bulkhead::lifecycle
