#include "migrate/fleet.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <map>
#include <mutex>
#include <set>
#include <tuple>

#include "base/failpoint.hpp"
#include "migrate/fleet_visit.hpp"
#include "migrate/target.hpp"

namespace bulkhead::migrate {
namespace {

using catalog::DatabaseKind;
using catalog::DatabaseRecord;
/// Cell, database, schema.
using Place = std::tuple<std::string, std::string, std::string>;

int number(std::string_view text) {
  int out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

/// "1:checksum,2:checksum": the ledger of a target that lacks nothing, and of one that has the first `count` files.
std::string ledger_of(const std::vector<MigrationFile>& files, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) out += ',';
    out += std::to_string(files[i].version) + ":" + files[i].checksum;
  }
  return out;
}

/// The error in one line, with what to do about it.
std::string told(const Error& error) {
  std::string out(error.message());
  if (!error.hint().empty()) out += " (" + std::string(error.hint()) + ")";
  return out;
}

TargetFailure failure_of(const FleetTarget& target, const Error& error) {
  return {target.cell, target.database, target.schema, target.kind, target.version, told(error)};
}

/// catalog.target_failure, where runs leave what they set aside.
class Failures {
 public:
  static Result<Failures> read(pg::Blocking& catalog) {
    Failures out;
    // A catalog of an earlier Bulkhead has no such table.
    BULKHEAD_TRY(auto there, catalog.query("select to_regclass('catalog.target_failure') is not null"));
    if (there.text(0, 0) != "t") return out;
    BULKHEAD_TRY(auto rows,
                 catalog.query("select cell, database_name, schema_name, error from catalog.target_failure"));
    for (std::size_t row = 0; row < rows.size(); ++row) {
      out.known_[{std::string(rows.text(row, 0)), std::string(rows.text(row, 1)),
                  std::string(rows.text(row, 2))}] = rows.text(row, 3);
    }
    return out;
  }

  /// The error of a place; empty for none.
  [[nodiscard]] std::string of(const Place& place) const {
    const auto known = known_.find(place);
    return known == known_.end() ? "" : known->second;
  }

  void add(pg::Blocking& catalog, const TargetFailure& failure) {
    known_[{failure.cell, failure.database, failure.schema}] = failure.error;
    // The run's own report has it, too: where the catalog is gone, nothing more can be done.
    [[maybe_unused]] const auto written = catalog.query(
        "insert into catalog.target_failure as f (cell, database_name, schema_name, version, error) values "
        "($1, $2, $3, $4, $5) on conflict (cell, database_name, schema_name) do update set version = "
        "excluded.version, error = excluded.error, at = now()",
        {failure.cell, failure.database, failure.schema, std::to_string(failure.version), failure.error});
  }

  void clear(pg::Blocking& catalog, const Place& place) {
    if (known_.erase(place) == 0) return;
    const auto& [cell, database, schema] = place;
    [[maybe_unused]] const auto cleared = catalog.query(
        "delete from catalog.target_failure where cell = $1 and database_name = $2 and "
        "schema_name = $3",
        {cell, database, schema});
  }
  /// Takes out those of targets that are no more.
  void keep_only(pg::Blocking& catalog, const std::function<bool(const Place&)>& there) {
    std::vector<Place> gone;
    for (const auto& [place, error] : known_)
      if (!there(place)) gone.push_back(place);
    for (const Place& place : gone) clear(catalog, place);
  }

 private:
  std::map<Place, std::string> known_;
};

/// The targets of one database, as its own tables name them.
Result<std::vector<FleetTarget>> targets_of(pg::Blocking& database, const DatabaseRecord& record,
                                            const std::vector<MigrationFile>& files) {
  BULKHEAD_TRY(
      auto rows,
      database.query("select t.schema_name, t.version, t.fingerprint, l.versions, l.lines from "
                     "bulkhead.target t left join (select m.schema_name, string_agg(m.version::text, ',' "
                     "order by m.version) as versions, string_agg(m.version || ':' || m.checksum, ',' "
                     "order by m.version) as lines from bulkhead.migration m group by 1) l using "
                     "(schema_name) order by 1"));
  const std::string whole = ledger_of(files, files.size());
  std::vector<FleetTarget> out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    FleetTarget target;
    target.cell = record.cell;
    target.database = record.name;
    target.schema = rows.text(row, 0);
    // A shard that once was something else may hold a line for schema app.
    // Tables that the app's migrations did not make are not theirs to change.
    if (record.kind == DatabaseKind::adopted) continue;
    if (record.kind == DatabaseKind::shard && !is_tenant_schema(target.schema)) continue;
    target.kind = record.kind;
    target.version = number(rows.text(row, 1));
    target.fingerprint = rows.text(row, 2);
    const std::string versions = "," + std::string(rows.text(row, 3)) + ",";
    for (const MigrationFile& file : files) {
      if (versions.find("," + std::to_string(file.version) + ",") == std::string::npos)
        target.pending.push_back(file.version);
    }
    // A ledger that is not this app's: the runner says what is wrong with it.
    target.disagrees = rows.text(row, 4) != ledger_of(files, files.size() - target.pending.size());
    out.push_back(std::move(target));
  }
  return out;
}

