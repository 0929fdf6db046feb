#include "lifecycle/backup/base.hpp"

#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "base/failpoint.hpp"
#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "lifecycle/adopt.hpp"
#include "lifecycle/backup/keeper.hpp"
#include "lifecycle/backup/keys.hpp"
#include "lifecycle/members.hpp"
#include "pg/replication.hpp"

namespace bulkhead::lifecycle::backup {
namespace {

template <class T>
T number_of(std::string_view text) {
  T out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

/// Tenants whose journal is kept where they live, and whose last base is older than their last move; `{}`: `is_enabled`.
constexpr const char* moved_sql = R"(
select t.id
  from catalog.tenant t join catalog.placement p on p.tenant_id = t.id
 where {}
   and exists (select from catalog.backup_stretch k
                where k.tenant_id = t.id and k.cell = p.cell and k.database_name = p.database_name and k.until_at is null)
   and (select max(b.made_at) from catalog.operation b where b.tenant_id = t.id and b.kind = 'backup' and b.state = 'done')
     < (select max(m.updated_at) from catalog.operation m where m.tenant_id = t.id and m.kind = 'move' and m.state = 'done')
   and not exists (select from catalog.operation o
                    where o.tenant_id = t.id
                      and (o.state in ('pending', 'running')
                           or o.kind = 'backup' and o.state = 'failed' and o.updated_at > now() - interval '10 min'))
 order by t.id)";

Error replication_refused(const Error& error) {
  if (error.code() != Errc::statement_failed && error.code() != Errc::database_unavailable) return error;
  Error out(error.code(), "a backup needs PostgreSQL's logical replication: " + std::string(error.message()));
  return std::move(out)
      .internal(std::string(error.internal()))
      .sqlstate(std::string(error.sqlstate()))
      .hint(
          "set wal_level = logical, leave a place in max_replication_slots and max_wal_senders, and use an "
          "operator's URL whose login has REPLICATION or is superuser");
}

/// The tenant's rows as of one moment that the journal knows, in a transaction that ends with this object.
class Snapshot {
 public:
  Snapshot(pg::Blocking placement, const catalog::TenantRecord& tenant)
      : placement_(std::move(placement)), tenant_(tenant) {}

  Result<void> open() {
    BULKHEAD_TRY(const std::string conninfo, placement_.conninfo());
    auto stream = pg::Replication::connect(conninfo);
    if (stream.has_error()) return replication_refused(stream.error());
    auto slot =
        stream->create_slot("bulkhead_backup_" + Uuid::random().text().substr(0, 8), /*temporary=*/true);
    if (slot.has_error()) return replication_refused(slot.error());
    failpoint("backup.snapshot");
    manifest_.consistent = slot->consistent;
    BULKHEAD_CHECK(placement_.execute("begin isolation level repeatable read read only"));
    BULKHEAD_CHECK(
        placement_.execute("set transaction snapshot " + placement_.quote_literal(slot->snapshot)));
    // The snapshot is ours from here on: the replication slot goes with its connection.
    BULKHEAD_CHECK(set_formats(placement_));
    BULKHEAD_CHECK(read_moment());
    BULKHEAD_CHECK(check_home());
    return lock_tables();
  }

  [[nodiscard]] Manifest& manifest() noexcept { return manifest_; }
  [[nodiscard]] const std::vector<TableShape>& shapes() const noexcept { return shapes_; }

  Result<std::uint64_t> count() {
    std::uint64_t out = 0;
    for (const auto& shape : shapes_) {
      BULKHEAD_TRY(auto rows,
                   placement_.query("select count(*) from " +
                                        place_of(placement_, tenant_.placement.schema, shape.name) +
                                        " where tenant_id = $1::uuid",
                                    {tenant_.id.text()}));
      out += number_of<std::uint64_t>(rows.text(0, 0));
    }
    return out;
  }
  Result<void> read(const TableShape& shape, const std::function<void(std::string_view)>& row) {
    return copy_rows(placement_, tenant_.placement.schema, shape, tenant_.id, row);
  }

