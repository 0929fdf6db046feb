#include "cli/move_command.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "audit/log.hpp"
#include "base/progress.hpp"
#include "base/size.hpp"
#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "lifecycle/operations.hpp"

namespace bulkhead::cli {

namespace json = boost::json;

namespace {

std::uint64_t number_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) return 0;
  if (value->is_uint64()) return value->get_uint64();
  if (value->is_int64() && value->get_int64() > 0) return static_cast<std::uint64_t>(value->get_int64());
  return 0;
}

double fraction_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) return 0;
  return value->is_double() ? value->get_double() : static_cast<double>(number_of(object, key));
}

std::string text_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::string place_of(const json::object& operation_part) {
  return fmt::format("{} in cell {} ({}.{})", text_of(operation_part, "model"),
                     text_of(operation_part, "cell"), text_of(operation_part, "database"),
                     text_of(operation_part, "schema"));
}

}  // namespace

struct MoveProgress::Impl {
  std::string phase;
  std::optional<Progress> bar;
};

MoveProgress::MoveProgress() : impl_(std::make_unique<Impl>()) {}
MoveProgress::~MoveProgress() = default;

void MoveProgress::show(const lifecycle::Operation& operation) {
  const auto& progress = operation.progress;
  const std::string phase = operation.step == "move" ? text_of(progress, "phase") : operation.step;
  if (phase != impl_->phase) {
    impl_->bar.reset();
    impl_->phase = phase;
    if (phase == "copy") impl_->bar.emplace("copy", "rows", number_of(progress, "rows_total"));
    if (!phase.empty() && phase != "copy") std::fputs(("move  " + phase + "\n").c_str(), stderr);
  }
  if (impl_->bar) impl_->bar->update(number_of(progress, "rows_done"));
}

MoveCommand::MoveCommand(CLI::App& root) {
  command_ =
      root.add_subcommand("move", "move a tenant to another model or cell while it is in use, or back");
  command_->add_option("tenant", request_.tenant, "slug or id")->required();
  database_options(*command_, database_);
  auto* model = command_->add_option("--to", model_, "row, schema or silo (default: as it is)");
  auto* cell = command_->add_option("--cell", request_.cell, "the cell (default: any that has room)");
  auto* back = command_->add_flag("--back", request_.back,
                                  "to where it lived before, with all that was written since");
  back->excludes(model)->excludes(cell);
  command_->add_flag("--dry-run", dry_run_, "only say what it would take: rows, bytes, time, pause");
  command_->add_option("--max-rate", rate_,
                       "bytes a second of the copy, such as 20MB (default: as fast as it goes)");
  command_->add_option("--keep", keep_, "how long the way back stays open")->capture_default_str();
  command_->add_flag("--detach", detach_, "only start it: a server's housekeeping does it");
  auto* list = command_->add_flag("--list", list_, "the places that it could go back to");
  command_->add_flag("--clean", clean_, "remove now what is kept where it lived before")->excludes(list);
  command_->add_flag("--json", json_, "print JSON");
}

std::optional<Result<void>> MoveCommand::run() {
  if (!command_->parsed()) return std::nullopt;
  complete(database_);
  const auto work = [this]() -> Result<void> {
    BULKHEAD_CHECK(read_options());
    BULKHEAD_TRY(runtime::Workspace workspace, open_workspace(database_));
    BULKHEAD_TRY(pg::Blocking catalog, workspace.admin());
    if (list_) return list(catalog);
    if (clean_) return clean(catalog);
    return dry_run_ ? estimate(catalog) : move(catalog);
  };
  return work();
}

Result<void> MoveCommand::read_options() {
  if (!model_.empty()) {
    request_.model = catalog::parse_model(model_);
    if (!request_.model)
      return Error(Errc::usage, fmt::format("there is no model \"{}\"", model_)).hint("row, schema or silo");
  }
  if (!rate_.empty()) {
    const auto rate = parse_size(rate_);
    if (!rate) return Error(Errc::usage, "\"" + rate_ + "\" is no size").hint("--max-rate 20MB (kB, MB, GB)");
    request_.max_rate = *rate;
  }
  BULKHEAD_TRY(request_.keep, duration_of(keep_));
  request_.actor = audit::Actor::os_user().text();
  return {};
}