Result<DatabaseSecrets> known_secrets(pg::Blocking& catalog, const DatabaseRecord& record) {
  BULKHEAD_TRY(auto rows,
               catalog.query("select password, key_id, key_secret from catalog.database where cell = "
                             "$1 and name = $2",
                             {record.cell, record.name}));
  DatabaseSecrets out;
  if (rows.empty()) return out;
  out.password = rows.text(0, 0);
  out.binding_key_id = number(rows.text(0, 1));
  out.binding_secret = rows.text(0, 2);
  return out;
}

/// What the catalog lists, and what was found there.
struct Found {
  DatabaseRecord record;
  DatabaseSecrets known, now;
  std::vector<FleetTarget> targets;
};

/// Asks every database for its targets. `binding`: and brings it up to date first.
class Collector {
 public:
  Collector(pg::Blocking& catalog, const std::vector<MigrationFile>& files, const BindingMode* binding)
      : catalog_(catalog), files_(files), binding_(binding) {}

  Result<FleetList> run(std::size_t parallel, Failures* failures) {
    BULKHEAD_TRY(auto own, catalog_.query("select current_database()"));
    BULKHEAD_TRY(auto records, catalog::list_databases(catalog_));
    std::vector<DatabaseWork> work;
    for (DatabaseRecord& record : records) {
      const bool catalogs = record.cell == catalog::own_cell && record.name == own.text(0, 0);
      // One that is being made or dropped is somebody's work already.
      if (record.state != "ready") continue;
      found_.push_back({std::move(record), {}, {}, {}});
      Found& found = found_.back();
      if (catalogs) {
        BULKHEAD_TRY(found.targets, targets_of(catalog_, found.record, files_));
        for (FleetTarget& target : found.targets) target.catalogs_own = true;
        continue;
      }
      if (binding_ != nullptr) {
        BULKHEAD_TRY(found.known, known_secrets(catalog_, found.record));
      }
      work.push_back({found.record.cell, found.record.name, {found_.size() - 1}});
    }
    FleetList out;
    const Visit visit = [this](pg::Blocking& database, std::size_t item) {
      return ask(database, found_[item]);
    };
    const Visited visited = [&](pg::Blocking& catalog, std::size_t item, const Result<void>& result) {
      take(catalog, found_[item], result, out, failures);
    };
    BULKHEAD_CHECK(visit_databases(catalog_, std::move(work), parallel, visit, visited));
    for (Found& found : found_)
      std::move(found.targets.begin(), found.targets.end(), std::back_inserter(out.targets));
    BULKHEAD_CHECK(mark_waiting(out.targets));
    return out;
  }

 private:
  Result<void> ask(pg::Blocking& database, Found& found) const {
    if (binding_ != nullptr) {
      BULKHEAD_TRY(found.now,
                   prepare_database(database, found.record.kind, found.record.login, *binding_, found.known));
    }
    BULKHEAD_TRY(found.targets, targets_of(database, found.record, files_));
    return {};
  }

  void take(pg::Blocking& catalog, Found& found, const Result<void>& result, FleetList& out,
            Failures* failures) const {
    Result<void> done = result;
    if (done.has_value() && binding_ != nullptr) done = write_back(catalog, found);
    const Place place{found.record.cell, found.record.name, ""};
    if (done.has_value()) {
      if (failures != nullptr) failures->clear(catalog, place);
      return;
    }
    found.targets.clear();
    out.failures.push_back(
        {found.record.cell, found.record.name, "", found.record.kind, 0, told(done.error())});
    if (failures != nullptr) failures->add(catalog, out.failures.back());
  }

  static Result<void> write_back(pg::Blocking& catalog, const Found& found) {
    if (found.now.password == found.known.password && found.now.binding_key_id == found.known.binding_key_id)
      return {};
    failpoint("fleet.database.prepared");
    BULKHEAD_TRY(
        auto written,
        catalog.query("update catalog.database set password = $3, key_id = $4, key_secret = $5 where "
                      "cell = $1 and name = $2",
                      {found.record.cell, found.record.name, found.now.password,
                       std::to_string(found.now.binding_key_id), found.now.binding_secret}));
    failpoint("fleet.database.written");
    return {};
  }