 private:
  /// Whatever the snapshot shows was committed before this, by the same clock.
  Result<void> read_moment() {
    BULKHEAD_TRY(auto rows,
                 placement_.query("select floor(extract(epoch from clock_timestamp()) * 1000000)::bigint"));
    manifest_.at = Moment(std::chrono::microseconds(number_of<std::int64_t>(rows.text(0, 0))));
    return {};
  }
  Result<void> check_home() {
    BULKHEAD_TRY(
        auto rows,
        placement_.query(
            "select t.version from bulkhead.residency r join bulkhead.target t on t.schema_name = "
            "r.schema_name where r.tenant_id = $1::uuid and r.epoch = $2::bigint and r.schema_name = $3",
            {tenant_.id.text(), std::to_string(tenant_.placement.epoch), tenant_.placement.schema}));
    if (rows.empty())
      return Error(Errc::placement_stale,
                   "tenant \"" + tenant_.slug + "\" does not live where the catalog says now")
          .hint("try again");
    manifest_.version = number_of<std::int32_t>(rows.text(0, 0));
    return {};
  }
  /// A table's shape is the same from here to the end, and is that of the snapshot.
  Result<void> lock_tables() {
    BULKHEAD_TRY(shapes_, shapes_of(placement_, tenant_.placement.schema));
    for (const auto& shape : shapes_)
      BULKHEAD_CHECK(placement_.execute("lock table " +
                                        place_of(placement_, tenant_.placement.schema, shape.name) +
                                        " in access share mode"));
    BULKHEAD_TRY(auto other, placement_.another({}));
    BULKHEAD_TRY(auto rows, other.query("select version from bulkhead.target where schema_name = $1",
                                        {tenant_.placement.schema}));
    if (!rows.empty() && number_of<std::int32_t>(rows.text(0, 0)) == manifest_.version) return {};
    return Error(Errc::conflict, "the app was migrated while the backup of \"" + tenant_.slug + "\" began")
        .hint("try again");
  }

  pg::Blocking placement_;
  const catalog::TenantRecord& tenant_;
  Manifest manifest_;
  std::vector<TableShape> shapes_;
};

class Backup {
 public:
  Backup(OperationRun& run, const catalog::TenantRecord& tenant, cloud::ObjectStore& store,
         const RowsTold& told)
      : run_(run), tenant_(tenant), store_(store), told_(told) {}

  Result<void> write() {
    BULKHEAD_TRY(key_, tenant_key(run_.catalog, tenant_.id));
    BULKHEAD_TRY(auto placement,
                 catalog::connect_to(run_.catalog, tenant_.placement.cell, tenant_.placement.database));
    Snapshot snapshot(std::move(placement), tenant_);
    BULKHEAD_CHECK(snapshot.open());
    BULKHEAD_TRY(total_, snapshot.count());
    manifest_ = snapshot.manifest();
    describe();
    base_ = new_base_name(tenant_.id, manifest_.at);
    for (const auto& shape : snapshot.shapes()) BULKHEAD_CHECK(write_part(snapshot, shape));
    failpoint("backup.parts");
    BULKHEAD_TRY(const auto written,
                 write_sealed(store_, manifest_key(base_), key_, manifest_text(manifest_)));
    failpoint("backup.manifest");
    run_.operation.result = {{"base", base_.folder},
                             {"at", moment_text(manifest_.at)},
                             {"rows", manifest_.rows()},
                             {"bytes", manifest_.bytes() + written.bytes}};
    return {};
  }

 private:
  void describe() {
    manifest_.tenant = tenant_.id.text();
    manifest_.slug = tenant_.slug;
    manifest_.name = tenant_.name;
    manifest_.plan = tenant_.plan;
    manifest_.model = catalog::model_name(tenant_.placement.model);
    manifest_.cell = tenant_.placement.cell;
    manifest_.database = tenant_.placement.database;
    manifest_.schema = tenant_.placement.schema;
    manifest_.epoch = tenant_.placement.epoch;
  }

  Result<void> write_part(Snapshot& snapshot, const TableShape& shape) {
    Part part;
    part.shape = shape;
    part.object = fmt::format("part-{:04}", manifest_.parts.size() + 1);
    BULKHEAD_TRY(auto object, SealedWriter::open(store_, base_.folder + part.object, key_));
    RowsHash hash;
    Result<void> stored;
    BULKHEAD_CHECK(snapshot.read(shape, [&](std::string_view line) {
      hash.add(line);
      if (stored.has_value()) stored = object.write(line);
      tell();
    }));
    if (stored.has_error()) return stored;
    part.rows = hash.rows();
    part.rows_hash = hash.hex();
    BULKHEAD_TRY(part.sealed, object.finish());
    manifest_.parts.push_back(std::move(part));
    failpoint("backup.part");
    run_.operation.progress = {{"rows", done_}, {"rows_total", total_}};
    return run_.save();
  }
  void tell() {
    ++done_;
    if (told_ && (done_ % 256 == 0 || done_ == total_)) told_(done_, total_);
  }

