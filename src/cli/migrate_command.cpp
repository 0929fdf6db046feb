#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <fmt/format.h>

#include "audit/log.hpp"
#include "base/config.hpp"
#include "base/progress.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "lifecycle/app_migrations.hpp"
#include "lifecycle/backup/settings.hpp"
#include "lifecycle/plans.hpp"
#include "migrate/fleet.hpp"
#include "migrate/lint.hpp"
#include "migrate/runner.hpp"

namespace bulkhead::cli {

using runtime::Workspace;

namespace {

/// So many failures are told one by one; --status has all.
constexpr std::size_t kShownFailures = 20;

migrate::RunOptions run_options(const AppConfig& config) {
  migrate::RunOptions options;
  options.lock_timeout = config.lock_timeout;
  auto progress = std::make_shared<std::optional<Progress>>();
  options.progress = [progress](const migrate::MigrationStep& step) {
    if (step.file == nullptr) return;
    if (!*progress) progress->emplace("migrate", "files", step.total);
    if (step.kind == migrate::MigrationStep::Kind::applied) (*progress)->update(step.index + 1);
    if (step.index + 1 == step.total && step.kind == migrate::MigrationStep::Kind::applied)
      (*progress)->finish();
  };
  return options;
}

migrate::FleetOptions fleet_options(const MigrateOptions& options, const AppConfig& config) {
  migrate::FleetOptions fleet;
  fleet.run = run_options(config);
  fleet.binding = config.binding_signed ? migrate::BindingMode::signed_context : migrate::BindingMode::plain;
  fleet.parallel = options.parallel;
  fleet.canary = options.canary;
  auto bar = std::make_shared<std::optional<Progress>>();
  auto waited = std::make_shared<bool>(false);
  fleet.progress = [bar, waited](const migrate::FleetProgress& step) {
    if (step.total == 0) return;
    if (!*bar) bar->emplace("migrate", "targets", step.total);
    if (step.kind == migrate::FleetProgress::Kind::waiting) {
      // One line is enough: two fleets at once meet at every target.
      if (!std::exchange(*waited, true))
        std::fputs(fmt::format("\nanother run is at work on {}/{}/{}; waiting for it\n", step.where->cell,
                               step.where->database, step.where->schema)
                       .c_str(),
                   stderr);
      return;
    }
    (*bar)->update(step.done);
    if (step.done == step.total) (*bar)->finish();
  };
  return fleet;
}

std::string place(std::string_view cell, std::string_view database, std::string_view schema) {
  return schema.empty() ? fmt::format("{}/{}", cell, database)
                        : fmt::format("{}/{}/{}", cell, database, schema);
}

Result<void> refuse_unsafe_files(const MigrateOptions& options) {
  BULKHEAD_TRY(auto findings, migrate::lint_directory(options.app_dir / "migrations"));
  if (!migrate::has_errors(findings)) return {};
  for (const migrate::Finding& finding : findings)
    std::fputs(migrate::format_finding(finding).c_str(), stderr);
  return Error(Errc::lint_failed, "the migrations are not tenant-safe; nothing was applied")
      .hint(fmt::format("`bulkhead lint --fix {}` rewrites them", options.app_dir.string()));
}

void show_failures(const std::vector<migrate::TargetFailure>& failures) {
  for (std::size_t i = 0; i < std::min(failures.size(), kShownFailures); ++i)
    std::fputs(fmt::format("{}: {}\n", place(failures[i].cell, failures[i].database, failures[i].schema),
                           failures[i].error)
                   .c_str(),
               stderr);
  if (failures.size() > kShownFailures)
    std::fputs(fmt::format("and {} more\n", failures.size() - kShownFailures).c_str(), stderr);
}

/// What came of it, and an error if anything was set aside.
Result<void> tell(const migrate::FleetReport& report, std::chrono::duration<double> took) {
  if (report.left == 0 || !report.pool.applied.empty())
    print(fmt::format("{} applied, {} up to date\n", report.pool.applied.size(), report.pool.up_to_date));
  if (report.others > 0 || !report.failures.empty())
    print(fmt::format("targets: {} migrated, {} set aside, {} in all, {:.1f} s\n", report.migrated,
                      report.failures.size(), report.others, took.count()));
  if (report.failures.empty()) return {};
  show_failures(report.failures);
  if (report.left > 0)
    return Error(
               Errc::migration_failed,
               fmt::format("a canary failed, so {} targets and the pool were left as they are", report.left))
        .hint("put it right in the migration, which no target but canaries has, and run it again");
  return Error(Errc::migration_failed,
               fmt::format("{} of the targets could not be brought to the app's version",
                           report.failures.size()))
      .hint("`bulkhead migrate APP --status` shows them; what works is done, so run it again");
}

/// "0002_x.sql 0003_y.sql"
std::string names_of(const std::vector<int>& versions, const std::vector<migrate::MigrationFile>& files) {
  std::string out;
  for (const int version : versions) {
    if (!out.empty()) out += ' ';
    out += files[static_cast<std::size_t>(version) - 1].path.filename().string();
  }
  return out;
}

/// The files that targets lack, each target with its list, each file once with its SQL.
Result<void> dry_run(pg::Blocking& admin, const std::vector<migrate::MigrationFile>& files,
                     const MigrateOptions& options) {
  BULKHEAD_TRY(migrate::FleetList list, migrate::list_targets(admin, files, options.parallel));
  std::map<int, std::size_t> lacking;
  for (const migrate::FleetTarget& target : list.targets) {
    if (options.only_pool && !target.catalogs_own) continue;
    for (const int version : target.pending) ++lacking[version];
    if (!target.pending.empty())
      print(fmt::format("-- {}: version {}, lacks {}\n", place(target.cell, target.database, target.schema),
                        target.version, names_of(target.pending, files)));
  }
  for (const auto& [version, count] : lacking) {
    const migrate::MigrationFile& file = files[static_cast<std::size_t>(version) - 1];
    print(fmt::format("\n-- {}, for {} target{}{}\n{}", file.path.filename().string(), count,
                      count == 1 ? "" : "s", file.concurrent ? ", outside a transaction" : "", file.sql));
  }
  if (lacking.empty()) print("-- nothing to do\n");
  if (list.failures.empty()) return {};
  show_failures(list.failures);
  return Error(Errc::migration_failed, "not all databases could be asked");
}

boost::json::object status_json(const migrate::TargetStatus& status) {
  const migrate::FleetTarget& target = status.target;
  return {{"cell", target.cell},       {"database", target.database},
          {"schema", target.schema},   {"kind", catalog::database_kind_name(target.kind)},
          {"version", target.version}, {"pending", target.pending.size()},
          {"error", status.error},     {"drift", status.drift}};
}

/// What is wrong with a target or what it lacks; empty for one that is as it should be.
std::string state_of(const migrate::TargetStatus& status) {
  std::string out;
  if (!status.target.pending.empty()) out += fmt::format("  {} pending", status.target.pending.size());
  if (status.target.disagrees && status.error.empty()) out += "  its ledger has other files";
  if (status.drift) out += "  drift: its tables are not what its version says";
  if (!status.error.empty()) out += fmt::format("  {}", status.error);
  return out;
}

Result<void> status(pg::Blocking& admin, const std::vector<migrate::MigrationFile>& files,
                    const MigrateOptions& options) {
  BULKHEAD_TRY(auto states, migrate::migration_status(admin, files));
  std::vector<migrate::TargetStatus> targets;
  if (!options.only_pool) {
    BULKHEAD_TRY(targets, migrate::fleet_status(admin, files, options.parallel));
  }
  if (options.json) {
    boost::json::array target_list, migrations;
    for (const migrate::TargetStatus& target : targets) target_list.push_back(status_json(target));
    for (const migrate::MigrationStatus& state : states)
      migrations.push_back({{"version", state.version},
                            {"name", state.name},
                            {"applied", state.applied},
                            {"applied_at", state.applied_at}});
    const boost::json::object out{{"app_version", files.empty() ? 0 : files.back().version},
                                  {"targets", std::move(target_list)},
                                  {"migrations", std::move(migrations)}};
    print(boost::json::serialize(out) + "\n");
    return {};
  }
  for (const migrate::MigrationStatus& state : states)
    print(fmt::format("{:04}_{:<32} {}\n", state.version, state.name,
                      state.applied ? "applied " + state.applied_at : "pending"));
  std::map<int, std::size_t> at_version;
  for (const migrate::TargetStatus& target : targets) {
    const bool own = target.target.catalogs_own;
    if (!own && !target.target.schema.empty()) ++at_version[target.target.version];
    const std::string state = state_of(target);
    if (own ? target.drift : !state.empty())
      print(fmt::format("{}: version {}{}\n",
                        place(target.target.cell, target.target.database, target.target.schema),
                        target.target.version, state));
  }
  for (const auto& [version, count] : at_version)
    print(fmt::format("{} target{} at version {}\n", count, count == 1 ? "" : "s", version));
  return {};
}

Result<migrate::FleetReport> migrate_all(pg::Blocking& admin,
                                         const std::vector<migrate::MigrationFile>& files,
                                         const MigrateOptions& options, const AppConfig& config,
                                         audit::Action& done) {
  migrate::FleetReport report;
  if (options.only_pool) {
    BULKHEAD_TRY(report.pool, migrate::run_migrations(admin, files, run_options(config)));
  } else {
    BULKHEAD_TRY(report, migrate::migrate_fleet(admin, files, fleet_options(options, config)));
  }
  done.details["applied"] = report.pool.applied.size();
  done.details["targets_migrated"] = report.migrated;
  done.details["targets_set_aside"] = report.failures.size();
  return report;
}

}  // namespace

Result<void> migrate(const MigrateOptions& options) {
  if (options.json && !options.status)
    return Error(Errc::usage, "--json goes with --status").hint("bulkhead migrate APP --status --json");
  BULKHEAD_TRY(AppConfig config, load_app_config(options.app_dir));
  const bool only_asks = options.status || options.dry_run;
  BULKHEAD_TRY(Workspace workspace, only_asks ? open_workspace(options.database)
                                              : Workspace::open(options.database, Workspace::Use::command));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(std::vector<migrate::MigrationFile> files,
               migrate::read_migrations(options.app_dir / "migrations"));
  if (options.status) return status(admin, files, options);
  BULKHEAD_CHECK(refuse_unsafe_files(options));
  if (options.dry_run) return dry_run(admin, files, options);
  const auto begun = std::chrono::steady_clock::now();
  BULKHEAD_CHECK(workspace.prepare(config.binding_signed));
  const audit::Action action{"migrate", config.name, std::nullopt, {{"files", files.size()}}};
  BULKHEAD_TRY(const migrate::FleetReport report,
               audit::recorded(admin, audit::Actor::os_user(), action, [&](audit::Action& done) {
                 return migrate_all(admin, files, options, config, done);
               }));
  // What the pool has is known to run: new placements are made from it.
  if (report.left == 0) {
    BULKHEAD_CHECK(lifecycle::remember_migrations(admin, files));
    BULKHEAD_CHECK(lifecycle::sync_plans(admin, config.plans));
    BULKHEAD_CHECK(lifecycle::backup::sync_backup_settings(admin, config));
  }
  return tell(report, std::chrono::steady_clock::now() - begun);
}

}  // namespace bulkhead::cli
