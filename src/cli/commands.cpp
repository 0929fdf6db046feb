#include "cli/commands.hpp"

#include <cstdio>
#include <fstream>
#include <iostream>
#include <regex>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <fmt/format.h>

#include "audit/log.hpp"
#include "base/config.hpp"
#include "base/progress.hpp"
#include "base/utf8.hpp"
#include "catalog/operators.hpp"
#include "catalog/store.hpp"
#include "cli/files.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "identity/signing_key.hpp"
#include "lifecycle/import.hpp"
#include "migrate/lint.hpp"
#include "runtime/dev_identity.hpp"
#include "sql/codegen/codegen.hpp"
#include "sql/relations.hpp"

namespace bulkhead::cli {

using runtime::Workspace;

int exit_code(Errc code) noexcept {
  switch (code) {
    case Errc::usage:
      return 2;
    case Errc::config_invalid:
      return 3;
    case Errc::database_unavailable:
      return 4;
    case Errc::environment:
      return 5;
    case Errc::not_found:
      return 6;
    case Errc::already_exists:
      return 7;
    case Errc::migration_failed:
      return 8;
    case Errc::lint_failed:
      return 9;
    case Errc::import_failed:
      return 10;
    case Errc::conflict:
      return 11;
    case Errc::incomplete:
      return 12;
    case Errc::log_broken:
      return 13;
    case Errc::identity_unavailable:
      return 14;
    case Errc::token_malformed:
    case Errc::token_algorithm:
    case Errc::token_signature:
    case Errc::token_issuer:
    case Errc::token_audience:
    case Errc::token_time:
    case Errc::token_key_unknown:
      return 15;
    default:
      return 1;
  }
}

namespace {

/// "shop" or "acme::shop"
bool is_namespace(std::string_view name) {
  static const std::regex names("[A-Za-z_][A-Za-z0-9_]*(::[A-Za-z_][A-Za-z0-9_]*)*");
  return std::regex_match(name.begin(), name.end(), names);
}

/// The migrations of an app: `DIR/migrations`, or DIR itself when it holds them.
std::filesystem::path migrations_of(const std::filesystem::path& dir) {
  return std::filesystem::is_directory(dir / "migrations") ? dir / "migrations" : dir;
}

Result<std::vector<std::string>> read_slugs(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) return Error(Errc::environment, fmt::format("{} cannot be read", file.string()));
  std::vector<std::string> slugs;
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) slugs.push_back(line);
  return slugs;
}

/// Mints one token and makes the membership that it needs.
class Minter {
 public:
  static Result<Minter> open(pg::Blocking& admin) {
    BULKHEAD_TRY(std::string url, runtime::dev_issuer_url(admin));
    BULKHEAD_TRY(identity::SigningKey issuer, runtime::load_or_make_dev_issuer(admin));
    return Minter(std::move(url), std::move(issuer));
  }

  Result<std::string> mint(pg::Blocking& admin, const catalog::TenantRecord& tenant,
                           const TokenOptions& options, Role role) {
    auto member = catalog::ensure_membership(admin, tenant.id, url_, options.user, options.user, role);
    if (member.has_error()) return member.error();
    return sign(options, tenant.slug);
  }

  Result<std::string> mint_for_operator(pg::Blocking& admin, const TokenOptions& options) {
    catalog::Operator made;
    made.issuer = url_;
    made.subject = made.name = options.user;
    BULKHEAD_CHECK(catalog::add_operator(admin, made));
    return sign(options, "");
  }

 private:
  Result<std::string> sign(const TokenOptions& options, const std::string& tenant) {
    identity::MintRequest request;
    request.issuer = url_;
    request.audience = std::string(runtime::dev_audience);
    request.subject = options.user;
    request.tenant = tenant;
    request.name = options.user;
    request.issued_at = std::chrono::system_clock::now();
    request.lifetime = std::chrono::seconds(options.ttl_s);
    return issuer_.mint(request);
  }

  Minter(std::string url, identity::SigningKey issuer) : url_(std::move(url)), issuer_(std::move(issuer)) {}
  std::string url_;
  identity::SigningKey issuer_;
};

Result<void> operator_token(pg::Blocking& admin, Minter& minter, const TokenOptions& options) {
  BULKHEAD_TRY(std::string minted, minter.mint_for_operator(admin, options));
  if (!options.json) {
    print(minted + "\n");
    return {};
  }
  const boost::json::object line{{"user", options.user}, {"operator", true}, {"token", minted}};
  print(boost::json::serialize(line) + "\n");
  return {};
}

Result<void> tenant_tokens(pg::Blocking& admin, Minter& minter, const TokenOptions& options,
                           const std::vector<std::string>& slugs, Role role) {
  for (const std::string& slug : slugs) {
    BULKHEAD_TRY(catalog::TenantRecord tenant, catalog::find_tenant(admin, slug));
    BULKHEAD_TRY(std::string minted, minter.mint(admin, tenant, options, role));
    if (options.json || !options.tenants_file.empty()) {
      boost::json::object line{{"tenant", tenant.slug},
                               {"tenant_id", tenant.id.text()},
                               {"user", options.user},
                               {"role", options.role},
                               {"token", minted}};
      print(boost::json::serialize(line) + "\n");
    } else {
      print(minted + "\n");
    }
  }
  return {};
}