  Result<void> mark_waiting(std::vector<FleetTarget>& targets) {
    BULKHEAD_TRY(auto rows, catalog_.query("select cell, database_name, schema_name from catalog.slot where "
                                           "model <> 'row'"));
    std::set<Place> slots;
    for (std::size_t row = 0; row < rows.size(); ++row) {
      slots.emplace(std::string(rows.text(row, 0)), std::string(rows.text(row, 1)),
                    std::string(rows.text(row, 2)));
    }
    for (FleetTarget& target : targets)
      target.waits = slots.count({target.cell, target.database, target.schema}) > 0;
    return {};
  }

  pg::Blocking& catalog_;
  const std::vector<MigrationFile>& files_;
  const BindingMode* binding_;
  std::vector<Found> found_;
};

std::vector<DatabaseWork> grouped(const std::vector<FleetTarget>& targets,
                                  const std::vector<std::size_t>& chosen) {
  std::map<std::pair<std::string, std::string>, std::vector<std::size_t>> by_database;
  for (const std::size_t item : chosen)
    by_database[{targets[item].cell, targets[item].database}].push_back(item);
  std::vector<DatabaseWork> out;
  for (auto& [where, items] : by_database) out.push_back({where.first, where.second, std::move(items)});
  return out;
}

/// One run over the fleet.
class FleetRun {
 public:
  FleetRun(pg::Blocking& catalog, const std::vector<MigrationFile>& files, const FleetOptions& options,
           Failures failures)
      : catalog_(catalog), files_(files), options_(options), failures_(std::move(failures)) {}

  Result<FleetReport> run() {
    Collector collector(catalog_, files_, &options_.binding);
    BULKHEAD_TRY(FleetList list, collector.run(options_.parallel, &failures_));
    targets_ = std::move(list.targets);
    report_.failures = std::move(list.failures);
    forget_what_is_gone();
    failpoint("fleet.collected");
    std::vector<std::size_t> open = open_targets();
    tell(FleetProgress::Kind::begun, nullptr);
    const std::vector<std::size_t> canaries = take_canaries(open);
    const std::size_t failed_before = report_.failures.size();
    BULKHEAD_CHECK(migrate(canaries));
    if (report_.failures.size() > failed_before) {
      report_.left = open.size();
      return std::move(report_);
    }
    failpoint("fleet.canaries");
    BULKHEAD_CHECK(migrate_own_pool());
    BULKHEAD_CHECK(migrate(open));
    return std::move(report_);
  }

 private:
  /// Those beside the catalog's pool that lack something, or whose ledger is not this app's.
  std::vector<std::size_t> open_targets() {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      const FleetTarget& target = targets_[i];
      if (target.catalogs_own) continue;
      ++report_.others;
      if (!target.pending.empty() || target.disagrees)
        out.push_back(i);
      else
        failures_.clear(catalog_, place_of(target));
    }
    total_ = out.size();
    return out;
  }

  /// Out of `open`: the first that have no tenant yet, then others.
  std::vector<std::size_t> take_canaries(std::vector<std::size_t>& open) const {
    const std::size_t count = std::min(options_.canary, open.size());
    std::sort(open.begin(), open.end(), [this](std::size_t a, std::size_t b) {
      return std::tuple(!targets_[a].waits, a) < std::tuple(!targets_[b].waits, b);
    });
    const auto end = open.begin() + static_cast<std::ptrdiff_t>(count);
    std::vector<std::size_t> out(open.begin(), end);
    open.erase(open.begin(), end);
    return out;
  }

  Result<void> migrate_own_pool() {
    if (!options_.catalogs_pool) return {};
    auto done = run_migrations(catalog_, files_, options_.run);
    const auto own = std::find_if(targets_.begin(), targets_.end(),
                                  [](const FleetTarget& target) { return target.catalogs_own; });
    if (done.has_value()) {
      report_.pool = std::move(*done);
      if (own != targets_.end()) failures_.clear(catalog_, place_of(*own));
      return {};
    }
    if (own == targets_.end() || report_.others + report_.failures.size() == 0) return done.error();
    set_aside(catalog_, *own, done.error());
    return {};
  }

  Result<void> migrate(const std::vector<std::size_t>& chosen) {
    if (chosen.empty()) return {};
    const Visit visit = [this](pg::Blocking& database, std::size_t item) -> Result<void> {
      return migrate_one(database, targets_[item]);
    };
    const Visited visited = [this](pg::Blocking& catalog, std::size_t item, const Result<void>& result) {
      ++done_;
      if (result.has_error()) {
        set_aside(catalog, targets_[item], result.error());
      } else {
        ++report_.migrated;
        failures_.clear(catalog, place_of(targets_[item]));
      }
      failpoint("fleet.target");
      tell(FleetProgress::Kind::target, &targets_[item]);
    };
    return visit_databases(catalog_, grouped(targets_, chosen), options_.parallel, visit, visited);
  }

  Result<void> migrate_one(pg::Blocking& database, const FleetTarget& target) {
    RunOptions running = options_.run;
    running.progress = [this, &target](const MigrationStep& step) {
      if (step.kind == MigrationStep::Kind::waiting) tell(FleetProgress::Kind::waiting, &target);
    };
    auto done = migrate_target(database, target.schema, files_, running);
    // Dropped since it was listed.
    if (done.has_value() || done.error().code() == Errc::not_found) return {};
    return done.error();
  }

  void set_aside(pg::Blocking& catalog, const FleetTarget& target, const Error& error) {
    report_.failures.push_back(failure_of(target, error));
    failures_.add(catalog, report_.failures.back());
  }

  void forget_what_is_gone() {
    std::set<Place> places;
    std::set<std::pair<std::string, std::string>> unknown;
    for (const TargetFailure& failure : report_.failures) unknown.emplace(failure.cell, failure.database);
    for (const FleetTarget& target : targets_) places.insert(place_of(target));
    failures_.keep_only(catalog_, [&](const Place& place) {
      return places.count(place) > 0 || unknown.count({std::get<0>(place), std::get<1>(place)}) > 0;
    });
  }

  void tell(FleetProgress::Kind kind, const FleetTarget* where) {
    if (!options_.progress) return;
    const std::lock_guard<std::mutex> guard(telling_);
    FleetProgress progress;
    progress.kind = kind;
    progress.done = done_;
    progress.total = total_;
    progress.where = where;
    options_.progress(progress);
  }

  static Place place_of(const FleetTarget& target) { return {target.cell, target.database, target.schema}; }

  pg::Blocking& catalog_;
  const std::vector<MigrationFile>& files_;
  const FleetOptions& options_;
  Failures failures_;
  std::vector<FleetTarget> targets_;
  FleetReport report_;
  std::atomic<std::size_t> done_ = 0;
  std::size_t total_ = 0;
  std::mutex telling_;
};

}  // namespace

