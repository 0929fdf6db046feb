#include "cli/lifecycle_commands.hpp"

#include <charconv>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <list>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "audit/log.hpp"
#include "base/progress.hpp"
#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "cli/move_command.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "lifecycle/cells.hpp"
#include "lifecycle/certificate.hpp"
#include "lifecycle/create.hpp"
#include "lifecycle/export.hpp"
#include "lifecycle/plans.hpp"
#include "lifecycle/pool.hpp"
#include "lifecycle/tenants.hpp"

namespace bulkhead::cli {
namespace {

namespace json = boost::json;
using catalog::TenantRecord;

void print_json(const json::value& value) {
  print(json::serialize(value) + "\n");
}

/// Who works here: for an operation's record.
std::string operator_name() {
  return audit::Actor::os_user().text();
}

/// What only looks is not written to the audit log.
bool only_looks(const std::string& command) {
  for (const std::string_view name : {"list", "show", "key", "verify"})
    if (command == name) return true;
  return false;
}

json::object tenant_json(const TenantRecord& tenant) {
  static constexpr const char* statuses[] = {"active", "suspended", "deleting"};
  return {{"id", tenant.id.text()},
          {"slug", tenant.slug},
          {"name", tenant.name},
          {"plan", tenant.plan},
          {"status", statuses[static_cast<std::size_t>(tenant.status)]},
          {"model", catalog::model_name(tenant.placement.model)},
          {"cell", tenant.placement.cell}};
}

json::object tenant_details(const TenantRecord& tenant) {
  json::object out = tenant_json(tenant);
  out["suspended_reason"] = tenant.suspended_reason;
  out["database"] = tenant.placement.database;
  out["schema"] = tenant.placement.schema;
  out["epoch"] = tenant.placement.epoch;
  return out;
}

json::object operation_json(const lifecycle::Operation& operation) {
  return {{"id", operation.id.text()},
          {"kind", operation.kind},
          {"tenant_id", operation.tenant ? json::value(operation.tenant->text()) : json::value()},
          {"subject", operation.subject},
          {"state", lifecycle::operation_state_name(operation.state)},
          {"step", operation.step},
          {"steps_done", operation.steps_done},
          {"steps_total", operation.steps_total},
          {"error", operation.error},
          {"actor", operation.actor},
          {"due", operation.due},
          {"lease_owner", operation.lease_owner},
          {"lease_until", operation.lease_until},
          {"made_at", operation.made_at},
          {"updated_at", operation.updated_at},
          {"input", operation.input},
          {"progress", operation.progress},
          {"result", operation.result}};
}

json::value bound_json(const std::optional<std::int32_t>& bound) {
  return bound ? json::value(*bound) : json::value();
}

json::object cell_json(const lifecycle::Cell& cell) {
  return {{"name", cell.name},
          {"region", cell.region},
          {"status", cell.open ? "open" : "closed"},
          {"data_url", cell.data_url},
          {"pooler", cell.pooler},
          {"pool", cell.pool},
          {"databases", cell.databases},
          {"tenants", {{"row", cell.row}, {"schema", cell.schema}, {"silo", cell.silo}}},
          {"capacity",
           {{"row", bound_json(cell.capacity.row)},
            {"schema", bound_json(cell.capacity.schema)},
            {"silo", bound_json(cell.capacity.silo)}}}};
}

std::string of_bound(std::int64_t used, const std::optional<std::int32_t>& bound) {
  return bound ? fmt::format("{}/{}", used, *bound) : std::to_string(used);
}

Result<std::optional<catalog::Model>> model_of(const std::string& name) {
  if (name.empty()) return std::optional<catalog::Model>();
  const auto model = catalog::parse_model(name);
  if (!model)
    return Error(Errc::usage, fmt::format("there is no model \"{}\"", name)).hint("row, schema or silo");
  return model;
}

/// "row=100,schema=20" on top of what --rows and the like said.
Result<void> read_capacity(const std::string& text, lifecycle::Capacity& capacity) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    const std::string part = text.substr(at, comma - at);
    at = comma + 1;
    const std::size_t equals = part.find('=');
    const auto model = catalog::parse_model(part.substr(0, equals));
    std::int32_t count = -1;
    if (equals != std::string::npos)
      std::from_chars(part.data() + equals + 1, part.data() + part.size(), count);
    if (!model || count < 0)
      return Error(Errc::usage, fmt::format("\"{}\" is no capacity", part))
          .hint("--capacity row=1000,schema=200,silo=20");
    (*model == catalog::Model::row      ? capacity.row
     : *model == catalog::Model::schema ? capacity.schema
                                        : capacity.silo) = count;
  }
  return {};
}

