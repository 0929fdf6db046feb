#include "cli/domain_commands.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "audit/log.hpp"
#include "base/config.hpp"
#include "catalog/store.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"

namespace bulkhead::cli {

using runtime::Workspace;

namespace {

constexpr std::size_t page = 500;

std::string how_to_verify(const catalog::DomainRecord& domain) {
  const lifecycle::Challenge challenge = lifecycle::challenge_of(domain);
  return fmt::format(
      "It routes once it is verified. One of the two does:\n"
      "  DNS    {} TXT \"{}\"\n"
      "  HTTP   {} answers the token; a Bulkhead server that the host points to does so by itself\n",
      challenge.dns_name, challenge.dns_value, challenge.http_url);
}

}  // namespace

DomainCommands::DomainCommands(CLI::App& command) {
  auto* domain = command.add_subcommand("domain", "hosts of a tenant's own: add, list, verify, remove");
  domain->require_subcommand(1);
  const auto options_of = [this](CLI::App& sub, bool of_host, bool of_app) {
    database_options(sub, database_);
    sub.add_option("tenant", tenant_, "slug or id")->required();
    if (of_host) sub.add_option("host", host_, "as in shop.example.com")->required();
    if (of_app)
      sub.add_option("--app", app_dir_, "folder of the app, whose bulkhead.toml is read")
          ->capture_default_str();
    sub.add_flag("--json", json_, "print JSON");
  };
  add_ = domain->add_subcommand("add", "register a host for a tenant; it does not route yet");
  options_of(*add_, true, true);
  list_ = domain->add_subcommand("list", "list a tenant's hosts");
  options_of(*list_, false, false);
  verify_ =
      domain->add_subcommand("verify", "look for the host's proof; once found, it routes to the tenant");
  options_of(*verify_, true, true);
  remove_ = domain->add_subcommand("remove", "take a host from a tenant");
  options_of(*remove_, true, false);
}

std::optional<Result<void>> DomainCommands::run() {
  using Work = Result<void> (DomainCommands::*)() const;
  const std::pair<const CLI::App*, Work> commands[] = {{add_, &DomainCommands::add},
                                                       {list_, &DomainCommands::list},
                                                       {verify_, &DomainCommands::verify},
                                                       {remove_, &DomainCommands::remove}};
  for (const auto& [command, work] : commands) {
    if (!*command) continue;
    complete(database_);
    return (this->*work)();
  }
  return std::nullopt;
}

Result<lifecycle::DomainSettings> DomainCommands::settings() const {
  BULKHEAD_TRY(const AppConfig config, load_app_config(app_dir_));
  lifecycle::DomainSettings settings = lifecycle::domain_settings(config);
  // Of [dev]: a proof that is asked for at an address of ours proves nothing.
  if (!database_.url.empty()) settings.challenge_address.clear();
  return settings;
}

void DomainCommands::tell(const catalog::DomainRecord& domain) const {
  if (json_) return print(boost::json::serialize(lifecycle::domain_json(domain)) + "\n");
  if (domain.verified)
    return print(fmt::format("{} routes to {} (verified by {})\n", domain.host, tenant_,
                             domain.verified_by.empty() ? "hand" : domain.verified_by));
  print(fmt::format("{} is registered for {}.\n{}", domain.host, tenant_, how_to_verify(domain)));
}

Result<void> DomainCommands::add() const {
  BULKHEAD_TRY(const lifecycle::DomainSettings with, settings());
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(const catalog::TenantRecord tenant, catalog::find_tenant(admin, tenant_));
  const audit::Action action{"domain.add", tenant.slug, tenant.id, {{"host", host_}}};
  BULKHEAD_TRY(const catalog::DomainRecord added,
               audit::recorded(admin, audit::Actor::os_user(), action, [&](audit::Action&) {
                 return lifecycle::add_domain(admin, tenant.id, host_, with);
               }));
  tell(added);
  return {};
}

Result<void> DomainCommands::list() const {
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(const catalog::TenantRecord tenant, catalog::find_tenant(admin, tenant_));
  boost::json::array array;
  for (std::string after;;) {
    BULKHEAD_TRY(const auto domains, catalog::list_domains(admin, tenant.id, after, page));
    for (const catalog::DomainRecord& domain : domains) {
      if (!json_)
        print(fmt::format("{:<40}  {}\n", domain.host,
                          domain.verified ? "verified by " + domain.verified_by : std::string("waits")));
      array.push_back(lifecycle::domain_json(domain));
    }
    if (domains.size() < page) break;
    after = domains.back().host;
  }
  if (json_) print(boost::json::serialize(array) + "\n");
  return {};
}

Result<void> DomainCommands::verify() const {
  BULKHEAD_TRY(const lifecycle::DomainSettings with, settings());
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(const catalog::TenantRecord tenant, catalog::find_tenant(admin, tenant_));
  BULKHEAD_TRY(catalog::DomainRecord domain, catalog::find_domain(admin, tenant.id, host_));
  if (!domain.verified) {
    BULKHEAD_TRY(const std::string method, lifecycle::prove_domain(domain, with));
    const audit::Action action{
        "domain.verify", tenant.slug, tenant.id, {{"host", host_}, {"method", method}}};
    BULKHEAD_TRY(domain, audit::recorded(admin, audit::Actor::os_user(), action, [&](audit::Action&) {
                   return catalog::verify_domain(admin, tenant.id, domain, method);
                 }));
  }
  tell(domain);
  return {};
}

Result<void> DomainCommands::remove() const {
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(const catalog::TenantRecord tenant, catalog::find_tenant(admin, tenant_));
  const audit::Action action{"domain.remove", tenant.slug, tenant.id, {{"host", host_}}};
  BULKHEAD_CHECK(audit::recorded(admin, audit::Actor::os_user(), action, [&](audit::Action&) {
    return catalog::remove_domain(admin, tenant.id, host_);
  }));
  if (json_) print(boost::json::serialize(boost::json::object{{"removed", host_}}) + "\n");
  return {};
}

}  // namespace bulkhead::cli
