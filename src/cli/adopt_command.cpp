#include "cli/adopt_command.hpp"

#include <fstream>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "audit/log.hpp"
#include "base/progress.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"

namespace bulkhead::cli {

using migrate::AdoptFinding;
using migrate::AdoptLook;

namespace {

std::size_t breaking(const AdoptLook& look) {
  std::size_t count = 0;
  for (const AdoptFinding& finding : look.findings) count += finding.breaks ? 1 : 0;
  return count;
}

std::string as_text(const AdoptLook& look, const migrate::AdoptedSchema& schema) {
  std::string out;
  std::string_view about;
  for (const AdoptFinding& finding : look.findings) {
    if (finding.about != about) out += finding.about + "\n";
    about = finding.about;
    out += fmt::format("  {:<7}  {:<22}  {}\n", finding.breaks ? "error" : "warning", finding.rule,
                       finding.problem);
    if (!finding.advice.empty()) out += fmt::format("           {:<22}  → {}\n", "", finding.advice);
    if (finding.breaks && finding.mends.empty() && finding.advice.empty())
      out += "           no SQL alone mends it\n";
  }
  return out + fmt::format("schema {}: {} tables of tenants by {}; {} errors, {} warnings\n", schema.name,
                           look.tables.size(), schema.tenant_column, breaking(look),
                           look.findings.size() - breaking(look));
}

std::string as_json(const AdoptLook& look, const migrate::AdoptedSchema& schema) {
  boost::json::array findings;
  for (const AdoptFinding& finding : look.findings) {
    boost::json::array mends;
    for (const migrate::Mend& mend : finding.mends) mends.emplace_back(mend.sql);
    findings.push_back(boost::json::object{{"rule", finding.rule},
                                           {"level", finding.breaks ? "error" : "warning"},
                                           {"relation", finding.relation},
                                           {"about", finding.about},
                                           {"problem", finding.problem},
                                           {"advice", finding.advice},
                                           {"mends", std::move(mends)}});
  }
  return boost::json::serialize(
             boost::json::object{{"schema", schema.name},
                                 {"tenant_column", schema.tenant_column},
                                 {"keeps_apart", look.keeps_apart()},
                                 {"tables", boost::json::array(look.tables.begin(), look.tables.end())},
                                 {"findings", std::move(findings)}}) +
         "\n";
}

Result<void> write_file(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) return Error(Errc::environment, "the file " + path + " cannot be written");
  return {};
}

}  // namespace

