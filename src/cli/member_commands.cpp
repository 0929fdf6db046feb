#include "cli/member_commands.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "audit/log.hpp"
#include "catalog/identities.hpp"
#include "catalog/members.hpp"
#include "catalog/store.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"

namespace bulkhead::cli {

using runtime::Workspace;

namespace {

constexpr std::size_t page = 500;

boost::json::object member_json(const catalog::MemberRecord& member) {
  return {{"user_id", member.user.text()}, {"name", member.name},      {"kind", member.kind},
          {"role", member.role},           {"status", member.status},  {"issuer", member.issuer},
          {"subject", member.subject},     {"made_at", member.made_at}};
}

Result<UserId> user_of(const std::string& text) {
  if (const auto id = Uuid::parse(text)) return UserId(*id);
  return Error(Errc::usage, "\"" + text + "\" is not a user's id")
      .hint("`bulkhead member list TENANT` shows the ids");
}

}  // namespace

MemberCommands::MemberCommands(CLI::App& command) {
  auto* member =
      command.add_subcommand("member", "who belongs to a tenant: add, list, suspend, resume, remove");
  member->require_subcommand(1);
  const auto options_of = [this](CLI::App& sub, bool of_user) {
    database_options(sub, database_);
    sub.add_option("tenant", tenant_, "slug or id")->required();
    if (of_user) sub.add_option("user", user_, "the user's id")->required();
    sub.add_flag("--json", json_, "print JSON");
  };
  add_ = member->add_subcommand("add", "let a person or a service in, or give a member another role");
  options_of(*add_, false);
  add_->add_option("--issuer", issuer_, "`iss` of their tokens")->required();
  add_->add_option("--subject", subject_, "`sub` of their tokens; of a service mostly its client's id")
      ->required();
  add_->add_option("--role", role_, "owner, admin, member or viewer")->capture_default_str();
  add_->add_option("--name", name_, "for display");
  add_->add_flag("--service", service_, "it is a program, which gets its tokens by client credentials");
  list_ = member->add_subcommand("list", "list a tenant's members");
  options_of(*list_, false);
  suspend_ = member->add_subcommand("suspend", "let a member in no longer; the membership stays");
  options_of(*suspend_, true);
  resume_ = member->add_subcommand("resume", "let a suspended member in again");
  options_of(*resume_, true);
  remove_ = member->add_subcommand("remove", "take a member out of a tenant");
  options_of(*remove_, true);
}

std::optional<Result<void>> MemberCommands::run() {
  using Work = Result<void> (MemberCommands::*)() const;
  const std::pair<const CLI::App*, Work> commands[] = {{add_, &MemberCommands::add},
                                                       {list_, &MemberCommands::list},
                                                       {suspend_, &MemberCommands::suspend},
                                                       {resume_, &MemberCommands::resume},
                                                       {remove_, &MemberCommands::remove}};
  for (const auto& [command, work] : commands) {
    if (!command->parsed()) continue;
    complete(database_);
    return (this->*work)();
  }
  return std::nullopt;
}

Result<void> MemberCommands::add() const {
  const auto role = parse_role(role_);
  if (!role)
    return Error(Errc::usage, "there is no role \"" + role_ + "\"").hint("owner, admin, member or viewer");
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(const catalog::TenantRecord tenant, catalog::find_tenant(admin, tenant_));
  audit::Action action{"membership.add", tenant.slug, tenant.id, {}};
  action.details = {
      {"issuer", issuer_}, {"subject", subject_}, {"role", role_name(*role)}, {"service", service_}};
  BULKHEAD_TRY(
      const catalog::MemberRecord member,
      audit::recorded(admin, audit::Actor::os_user(), std::move(action),
                      [&](audit::Action& done) -> Result<catalog::MemberRecord> {
                        BULKHEAD_TRY(const UserId user, catalog::ensure_membership(admin, tenant.id, issuer_,
                                                                                   subject_, name_, *role));
                        done.details["user_id"] = user.text();
                        if (service_)
                          BULKHEAD_CHECK(catalog::set_user_kind(admin, user, PrincipalKind::service));
                        return catalog::find_member(admin, tenant.id, user);
                      }));
  print(json_ ? boost::json::serialize(member_json(member)) + "\n"
              : fmt::format("{}  {} of {}\n", member.user.text(), member.role, tenant.slug));
  return {};
}

Result<void> MemberCommands::list() const {
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(const catalog::TenantRecord tenant, catalog::find_tenant(admin, tenant_));
  for (std::string after;;) {
    BULKHEAD_TRY(const auto members, catalog::list_members(admin, tenant.id, after, page));
    for (const catalog::MemberRecord& member : members)
      print(json_
                ? boost::json::serialize(member_json(member)) + "\n"
                : fmt::format("{}  {:<7}  {:<9}  {:<7}  {:<24}  {} of {}\n", member.user.text(), member.role,
                              member.status, member.kind, member.name, member.subject, member.issuer));
    if (members.size() < page) return {};
    after = members.back().user.text();
  }
}

Result<void> MemberCommands::set_suspended(bool suspended) const {
  BULKHEAD_TRY(const UserId user, user_of(user_));
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(const catalog::TenantRecord tenant, catalog::find_tenant(admin, tenant_));
  const audit::Action action{suspended ? "membership.suspend" : "membership.resume",
                             tenant.slug,
                             tenant.id,
                             {{"user_id", user.text()}}};
  BULKHEAD_CHECK(audit::recorded(admin, audit::Actor::os_user(), action, [&](audit::Action&) {
    return catalog::suspend_member(admin, tenant.id, user, suspended);
  }));
  if (json_) {
    BULKHEAD_TRY(const auto member, catalog::find_member(admin, tenant.id, user));
    print(boost::json::serialize(member_json(member)) + "\n");
  }
  return {};
}

Result<void> MemberCommands::remove() const {
  BULKHEAD_TRY(const UserId user, user_of(user_));
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(const catalog::TenantRecord tenant, catalog::find_tenant(admin, tenant_));
  const audit::Action action{"membership.remove", tenant.slug, tenant.id, {{"user_id", user.text()}}};
  BULKHEAD_CHECK(audit::recorded(admin, audit::Actor::os_user(), action, [&](audit::Action&) {
    return catalog::remove_member(admin, tenant.id, user);
  }));
  if (json_) print(boost::json::serialize(boost::json::object{{"removed", user.text()}}) + "\n");
  return {};
}

}  // namespace bulkhead::cli
