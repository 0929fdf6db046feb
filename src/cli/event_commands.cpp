#include "cli/event_commands.hpp"

#include <chrono>
#include <thread>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "audit/log.hpp"
#include "catalog/store.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"

namespace bulkhead::cli {

using runtime::Workspace;

namespace {

constexpr std::size_t page = 500;
constexpr std::chrono::milliseconds look_pause{300};

/// A tenant, with the catalog that it was found in.
struct Found {
  Workspace workspace;
  pg::Blocking admin;
  catalog::TenantRecord tenant;
};

Result<Found> find(const runtime::DatabaseChoice& choice, const std::string& slug) {
  BULKHEAD_TRY(Workspace workspace, open_workspace(choice));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(catalog::TenantRecord tenant, catalog::find_tenant(admin, slug));
  return Found{std::move(workspace), std::move(admin), std::move(tenant)};
}

boost::json::object endpoint_json(const journal::EndpointRecord& endpoint) {
  return {{"url", endpoint.url},          {"state", endpoint.state}, {"reason", endpoint.reason},
          {"pending", endpoint.pending},  {"dead", endpoint.dead},   {"failures", endpoint.failures},
          {"next_attempt", endpoint.next}};
}

}  // namespace

EventCommands::EventCommands(CLI::App& command) {
  auto* events = command.add_subcommand(
      "events", "events that go out: endpoint, tail, replay, dead, status, enable, disable");
  events->require_subcommand(1);
  const auto add_command = [this](CLI::App& parent, const char* name, const char* about, bool of_tenant) {
    auto* sub = parent.add_subcommand(name, about);
    database_options(*sub, database_);
    sub->add_flag("--json", json_, "print JSON");
    if (of_tenant) sub->add_option("tenant", tenant_, "slug or id")->required();
    return sub;
  };
  auto* endpoint =
      events->add_subcommand("endpoint", "where a tenant's events go: add, list, remove, secret");
  endpoint->require_subcommand(1);
  add_ = add_command(*endpoint, "add", "send a tenant's events there from now on", true);
  add_->add_option("url", url_, "https://…, or file:/FOLDER of the server's")->required();
  add_->add_option("--secret", secret_, "whsec_… that signs them (default: one is made)");
  list_ = add_command(*endpoint, "list", "list a tenant's endpoints", true);
  remove_ = add_command(*endpoint, "remove", "send nothing there any more", true);
  remove_->add_option("url", url_, "as it was added")->required();
  show_secret_ = add_command(*endpoint, "secret", "print what an endpoint's events are signed with", true);
  show_secret_->add_option("url", url_, "as it was added")->required();
  replay_ = add_command(*events, "replay", "send a tenant's events again", true);
  replay_->add_option("--from", from_, "events since then, as in 2026-11-22T10:00:00Z")->required();
  replay_->add_option("--endpoint", url_, "to this one alone (default: to all)");
  tail_ = add_command(*events, "tail", "print a tenant's events as they come", true);
  tail_->add_option("--from", from_, "events since then (default: all that are kept)");
  tail_->add_flag("--once", once_, "print what there is, and end");
  auto* dead = events->add_subcommand("dead", "events that an endpoint did not take: list, retry");
  dead->require_subcommand(1);
  dead_list_ = add_command(*dead, "list", "list them", true);
  dead_retry_ = add_command(*dead, "retry", "send them again", true);
  dead_retry_->add_option("--endpoint", url_, "to this one alone (default: to all)");
  status_ = add_command(*events, "status", "which databases' journals are read", false);
  enable_ = add_command(*events, "enable", "make events again", false);
  disable_ = add_command(*events, "disable", "make no events, and drop the replication slots", false);
}

std::optional<Result<void>> EventCommands::run() {
  using Work = Result<void> (EventCommands::*)() const;
  const std::pair<const CLI::App*, Work> commands[] = {{add_, &EventCommands::add},
                                                       {list_, &EventCommands::list},
                                                       {remove_, &EventCommands::remove},
                                                       {show_secret_, &EventCommands::secret},
                                                       {replay_, &EventCommands::replay},
                                                       {tail_, &EventCommands::tail},
                                                       {dead_list_, &EventCommands::list_dead},
                                                       {dead_retry_, &EventCommands::retry_dead},
                                                       {status_, &EventCommands::status},
                                                       {enable_, &EventCommands::enable},
                                                       {disable_, &EventCommands::disable}};
  for (const auto& [command, work] : commands) {
    if (!*command) continue;
    complete(database_);
    return (this->*work)();
  }
  return std::nullopt;
}

void EventCommands::tell(const journal::EndpointRecord& endpoint) const {
  if (json_) return;
  std::string line = fmt::format("{}  {}", endpoint.url, endpoint.state);
  if (!endpoint.reason.empty()) line += ": " + endpoint.reason;
  if (endpoint.pending > 0) line += fmt::format(", {} wait", endpoint.pending);
  if (endpoint.failures > 0 && !endpoint.next.empty())
    line += fmt::format(" until {} after {} failures", endpoint.next, endpoint.failures);
  if (endpoint.dead > 0) line += fmt::format(", {} are dead", endpoint.dead);
  print(line + "\n");
}

void EventCommands::tell(const journal::StoredEvent& event) const {
  print(json_ ? event.body + "\n" : fmt::format("{}  {:<32}  {}\n", event.at, event.type, event.body));
}

Result<void> EventCommands::add() const {
  BULKHEAD_TRY(Found found, find(database_, tenant_));
  const audit::Action action{"events.endpoint.add", found.tenant.slug, found.tenant.id, {{"url", url_}}};
  BULKHEAD_TRY(const auto endpoint,
               audit::recorded(found.admin, audit::Actor::os_user(), action, [&](audit::Action&) {
                 return journal::add_endpoint(found.admin, found.tenant.id, url_, secret_);
               }));
  if (json_)
    print(boost::json::serialize(endpoint_json(endpoint)) + "\n");
  else
    print(fmt::format(
        "Events of {} go to {}.\n`bulkhead events endpoint secret {} {}` prints what they are signed with.\n",
        found.tenant.slug, endpoint.url, found.tenant.slug, endpoint.url));
  return {};
}

Result<void> EventCommands::list() const {
  BULKHEAD_TRY(Found found, find(database_, tenant_));
  BULKHEAD_TRY(const auto endpoints, journal::list_endpoints(found.admin, found.tenant.id));
  boost::json::array array;
  for (const auto& endpoint : endpoints) {
    tell(endpoint);
    array.push_back(endpoint_json(endpoint));
  }
  if (json_) print(boost::json::serialize(array) + "\n");
  return {};
}

Result<void> EventCommands::remove() const {
  BULKHEAD_TRY(Found found, find(database_, tenant_));
  const audit::Action action{"events.endpoint.remove", found.tenant.slug, found.tenant.id, {{"url", url_}}};
  BULKHEAD_CHECK(audit::recorded(found.admin, audit::Actor::os_user(), action, [&](audit::Action&) {
    return journal::remove_endpoint(found.admin, found.tenant.id, url_);
  }));
  if (json_) print(boost::json::serialize(boost::json::object{{"removed", url_}}) + "\n");
  return {};
}

Result<void> EventCommands::secret() const {
  BULKHEAD_TRY(Found found, find(database_, tenant_));
  const audit::Action action{"events.endpoint.secret", found.tenant.slug, found.tenant.id, {{"url", url_}}};
  BULKHEAD_TRY(const std::string secret,
               audit::recorded(found.admin, audit::Actor::os_user(), action, [&](audit::Action&) {
                 return journal::endpoint_secret(found.admin, found.tenant.id, url_);
               }));
  print(json_ ? boost::json::serialize(boost::json::object{{"secret", secret}}) + "\n" : secret + "\n");
  return {};
}

Result<void> EventCommands::replay() const {
  BULKHEAD_TRY(Found found, find(database_, tenant_));
  const audit::Action action{
      "events.replay", found.tenant.slug, found.tenant.id, {{"from", from_}, {"endpoint", url_}}};
  BULKHEAD_TRY(const std::uint64_t count,
               audit::recorded(found.admin, audit::Actor::os_user(), action, [&](audit::Action&) {
                 return journal::replay_events(found.admin, found.tenant.id, from_, url_);
               }));
  if (json_)
    print(boost::json::serialize(boost::json::object{{"deliveries", count}}) + "\n");
  else
    print(fmt::format("{} deliveries wait again\n", count));
  return {};
}

Result<void> EventCommands::tail() const {
  BULKHEAD_TRY(Found found, find(database_, tenant_));
  journal::EventPlace after;
  for (;;) {
    BULKHEAD_TRY(const auto events, journal::read_events(found.admin, found.tenant.id, after, from_, page));
    for (const auto& event : events) {
      tell(event);
      after = event.where;
    }
    if (events.size() == page) continue;
    if (once_) return {};
    std::this_thread::sleep_for(look_pause);
  }
}

Result<void> EventCommands::list_dead() const {
  BULKHEAD_TRY(Found found, find(database_, tenant_));
  BULKHEAD_TRY(const auto dead, journal::list_dead(found.admin, found.tenant.id));
  boost::json::array array;
  for (const auto& event : dead) {
    if (!json_)
      print(fmt::format("{}  {:<32}  {}  {} attempts, the last one: {}\n", event.at, event.type, event.url,
                        event.attempts, event.error));
    array.push_back(boost::json::object{{"id", event.id},
                                        {"type", event.type},
                                        {"time", event.at},
                                        {"url", event.url},
                                        {"attempts", event.attempts},
                                        {"error", event.error}});
  }
  if (json_) print(boost::json::serialize(array) + "\n");
  return {};
}

Result<void> EventCommands::retry_dead() const {
  BULKHEAD_TRY(Found found, find(database_, tenant_));
  const audit::Action action{"events.dead.retry", found.tenant.slug, found.tenant.id, {{"endpoint", url_}}};
  BULKHEAD_TRY(const std::uint64_t count,
               audit::recorded(found.admin, audit::Actor::os_user(), action, [&](audit::Action&) {
                 return journal::retry_dead(found.admin, found.tenant.id, url_);
               }));
  if (json_)
    print(boost::json::serialize(boost::json::object{{"deliveries", count}}) + "\n");
  else
    print(fmt::format("{} deliveries wait again\n", count));
  return {};
}

Result<void> EventCommands::status() const {
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(const bool off, journal::events_are_off(admin));
  BULKHEAD_TRY(const auto journals, journal::list_journals(admin));
  boost::json::array array;
  if (!json_) print(off ? "events are disabled\n" : "events are enabled\n");
  for (const auto& record : journals) {
    const std::string kept = journal::retained_log(admin, record);
    if (!json_)
      print(fmt::format("{}/{}  for {}  since {}  {} of write-ahead log kept\n", record.cell, record.database,
                        record.uses.empty() ? "nothing yet" : record.uses, record.made_at,
                        kept.empty() ? "an unknown amount" : kept));
    array.push_back(boost::json::object{{"cell", record.cell},
                                        {"database", record.database},
                                        {"replication_slot", record.slot},
                                        {"uses", record.uses},
                                        {"since", record.made_at},
                                        {"retained", kept}});
  }
  if (json_)
    print(boost::json::serialize(boost::json::object{{"enabled", !off}, {"journals", array}}) + "\n");
  return {};
}

Result<void> EventCommands::enable() const {
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  const audit::Action action{"events.enable", "installation", {}, {}};
  return audit::recorded(admin, audit::Actor::os_user(), action,
                         [&](audit::Action&) { return journal::switch_events(admin, true); });
}

Result<void> EventCommands::disable() const {
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  const audit::Action action{"events.disable", "installation", {}, {}};
  return audit::recorded(admin, audit::Actor::os_user(), action,
                         [&](audit::Action&) { return journal::disable_events(admin); });
}

}  // namespace bulkhead::cli
