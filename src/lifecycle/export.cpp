#include "lifecycle/export.hpp"

#include <map>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "base/failpoint.hpp"
#include "base/json.hpp"
#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "lifecycle/adopt.hpp"
#include "lifecycle/app_migrations.hpp"
#include "lifecycle/archive.hpp"
#include "lifecycle/digest.hpp"
#include "lifecycle/operations.hpp"

namespace bulkhead::lifecycle {
namespace {

constexpr std::string_view format_name = "bulkhead-export/1";
constexpr std::string_view counters = "bulkhead.counter", memberships = "catalog.membership";

/// Where a table's rows stand in the archive.
std::string file_of(std::string_view table) {
  if (table == counters) return "counters.csv";
  if (table == memberships) return "memberships.csv";
  return "data/" + std::string(table) + ".csv";
}

std::string table_of(std::string_view file) {
  if (file == file_of(counters)) return std::string(counters);
  if (file == file_of(memberships)) return std::string(memberships);
  constexpr std::string_view before = "data/", after = ".csv";
  if (file.size() < before.size() + after.size()) return {};
  return std::string(file.substr(before.size(), file.size() - before.size() - after.size()));
}

/// As CSV wants a value that may hold anything.
std::string quoted(std::string_view value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

boost::json::array texts(const std::vector<std::string>& from) {
  boost::json::array out;
  for (const auto& text : from) out.push_back(boost::json::string(text));
  return out;
}

class Export {
 public:
  Export(pg::Blocking& catalog, pg::Blocking& placement, const catalog::TenantRecord& tenant,
         const ExportRequest& request)
      : catalog_(catalog), placement_(placement), tenant_(tenant), request_(request) {}

  Result<ExportReport> run() {
    BULKHEAD_TRY(ArchiveWriter archive, ArchiveWriter::open(request_.out));
    BULKHEAD_TRY(TenantData data, TenantData::open(placement_, tenant_));
    BULKHEAD_CHECK(check_home());
    BULKHEAD_CHECK(add_schema(archive, data));
    BULKHEAD_CHECK(add_rows(archive, data));
    report_.content_sha256 = digest_of(report_.tables);
    BULKHEAD_CHECK(add_memberships(archive));
    BULKHEAD_TRY(const auto manifest, manifest_of());
    BULKHEAD_CHECK(archive.add("manifest.json", boost::json::serialize(manifest) + "\n"));
    failpoint("export.written");
    BULKHEAD_CHECK(archive.finish());
    std::error_code ignored;
    report_.bytes = std::filesystem::file_size(request_.out, ignored);
    return std::move(report_);
  }

 private:
  /// Asked in the snapshot: what is read below is the tenant's.
  Result<void> check_home() {
    BULKHEAD_CHECK(placement_.execute("set local role none"));
    BULKHEAD_TRY(auto home,
                 placement_.query(
                     "select from bulkhead.residency where tenant_id = $1::uuid and epoch = $2::bigint and "
                     "schema_name = $3",
                     {tenant_.id.text(), std::to_string(tenant_.placement.epoch), tenant_.placement.schema}));
    BULKHEAD_CHECK(placement_.execute("set local role bulkhead_owner"));
    if (home.empty())
      return Error(Errc::placement_stale,
                   "tenant \"" + tenant_.slug + "\" does not live where the catalog says now")
          .hint("try again");
    return {};
  }

  Result<void> add_schema(ArchiveWriter& archive, const TenantData& data) {
    BULKHEAD_TRY(const auto migrations, app_migrations(catalog_));
    for (const auto& migration : migrations)
      BULKHEAD_CHECK(archive.add("schema/" + migration.path.filename().string(), migration.sql));
    boost::json::array tables;
    for (const auto& [name, table] : data.known()) {
      boost::json::array columns;
      for (const auto& [column, generated] : table.columns)
        columns.push_back({{"name", column}, {"generated", generated}});
      std::vector<std::string> refers(table.refers_to.begin(), table.refers_to.end());
      tables.push_back({{"name", name},
                        {"shared", !table.tenant},
                        {"columns", std::move(columns)},
                        {"primary_key", texts(table.primary_key)},
                        {"refers_to", texts(refers)}});
    }
    return archive.add("schema/tables.json", boost::json::serialize(tables) + "\n");
  }

  Result<void> add_rows(ArchiveWriter& archive, TenantData& data) {
    for (const auto& table : data.tables()) {
      BULKHEAD_TRY(const auto rows, data.count(table));
      total_ += rows;
    }
    for (const auto& table : data.tables()) {
      BULKHEAD_CHECK(archive.add(file_of(table), [&](const ArchiveWriter::Sink& sink) {
        return keep(data.read(table, [&](std::string_view line) {
          sink(line);
          tell();
        }));
      }));
      --done_;  // The header is no row.
      failpoint("export.table");
    }
    return archive.add(file_of(counters),
                       [&](const ArchiveWriter::Sink& sink) { return keep(data.read_counters(sink)); });
  }

  void tell() {
    ++done_;
    if (request_.progress && done_ % 256 == 0) request_.progress(done_, total_);
  }

  Result<void> keep(Result<TableDigest> read) {
    if (read.has_error()) return read.error();
    report_.rows += read->rows;
    report_.tables.push_back(std::move(*read));
    return {};
  }

  Result<void> add_memberships(ArchiveWriter& archive) {
    BULKHEAD_TRY(
        auto rows,
        catalog_.query(
            "select u.id, u.name, i.issuer, i.subject, m.role, m.status, catalog.rfc3339(m.made_at) from "
            "catalog.membership m join catalog.app_user u on u.id = m.user_id left join catalog.identity i "
            "on "
            "i.user_id = u.id where m.tenant_id = $1::uuid order by u.id, i.issuer, i.subject",
            {tenant_.id.text()}));
    std::string text = "user_id,name,issuer,subject,role,status,made_at\n";
    for (std::size_t row = 0; row < rows.size(); ++row) {
      for (std::size_t column = 0; column < 7; ++column)
        text += (column == 0 ? "" : ",") +
                (rows.is_null(row, column) ? std::string() : quoted(rows.text(row, column)));
      text += '\n';
    }
    TableDigest digest;
    digest.name = memberships;
    digest.rows = rows.size();
    Sha256 sum;
    sum.update(text);
    digest.sha256 = sum.hex();
    report_.tables.push_back(std::move(digest));
    return archive.add(file_of(memberships), text);
  }

  Result<boost::json::object> manifest_of() {
    BULKHEAD_TRY(
        auto facts,
        catalog_.query(
            "select catalog.rfc3339(now()), coalesce((select max(version) from catalog.app_migration), 0)"));
    boost::json::array files;
    for (const auto& table : report_.tables) {
      files.push_back({{"file", file_of(table.name)}, {"rows", table.rows}, {"sha256", table.sha256}});
    }
    return boost::json::object{
        {"format", format_name},
        {"tenant",
         {{"id", tenant_.id.text()}, {"slug", tenant_.slug}, {"name", tenant_.name}, {"plan", tenant_.plan}}},
        {"placement",
         {{"model", catalog::model_name(tenant_.placement.model)}, {"cell", tenant_.placement.cell}}},
        {"exported_at", facts.text(0, 0)},
        {"app_version", facts.text(0, 1)},
        {"content_sha256", report_.content_sha256},
        {"files", std::move(files)}};
  }

  pg::Blocking& catalog_;
  pg::Blocking& placement_;
  const catalog::TenantRecord& tenant_;
  const ExportRequest& request_;
  std::uint64_t done_ = 0, total_ = 0;
  ExportReport report_;
};

Error broken(const std::filesystem::path& archive, const std::string& what) {
  return Error(Errc::import_failed, archive.string() + ": " + what)
      .hint("the archive is damaged or was changed; export again");
}

}  // namespace

Result<ExportReport> export_tenant(pg::Blocking& catalog, const ExportRequest& request) {
  BULKHEAD_TRY(const auto tenant, catalog::find_tenant(catalog, request.tenant));
  BULKHEAD_CHECK(refuse_adopted(tenant, "an export"));
  NewOperation wanted;
  wanted.kind = "export";
  wanted.subject = tenant.slug;
  wanted.tenant = tenant.id;
  wanted.actor = request.actor;
  wanted.input = {{"out", request.out.string()}};
  auto started = start_operation(catalog, wanted);
  if (started.has_error() && started.error().code() == Errc::conflict) {
    BULKHEAD_CHECK(end_abandoned(catalog, "export"));
    started = start_operation(catalog, wanted);
  }
  if (started.has_error()) return started.error();
  ExportReport report;
  const std::vector<OperationStep> steps{
      {"write", [&](OperationRun& run) -> Result<void> {
         BULKHEAD_TRY(auto placement,
                      catalog::connect_to(catalog, tenant.placement.cell, tenant.placement.database));
         BULKHEAD_TRY(report, Export(catalog, placement, tenant, request).run());
         run.operation.result = {
             {"rows", report.rows}, {"bytes", report.bytes}, {"content_sha256", report.content_sha256}};
         return {};
       }}};
  auto done = run_operation(catalog, started->id, steps);
  if (done.has_error()) {
    // Nobody else can go on with a file of this machine.
    [[maybe_unused]] const auto cancelled = cancel_operation(catalog, started->id);
    return done.error();
  }
  report.operation = started->id.text();
  return report;
}

Result<ExportReport> verify_export(const std::filesystem::path& archive) {
  std::map<std::string, std::string> seen;
  std::string manifest_text;
  const auto look = [&](const std::string& name,
                        const std::function<Result<std::string>()>& next) -> Result<void> {
    Sha256 sum;
    for (;;) {
      BULKHEAD_TRY(const std::string piece, next());
      if (piece.empty()) break;
      sum.update(piece);
      if (name == "manifest.json") manifest_text += piece;
    }
    seen[name] = sum.hex();
    return {};
  };
  BULKHEAD_CHECK(read_archive(archive, look));
  if (manifest_text.empty()) return broken(archive, "it has no manifest.json");
  BULKHEAD_TRY(const auto manifest, parse_json(manifest_text));
  ExportReport report;
  try {
    const auto& object = manifest.as_object();
    if (object.at("format").as_string() != format_name) return broken(archive, "its format is another one");
    std::vector<TableDigest> content;
    for (const auto& entry : object.at("files").as_array()) {
      const auto& file = entry.as_object();
      TableDigest digest;
      const std::string name(file.at("file").as_string());
      digest.name = table_of(name);
      digest.rows = file.at("rows").to_number<std::uint64_t>();
      digest.sha256 = std::string(file.at("sha256").as_string());
      if (!seen.contains(name)) return broken(archive, name + " is missing");
      if (seen[name] != digest.sha256) return broken(archive, name + " is not what the manifest says");
      if (digest.name != memberships) {
        report.rows += digest.rows;
        content.push_back(digest);
      }
      report.tables.push_back(std::move(digest));
    }
    report.content_sha256 = digest_of(content);
    if (report.content_sha256 != object.at("content_sha256").as_string())
      return broken(archive, "the manifest does not agree with itself");
  } catch (const std::exception&) {
    return broken(archive, "its manifest.json is not understood");
  }
  return report;
}

}  // namespace bulkhead::lifecycle