Result<Uuid> operation_id(const std::string& text) {
  const auto id = Uuid::parse(text);
  if (!id)
    return Error(Errc::usage, fmt::format("\"{}\" is no operation's id", text))
        .hint("`bulkhead operation list` shows them");
  return *id;
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error(Errc::environment, fmt::format("{} cannot be read", path));
  return std::string(std::istreambuf_iterator<char>(in), {});
}

/// The steps of an operation as a bar on stderr.
class StepProgress {
 public:
  explicit StepProgress(std::string what) : what_(std::move(what)) {}
  std::function<void(const lifecycle::Operation&)> told() {
    return [this](const lifecycle::Operation& operation) {
      if (!progress_) progress_.emplace(what_, "steps", static_cast<std::uint64_t>(operation.steps_total));
      progress_->update(static_cast<std::uint64_t>(operation.steps_done));
    };
  }

 private:
  std::string what_;
  std::optional<Progress> progress_;
};

}  // namespace

struct LifecycleCommands::Impl {
  struct Command {
    CLI::App* app;
    runtime::DatabaseChoice database;
    std::function<Result<void>(pg::Blocking&)> work;
  };

  /// A subcommand that works on the catalog.
  CLI::App& add(CLI::App& parent, const char* name, const char* what,
                Result<void> (Impl::*work)(pg::Blocking&)) {
    commands.push_back(Command{parent.add_subcommand(name, what), {}, [this, work](pg::Blocking& catalog) {
                                 return (this->*work)(catalog);
                               }});
    Command& made = commands.back();
    auto* data = made.app->add_option(
        "--data", made.database.data_dir,
        "data folder with the embedded PostgreSQL (default: $BULKHEAD_DATA, then ./.bulkhead)");
    auto* url = made.app->add_option(
        "--database", made.database.url,
        "URL of an existing PostgreSQL database, with the operator's rights ($BULKHEAD_DATABASE)");
    data->excludes(url);
    return *made.app;
  }
  CLI::App& with_tenant(CLI::App& command) {
    command.add_option("tenant", tenant, "slug or id")->required();
    return command;
  }
  CLI::App& with_json(CLI::App& command) {
    command.add_flag("--json", as_json, "print JSON");
    return command;
  }

  void add_tenant(CLI::App& parent) {
    auto& create = with_json(add(parent, "create", "make a tenant", &Impl::tenant_create));
    create.add_option("slug", create_request.slug, "its name in subdomains and paths")->required();
    create.add_option("--name", create_request.name, "display name (default: the slug)");
    create.add_option("--model", model, "row, schema or silo (default: the plan's)");
    create.add_option("--plan", create_request.plan, "its plan")->capture_default_str();
    create.add_option("--cell", create_request.cell,
                      "the cell it lives in (default: the plan's, else the emptiest)");
    create.add_option("--region", create_request.region, "the region of that cell");
    with_json(add(parent, "list", "list the tenants", &Impl::tenant_list));
    with_json(with_tenant(add(parent, "show", "show one tenant", &Impl::tenant_show)));
    auto& suspend = with_json(
        with_tenant(add(parent, "suspend", "its users get 403; its rows stay", &Impl::tenant_suspend)));
    suspend.add_option("--reason", reason, "what its users are told");
    with_json(with_tenant(add(parent, "resume", "end a suspension", &Impl::tenant_resume)));
    auto& plan_change =
        with_json(with_tenant(add(parent, "plan", "give it another plan", &Impl::tenant_plan)));
    plan_change.add_option("plan", plan.name, "the plan")->required();
    auto& exported = with_json(with_tenant(
        add(parent, "export", "write all that is the tenant's into one archive", &Impl::tenant_export)));
    exported.add_option("--out", out, "the file (.tar.gz)")->required();
    auto& deleted =
        with_json(with_tenant(add(parent, "delete", "delete it, after a grace", &Impl::tenant_delete)));
    auto* grace_option = deleted.add_option("--grace", grace, "how long `tenant undelete` can bring it back")
                             ->capture_default_str();
    deleted.add_flag("--now", now, "without a grace: at once, for good")->excludes(grace_option);
    deleted.add_flag("--yes", yes, "do not ask");
    with_json(with_tenant(add(parent, "undelete", "bring it back within the grace", &Impl::tenant_undelete)));
  }