  OperationRun& run_;
  const catalog::TenantRecord& tenant_;
  cloud::ObjectStore& store_;
  const RowsTold& told_;
  DataKey key_;
  Manifest manifest_;
  BaseName base_;
  std::uint64_t done_ = 0, total_ = 0;
};

Result<void> write(OperationRun& run, const RowsTold& told) {
  BULKHEAD_TRY(const auto tenant,
               catalog::find_tenant(run.catalog, run.operation.tenant.value_or(TenantId()).text()));
  BULKHEAD_TRY(auto store, cloud::open_object_store(text_of(run.operation.input, "store")));
  return Backup(run, tenant, *store, told).write();
}

}  // namespace

Result<Operation> run_backup(pg::Blocking& catalog, const Uuid& id,
                             const std::function<void(const Operation&)>& told, const RowsTold& rows) {
  const std::vector<OperationStep> steps{{"write", [&rows](OperationRun& run) { return write(run, rows); }}};
  return run_operation(catalog, id, steps, told);
}

Result<BackupReport> create_backup(pg::Blocking& catalog, const BackupRequest& request) {
  BULKHEAD_TRY(const auto tenant, catalog::find_tenant(catalog, request.tenant));
  BULKHEAD_CHECK(refuse_adopted(tenant, "a backup"));
  BULKHEAD_TRY(auto store, cloud::open_object_store(request.store));
  NewOperation wanted;
  wanted.kind = "backup";
  wanted.subject = tenant.slug;
  wanted.tenant = tenant.id;
  wanted.actor = request.actor;
  wanted.input = {{"store", request.store}};
  BULKHEAD_TRY(const auto started, start_operation(catalog, wanted));
  failpoint("backup.started");
  BULKHEAD_TRY(const auto done, run_backup(catalog, started.id, {}, request.rows));
  BackupReport report;
  report.operation = done.id.text();
  const auto base = parse_base_name(text_of(done.result, "base") + "manifest");
  if (!base) return Error(Errc::internal, "operation " + report.operation + " names no backup");
  report.base = *base;
  BULKHEAD_TRY(const DataKey key, find_tenant_key(catalog, tenant.id));
  BULKHEAD_TRY(report.manifest, read_manifest(*store, report.base, key));
  return report;
}

Result<std::int64_t> back_up_moved(pg::Blocking& catalog, const std::string& store,
                                   const std::function<bool()>& stop) {
  // Where nobody has ever made a backup, none is begun here. What has just failed, or is under way, is left alone.
  BULKHEAD_TRY(auto moved, catalog.query(fmt::format(moved_sql, is_enabled)));
  std::int64_t done = 0;
  std::optional<Error> failed;
  for (std::size_t row = 0; row < moved.size() && !(stop && stop()); ++row) {
    BackupRequest request;
    request.tenant = moved.text(row, 0);
    request.store = store;
    request.actor = "housekeeping";
    const auto made = create_backup(catalog, request);
    if (made.has_value())
      ++done;
    else if (!failed)
      failed = made.error();
  }
  if (failed) return *failed;
  return done;
}

Result<std::vector<BackupEntry>> list_backups(pg::Blocking& catalog, const std::string& slug_or_id,
                                              const std::string& store_url) {
  BULKHEAD_TRY(const auto tenant, catalog::find_tenant(catalog, slug_or_id));
  BULKHEAD_TRY(auto store, cloud::open_object_store(store_url));
  BULKHEAD_TRY(const auto contents, contents_of(*store, tenant.id));
  std::vector<BackupEntry> out;
  if (contents.bases.empty()) return out;
  BULKHEAD_TRY(const DataKey key, find_tenant_key(catalog, tenant.id));
  for (const auto& base : contents.bases) {
    BULKHEAD_TRY(auto manifest, read_manifest(*store, base, key));
    out.push_back(BackupEntry{base, std::move(manifest)});
  }
  return out;
}

}  // namespace bulkhead::lifecycle::backup
