#include "lifecycle/backup/keeper.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "base/failpoint.hpp"
#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "lifecycle/adopt.hpp"
#include "lifecycle/backup/keys.hpp"
#include "lifecycle/backup/layout.hpp"
#include "lifecycle/backup/segment.hpp"

namespace bulkhead::lifecycle::backup {
namespace {

using Clock = std::chrono::steady_clock;

struct Segment {
  SegmentName name;
  SealedWriter object;
  SegmentEncoder encoder;
  pg::Lsn before = 0;  ///< What was committed before is not in it.
  Clock::time_point opened;
};

class Keeper final : public journal::ChangeConsumer {
 public:
  Keeper(pg::Blocking catalog, std::unique_ptr<cloud::ObjectStore> store, KeeperSettings settings)
      : catalog_(std::move(catalog)), store_(std::move(store)), settings_(std::move(settings)) {}

  Result<void> begin(const journal::Begin& begin) override {
    return lasting([&]() -> Result<void> {
      begin_ = SegmentBegin{begin.commit, begin.at};
      touched_.clear();
      changes_ = false;
      if (before_ == 0) before_ = begin.commit;
      return look(begin.commit);
    });
  }
  Result<void> change(const journal::Change& change) override {
    changes_ = true;
    return lasting([&]() -> Result<void> {
      BULKHEAD_TRY(const bool mine, takes(change.tenant));
      if (!mine) return {};
      BULKHEAD_TRY(Segment * segment, segment_of(change.tenant, change.relation->schema));
      return segment->object.write(segment->encoder.change(change));
    });
  }
  Result<void> truncate(const journal::RelationRef& relation) override {
    changes_ = true;
    return lasting([&]() -> Result<void> {
      for (const auto& [tenant, schema] : stretches_) {
        if (!schema.empty() && schema != relation->schema) continue;
        BULKHEAD_TRY(Segment * segment, segment_of(tenant, relation->schema));
        BULKHEAD_CHECK(segment->object.write(segment->encoder.truncate(relation)));
      }
      return {};
    });
  }
  Result<void> commit(const journal::Commit& commit) override {
    return lasting([&]() -> Result<void> {
      for (const auto& tenant : touched_) {
        Segment& segment = segments_.at(tenant);
        BULKHEAD_CHECK(segment.object.write(segment.encoder.end()));
      }
      touched_.clear();
      if (!changes_) marked_ = true;
      before_ = commit.end;
      at_ = commit.at;
      return {};
    });
  }
  Result<pg::Lsn> kept() override {
    pg::Lsn out = 0;
    auto done = lasting([&]() -> Result<void> {
      for (auto at = segments_.begin(); at != segments_.end();) {
        const bool due = marked_ || at->second.object.content_bytes() >= settings_.segment_bytes ||
                         Clock::now() - at->second.opened >= settings_.segment_age;
        if (due) BULKHEAD_CHECK(close(at->second));
        at = due ? segments_.erase(at) : std::next(at);
      }
      marked_ = false;
      out = before_;
      for (const auto& [tenant, segment] : segments_) out = std::min(out, segment.before);
      BULKHEAD_CHECK(store_progress(out));
      return before_ == 0 ? Result<void>() : look(before_);
    });
    if (done.has_error()) return done.error();
    return out;
  }
  Result<void> lost(pg::Lsn from) override {
    return lasting([&]() -> Result<void> {
      for (auto& [tenant, segment] : segments_) BULKHEAD_CHECK(close(segment));
      segments_.clear();
      BULKHEAD_TRY(
          auto ended,
          catalog_.query("update catalog.backup_stretch s set until_at = coalesce((select p.kept_at from "
                         "catalog.backup_progress p where p.cell = s.cell and p.database_name = "
                         "s.database_name), '-infinity') where s.cell = $1 and s.database_name = $2 and "
                         "s.until_at is null",
                         {settings_.cell, settings_.database}));
      stretches_.clear();
      looked_.reset();
      before_ = from;
      return look(from);
    });
  }

 private:
  /// After a failure nothing is known of what is in the segments.
  Result<void> lasting(const std::function<Result<void>()>& work) {
    if (failed_) return *failed_;
    auto done = work();
    if (done.has_error()) {
      failed_ = done.error();
      segments_.clear();
    }
    return done;
  }