  void add_cells(CLI::App& parent) {
    auto* cell_app = parent.add_subcommand("cell", "cells: PostgreSQL servers that hold placements");
    cell_app->require_subcommand(1);
    auto& added = with_json(add(*cell_app, "add", "register a PostgreSQL server", &Impl::cell_add));
    added.add_option("name", cell.name, "the cell's name")->required();
    added.add_option("url", cell.admin_url, "its URL, with the operator's rights")->required();
    added.add_option("--region", cell.region, "where it is");
    added.add_option("--data-url", cell.data_url, "where servers reach it (default: as the URL says)");
    added.add_flag("--pooler", cell.pooler, "the data URL leads to a transaction pooler");
    added.add_option("--rows", cell.capacity.row, "most tenants of the row model")
        ->check(CLI::NonNegativeNumber);
    added.add_option("--schemas", cell.capacity.schema, "most tenants of the schema model")
        ->check(CLI::NonNegativeNumber);
    added.add_option("--silos", cell.capacity.silo, "most tenants of the silo model")
        ->check(CLI::NonNegativeNumber);
    added.add_option("--capacity", capacity, "the same: row=N,schema=N,silo=N");
    with_json(add(*cell_app, "list", "list the cells", &Impl::cell_list));
    for (const bool open : {true, false}) {
      auto& command = add(*cell_app, open ? "open" : "close",
                          open ? "let it take new tenants" : "it takes no new tenants any more",
                          open ? &Impl::cell_open : &Impl::cell_close);
      command.add_option("name", cell.name, "the cell")->required();
    }
  }

