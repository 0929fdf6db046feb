#include "cli/backup_commands.hpp"

#include <string>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "audit/log.hpp"
#include "base/progress.hpp"
#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "lifecycle/backup/base.hpp"
#include "lifecycle/backup/diff.hpp"
#include "lifecycle/backup/keeper.hpp"
#include "lifecycle/backup/prune.hpp"
#include "lifecycle/backup/restore.hpp"
#include "lifecycle/backup/settings.hpp"

namespace bulkhead::cli {
namespace {

namespace json = boost::json;
namespace backup = lifecycle::backup;

void print_json(const json::value& value) {
  print(json::serialize(value) + "\n");
}

json::object base_json(const backup::BaseName& name, const backup::Manifest& manifest) {
  return {{"backup", name.folder},
          {"at", backup::moment_text(manifest.at)},
          {"tenant_id", manifest.tenant},
          {"slug", manifest.slug},
          {"model", manifest.model},
          {"version", manifest.version},
          {"journal", pg::lsn_text(manifest.consistent)},
          {"tables", manifest.parts.size()},
          {"rows", manifest.rows()},
          {"bytes", manifest.bytes()}};
}

json::array texts(const std::vector<std::string>& from) {
  json::array out;
  for (const auto& text : from) out.push_back(json::string(text));
  return out;
}

json::object diff_json(const backup::TableDiff& table) {
  return {{"table", table.table},
          {"rows_here", table.rows_here},
          {"rows_there", table.rows_there},
          {"only_here", table.only_here},
          {"only_there", table.only_there},
          {"changed", table.changed},
          {"keys_only_here", texts(table.keys_here)},
          {"keys_only_there", texts(table.keys_there)},
          {"keys_changed", texts(table.keys_changed)}};
}

/// Rows as a bar, then the journal's changes as another.
class RowsProgress {
 public:
  explicit RowsProgress(std::string what) : what_(std::move(what)) {}
  backup::RowsTold told() {
    return [this](std::uint64_t done, std::uint64_t total) {
      const bool journal = total == 0;
      if (!bar_ || journal != journal_) bar_.emplace(what_, journal ? "changes" : "rows", total);
      journal_ = journal;
      bar_->update(done);
    };
  }

 private:
  std::string what_;
  bool journal_ = false;
  std::optional<Progress> bar_;
};

}  // namespace

struct BackupCommands::Impl {
  using Work = Result<void> (Impl::*)(pg::Blocking&);
  struct Command {
    CLI::App* app;
    Work work;
    bool looks;  ///< What only looks is not written to the audit log.
  };

  CLI::App& add(CLI::App& app, Work work, bool looks) {
    commands.push_back(Command{&app, work, looks});
    database_options(app, database);
    app.add_flag("--json", as_json, "print JSON");
    return app;
  }
  void with_store(CLI::App& app) {
    app.add_option("--store", store, "where backups are kept (default: [backup] store)");
  }
  void with_tenant(CLI::App& app) { app.add_option("tenant", tenant, "slug or id")->required(); }