/// Several tokens at once are one entry: what counts is who may now come in as whom.
audit::Action minting(const TokenOptions& options, std::size_t tenants) {
  audit::Action action{"token.mint", options.user, std::nullopt, {}};
  if (options.for_operator) {
    action.details["operator"] = true;
    return action;
  }
  action.details["role"] = options.role;
  if (options.tenants_file.empty())
    action.details["tenant"] = options.tenant;
  else
    action.details["tenants"] = tenants;
  return action;
}

}  // namespace

Result<void> token(const TokenOptions& options) {
  std::optional<Role> role = parse_role(options.role);
  if (!role)
    return Error(Errc::usage, fmt::format("there is no role \"{}\"", options.role))
        .hint("owner, admin, member or viewer");
  if (options.user.empty() || options.user.size() > 255)
    return Error(Errc::usage, "--user takes a name of 1 to 255 characters");
  if (!valid_utf8(options.user)) return Error(Errc::usage, "--user takes a name in UTF-8");
  std::vector<std::string> slugs{options.tenant};
  if (!options.tenants_file.empty()) {
    BULKHEAD_TRY(slugs, read_slugs(options.tenants_file));
  } else if (options.tenant.empty() && !options.for_operator) {
    return Error(Errc::usage, "for which tenant?").hint("--tenant SLUG");
  }
  BULKHEAD_TRY(Workspace workspace, open_workspace(options.database));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(Minter minter, Minter::open(admin));
  return audit::recorded(admin, audit::Actor::os_user(), minting(options, slugs.size()), [&](audit::Action&) {
    return options.for_operator ? operator_token(admin, minter, options)
                                : tenant_tokens(admin, minter, options, slugs, *role);
  });
}

Result<void> tenant_import(const TenantImportOptions& options) {
  BULKHEAD_TRY(Workspace workspace, open_workspace(options.database));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(catalog::TenantRecord tenant, catalog::find_tenant(admin, options.tenant));
  std::optional<Progress> progress;
  lifecycle::ImportOptions importing;
  importing.progress = [&progress](std::uint64_t done, std::uint64_t total) {
    if (!progress) progress.emplace("import", "rows", total);
    progress->update(done);
  };
  const audit::Action action{"tenant.import", tenant.slug, tenant.id, {{"folder", options.dir.string()}}};
  BULKHEAD_TRY(auto tables, audit::recorded(admin, audit::Actor::os_user(), action, [&](audit::Action&) {
                 return lifecycle::import_csv(admin, tenant, options.dir, importing);
               }));
  if (progress) progress->finish();
  std::uint64_t rows = 0;
  for (const lifecycle::ImportedTable& table : tables) {
    rows += table.added;
    print(fmt::format("{:<24} {:>10}{}\n", table.name, table.added, table.shared ? "  (shared)" : ""));
  }
  print(fmt::format("{:<24} {:>10}\n", "rows added", rows));
  return {};
}

Result<void> lint(const LintOptions& options) {
  std::filesystem::path directory = migrations_of(options.dir);
  BULKHEAD_TRY(auto sources, migrate::read_sources(directory));
  if (sources.empty())
    return Error(Errc::not_found, fmt::format("there is no migration in {}", directory.string()))
        .hint("give the app's folder, or the one that holds the files NNNN_name.sql");
  std::vector<migrate::Finding> findings;
  if (options.fix) {
    BULKHEAD_TRY(migrate::Fixed fixed, migrate::fix_directory(directory));
    for (const migrate::Change& change : fixed.changes)
      print(fmt::format("{}:{}: {}\n", change.file, change.line, change.what));
    findings = std::move(fixed.left);
  } else {
    BULKHEAD_TRY(findings, migrate::lint_directory(directory));
  }
  for (const migrate::Finding& finding : findings) print(migrate::format_finding(finding));
  if (!migrate::has_errors(findings)) {
    print(fmt::format("tenant-safe: {}\n", directory.string()));
    return {};
  }
  return Error(Errc::lint_failed, fmt::format("{} is not tenant-safe", directory.string()))
      .hint(options.fix ? "what is left needs a decision of yours"
                        : "`bulkhead lint --fix` rewrites what it can");
}

Result<void> codegen(const CodegenOptions& options) {
  if (!is_namespace(options.name_space))
    return Error(Errc::usage, fmt::format("\"{}\" is no C++ namespace", options.name_space))
        .hint("a name such as shop or acme::shop");
  BULKHEAD_TRY([[maybe_unused]] AppConfig config, load_app_config(options.app_dir));
  BULKHEAD_TRY(Workspace workspace, open_workspace(options.database));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(sql::RelationsRef relations, sql::Relations::load(admin, "app"));
  std::string text = bulkhead::codegen::generate(*relations, options.name_space);
  if (options.out.empty()) {
    print(text);
    return {};
  }
  return write_file_whole(options.out, text);
}

}  // namespace bulkhead::cli
