#include "cli/operator_commands.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "audit/log.hpp"
#include "audit/query_output.hpp"
#include "audit/query_tenants.hpp"
#include "base/progress.hpp"
#include "base/utf8.hpp"
#include "catalog/operators.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "runtime/dev_identity.hpp"

namespace bulkhead::cli {

using runtime::Workspace;

namespace {

/// Told one by one; of more, how many.
constexpr std::size_t failures_told = 20;

boost::json::object entry_json(const audit::Entry& entry) {
  boost::json::object out{{"seq", entry.seq},       {"at", entry.at},           {"actor", entry.actor},
                          {"action", entry.action}, {"subject", entry.subject}, {"tenant_id", nullptr}};
  if (!entry.tenant_id.empty()) out["tenant_id"] = entry.tenant_id;
  boost::system::error_code unreadable;
  out["details"] = boost::json::parse(entry.details, unreadable);
  out["previous"] = entry.previous;
  out["hash"] = entry.hash;
  return out;
}

std::string entry_line(const audit::Entry& entry) {
  return fmt::format("{:>6}  {}  {}  {}  {}  {}\n", entry.seq, entry.at, entry.actor, entry.action,
                     entry.subject, entry.details);
}

Result<void> write_out(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return {};
  return Error(Errc::environment, "standard output takes no more: it is closed, or the disk is full");
}

/// "app_viewer" is what the role is called in PostgreSQL.
Result<Role> role_called(std::string_view name) {
  if (name.starts_with("app_")) name.remove_prefix(4);
  if (const auto role = parse_role(name)) return *role;
  return Error(Errc::usage, fmt::format("there is no role \"{}\"", name))
      .hint("owner, admin, member or viewer");
}

Result<void> tell_failures(const audit::QueryReport& report) {
  if (report.failures.empty()) return {};
  const std::size_t told = std::min(report.failures.size(), failures_told);
  for (std::size_t i = 0; i < told; ++i) {
    const audit::QueryFailure& failure = report.failures[i];
    fmt::print(stderr, "bulkhead: {}: {}\n", failure.tenant.slug, failure.error.message());
  }
  if (report.failures.size() > told)
    fmt::print(stderr, "bulkhead: … and {} more\n", report.failures.size() - told);
  return Error(Errc::incomplete, fmt::format("{} of {} tenants did not answer; rows of theirs are missing",
                                             report.failures.size(), report.tenants))
      .hint("the rows of the others are complete");
}

}  // namespace

OperatorCommands::OperatorCommands(CLI::App& command) {
  add_audit_log(command);
  add_query(command);
  add_operator(command);
}

void OperatorCommands::add_audit_log(CLI::App& command) {
  auto* log = command.add_subcommand("audit-log", "what operators did: verify the log's chain, list entries");
  log->require_subcommand(1);
  verify_log_ = log->add_subcommand("verify", "find an entry that was changed, taken out or moved");
  database_options(*verify_log_, database_);
  verify_log_->add_option("--expect", expected_,
                          "hash of a head that was kept outside: it must still be in the chain");
  verify_log_->add_flag("--json", json_, "print a JSON object");
  list_log_ = log->add_subcommand("list", "the latest entries");
  database_options(*list_log_, database_);
  list_log_->add_option("--since", since_, "only entries from this time on, as in 2026-11-26T08:00:00Z");
  list_log_->add_option("--limit", limit_, "how many at most")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  list_log_->add_flag("--json", json_, "a JSON object a line");
}

void OperatorCommands::add_query(CLI::App& command) {
  query_ = command.add_subcommand("query", "ask one read-only statement of many tenants");
  database_options(*query_, database_);
  query_->add_option("--tenants", tenants_, "all, plan=NAME or SLUG,SLUG,…")->required();
  query_->add_option("statement", statement_, "one SELECT over the app's tables")->required();
  query_->add_option("--format", format_, "csv or jsonl")->capture_default_str();
  query_->add_option("--parallel", parallel_, "tenants asked at a time")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  query_->add_option("--role", role_, "whose rights: viewer, member, admin or owner")->capture_default_str();
  query_->add_option("--timeout", timeout_s_, "seconds for the statement in one tenant")
      ->capture_default_str()
      ->check(CLI::Range(1, 86400));
}

void OperatorCommands::add_operator(CLI::App& command) {
  auto* operators = command.add_subcommand("operator", "who may use the control API: add, list, remove");
  operators->require_subcommand(1);
  const auto name_of = [this](CLI::App& sub) {
    database_options(sub, database_);
    sub.add_option("subject", subject_, "the token's subject")->required();
    sub.add_option("--issuer", issuer_, "the token's issuer (default: the development issuer)");
  };
  add_ = operators->add_subcommand("add", "make somebody an operator");
  name_of(*add_);
  add_->add_option("--name", name_, "display name (default: the subject)");
  list_ = operators->add_subcommand("list", "list the operators");
  database_options(*list_, database_);
  list_->add_flag("--json", json_, "print a JSON array");
  remove_ = operators->add_subcommand("remove", "take an operator's rights away");
  name_of(*remove_);
}

std::optional<Result<void>> OperatorCommands::run() {
  using Work = Result<void> (OperatorCommands::*)() const;
  const std::pair<const CLI::App*, Work> commands[] = {{verify_log_, &OperatorCommands::verify_log},
                                                       {list_log_, &OperatorCommands::list_log},
                                                       {query_, &OperatorCommands::query},
                                                       {add_, &OperatorCommands::add},
                                                       {list_, &OperatorCommands::list},
                                                       {remove_, &OperatorCommands::remove}};
  for (const auto& [command, work] : commands) {
    if (!command->parsed()) continue;
    complete(database_);
    return (this->*work)();
  }
  return std::nullopt;
}

Result<void> OperatorCommands::verify_log() const {
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(const audit::Verdict verdict, audit::verify(admin, expected_));
  if (json_) {
    boost::json::object out{
        {"sound", !verdict.fault}, {"entries", verdict.entries}, {"head", verdict.head}, {"fault", nullptr}};
    if (verdict.fault)
      out["fault"] = {{"kind", audit::fault_name(verdict.fault->kind)},
                      {"seq", verdict.fault->seq},
                      {"message", verdict.fault->message}};
    print(boost::json::serialize(out) + "\n");
  }
  if (verdict.fault)
    return Error(Errc::log_broken, "the audit log does not hold: " + verdict.fault->message)
        .hint("compare with a backup: `bulkhead audit-log list --json` of both");
  if (!json_) print(fmt::format("sound: {} entries, head {}\n", verdict.entries, verdict.head));
  return {};
}

Result<void> OperatorCommands::list_log() const {
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  audit::ListOptions options;
  options.since = since_;
  options.limit = limit_;
  BULKHEAD_TRY(auto entries, audit::list(admin, options));
  std::reverse(entries.begin(), entries.end());
  for (const audit::Entry& entry : entries)
    print(json_ ? boost::json::serialize(entry_json(entry)) + "\n" : entry_line(entry));
  return {};
}

Result<void> OperatorCommands::query() const {
  const auto format = audit::parse_row_format(format_);
  if (!format)
    return Error(Errc::usage, fmt::format("there is no format \"{}\"", format_)).hint("csv or jsonl");
  audit::QueryOptions options;
  BULKHEAD_TRY(options.role, role_called(role_));
  if (!valid_utf8(statement_)) return Error(Errc::usage, "the statement is not UTF-8");
  options.parallel = parallel_;
  options.timeout = std::chrono::seconds(timeout_s_);
  // Whoever reads may stop reading: that is an error as any other, and the audit log says so.
  std::signal(SIGPIPE, SIG_IGN);
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  std::optional<Progress> progress;
  // On one terminal the bar and the rows would be in each other's way.
  if (isatty(STDERR_FILENO) == 1 && isatty(STDOUT_FILENO) == 0)
    options.progress = [&progress](std::uint64_t done, std::uint64_t total) {
      if (!progress) progress.emplace("query", "tenants", total);
      progress->update(done);
    };
  audit::RowWriter writer(*format, write_out);
  BULKHEAD_TRY(const audit::QueryReport report,
               audit::query_tenants(admin, audit::Actor::os_user(), tenants_, statement_, options,
                                    [&writer](const catalog::TenantRecord& tenant, const Rows& rows) {
                                      return writer.write(tenant, rows);
                                    }));
  if (progress) progress->finish();
  return tell_failures(report);
}

Result<std::string> OperatorCommands::issuer(pg::Blocking& admin) const {
  if (!issuer_.empty()) return issuer_;
  auto development = runtime::dev_issuer_url(admin);
  if (development.has_value()) return development;
  return Error(Errc::usage, "of which issuer?").hint("--issuer URL, as in [identity.NAME] of bulkhead.toml");
}

Result<void> OperatorCommands::add() const {
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  catalog::Operator added;
  BULKHEAD_TRY(added.issuer, issuer(admin));
  added.subject = subject_;
  added.name = name_.empty() ? subject_ : name_;
  for (const std::string* part : {&added.issuer, &added.subject, &added.name})
    if (!valid_utf8(*part)) return Error(Errc::usage, "issuer, subject and name are UTF-8");
  const audit::Action action{"operator.add", added.subject, std::nullopt, {{"issuer", added.issuer}}};
  return audit::recorded(admin, audit::Actor::os_user(), action,
                         [&](audit::Action&) { return catalog::add_operator(admin, added); });
}

Result<void> OperatorCommands::list() const {
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(const auto operators, catalog::list_operators(admin));
  boost::json::array array;
  for (const catalog::Operator& known : operators) {
    if (!json_) print(fmt::format("{:<24}  {:<24}  {}\n", known.subject, known.name, known.issuer));
    array.push_back({{"subject", known.subject},
                     {"name", known.name},
                     {"issuer", known.issuer},
                     {"made_at", known.made_at}});
  }
  if (json_) print(boost::json::serialize(array) + "\n");
  return {};
}

Result<void> OperatorCommands::remove() const {
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(const std::string of, issuer(admin));
  const audit::Action action{"operator.remove", subject_, std::nullopt, {{"issuer", of}}};
  return audit::recorded(admin, audit::Actor::os_user(), action,
                         [&](audit::Action&) { return catalog::remove_operator(admin, of, subject_); });
}

}  // namespace bulkhead::cli