  void add_backup(CLI::App& command) {
    auto* parent =
        command.add_subcommand("backup", "back a tenant up, and look after backups: list, verify, prune …");
    parent->require_subcommand(0, 1);
    auto& create = add(*parent->add_subcommand("create", "back a tenant up (as `backup TENANT`)"),
                       &Impl::backup_create, false);
    auto& list = add(*parent->add_subcommand("list", "a tenant's backups"), &Impl::backup_list, true);
    auto& verify = add(*parent->add_subcommand("verify", "check a backup, and that it restores"),
                       &Impl::backup_verify, true);
    auto& prune =
        add(*parent->add_subcommand("prune", "remove what no kept time needs"), &Impl::backup_prune, false);
    auto& enable =
        add(*parent->add_subcommand("enable", "keep the tenant's journal, for restores to any time"),
            &Impl::backup_enable, false);
    auto& disable =
        add(*parent->add_subcommand("disable", "keep it no longer"), &Impl::backup_disable, false);
    add(*parent, &Impl::backup_create, false).add_option("tenant", tenant, "slug or id");
    for (CLI::App* app : {&create, &list, &verify, &enable, &disable}) with_tenant(*app);
    for (CLI::App* app : {parent, &create, &list, &verify, &prune}) with_store(*app);
    verify.add_option("--backup", folder, "which one, as `backup list` names it (default: the newest)");
    verify.add_flag("--quick", quick, "read and hash it, but do not restore it");
    prune
        .add_option("--keep-days", keep_days,
                    "how far back a tenant can be restored (default: [backup] keep_days)")
        ->check(CLI::Range(0, 36'500));
  }
  void add_restore(CLI::App& command) {
    auto& restore = add(*command.add_subcommand(
                            "restore", "the rows that a tenant had at a time: as a new tenant, or in place"),
                        &Impl::restore, false);
    with_tenant(restore);
    with_store(restore);
    restore.add_option("--at", at, "the time, as 2026-11-22T10:00:00Z (default: that of the newest backup)");
    restore.add_option("--as", as, "slug of the new tenant");
    restore.add_option("--model", model, "row, schema or silo (default: the tenant's)");
    restore.add_option("--cell", cell, "the cell it lives in (default: the tenant's)");
    auto* in_place =
        restore.add_flag("--replace", replace, "no new tenant: these rows in the place of the tenant's own");
    for (const char* of_new : {"--as", "--model", "--cell"}) in_place->excludes(restore.get_option(of_new));
    restore
        .add_flag("--discard", discard,
                  "even where what the tenant has now cannot be brought back afterwards")
        ->needs(in_place);
    restore.add_flag("--yes", yes, "do not ask")->needs(in_place);
    auto& diff =
        add(*command.add_subcommand("diff", "how the rows of two tenants differ"), &Impl::diff, true);
    diff.add_option("here", tenant, "slug or id")->required();
    diff.add_option("there", as, "slug or id")->required();
    diff.add_option("--keys", keys, "show so many keys of each kind, for each table")
        ->capture_default_str()
        ->check(CLI::Range(0, 100'000));
  }

  [[nodiscard]] Result<std::string> store_url(pg::Blocking& catalog) const {
    return backup::backup_store(catalog, store, database.data_dir);
  }

  Result<void> backup_create(pg::Blocking& catalog) {
    if (tenant.empty())
      return Error(Errc::usage, "it is not said which tenant")
          .hint("`bulkhead backup TENANT`, or `bulkhead backup --help`");
    backup::BackupRequest request;
    request.tenant = tenant;
    BULKHEAD_TRY(request.store, store_url(catalog));
    request.actor = audit::Actor::os_user().text();
    RowsProgress progress("backup");
    request.rows = progress.told();
    BULKHEAD_TRY(const auto report, backup::create_backup(catalog, request));
    if (as_json) {
      json::object out = base_json(report.base, report.manifest);
      out["operation"] = report.operation;
      print_json(out);
      return {};
    }
    print(fmt::format("{}  as of {}: {} rows of {} tables, {} bytes\n", report.manifest.slug,
                      backup::moment_text(report.manifest.at), report.manifest.rows(),
                      report.manifest.parts.size(), report.manifest.bytes()));
    return {};
  }
  Result<void> backup_list(pg::Blocking& catalog) {
    BULKHEAD_TRY(const auto url, store_url(catalog));
    BULKHEAD_TRY(const auto entries, backup::list_backups(catalog, tenant, url));
    json::array list;
    for (const auto& entry : entries) {
      if (as_json)
        list.push_back(base_json(entry.name, entry.manifest));
      else
        print(fmt::format("{:<28} {:<6} {:>10} rows {:>12} bytes  {}\n",
                          backup::moment_text(entry.manifest.at), entry.manifest.model, entry.manifest.rows(),
                          entry.manifest.bytes(), entry.name.folder));
    }
    if (as_json) print_json(std::move(list));
    return {};
  }
  Result<void> backup_verify(pg::Blocking& catalog) {
    BULKHEAD_TRY(const auto url, store_url(catalog));
    BULKHEAD_TRY(const auto report, backup::verify_backup(catalog, tenant, url, folder, !quick));
    if (as_json) {
      print_json(json::object{{"backup", report.base.folder},
                              {"tables", report.tables},
                              {"rows", report.rows},
                              {"objects", report.objects},
                              {"bytes", report.bytes},
                              {"restored", !quick}});
      return {};
    }
    print(fmt::format("{}  {} objects are whole: {} rows of {} tables{}\n", report.base.folder,
                      report.objects, report.rows, report.tables,
                      quick ? "" : "; restored, they are the same"));
    return {};
  }
  Result<void> backup_prune(pg::Blocking& catalog) {
    BULKHEAD_TRY(const auto url, store_url(catalog));
    std::uint32_t days = keep_days.value_or(0);
    if (!keep_days) {
      BULKHEAD_TRY(days, backup::backup_keep_days(catalog));
    }
    const auto now =
        std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    BULKHEAD_TRY(const auto report, backup::prune_backups(catalog, url, now - std::chrono::days(days)));
    if (as_json) {
      print_json(json::object{{"backups", report.bases},
                              {"segments", report.segments},
                              {"half_made", report.half_made},
                              {"of_deleted_tenants", report.of_deleted},
                              {"bytes", report.bytes},
                              {"foreign_tenants", texts(report.foreign)}});
      return {};
    }
    print(fmt::format(
        "removed {} backups, {} segments, {} half-made objects, {} of deleted tenants: {} bytes\n",
        report.bases, report.segments, report.half_made, report.of_deleted, report.bytes));
    if (!report.foreign.empty())
      print(fmt::format("left as they are: backups of {} tenants that this catalog does not know\n",
                        report.foreign.size()));
    return {};
  }
  Result<void> continuous(pg::Blocking& catalog, bool on) {
    BULKHEAD_CHECK(backup::set_continuous(catalog, tenant, on));
    bool kept = false;
    if (on) {
      BULKHEAD_TRY(kept, backup::await_keeper(catalog, tenant, std::chrono::seconds(15)));
    }
    if (as_json)
      print_json(json::object{{"tenant", tenant}, {"journal", on}, {"kept", kept}});
    else if (!on)
      print(fmt::format("{}  its journal is not kept any more\n", tenant));
    else if (kept)
      print(fmt::format(
          "{}  its journal is kept from now on; the next backup can be restored to any time after it\n",
          tenant));
    else
      print(fmt::format(
          "{}  its journal is to be kept, and no server does so yet: start one, then make a backup\n",
          tenant));
    return {};
  }
  Result<void> backup_enable(pg::Blocking& catalog) { return continuous(catalog, true); }
  Result<void> backup_disable(pg::Blocking& catalog) { return continuous(catalog, false); }

  Result<void> confirm_replace(pg::Blocking& catalog) {
    BULKHEAD_TRY(const auto record, catalog::find_tenant(catalog, tenant));
    if (yes) return {};
    return confirm_slug(record.slug,
                        fmt::format("Replace all rows of tenant \"{}\" by those {}?", record.slug,
                                    at.empty() ? "of its newest backup" : "of " + at));
  }
  Result<void> tell_replaced(const backup::RestoreReport& report) const {
    if (as_json) {
      json::array tables;
      for (const auto& table : report.replaced)
        tables.push_back({{"table", table.name}, {"removed", table.removed}, {"written", table.written}});
      print_json(json::object{{"operation", report.operation},
                              {"id", report.tenant.id.text()},
                              {"slug", report.tenant.slug},
                              {"backup", backup::moment_text(report.base)},
                              {"at", backup::moment_text(report.at)},
                              {"rows", report.rows},
                              {"transactions", report.transactions},
                              {"changes", report.changes},
                              {"pause_ms", report.pause_ms},
                              {"tables", std::move(tables)}});
      return {};
    }
    print(fmt::format("{}  as of {}; writers waited {:.0f} ms\n", report.tenant.slug,
                      backup::moment_text(report.at), report.pause_ms));
    for (const auto& table : report.replaced)
      print(fmt::format("{:<24} {:>8} removed {:>8} written\n", table.name, table.removed, table.written));
    if (report.replaced.empty()) print("it had these rows already\n");
    return {};
  }
  Result<void> restore(pg::Blocking& catalog) {
    if (as.empty() && !replace)
      return Error(Errc::usage, "it is not said what the new tenant is to be called")
          .hint("--as " + tenant + "-restored, or --replace");
    backup::RestoreRequest request;
    request.tenant = tenant;
    request.as = as;
    request.replace = replace;
    request.discard = discard;
    if (!at.empty()) {
      BULKHEAD_TRY(request.at, backup::parse_moment(at));
    }
    if (!model.empty()) {
      request.model = catalog::parse_model(model);
      if (!request.model)
        return Error(Errc::usage, fmt::format("there is no model \"{}\"", model)).hint("row, schema or silo");
    }
    request.cell = cell;
    BULKHEAD_TRY(request.store, store_url(catalog));
    request.actor = audit::Actor::os_user().text();
    if (replace) BULKHEAD_CHECK(confirm_replace(catalog));
    RowsProgress progress("restore");
    request.rows = progress.told();
    BULKHEAD_TRY(const auto report, backup::restore_tenant(catalog, request));
    if (replace) return tell_replaced(report);
    if (as_json) {
      print_json(json::object{{"operation", report.operation},
                              {"id", report.tenant.id.text()},
                              {"slug", report.tenant.slug},
                              {"model", catalog::model_name(report.tenant.placement.model)},
                              {"cell", report.tenant.placement.cell},
                              {"backup", backup::moment_text(report.base)},
                              {"at", backup::moment_text(report.at)},
                              {"rows", report.rows},
                              {"transactions", report.transactions},
                              {"changes", report.changes}});
      return {};
    }
    print(fmt::format("{}  {} as of {}: {} rows of the backup of {}, then {} changes of {} transactions\n",
                      report.tenant.id.text(), report.tenant.slug, backup::moment_text(report.at),
                      report.rows, backup::moment_text(report.base), report.changes, report.transactions));
    return {};
  }

  static void print_keys(const char* what, std::uint64_t count, const std::vector<std::string>& shown) {
    if (count == 0) return;
    std::string text;
    for (const auto& key : shown) text += (text.empty() ? "" : "; ") + key;
    print(fmt::format("  {:<11} {:>8}  {}{}\n", what, count, text, count > shown.size() ? "; …" : ""));
  }
  Result<void> diff(pg::Blocking& catalog) {
    backup::DiffRequest request;
    request.here = tenant;
    request.there = as;
    request.keys = keys;
    std::optional<Progress> bar;
    request.rows = [&bar](std::uint64_t rows) {
      if (!bar) bar.emplace("diff", "rows", 0);
      bar->update(rows);
    };
    BULKHEAD_TRY(const auto tables, backup::diff_tenants(catalog, request));
    if (bar) bar->finish();
    json::array list;
    std::size_t differing = 0;
    for (const auto& table : tables) {
      if (!table.same()) ++differing;
      if (as_json) {
        list.push_back(diff_json(table));
        continue;
      }
      print(fmt::format("{:<24} {:>8} {:>8}  {}\n", table.table, table.rows_here, table.rows_there,
                        table.same() ? "the same" : "differs"));
      print_keys("only here", table.only_here, table.keys_here);
      print_keys("only there", table.only_there, table.keys_there);
      print_keys("changed", table.changed, table.keys_changed);
    }
    if (as_json)
      print_json(json::object{
          {"here", tenant}, {"there", as}, {"same", differing == 0}, {"tables", std::move(list)}});
    else
      print(differing == 0 ? std::string("no difference\n") : fmt::format("{} tables differ\n", differing));
    return {};
  }

  [[nodiscard]] Result<void> work(const Command& command) {
    complete(database);
    BULKHEAD_TRY(runtime::Workspace workspace, open_workspace(database));
    BULKHEAD_TRY(pg::Blocking catalog, workspace.admin());
    if (command.looks) return (this->*command.work)(catalog);
    const bool of_backup = command.app->get_parent()->get_name() == "backup";
    audit::Action action;
    action.name = of_backup                             ? "backup." + command.app->get_name()
                  : command.app->get_name() == "backup" ? "backup.create"
                                                        : "tenant.restore";
    action.subject = tenant;
    if (!as.empty()) action.details["as"] = as;
    if (replace) action.details["replace"] = "true";
    if (!at.empty()) action.details["at"] = at;
    if (const auto known = catalog::find_tenant(catalog, tenant); known.has_value())
      action.tenant = known->id;
    return audit::recorded(catalog, audit::Actor::os_user(), std::move(action),
                           [&](audit::Action&) { return (this->*command.work)(catalog); });
  }

  std::vector<Command> commands;
  runtime::DatabaseChoice database;
  std::string tenant, store, folder, at, as, model, cell;
  std::optional<std::uint32_t> keep_days;
  std::size_t keys = 10;
  bool as_json = false, quick = false, replace = false, discard = false, yes = false;
};

BackupCommands::BackupCommands(CLI::App& command) : impl_(std::make_unique<Impl>()) {
  impl_->add_backup(command);
  impl_->add_restore(command);
}

BackupCommands::~BackupCommands() = default;

std::optional<Result<void>> BackupCommands::run() {
  // Subcommands come before the command that they belong to.
  for (const auto& command : impl_->commands)
    if (*command.app) return impl_->work(command);
  return std::nullopt;
}

}  // namespace bulkhead::cli