  void add_plans(CLI::App& parent) {
    auto* plan_app = parent.add_subcommand("plan", "plans: where their tenants' placements are made");
    plan_app->require_subcommand(1);
    with_json(add(*plan_app, "list", "list the plans", &Impl::plan_list));
    auto& set = add(*plan_app, "set", "make or change a plan", &Impl::plan_set);
    set.add_option("name", plan.name, "the plan")->required();
    plan_options[0] = set.add_option("--model", model, "row, schema or silo");
    plan_options[1] = set.add_option("--cell", plan.cell, "the cell of its new tenants; empty: any");
    plan_options[2] = set.add_option("--region", plan.region, "the region of its new tenants; empty: any");
    plan_options[3] = set.add_option("--pool", plan.pool, "how many placements are kept ready")
                          ->check(CLI::Range(0, 10'000));
    auto* pool_app = parent.add_subcommand("pool", "placements that are made before their tenants come");
    pool_app->require_subcommand(1);
    with_json(add(*pool_app, "fill", "make what the plans want", &Impl::pool_fill));
    with_json(add(*pool_app, "list", "what is wanted and what is ready", &Impl::pool_list));
  }

  void add_operations(CLI::App& parent) {
    auto* operations = parent.add_subcommand("operation", "long work: what runs, what failed and why");
    operations->require_subcommand(1);
    auto& list = with_json(add(*operations, "list", "the latest operations", &Impl::operation_list));
    list.add_option("--state", state, "pending, running, done, failed or cancelled");
    list.add_option("--limit", limit, "how many")->capture_default_str()->check(CLI::Range(1, 10'000));
    for (const bool show : {true, false}) {
      auto& command = with_json(add(*operations, show ? "show" : "resume",
                                    show ? "show one" : "take one up that stands still, or has failed",
                                    show ? &Impl::operation_show : &Impl::operation_resume));
      command.add_option("id", id, "the operation's id")->required();
    }
    auto* certificates = parent.add_subcommand("certificate", "certificates of deletion");
    certificates->require_subcommand(1);
    auto& show =
        add(*certificates, "show", "print the certificate of a deleted tenant", &Impl::certificate_show);
    show.add_option("tenant", id, "the tenant's id, or its slug")->required();
    add(*certificates, "key", "print the installation's public key", &Impl::certificate_key);
    auto& verify = add(*certificates, "verify", "check a certificate's signature", &Impl::certificate_verify);
    verify.add_option("file", file, "the certificate")->required();
    key_option =
        verify.add_option("--key", key_file, "file with the public key (default: this installation's)");
  }

  // --- tenants

  Result<void> show_tenant(const TenantRecord& record) {
    if (as_json) {
      print_json(tenant_details(record));
      return {};
    }
    std::string text;
    for (const auto& member : tenant_details(record)) {
      const std::string value = member.value().is_string() ? std::string(member.value().get_string())
                                                           : json::serialize(member.value());
      if (!value.empty()) text += fmt::format("{:<17}{}\n", std::string(member.key()), value);
    }
    print(text);
    return {};
  }
  Result<void> tell(const Result<TenantRecord>& changed, std::string_view what) {
    if (changed.has_error()) return changed.error();
    if (as_json)
      print_json(tenant_json(*changed));
    else
      print(fmt::format("{}  {}\n", changed->slug, what));
    return {};
  }

  Result<void> tenant_create(pg::Blocking& catalog) {
    BULKHEAD_TRY(create_request.model, model_of(model));
    create_request.actor = operator_name();
    StepProgress progress("create");
    BULKHEAD_TRY(const TenantRecord made, lifecycle::create_tenant(catalog, create_request, progress.told()));
    if (as_json)
      print_json(tenant_json(made));
    else
      print(fmt::format("{}  {}\n", made.id.text(), made.slug));
    return {};
  }
  Result<void> tenant_list(pg::Blocking& catalog) {
    BULKHEAD_TRY(const std::vector<TenantRecord> tenants, catalog::list_tenants(catalog));
    json::array list;
    for (const TenantRecord& record : tenants) {
      if (as_json)
        list.push_back(tenant_json(record));
      else
        print(fmt::format("{}  {:<24}  {:<6}  {:<12}  {}{}\n", record.id.text(), record.slug,
                          catalog::model_name(record.placement.model), record.placement.cell, record.name,
                          record.status == catalog::TenantStatus::active      ? ""
                          : record.status == catalog::TenantStatus::suspended ? "  (suspended)"
                                                                              : "  (being deleted)"));
    }
    if (as_json) print_json(json::value(std::move(list)));
    return {};
  }
  Result<void> tenant_show(pg::Blocking& catalog) {
    BULKHEAD_TRY(const TenantRecord record, catalog::find_tenant(catalog, tenant));
    return show_tenant(record);
  }
  Result<void> tenant_suspend(pg::Blocking& catalog) {
    return tell(lifecycle::suspend_tenant(catalog, tenant, reason), "suspended");
  }
  Result<void> tenant_resume(pg::Blocking& catalog) {
    return tell(lifecycle::resume_tenant(catalog, tenant), "active");
  }
  Result<void> tenant_plan(pg::Blocking& catalog) {
    BULKHEAD_TRY(const auto move, lifecycle::start_plan_move(catalog, tenant, plan.name, operator_name()));
    if (!move) return tell(lifecycle::change_plan(catalog, tenant, plan.name), "plan " + plan.name);
    MoveProgress progress;
    BULKHEAD_TRY(const auto done,
                 lifecycle::run_move(catalog, move->id, [&](const lifecycle::Operation& operation) {
                   progress.show(operation);
                 }));
    return tell(catalog::find_tenant(catalog, done.subject), "plan " + plan.name);
  }
  Result<void> tenant_export(pg::Blocking& catalog) {
    lifecycle::ExportRequest request;
    request.tenant = tenant;
    request.out = out;
    request.actor = operator_name();
    std::optional<Progress> progress;
    request.progress = [&progress](std::uint64_t done, std::uint64_t total) {
      if (!progress) progress.emplace("export", "rows", total);
      progress->update(done);
    };
    BULKHEAD_TRY(const auto report, lifecycle::export_tenant(catalog, request));
    if (progress) progress->finish();
    if (as_json) {
      print_json(json::object{{"operation", report.operation},
                              {"file", out},
                              {"rows", report.rows},
                              {"bytes", report.bytes},
                              {"content_sha256", report.content_sha256}});
      return {};
    }
    for (const auto& table : report.tables) print(fmt::format("{:<24} {:>10}\n", table.name, table.rows));
    print(fmt::format("{}: {} rows, {} bytes\n", out, report.rows, report.bytes));
    return {};
  }
  Result<void> confirm(const TenantRecord& record) {
    if (yes) return {};
    return confirm_slug(record.slug, fmt::format("Delete tenant \"{}\" ({}, {}) {}?", record.slug,
                                                 record.name, catalog::model_name(record.placement.model),
                                                 now ? "at once and for good" : "after " + grace));
  }
  Result<void> tenant_delete(pg::Blocking& catalog) {
    BULKHEAD_TRY(const auto wait, duration_of(now ? "0" : grace));
    BULKHEAD_TRY(const TenantRecord record, catalog::find_tenant(catalog, tenant));
    BULKHEAD_CHECK(confirm(record));
    BULKHEAD_TRY(auto operation, lifecycle::start_delete(catalog, tenant, wait, operator_name()));
    if (wait.count() == 0) {
      StepProgress progress("delete");
      BULKHEAD_TRY(operation, lifecycle::resume_operation(catalog, operation.id, progress.told()));
    }
    if (as_json)
      print_json(operation_json(operation));
    else if (operation.state == lifecycle::OperationState::done)
      print(fmt::format("{}  deleted; `bulkhead certificate show {}`\n", record.slug, record.id.text()));
    else
      print(
          fmt::format("{}  will be deleted at {}; until then `bulkhead tenant undelete {}` brings it back\n",
                      record.slug, operation.due, record.slug));
    return {};
  }
  Result<void> tenant_undelete(pg::Blocking& catalog) {
    BULKHEAD_TRY(const auto back, lifecycle::undelete_tenant(catalog, tenant));
    return tell(back, back.status == catalog::TenantStatus::suspended ? "suspended" : "active");
  }

  // --- cells, plans, pool

  Result<void> cell_add(pg::Blocking& catalog) {
    BULKHEAD_CHECK(read_capacity(capacity, cell.capacity));
    BULKHEAD_TRY(const auto added, lifecycle::add_cell(catalog, cell));
    if (as_json)
      print_json(cell_json(added));
    else
      print(fmt::format("{}  open; its pool is {}\n", added.name, added.pool));
    return {};
  }
  Result<void> cell_list(pg::Blocking& catalog) {
    BULKHEAD_TRY(const auto cells, lifecycle::list_cells(catalog));
    json::array list;
    for (const auto& each : cells) {
      if (as_json)
        list.push_back(cell_json(each));
      else
        print(fmt::format("{:<16} {:<12} {:<7} {:>10} row {:>10} schema {:>8} silo {:>6} databases\n",
                          each.name, each.region, each.open ? "open" : "closed",
                          of_bound(each.row, each.capacity.row), of_bound(each.schema, each.capacity.schema),
                          of_bound(each.silo, each.capacity.silo), each.databases));
    }
    if (as_json) print_json(json::value(std::move(list)));
    return {};
  }
  Result<void> cell_open(pg::Blocking& catalog) { return lifecycle::set_cell_open(catalog, cell.name, true); }
  Result<void> cell_close(pg::Blocking& catalog) {
    return lifecycle::set_cell_open(catalog, cell.name, false);
  }

  Result<void> plan_list(pg::Blocking& catalog) {
    BULKHEAD_TRY(const auto plans, lifecycle::list_plans(catalog));
    json::array list;
    for (const auto& each : plans) {
      if (as_json)
        list.push_back({{"name", each.name},
                        {"model", catalog::model_name(each.model)},
                        {"cell", each.cell},
                        {"region", each.region},
                        {"pool", each.pool}});
      else
        print(fmt::format("{:<24} {:<6} {:<16} {:<12} {:>5} ready\n", each.name,
                          catalog::model_name(each.model), each.cell.empty() ? "any cell" : each.cell,
                          each.region.empty() ? "any region" : each.region, each.pool));
    }
    if (as_json) print_json(json::value(std::move(list)));
    return {};
  }
  /// What is not given stays as it is.
  Result<void> plan_set(pg::Blocking& catalog) {
    auto now_set = lifecycle::find_plan(catalog, plan.name);
    if (now_set.has_error() && now_set.error().code() != Errc::not_found) return now_set.error();
    lifecycle::Plan wanted = now_set.has_value() ? *now_set : lifecycle::Plan{};
    wanted.name = plan.name;
    BULKHEAD_TRY(const auto given, model_of(model));
    if (given) wanted.model = *given;
    if (plan_options[1]->count() != 0) wanted.cell = plan.cell;
    if (plan_options[2]->count() != 0) wanted.region = plan.region;
    if (plan_options[3]->count() != 0) wanted.pool = plan.pool;
    return lifecycle::set_plan(catalog, wanted);
  }
  Result<void> pool_fill(pg::Blocking& catalog) {
    std::optional<Progress> progress;
    BULKHEAD_TRY(const auto report,
                 lifecycle::fill_pool(catalog, [&progress](std::uint64_t done, std::uint64_t total) {
                   if (!progress) progress.emplace("pool", "placements", total);
                   progress->update(done);
                 }));
    if (progress) progress->finish();
    if (as_json)
      print_json(
          json::object{{"made", report.made}, {"undone", report.undone}, {"errors", report.errors.size()}});
    else
      print(fmt::format("{} made, {} half-made ones undone\n", report.made, report.undone));
    if (!report.errors.empty()) return report.errors.front();
    return {};
  }
  Result<void> pool_list(pg::Blocking& catalog) {
    BULKHEAD_TRY(const auto states, lifecycle::pool_states(catalog));
    json::array list;
    for (const auto& each : states) {
      if (as_json)
        list.push_back({{"model", catalog::model_name(each.model)},
                        {"cell", each.cell},
                        {"region", each.region},
                        {"wanted", each.wanted},
                        {"ready", each.ready},
                        {"making", each.making}});
      else
        print(fmt::format("{:<6} {:<16} {:<12} {:>5} of {} ready, {} in the making\n",
                          catalog::model_name(each.model), each.cell.empty() ? "any cell" : each.cell,
                          each.region.empty() ? "any region" : each.region, each.ready, each.wanted,
                          each.making));
    }
    if (as_json) print_json(json::value(std::move(list)));
    return {};
  }

  // --- operations, certificates

  Result<void> operation_list(pg::Blocking& catalog) {
    lifecycle::OperationFilter filter;
    filter.limit = limit;
    if (!state.empty()) {
      filter.state = lifecycle::parse_operation_state(state);
      if (!filter.state)
        return Error(Errc::usage, fmt::format("there is no state \"{}\"", state))
            .hint("pending, running, done, failed or cancelled");
    }
    BULKHEAD_TRY(const auto operations, lifecycle::list_operations(catalog, filter));
    json::array list;
    for (const auto& each : operations) {
      if (as_json)
        list.push_back(operation_json(each));
      else
        print(fmt::format("{}  {:<8} {:<24} {:<9} {}/{} {}\n", each.id.text(), each.kind, each.subject,
                          lifecycle::operation_state_name(each.state), each.steps_done, each.steps_total,
                          each.error));
    }
    if (as_json) print_json(json::value(std::move(list)));
    return {};
  }
  Result<void> show_operation(const lifecycle::Operation& operation) {
    if (as_json) {
      print_json(operation_json(operation));
      return {};
    }
    std::string text;
    for (const auto& member : operation_json(operation)) {
      const std::string value = member.value().is_string() ? std::string(member.value().get_string())
                                                           : json::serialize(member.value());
      if (!value.empty() && value != "{}" && value != "null")
        text += fmt::format("{:<12}{}\n", std::string(member.key()), value);
    }
    print(text);
    return {};
  }
  Result<void> operation_show(pg::Blocking& catalog) {
    BULKHEAD_TRY(const Uuid wanted, operation_id(id));
    BULKHEAD_TRY(const auto operation, lifecycle::find_operation(catalog, wanted));
    return show_operation(operation);
  }
  Result<void> operation_resume(pg::Blocking& catalog) {
    BULKHEAD_TRY(const Uuid wanted, operation_id(id));
    StepProgress progress("operation");
    BULKHEAD_TRY(const auto operation, lifecycle::resume_operation(catalog, wanted, progress.told()));
    return show_operation(operation);
  }
  Result<void> certificate_show(pg::Blocking& catalog) {
    BULKHEAD_TRY(const auto certificate, lifecycle::find_certificate(catalog, id));
    print_json(json::value(certificate));
    return {};
  }
  Result<void> certificate_key(pg::Blocking& catalog) {
    BULKHEAD_TRY(const auto key, lifecycle::certificate_key(catalog));
    print(key);
    return {};
  }
  Result<void> certificate_verify(pg::Blocking& catalog) {
    BULKHEAD_TRY(const auto key, lifecycle::certificate_key(catalog));
    return verify_with(key);
  }
  Result<void> verify_with(const std::string& key) {
    BULKHEAD_TRY(const auto text, read_file(file));
    BULKHEAD_TRY(const auto statement, lifecycle::verify_certificate(text, key));
    print_json(json::value(statement));
    return {};
  }

  /// The chosen command as the audit log has it: "tenant.suspend".
  [[nodiscard]] audit::Action action(pg::Blocking& catalog) const {
    audit::Action what;
    what.name = chosen->app->get_parent()->get_name() + "." + chosen->app->get_name();
    for (const std::string* subject : {&tenant, &create_request.slug, &cell.name, &plan.name, &id})
      if (what.subject.empty()) what.subject = *subject;
    const std::pair<const char*, const std::string*> details[] = {
        {"reason", &reason}, {"file", &out}, {"model", &model}, {"plan", &plan.name}};
    for (const auto& [name, value] : details)
      if (!value->empty() && *value != what.subject) what.details[name] = *value;
    if (what.name == "tenant.delete") what.details["grace"] = now ? "0" : grace;
    if (const auto known = catalog::find_tenant(catalog, tenant); known.has_value()) what.tenant = known->id;
    return what;
  }

  /// Anybody may check a certificate who has the public key: no database is needed.
  [[nodiscard]] bool needs_no_database() const { return key_option->count() != 0; }
  Result<void> run_without_database() {
    BULKHEAD_TRY(const auto key, read_file(key_file));
    return verify_with(key);
  }

  std::list<Command> commands;
  Command* chosen = nullptr;
  lifecycle::CreateRequest create_request;
  lifecycle::NewCell cell;
  lifecycle::Plan plan;
  CLI::Option* plan_options[4] = {};
  CLI::Option* key_option = nullptr;
  std::string tenant, model, reason, out, grace = "30d", capacity, state, id, file, key_file;
  std::size_t limit = 50;
  bool as_json = false, now = false, yes = false;
};

LifecycleCommands::LifecycleCommands(CLI::App& command, CLI::App& tenant) : impl_(std::make_unique<Impl>()) {
  impl_->add_tenant(tenant);
  impl_->add_cells(command);
  impl_->add_plans(command);
  impl_->add_operations(command);
}

LifecycleCommands::~LifecycleCommands() = default;

runtime::DatabaseChoice* LifecycleCommands::chosen() {
  for (Impl::Command& command : impl_->commands) {
    if (command.app->parsed()) {
      impl_->chosen = &command;
      return &command.database;
    }
  }
  return nullptr;
}

Result<void> LifecycleCommands::run() {
  if (impl_->needs_no_database()) return impl_->run_without_database();
  BULKHEAD_TRY(runtime::Workspace workspace, open_workspace(impl_->chosen->database));
  BULKHEAD_TRY(pg::Blocking catalog, workspace.admin());
  const auto work = [&](audit::Action&) { return impl_->chosen->work(catalog); };
  audit::Action action = impl_->action(catalog);
  if (only_looks(impl_->chosen->app->get_name())) return work(action);
  return audit::recorded(catalog, audit::Actor::os_user(), std::move(action), work);
}

}  // namespace bulkhead::cli