Result<void> MoveCommand::estimate(pg::Blocking& catalog) const {
  BULKHEAD_TRY(const auto found, lifecycle::estimate_move(catalog, request_));
  if (json_) {
    print(json::serialize(lifecycle::estimate_json(found)) + "\n");
    return {};
  }
  std::string text = fmt::format("from  {}\nto    {}\n", found.from, found.to);
  for (const auto& table : found.tables)
    text += fmt::format("{:<24} {:>12} rows {:>14} bytes\n", table.name, table.rows, table.bytes);
  text += fmt::format("{} rows, {} bytes: about {:.0f} s, writes wait about {:.0f} ms ({})\n", found.rows,
                      found.bytes, found.seconds, found.pause_ms,
                      found.measured ? "as the latest moves took" : "assumed: nothing was moved here yet");
  print(text);
  return {};
}

Result<void> MoveCommand::move(pg::Blocking& catalog) const {
  MoveProgress progress;
  const auto told = [&progress](const lifecycle::Operation& operation) { progress.show(operation); };
  audit::Action action{
      "tenant.move", request_.tenant, std::nullopt, {{"model", model_}, {"cell", request_.cell}}};
  if (request_.back) action.details["back"] = true;
  if (const auto known = catalog::find_tenant(catalog, request_.tenant); known.has_value())
    action.tenant = known->id;
  BULKHEAD_TRY(const auto done, audit::recorded(catalog, audit::Actor::os_user(), std::move(action),
                                                [&](audit::Action& ended) -> Result<lifecycle::Operation> {
                                                  BULKHEAD_TRY(auto started,
                                                               lifecycle::start_move(catalog, request_));
                                                  ended.details["operation"] = started.id.text();
                                                  if (detach_) return started;
                                                  return lifecycle::run_move(catalog, started.id, told);
                                                }));
  if (json_) {
    json::object out = done.result;
    out["operation"] = done.id.text();
    out["state"] = lifecycle::operation_state_name(done.state);
    print(json::serialize(out) + "\n");
    return {};
  }
  if (detach_) {
    print(fmt::format("{}  started: `bulkhead operation show {}`\n", done.subject, done.id.text()));
    return {};
  }
  const auto* to = done.result.if_contains("to");
  print(fmt::format("{}  lives in {}: {} rows, {:.1f} s, writes waited {:.0f} ms\n", done.subject,
                    to != nullptr && to->is_object() ? place_of(to->get_object()) : "its new place",
                    number_of(done.result, "rows_done"), fraction_of(done.result, "copy_s"),
                    fraction_of(done.result, "pause_ms")));
  return {};
}

Result<void> MoveCommand::list(pg::Blocking& catalog) const {
  BULKHEAD_TRY(const auto tenant, catalog::find_tenant(catalog, request_.tenant));
  BULKHEAD_TRY(const auto formers, lifecycle::former_placements(catalog, tenant.id));
  json::array rows;
  for (const auto& former : formers) {
    const auto& placement = former.placement;
    if (json_) {
      rows.push_back(json::object{{"model", catalog::model_name(placement.model)},
                                  {"cell", placement.cell},
                                  {"database", placement.database},
                                  {"schema", placement.schema},
                                  {"state", former.state},
                                  {"left_at", former.left_at},
                                  {"until", former.until}});
      continue;
    }
    print(fmt::format("{:<6}  {:<12}  {}.{}  left {}  kept until {}\n", catalog::model_name(placement.model),
                      placement.cell, placement.database, placement.schema, former.left_at, former.until));
  }
  if (json_) print(json::serialize(rows) + "\n");
  return {};
}

Result<void> MoveCommand::clean(pg::Blocking& catalog) const {
  BULKHEAD_TRY(const auto tenant, catalog::find_tenant(catalog, request_.tenant));
  BULKHEAD_TRY(const auto formers, lifecycle::former_placements(catalog, tenant.id));
  const audit::Action action{"tenant.move.clean", tenant.slug, tenant.id, {}};
  BULKHEAD_CHECK(
      audit::recorded(catalog, audit::Actor::os_user(), action, [&](audit::Action&) -> Result<void> {
        for (const auto& former : formers) BULKHEAD_CHECK(lifecycle::clean_former(catalog, former));
        return {};
      }));
  print(json_ ? json::serialize(json::object{{"cleaned", formers.size()}}) + "\n"
              : fmt::format("{}  {} places cleaned\n", tenant.slug, formers.size()));
  return {};
}

}  // namespace bulkhead::cli
