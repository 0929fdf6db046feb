#include "cli/act_as_command.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "audit/log.hpp"
#include "base/config.hpp"
#include "catalog/store.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "lifecycle/act_as.hpp"

namespace bulkhead::cli {

using runtime::Workspace;

namespace {

std::string state_of(const catalog::ActAsGrant& grant) {
  if (!grant.ended_at.empty()) return "ended " + grant.ended_at;
  return (grant.expires > std::chrono::system_clock::now() ? "until " : "over since ") + grant.expires_at;
}

}  // namespace

ActAsCommand::ActAsCommand(CLI::App& tenant) {
  command_ = tenant.add_subcommand(
      "act-as", "act for a tenant, for a reason and for a while; every request is in the audit log");
  database_options(*command_, database_);
  command_->add_option("tenant", tenant_, "slug or id")->required();
  auto* role =
      command_->add_option("--role", role_, "as what: owner, admin, member or viewer")->capture_default_str();
  auto* user = command_->add_option("--user", user_, "or in whose place: a member's id");
  role->excludes(user);
  auto* reason = command_->add_option("--reason", reason_, "why; the tenant may read it");
  command_->add_option("--for", lasts_, "how long, eight hours at most")->capture_default_str();
  command_->add_option("--app", app_dir_, "folder of the app, whose bulkhead.toml is read")
      ->capture_default_str();
  command_->add_flag("--json", json_, "print JSON");
  auto* list = command_->add_flag("--list", list_, "list who acted, and acts, for the tenant");
  auto* end = command_->add_option("--end", ended_, "end a grant, by its id");
  list->excludes(reason)->excludes(end);
  end->excludes(reason);
}

std::optional<Result<void>> ActAsCommand::run() {
  if (!command_->parsed()) return std::nullopt;
  complete(database_);
  if (list_) return list();
  return ended_.empty() ? begin() : end();
}

Result<void> ActAsCommand::begin() const {
  lifecycle::ActAsOptions options;
  const auto role = parse_role(role_);
  if (!role)
    return Error(Errc::usage, "there is no role \"" + role_ + "\"").hint("owner, admin, member or viewer");
  options.role = *role;
  if (!user_.empty()) {
    const auto id = Uuid::parse(user_);
    if (!id) return Error(Errc::usage, "\"" + user_ + "\" is not a user's id");
    options.user = UserId(*id);
  }
  options.reason = reason_;
  BULKHEAD_TRY(options.lasts, duration_of(lasts_));
  BULKHEAD_TRY(const AppConfig config, load_app_config(app_dir_));
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(const catalog::TenantRecord tenant, catalog::find_tenant(admin, tenant_));
  identity::InternalIssuer issuer(identity::internal_names(config));
  BULKHEAD_CHECK(issuer.load(admin));
  const audit::Actor actor = audit::Actor::os_user();
  options.actor = actor.text();
  audit::Action action{"tenant.act_as", tenant.slug, tenant.id, lifecycle::act_as_details(options)};
  BULKHEAD_TRY(
      const auto begun,
      audit::recorded(admin, actor, std::move(action), [&](audit::Action& done) -> Result<lifecycle::ActAs> {
        BULKHEAD_TRY(auto made, lifecycle::act_as(admin, tenant, options, issuer));
        done.details["grant"] = made.grant.id.text();
        return made;
      }));
  if (!json_) {
    print(begun.token + "\n");
    return {};
  }
  boost::json::object out = lifecycle::act_as_json(begun.grant);
  out["token"] = begun.token;
  print(boost::json::serialize(out) + "\n");
  return {};
}

Result<void> ActAsCommand::list() const {
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(const catalog::TenantRecord tenant, catalog::find_tenant(admin, tenant_));
  BULKHEAD_TRY(const auto grants, catalog::list_act_as(admin, tenant.id));
  for (const catalog::ActAsGrant& grant : grants)
    print(json_ ? boost::json::serialize(lifecycle::act_as_json(grant)) + "\n"
                : fmt::format("{}  {:<7}  {}  {:<26}  {}  {}\n", grant.id.text(), grant.role, grant.made_at,
                              state_of(grant), grant.actor, grant.reason));
  return {};
}

Result<void> ActAsCommand::end() const {
  const auto id = Uuid::parse(ended_);
  if (!id) return Error(Errc::usage, "\"" + ended_ + "\" is not a grant's id");
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(const catalog::TenantRecord tenant, catalog::find_tenant(admin, tenant_));
  const audit::Action action{"tenant.act_as.end", tenant.slug, tenant.id, {{"grant", id->text()}}};
  BULKHEAD_TRY(const auto ended, audit::recorded(admin, audit::Actor::os_user(), action, [&](audit::Action&) {
                 return catalog::end_act_as(admin, tenant.id, *id);
               }));
  print(json_ ? boost::json::serialize(lifecycle::act_as_json(ended)) + "\n" : state_of(ended) + "\n");
  return {};
}

}  // namespace bulkhead::cli