Result<FleetReport> migrate_fleet(pg::Blocking& catalog, const std::vector<MigrationFile>& files,
                                  const FleetOptions& options) {
  BULKHEAD_TRY(Failures failures, Failures::read(catalog));
  return FleetRun(catalog, files, options, std::move(failures)).run();
}

Result<FleetList> list_targets(pg::Blocking& catalog, const std::vector<MigrationFile>& files,
                               std::size_t parallel) {
  return Collector(catalog, files, nullptr).run(parallel, nullptr);
}

Result<std::vector<TargetStatus>> fleet_status(pg::Blocking& catalog, const std::vector<MigrationFile>& files,
                                               std::size_t parallel) {
  BULKHEAD_TRY(const Failures failures, Failures::read(catalog));
  BULKHEAD_TRY(FleetList list, list_targets(catalog, files, parallel));
  std::vector<std::string> now(list.targets.size());
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < list.targets.size(); ++i) all.push_back(i);
  std::vector<TargetStatus> out(list.targets.size());
  const Visit visit = [&](pg::Blocking& database, std::size_t item) -> Result<void> {
    BULKHEAD_TRY(now[item], fingerprint(database, list.targets[item].schema));
    return {};
  };
  const Visited visited = [&](pg::Blocking&, std::size_t item, const Result<void>& result) {
    if (result.has_error()) out[item].error = told(result.error());
  };
  BULKHEAD_CHECK(visit_databases(catalog, grouped(list.targets, all), parallel, visit, visited));
  std::map<int, std::map<std::string, std::size_t>> seen;
  for (std::size_t i = 0; i < now.size(); ++i)
    if (!now[i].empty()) ++seen[list.targets[i].version][now[i]];
  for (std::size_t i = 0; i < out.size(); ++i) {
    FleetTarget& target = list.targets[i];
    const auto& same_version = seen[target.version];
    const auto most = std::max_element(same_version.begin(), same_version.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    // A target that an earlier Bulkhead migrated has none.
    const bool changed = !target.fingerprint.empty() && now[i] != target.fingerprint;
    out[i].drift = !now[i].empty() && (changed || now[i] != most->first);
    if (out[i].error.empty()) out[i].error = failures.of({target.cell, target.database, target.schema});
    out[i].target = std::move(target);
  }
  for (const TargetFailure& failure : list.failures) {
    TargetStatus status;
    status.target.cell = failure.cell;
    status.target.database = failure.database;
    status.target.kind = failure.kind;
    status.error = failure.error;
    out.push_back(std::move(status));
  }
  return out;
}

}  // namespace bulkhead::migrate