  /// Who is to be kept, read again when it is old. `from`: nothing that was committed there or later has been told yet.
  Result<void> look(pg::Lsn from) {
    if (looked_ && Clock::now() - *looked_ < settings_.view_age) return {};
    if (!looked_) BULKHEAD_CHECK(read_stretches());
    looked_ = Clock::now();
    BULKHEAD_TRY(auto rows, catalog_.query("select t.id, p.cell = $1 and p.database_name = $2, p.schema_name "
                                           "from catalog.tenant t join catalog.placement p on p.tenant_id = "
                                           "t.id where " +
                                               std::string(is_enabled),
                                           {settings_.cell, settings_.database}));
    enabled_.clear();
    for (std::size_t row = 0; row < rows.size(); ++row) {
      const auto id = Uuid::parse(rows.text(row, 0));
      if (!id) continue;
      enabled_.insert(TenantId(*id));
      if (rows.text(row, 1) != "t") continue;
      if (!stretches_.contains(TenantId(*id))) BULKHEAD_CHECK(open_stretch(TenantId(*id), from));
      stretches_[TenantId(*id)] = rows.text(row, 2);
    }
    return end_stretches();
  }
  Result<void> read_stretches() {
    BULKHEAD_TRY(auto rows, catalog_.query("select tenant_id from catalog.backup_stretch where cell = $1 and "
                                           "database_name = $2 and until_at is null",
                                           {settings_.cell, settings_.database}));
    for (std::size_t row = 0; row < rows.size(); ++row)
      if (const auto id = Uuid::parse(rows.text(row, 0))) stretches_.try_emplace(TenantId(*id));
    return {};
  }
  Result<void> open_stretch(const TenantId& tenant, pg::Lsn from) {
    BULKHEAD_TRY(auto opened,
                 catalog_.query(
                     "insert into catalog.backup_stretch(tenant_id, cell, database_name, since) select t.id, "
                     "$2, $3, $4::pg_lsn from catalog.tenant t where t.id = $1::uuid on conflict do nothing",
                     {tenant.text(), settings_.cell, settings_.database, pg::lsn_text(from)}));
    stretches_.try_emplace(tenant);
    return {};
  }
  /// Of tenants that are not to be kept any more. What is in an open segment is written all the same.
  Result<void> end_stretches() {
    for (auto at = stretches_.begin(); at != stretches_.end();) {
      if (enabled_.contains(at->first) || touches(at->first)) {
        ++at;
        continue;
      }
      BULKHEAD_TRY(
          auto ended,
          catalog_.query("update catalog.backup_stretch set until_at = $4::timestamptz where tenant_id = "
                         "$1::uuid and cell = $2 and database_name = $3 and until_at is null",
                         {at->first.text(), settings_.cell, settings_.database, moment_text(at_)}));
      at = stretches_.erase(at);
    }
    return {};
  }
  [[nodiscard]] bool touches(const TenantId& tenant) const {
    return std::find(touched_.begin(), touched_.end(), tenant) != touched_.end();
  }

  Result<bool> takes(const TenantId& tenant) {
    if (stretches_.contains(tenant)) return true;
    // One that has moved here: its journal goes on with its first change.
    if (!enabled_.contains(tenant)) return false;
    BULKHEAD_CHECK(open_stretch(tenant, begin_.commit));
    return true;
  }

  Result<Segment*> segment_of(const TenantId& tenant, const std::string& schema) {
    auto at = segments_.find(tenant);
    if (at == segments_.end()) {
      BULKHEAD_TRY(Segment opened, open(tenant, schema));
      at = segments_.emplace(tenant, std::move(opened)).first;
    }
    if (!touches(tenant)) {
      touched_.push_back(tenant);
      BULKHEAD_CHECK(at->second.object.write(at->second.encoder.begin(begin_)));
    }
    return &at->second;
  }
  Result<Segment> open(const TenantId& tenant, const std::string& schema) {
    BULKHEAD_TRY(const DataKey key, tenant_key(catalog_, tenant));
    BULKHEAD_TRY(const std::uint64_t epoch, epoch_of(tenant));
    const auto name =
        new_segment_name(tenant, settings_.cell, settings_.database, epoch, begin_.commit, begin_.at);
    BULKHEAD_TRY(auto object, SealedWriter::open(*store_, name.key, key));
    Segment out{name, std::move(object), SegmentEncoder(), before_, Clock::now()};
    SegmentHead head;
    head.tenant = tenant.text();
    head.cell = settings_.cell;
    head.database = settings_.database;
    head.schema = schema;
    head.epoch = epoch;
    BULKHEAD_CHECK(out.object.write(out.encoder.head(head)));
    return out;
  }
  /// As the tenant's database has it: the catalog may be ahead of the journal by a move.
  Result<std::uint64_t> epoch_of(const TenantId& tenant) {
    if (!database_) {
      BULKHEAD_TRY(auto opened, catalog::connect_to(catalog_, settings_.cell, settings_.database));
      database_.emplace(std::move(opened));
    }
    BULKHEAD_TRY(
        auto rows,
        database_->query("select epoch from bulkhead.residency where tenant_id = $1::uuid", {tenant.text()}));
    std::uint64_t out = 1;
    if (rows.empty()) return out;
    const auto text = rows.text(0, 0);
    std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
  }
  Result<void> close(Segment& segment) {
    failpoint("backup.segment.full");
    BULKHEAD_TRY(const auto stored, segment.object.finish());
    failpoint("backup.segment.stored");
    return {};
  }
  Result<void> store_progress(pg::Lsn kept) {
    if (kept == 0 || kept == told_) return {};
    // Whole up to `kept`, and nothing later than that was committed before the oldest segment's first transaction.
    Moment at = at_;
    for (const auto& [tenant, segment] : segments_) at = std::min(at, segment.name.at);
    BULKHEAD_TRY(
        auto stored,
        catalog_.query(
            "insert into catalog.backup_progress as p (cell, database_name, kept, kept_at) values ($1, $2, "
            "$3::pg_lsn, $4::timestamptz) on conflict (cell, database_name) do update set kept = "
            "excluded.kept, kept_at = greatest(p.kept_at, excluded.kept_at)",
            {settings_.cell, settings_.database, pg::lsn_text(kept), moment_text(at)}));
    told_ = kept;
    failpoint("backup.segment.told");
    return {};
  }