AdoptCommand::AdoptCommand(CLI::App& root) {
  command_ = root.add_subcommand(
      "adopt",
      "serve tables that were there before: look at a schema, write what mends it, register its tenants");
  command_->add_option("url", request_.url, "the database: postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
      ->required();
  database_options(*command_, database_);
  migrate::AdoptedSchema& schema = request_.schema;
  command_->add_option("--schema", schema.name, "the schema")->capture_default_str();
  command_->add_option("--tenant-column", schema.tenant_column, "the column that says whose a row is")
      ->capture_default_str();
  command_->add_option("--shared", schema.shared, "a table that all tenants read; may be repeated");
  command_->add_option("--hidden", schema.hidden, "a table that is not served; may be repeated");
  command_->add_option("--role", schema.roles,
                       "a role that requests run as, of [database] roles; may be repeated");
  command_->add_option("--setting", setting_,
                       "the setting by which its policies know the tenant, such as app.current_org");
  command_->add_option("--slugs-from", request_.slugs_from,
                       "TABLE.COLUMN with the tenants' names, by the table's key");
  command_->add_option("--cell", request_.cell, "a name for the database's server, where it has none yet");
  auto* write = command_->add_option("--write", write_, "write the migration that mends it; it is not run");
  auto* apply =
      command_->add_flag("--apply", apply_, "install schema bulkhead there, and register the tenants");
  auto* undo = command_->add_flag("--undo", undo_, "say what --apply made; with --apply: take it out again");
  write->excludes(apply)->excludes(undo);
  command_->add_flag("--json", json_, "print JSON");
}

std::optional<Result<void>> AdoptCommand::run() {
  if (!command_->parsed()) return std::nullopt;
  complete(database_);
  if (undo_) return undo();
  return apply_ ? apply() : look();
}

Result<void> AdoptCommand::look() const {
  BULKHEAD_TRY(pg::Blocking target, pg::Blocking::connect(request_.url));
  BULKHEAD_TRY(const AdoptLook seen, migrate::look_at_schema(target, request_.schema));
  print(json_ ? as_json(seen, request_.schema) : as_text(seen, request_.schema));
  if (!write_.empty()) {
    BULKHEAD_CHECK(write_file(write_, migrate::mending_sql(seen, request_.schema)));
    if (!json_) print("written: " + write_ + ". Read it, then: psql -v ON_ERROR_STOP=1 -f " + write_ + "\n");
  }
  if (seen.keeps_apart()) return {};
  return Error(Errc::lint_failed,
               fmt::format("{} things are to be mended before tenants are served out of schema {}",
                           breaking(seen), request_.schema.name))
      .hint(write_.empty() ? "--write FILE.sql writes the migration that mends what SQL can mend"
                           : "run the file, then look again");
}

Result<void> AdoptCommand::apply() const {
  BULKHEAD_TRY(runtime::Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking catalog, workspace.admin());
  std::optional<Progress> progress;
  const auto told = [&progress](std::uint64_t done, std::uint64_t total) {
    if (!progress) progress.emplace("adopt", "tenants", total);
    progress->update(done);
  };
  const audit::Action action{
      "adopt", request_.schema.name, std::nullopt, {{"tenant_column", request_.schema.tenant_column}}};
  BULKHEAD_TRY(const lifecycle::Adoption done,
               audit::recorded(catalog, audit::Actor::os_user(), action,
                               [&](audit::Action& ended) -> Result<lifecycle::Adoption> {
                                 BULKHEAD_TRY(auto made, lifecycle::adopt(catalog, request_, told));
                                 ended.details["cell"] = made.cell;
                                 ended.details["database"] = made.database;
                                 ended.details["tenants"] = made.tenants;
                                 ended.details["fresh"] = made.fresh;
                                 return made;
                               }));
  progress.reset();
  if (json_) {
    print(boost::json::serialize(boost::json::object{{"cell", done.cell},
                                                     {"database", done.database},
                                                     {"schema", done.schema},
                                                     {"version", done.version},
                                                     {"tenants", done.tenants},
                                                     {"fresh", done.fresh}}) +
          "\n");
    return {};
  }
  print(fmt::format("adopted: schema {} of database {} in cell {}: {} tenants, {} of them new\n", done.schema,
                    done.database, done.cell, done.tenants, done.fresh));
  if (!setting_.empty())
    print(
        fmt::format("bulkhead.toml wants, for its policies: [database] tenant_setting = \"{}\"\n", setting_));
  return {};
}

Result<void> AdoptCommand::undo() const {
  BULKHEAD_TRY(runtime::Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking catalog, workspace.admin());
  const auto say = [this](const lifecycle::AdoptedThere& there, std::string_view verb) {
    if (json_)
      print(boost::json::serialize(boost::json::object{
                {"cell", there.cell},
                {"database", there.database},
                {"tenants", boost::json::array(there.tenants.begin(), there.tenants.end())},
                {"done", apply_}}) +
            "\n");
    else
      print(fmt::format(
          "{} of the catalog, with their memberships: {} tenants{}{}\nrows, tables and policies stay\n", verb,
          there.tenants.size(), there.tenants.empty() ? "" : ": ", fmt::join(there.tenants, ", ")));
  };
  if (!apply_) {
    BULKHEAD_TRY(const auto there, lifecycle::find_adopted(catalog, request_));
    say(there, "would be taken out");
    return {};
  }
  const audit::Action action{"adopt.undo", request_.schema.name, std::nullopt, {}};
  BULKHEAD_TRY(const auto gone,
               audit::recorded(catalog, audit::Actor::os_user(), action,
                               [&](audit::Action&) { return lifecycle::forget_adopted(catalog, request_); }));
  say(gone, "taken out");
  return {};
}

}  // namespace bulkhead::cli
