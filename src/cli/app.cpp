#include <cstdio>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <bulkhead/app.hpp>

#include "cli/act_as_command.hpp"
#include "cli/adopt_command.hpp"
#include "cli/commands.hpp"
#include "cli/domain_commands.hpp"
#include "cli/identity_commands.hpp"
#include "cli/identity_link_commands.hpp"
#include "cli/lifecycle_commands.hpp"
#include "cli/member_commands.hpp"
#include "cli/move_command.hpp"
#include "cli/operator_commands.hpp"
#include "cli/options.hpp"

namespace bulkhead {

namespace {

App& add(App& app, std::vector<Route>& routes, Method method, std::string path, RouteAccess access,
         RequestHandler handler, RouteLimits limits) {
  routes.push_back(
      Route{method, std::move(path), std::move(access), std::move(handler), StreamHandler(), limits, {}});
  return app;
}

void serve_options(CLI::App& command, cli::ServeOptions& options) {
  command.add_option("app", options.app_dir, "folder of the app: bulkhead.toml and migrations/")->required();
  cli::database_options(command, options.database);
  command.add_option("--port", options.port, "port to listen on; 0 picks a free one");
  command.add_option("--address", options.address, "address to listen on");
  command.add_option("--threads", options.threads, "io threads");
  command.add_option("--ready-file", options.ready_file,
                     "written when ready: one JSON line with url and pid");
}

int finish(const Result<void>& result) {
  if (result.has_value()) return 0;
  Error error = result.error();
  std::string text = fmt::format("bulkhead: {}\n", error.message());
  if (!error.details().empty()) text += fmt::format("  {}\n", error.details());
  if (!error.internal().empty()) text += fmt::format("  {}\n", error.internal());
  if (!error.hint().empty()) text += fmt::format("  → {}\n", error.hint());
  std::fputs(text.c_str(), stderr);
  return cli::exit_code(error.code());
}

}  // namespace

App& App::get(std::string path, RouteAccess access, RequestHandler handler, RouteLimits limits) {
  return add(*this, routes_, Method::get, std::move(path), std::move(access), std::move(handler), limits);
}
App& App::post(std::string path, RouteAccess access, RequestHandler handler, RouteLimits limits) {
  return add(*this, routes_, Method::post, std::move(path), std::move(access), std::move(handler), limits);
}
App& App::put(std::string path, RouteAccess access, RequestHandler handler, RouteLimits limits) {
  return add(*this, routes_, Method::put, std::move(path), std::move(access), std::move(handler), limits);
}
App& App::patch(std::string path, RouteAccess access, RequestHandler handler, RouteLimits limits) {
  return add(*this, routes_, Method::patch, std::move(path), std::move(access), std::move(handler), limits);
}
App& App::del(std::string path, RouteAccess access, RequestHandler handler, RouteLimits limits) {
  return add(*this, routes_, Method::del, std::move(path), std::move(access), std::move(handler), limits);
}

App& App::stream(std::string path, RouteAccess access, StreamHandler handler, RouteLimits limits) {
  routes_.push_back(Route{
      Method::get, std::move(path), std::move(access), RequestHandler(), std::move(handler), limits, {}});
  return *this;
}

App& App::describe(RouteDescription about) {
  if (!routes_.empty()) routes_.back().about = std::move(about);
  return *this;
}

int App::run(int argc, char** argv) const {
  using cli::complete;
  using cli::database_options;
  CLI::App command("Bulkhead: a tenant-safe API over PostgreSQL from your SQL migrations", "bulkhead");
  command.require_subcommand(1);
  command.set_version_flag("--version", "bulkhead " BULKHEAD_VERSION);

  cli::ServeOptions dev_options, serve_opts;
  auto* dev = command.add_subcommand(
      "dev", "run an app for development: embedded PostgreSQL, migrations, seed data, issuer");
  serve_options(*dev, dev_options);
  auto* serve = command.add_subcommand("serve", "run an app against a prepared and migrated database");
  serve_options(*serve, serve_opts);

  cli::TokenOptions token_options;
  auto* token =
      command.add_subcommand("token", "print a token of the development issuer (makes the membership)");
  database_options(*token, token_options.database);
  auto* one = token->add_option("--tenant", token_options.tenant, "slug or id");
  auto* many = token->add_option("--tenants-file", token_options.tenants_file,
                                 "slugs, one a line: a JSON line for each");
  one->excludes(many);
  token->add_option("--user", token_options.user, "name of the user; the token's subject")->required();
  token->add_option("--role", token_options.role, "owner, admin, member or viewer")->capture_default_str();
  token->add_option("--ttl", token_options.ttl_s, "seconds until it expires")
      ->capture_default_str()
      ->check(CLI::Range(1, 86400 * 30));
  auto* for_operator = token->add_flag("--operator", token_options.for_operator,
                                       "for the control API, of no tenant (makes the operator)");
  for_operator->excludes(one)->excludes(many);
  token->add_flag("--json", token_options.json, "print a JSON object instead of the bare token");

  auto* tenant = command.add_subcommand("tenant", "tenants: create, list, import, export, suspend, delete …");
  tenant->require_subcommand(1);
  cli::LifecycleCommands lifecycle(command, *tenant);
  cli::ActAsCommand act_as(*tenant);
  cli::MemberCommands members(command);
  cli::TenantImportOptions import_options;
  auto* import =
      tenant->add_subcommand("import", "load a folder of TABLE.csv files for one tenant, in one transaction");
  database_options(*import, import_options.database);
  import->add_option("tenant", import_options.tenant, "slug or id")->required();
  import->add_option("dir", import_options.dir, "the folder")->required();

  cli::MigrateOptions migrate_options;
  auto* migrate = command.add_subcommand("migrate", "bring all databases and schemas to the app's version");
  migrate->add_option("app", migrate_options.app_dir, "folder of the app")->required();
  database_options(*migrate, migrate_options.database);
  migrate->add_flag("--status", migrate_options.status, "only say what is applied and what is pending");
  migrate->add_flag("--json", migrate_options.json, "with --status: print a JSON object");
  migrate->add_flag("--dry-run", migrate_options.dry_run,
                    "only print which files each target lacks, and their SQL");
  migrate->add_flag("--only-pool", migrate_options.only_pool, "leave out all but the catalog's own database");
  migrate
      ->add_option("--canary", migrate_options.canary,
                   "migrate this many targets first, and the rest only if all go well")
      ->check(CLI::Range(1, 1000000));
  migrate->add_option("--parallel", migrate_options.parallel, "targets at once in each cell")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));

  cli::LintOptions lint_options;
  auto* lint = command.add_subcommand("lint", "check migrations for tenant safety");
  lint->add_option("dir", lint_options.dir, "the app's folder or its migrations folder")->required();
  lint->add_flag("--fix", lint_options.fix, "rewrite the files so that they are tenant-safe");

  cli::CodegenOptions codegen_options;
  auto* codegen =
      command.add_subcommand("codegen", "write the C++ header of the app's relations from the database");
  codegen->add_option("app", codegen_options.app_dir, "folder of the app")->required();
  database_options(*codegen, codegen_options.database);
  codegen->add_option("--namespace", codegen_options.name_space, "C++ namespace")->capture_default_str();
  codegen->add_option("--out", codegen_options.out, "file to write (default: standard output)");

  cli::OperatorCommands operators(command);
  auto* identity = command.add_subcommand(
      "identity",
      "issuers and how users are known: check, list, link, unlink, import, retire, merge, rotate");
  identity->require_subcommand(1);
  cli::IdentityCommands identities(*identity);
  cli::IdentityLinkCommands identity_links(*identity);
  cli::DomainCommands domains(command);
  cli::AdoptCommand adopt(command);
  cli::MoveCommand move(command);

  // CLI11 would only say that a command is required.
  const auto meant = [argv](const CLI::App* sub) { return sub->get_name() == argv[1]; };
  if (argc > 1 && argv[1][0] != '-' && command.get_subcommands(meant).empty())
    return finish(Error(Errc::usage, fmt::format("there is no command \"{}\"", argv[1]))
                      .hint("`bulkhead --help` lists them"));
  try {
    command.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    int code = command.exit(error);
    return code == 0 ? 0 : cli::exit_code(Errc::usage);
  }
  try {
    if (*dev) {
      if (dev_options.database.data_dir.empty() && dev_options.database.url.empty())
        dev_options.database.data_dir = dev_options.app_dir / ".bulkhead";
      return finish(cli::dev(dev_options, routes_, std::vector<std::string>(argv, argv + argc)));
    }
    if (runtime::DatabaseChoice* choice = lifecycle.chosen()) {
      complete(*choice);
      return finish(lifecycle.run());
    }
    for (runtime::DatabaseChoice* choice :
         {&serve_opts.database, &token_options.database, &import_options.database, &migrate_options.database,
          &codegen_options.database})
      complete(*choice);
    if (*serve) return finish(cli::serve(serve_opts, routes_));
    if (*token) return finish(cli::token(token_options));
    if (*import) return finish(cli::tenant_import(import_options));
    if (*migrate) return finish(cli::migrate(migrate_options));
    if (*lint) return finish(cli::lint(lint_options));
    if (*codegen) return finish(cli::codegen(codegen_options));
    if (const auto done = operators.run()) return finish(*done);
    if (const auto done = identities.run()) return finish(*done);
    if (const auto done = identity_links.run()) return finish(*done);
    if (const auto done = domains.run()) return finish(*done);
    if (const auto done = members.run()) return finish(*done);
    if (const auto done = act_as.run()) return finish(*done);
    if (const auto done = adopt.run()) return finish(*done);
    if (const auto done = move.run()) return finish(*done);
  } catch (const std::exception& error) {
    return finish(Error(Errc::internal, std::string("an unforeseen failure: ") + error.what()));
  }
  return 0;
}

}  // namespace bulkhead