  pg::Blocking catalog_;
  std::optional<pg::Blocking> database_;
  std::unique_ptr<cloud::ObjectStore> store_;
  KeeperSettings settings_;
  std::optional<Error> failed_;
  std::optional<Clock::time_point> looked_;
  std::set<TenantId> enabled_;
  std::map<TenantId, std::string> stretches_;  ///< And the tenant's schema, where it lives here now.
  std::map<TenantId, Segment> segments_;
  SegmentBegin begin_;
  std::vector<TenantId> touched_;  ///< By the transaction that is being told.
  bool changes_ = false;           ///< Of anybody, in that transaction.
  bool marked_ = false;            ///< One without any was told: somebody waits for what was before it.
  pg::Lsn before_ = 0, told_ = 0;  ///< The end of the last transaction that was told; what the catalog knows.
  Moment at_{};
};

}  // namespace

Result<std::unique_ptr<journal::ChangeConsumer>> make_journal_keeper(pg::Blocking catalog,
                                                                     const KeeperSettings& settings) {
  BULKHEAD_TRY(auto store, cloud::open_object_store(settings.store));
  return std::unique_ptr<journal::ChangeConsumer>(
      std::make_unique<Keeper>(std::move(catalog), std::move(store), settings));
}

Result<void> set_continuous(pg::Blocking& catalog, const std::string& slug_or_id, bool on) {
  BULKHEAD_TRY(const auto tenant, catalog::find_tenant(catalog, slug_or_id));
  BULKHEAD_CHECK(refuse_adopted(tenant, "a backup"));
  if (!on) {
    BULKHEAD_TRY(auto gone, catalog.query("delete from catalog.backup_enabled where tenant_id = $1::uuid",
                                          {tenant.id.text()}));
    return {};
  }
  BULKHEAD_TRY(auto home, catalog::connect_to(catalog, tenant.placement.cell, tenant.placement.database));
  BULKHEAD_TRY(auto published, home.query("select bulkhead.publish($1)", {tenant.placement.schema}));
  BULKHEAD_TRY(
      auto added,
      catalog.query("insert into catalog.backup_enabled(tenant_id) values ($1::uuid) on conflict do nothing",
                    {tenant.id.text()}));
  BULKHEAD_TRY([[maybe_unused]] const auto marked, mark_journal(home));
  return {};
}

Result<bool> await_keeper(pg::Blocking& catalog, const std::string& slug_or_id,
                          std::chrono::milliseconds patience) {
  BULKHEAD_TRY(const auto tenant, catalog::find_tenant(catalog, slug_or_id));
  const auto& place = tenant.placement;
  BULKHEAD_TRY(auto home, catalog::connect_to(catalog, place.cell, place.database));
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    // A keeper that has just begun learns of its tenants with the first transaction.
    BULKHEAD_TRY([[maybe_unused]] const auto marked, mark_journal(home));
    BULKHEAD_TRY(auto open,
                 catalog.query("select from catalog.backup_stretch where tenant_id = $1::uuid and cell = $2 "
                               "and database_name = $3 and until_at is null",
                               {tenant.id.text(), place.cell, place.database}));
    if (!open.empty()) return true;
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
  }
}

Result<std::set<std::pair<std::string, std::string>>> keepers_wanted(pg::Blocking& catalog) {
  BULKHEAD_TRY(auto rows, catalog.query("select distinct p.cell, p.database_name from catalog.tenant t join "
                                        "catalog.placement p on p.tenant_id = t.id where " +
                                        std::string(is_enabled)));
  std::set<std::pair<std::string, std::string>> out;
  for (std::size_t row = 0; row < rows.size(); ++row) out.emplace(rows.text(row, 0), rows.text(row, 1));
  return out;
}

Result<pg::Lsn> mark_journal(pg::Blocking& database) {
  BULKHEAD_TRY(auto rows, database.query("select pg_logical_emit_message(true, $1, '')",
                                         {std::string(journal::place_prefix)}));
  const auto at = pg::parse_lsn(rows.text(0, 0));
  if (!at) return Error(Errc::statement_failed, "PostgreSQL did not answer as expected");
  return *at;
}

}  // namespace bulkhead::lifecycle::backup
