#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/log.hpp"
#include "base/config.hpp"
#include "base/log.hpp"
#include "base/progress.hpp"
#include "catalog/members.hpp"
#include "catalog/store.hpp"
#include "cli/commands.hpp"
#include "cli/files.hpp"
#include "cli/housekeeping.hpp"
#include "http/server.hpp"
#include "identity/internal_issuer.hpp"
#include "lifecycle/app_migrations.hpp"
#include "lifecycle/backup/settings.hpp"
#include "lifecycle/import.hpp"
#include "lifecycle/plans.hpp"
#include "migrate/fleet.hpp"
#include "migrate/lint.hpp"
#include "migrate/runner.hpp"
#include "runtime/backup_use.hpp"
#include "runtime/dev_identity.hpp"
#include "runtime/dev_sign_in.hpp"
#include "runtime/event_service.hpp"
#include "runtime/journal_service.hpp"
#include "runtime/server.hpp"
#include "runtime/web_page.hpp"

namespace bulkhead::cli {

using runtime::Workspace;

namespace {

/// Once the server was asked to stop, requests under way get this long, and the embedded PostgreSQL what is
/// left until `stop_grace`, at least `database_grace`. Fargate kills after 30 s.
constexpr std::chrono::seconds drain_grace{20};
constexpr std::chrono::seconds stop_grace{24};
constexpr std::chrono::seconds database_grace{3};

/// Signals that end the server, blocked in every thread and taken by `wait`.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }
  /// True when a signal came within a quarter of a second.
  [[nodiscard]] bool wait() const {
    timespec quarter{0, 250'000'000};
    return sigtimedwait(&set_, nullptr, &quarter) > 0;
  }
  /// A signal has come and `wait` will tell of it.
  [[nodiscard]] bool pending() const {
    sigset_t now{};
    sigpending(&now);
    return sigismember(&now, SIGTERM) == 1 || sigismember(&now, SIGINT) == 1;
  }

 private:
  sigset_t set_{};
};

/// Does `last_words` in a thread of its own when this still lives after `patience`.
class LastResort {
 public:
  LastResort(std::chrono::seconds patience, const std::function<void()>& last_words)
      : thread_([this, patience, last_words] {
          std::unique_lock lock(mutex_);
          if (!disarmed_.wait_for(lock, patience, [this] { return done_; })) last_words();
        }) {}
  ~LastResort() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    disarmed_.notify_one();
    thread_.join();
  }
  LastResort(const LastResort&) = delete;
  LastResort& operator=(const LastResort&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable disarmed_;
  bool done_ = false;
  std::thread thread_;
};

Result<AppConfig> configuration(const ServeOptions& options) {
  BULKHEAD_TRY(AppConfig config, load_app_config(options.app_dir));
  if (options.port) config.port = *options.port;
  if (options.address) config.address = *options.address;
  if (options.threads) config.threads = *options.threads;
  return config;
}

LogLevel log_level(const AppConfig& config) {
  if (config.level == "debug") return LogLevel::debug;
  if (config.level == "warn") return LogLevel::warn;
  return config.level == "error" ? LogLevel::error : LogLevel::info;
}

/// A free port, for `--port 0`: the development issuer's address holds the port, and tokens that address.
Result<std::uint16_t> free_port(const std::string& address) {
  boost::system::error_code code;
  auto host = boost::asio::ip::make_address(address, code);
  if (code)
    return Error(Errc::config_invalid, fmt::format("\"{}\" is not an IP address to listen on", address));
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor acceptor(io);
  boost::asio::ip::tcp::endpoint endpoint(host, 0);
  acceptor.open(endpoint.protocol(), code);
  if (!code) acceptor.bind(endpoint, code);
  if (code)
    return Error(Errc::environment, fmt::format("no port is free on {}: {}", address, code.message()));
  return acceptor.local_endpoint(code).port();
}

/// Told before the database is opened and perhaps made; the server looks again when it listens.
Result<void> check_port(const AppConfig& config) {
  if (config.port == 0) return {};
  return http::check_port_is_free(config.address, config.port);
}

/// The app's own program, when it has one and this is not it.
Result<std::filesystem::path> program_of(const AppConfig& config, const std::filesystem::path& app_dir) {
  std::error_code code;
  std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", code);
  if (config.program.empty() || self.filename() == config.program) return std::filesystem::path();
  for (const auto& place : {app_dir / config.program, self.parent_path() / config.program})
    if (access(place.c_str(), X_OK) == 0) return std::filesystem::absolute(place);
  return Error(Errc::environment,
               fmt::format("the app's program \"{}\" (bulkhead.toml, app.program) is neither in {} nor in {}",
                           config.program, app_dir.string(), self.parent_path().string()))
      .hint("build it, or take the key out to run the app without its C++ handlers");
}

Result<void> run_program(const std::filesystem::path& program, const std::vector<std::string>& arguments) {
  std::vector<std::string> copies = arguments;
  copies[0] = program.string();
  std::vector<char*> pointers;
  for (std::string& argument : copies) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  execv(program.c_str(), pointers.data());
  return Error(Errc::environment,
               fmt::format("{} cannot be run: {}", program.string(), std::strerror(errno)));
}

Result<void> warn_of_old_postgres(const Workspace& workspace, Logger& log) {
  BULKHEAD_TRY(std::string defect, workspace.known_defect());
  if (!defect.empty()) log.warn(defect);
  return {};
}

Result<void> lint_first(const std::filesystem::path& app_dir) {
  BULKHEAD_TRY(auto findings, migrate::lint_directory(app_dir / "migrations"));
  if (!migrate::has_errors(findings)) return {};
  std::string text;
  for (const migrate::Finding& finding : findings) text += migrate::format_finding(finding);
  std::fputs(text.c_str(), stderr);
  return Error(Errc::lint_failed, "the migrations are not tenant-safe (see above); nothing was applied")
      .hint(fmt::format("`bulkhead lint --fix {}` rewrites them", app_dir.string()));
}

/// Schemas and databases of tenants: what fails is set aside, and the server serves the others.
Result<void> bring_others_up_to_date(pg::Blocking& admin, const AppConfig& config,
                                     const std::vector<migrate::MigrationFile>& files, Logger& log) {
  migrate::FleetOptions options;
  options.run.lock_timeout = config.lock_timeout;
  options.binding =
      config.binding_signed ? migrate::BindingMode::signed_context : migrate::BindingMode::plain;
  options.catalogs_pool = false;
  BULKHEAD_TRY(auto report, migrate::migrate_fleet(admin, files, options));
  if (report.migrated > 0) log.info("targets migrated", {{"targets", report.migrated}});
  for (const migrate::TargetFailure& failure : report.failures)
    log.warn("a target could not be migrated", {{"cell", failure.cell},
                                                {"database", failure.database},
                                                {"schema", failure.schema},
                                                {"error", failure.error}});
  return {};
}

Result<void> bring_up_to_date(pg::Blocking& admin, const AppConfig& config,
                              const std::filesystem::path& app_dir, Logger& log) {
  BULKHEAD_TRY(std::vector<migrate::MigrationFile> files, migrate::read_migrations(app_dir / "migrations"));
  migrate::RunOptions running;
  running.lock_timeout = config.lock_timeout;
  running.progress = [&log](const migrate::MigrationStep& step) {
    if (step.kind == migrate::MigrationStep::Kind::applied)
      log.info("migration applied",
               {{"version", step.file->version}, {"name", step.file->name}, {"ms", step.took.count()}});
  };
  BULKHEAD_TRY(auto report, migrate::run_migrations(admin, files, running));
  BULKHEAD_CHECK(lifecycle::remember_migrations(admin, files));
  BULKHEAD_CHECK(lifecycle::sync_plans(admin, config.plans));
  BULKHEAD_CHECK(lifecycle::backup::sync_backup_settings(admin, config));
  return bring_others_up_to_date(admin, config, files, log);
}

/// Loads `seed/shared` (rows of shared tables; those that are there already are left) and `seed/SLUG`.
Result<std::uint64_t> seed_rows(pg::Blocking& admin, const catalog::TenantRecord& tenant,
                                const std::filesystem::path& seeds) {
  std::uint64_t rows = 0;
  for (const std::filesystem::path& folder : {seeds / "shared", seeds / tenant.slug}) {
    if (!std::filesystem::is_directory(folder)) continue;
    BULKHEAD_TRY(auto tables, lifecycle::import_csv(admin, tenant, folder));
    for (const lifecycle::ImportedTable& table : tables) rows += table.added;
  }
  return rows;
}

/// The tenants of `dev.seed_tenants` that are not there yet.
Result<void> seed(const Workspace& workspace, const AppConfig& config, const std::filesystem::path& app_dir,
                  Logger& log) {
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  for (const std::string& slug : config.seed_tenants) {
    auto known = catalog::find_tenant(admin, slug);
    if (known.has_value()) continue;
    if (known.error().code() != Errc::not_found) return known.error();
    const audit::Action action{"tenant.create", slug, std::nullopt, {{"seed", true}}};
    BULKHEAD_TRY(catalog::TenantRecord tenant,
                 audit::recorded(admin, audit::Actor::program("dev"), action,
                                 [&](audit::Action&) { return catalog::create_tenant(admin, slug, slug); }));
    Result<std::uint64_t> rows = seed_rows(admin, tenant, app_dir / "seed");
    if (rows.has_error()) {
      // A half-made seed tenant would be taken for a whole one at the next start.
      static_cast<void>(catalog::remove_tenant(admin, tenant.id));
      return rows.error();
    }
    log.info("seed tenant made", {{"tenant", slug}, {"rows", *rows}});
  }
  return {};
}

/// Those of `dev.seed_members` whose tenant is there and has no member yet.
Result<void> seed_members(pg::Blocking& admin, const AppConfig& config, const std::string& issuer,
                          Logger& log) {
  std::map<std::string, std::vector<SeedMember>> wanted;
  for (const SeedMember& member : config.seed_members) wanted[member.tenant].push_back(member);
  for (const auto& [slug, members] : wanted) {
    auto tenant = catalog::find_tenant(admin, slug);
    if (tenant.has_error() && tenant.error().code() == Errc::not_found) continue;
    if (tenant.has_error()) return tenant.error();
    BULKHEAD_TRY(const auto known, catalog::list_members(admin, tenant->id, "", 1));
    if (!known.empty()) continue;
    for (const SeedMember& member : members) {
      const audit::Action action{
          "member.add",
          slug,
          tenant->id,
          {{"subject", member.user}, {"role", role_name(member.role)}, {"seed", true}}};
      auto made = audit::recorded(admin, audit::Actor::program("dev"), action, [&](audit::Action&) {
        return catalog::ensure_membership(admin, tenant->id, issuer, member.user, member.user, member.role);
      });
      if (made.has_error()) return made.error();
    }
    log.info("seed members made", {{"tenant", slug}, {"members", members.size()}});
  }
  return {};
}

/// The app's built page. Where none is configured, the folder that bundlers write may be there or not.
Result<runtime::WebPage> page_of(const AppConfig& config, const std::filesystem::path& app_dir, Logger& log) {
  runtime::WebPageSettings settings;
  settings.single_page = config.web_single_page;
  settings.connect = config.web_connect;
  const std::filesystem::path dir = app_dir / (config.web_dir.empty() ? "web/dist" : config.web_dir);
  std::error_code ignored;
  if (config.web_dir.empty() && !std::filesystem::exists(dir / "index.html", ignored))
    return runtime::WebPage();
  BULKHEAD_TRY(runtime::WebPage page, runtime::WebPage::load(dir, std::move(settings)));
  log.info("page read", {{"folder", dir.string()}, {"files", page.size()}});
  return page;
}

/// The page for the API, which this Bulkhead has brought along. A server goes on without it.
Result<runtime::ApiPage> docs_of(const AppConfig& config, const std::filesystem::path& app_dir, bool dev,
                                 Logger& log) {
  if (config.docs == "never" || (config.docs == "dev" && !dev)) return runtime::ApiPage();
  const std::filesystem::path dir = config.docs_dir.empty() ? BULKHEAD_DOCS_DIR : app_dir / config.docs_dir;
  BULKHEAD_TRY(runtime::ApiPage page, runtime::ApiPage::load(dir, config.web_connect));
  if (!page.built())
    log.info("the page for the API is not built, so /docs says how to build it", {{"folder", dir.string()}});
  return page;
}

/// A server signs internal tokens from its first request on; later housekeeping changes the key.
Result<void> make_internal_keys(const Workspace& workspace) {
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  auto made = identity::rotate_internal_keys(admin, std::chrono::system_clock::now());
  if (made.has_error()) return made.error();
  return {};
}

/// Whatever was done to the database since the last migration: nothing is served that is not tenant-safe.
Result<void> refuse_unsafe(const Workspace& workspace) {
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  auto safe = migrate::check_tenant_safety(admin);
  if (safe.has_value() || safe.error().code() != Errc::config_invalid) return safe;
  return Error(Errc::config_invalid, fmt::format("the database is not tenant-safe, so nothing is served: {}",
                                                 safe.error().message()))
      .hint(std::string(safe.error().hint()));
}

struct Running {
  Workspace workspace;
  AppConfig config;
  std::vector<identity::IssuerSettings> issuers;
  runtime::WebPage page;
  runtime::ApiPage docs;
  std::function<std::vector<runtime::OpenRoute>(std::uint16_t)> open_routes;
  std::function<void()> stop_open_routes;
};

/// What is done with the databases' journals while a server runs.
class Journals {
 public:
  Journals(const AppConfig& config, const std::filesystem::path& data_dir,
           std::function<Result<pg::Blocking>()> connect, Logger& log) {
    runtime::JournalServiceSettings settings;
    settings.connect = connect;
    settings.max_retained_wal = config.max_retained_wal;
    if (!config.event_tables.empty()) {
      events_.emplace(runtime::event_service_settings(config, std::move(connect)), log);
      settings.uses.push_back(events_->use());
    }
    settings.uses.push_back(std::make_shared<runtime::BackupUse>(settings.connect, data_dir));
    journals_.emplace(std::move(settings), log);
  }

  void observe(Metrics& metrics) const {
    journals_->observe(metrics);
    if (events_) events_->observe(metrics);
  }
  /// As JournalService::stop.
  [[nodiscard]] bool stop(std::chrono::milliseconds patience) {
    if (events_) events_->stop();
    return journals_->stop(patience);
  }

 private:
  std::optional<runtime::EventService> events_;
  std::optional<runtime::JournalService> journals_;  ///< Goes first: it uses the others.
};

std::string url_of(const AppConfig& config, std::uint16_t port) {
  bool any = config.address == "0.0.0.0" || config.address == "::" || config.address == "127.0.0.1";
  bool v6 = !any && config.address.find(':') != std::string::npos;
  return fmt::format("http://{}:{}",
                     any  ? "localhost"
                     : v6 ? "[" + config.address + "]"
                          : config.address,
                     port);
}

void stop_database(Workspace& workspace, std::chrono::milliseconds patience, Logger& log) {
  const auto stopped = workspace.stop(patience);
  if (stopped.has_error()) log.failure("the embedded PostgreSQL did not stop as it should", stopped.error());
}

void stop_server(runtime::Server& server, Workspace& workspace, Logger& log) {
  const auto until = std::chrono::steady_clock::now() + stop_grace;
  log.info("stopping");
  {
    // libpq's cancel waits for its answer without an end, and threads that wait in it are joined.
    const LastResort resort(drain_grace + std::chrono::seconds(1), [&workspace, &log] {
      stop_database(workspace, database_grace, log);
      log.error("the server did not stop in time; its process ends now, without waiting for its threads");
      log.flush();
      _exit(exit_code(Errc::environment));
    });
    server.stop(drain_grace);
  }
  const auto left = std::chrono::floor<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  stop_database(workspace, std::max<std::chrono::milliseconds>(left, database_grace), log);
  log.info("stopped");
}

Result<void> run_server(Running& running, const ServeOptions& options, const std::vector<Route>& routes,
                        Logger& log, const StopSignals& signals) {
  BULKHEAD_CHECK(identity::check_settings(running.issuers));
  BULKHEAD_CHECK(refuse_unsafe(running.workspace));
  BULKHEAD_CHECK(make_internal_keys(running.workspace));
  runtime::ServerSettings settings;
  settings.config = running.config;
  settings.login_conninfo = running.workspace.login_conninfo();
  settings.catalog_conninfo = running.workspace.catalog_conninfo();
  settings.binding_key = running.workspace.binding_key();
  settings.read_binding_key = [&workspace = running.workspace] { return workspace.read_binding_key(); };
  settings.connect_operator = [&workspace = running.workspace] { return workspace.admin(); };
  settings.issuers = running.issuers;
  settings.open_routes = running.open_routes;
  settings.stop_open_routes = running.stop_open_routes;
  settings.page = std::move(running.page);
  settings.docs = std::move(running.docs);
  Journals journals(running.config, options.database.data_dir, settings.connect_operator, log);
  settings.observe = [&journals](Metrics& metrics) { journals.observe(metrics); };
  runtime::Server server(std::move(settings), routes, log);
  BULKHEAD_TRY(std::uint16_t port, server.start());
  std::string url = url_of(running.config, port);
  log.info("ready", {{"url", url},
                     {"app", running.config.name},
                     {"pid", getpid()},
                     {"binding", running.config.binding_signed ? "signed" : "plain"}});
  if (!options.ready_file.empty()) {
    boost::json::object ready{{"url", url}, {"pid", getpid()}};
    BULKHEAD_CHECK(write_file_whole(options.ready_file, boost::json::serialize(ready) + "\n"));
  }
  Housekeeping housekeeping([&workspace = running.workspace] { return workspace.admin(); },
                            options.database.data_dir, log);
  while (!signals.wait()) {
    auto revived = running.workspace.revive([&signals] { return signals.pending(); });
    if (revived.has_error()) log.failure("the embedded PostgreSQL cannot be started again", revived.error());
    if (revived.has_value() && *revived) log.warn("the embedded PostgreSQL had died and was started again");
  }
  std::error_code ignored;
  if (!options.ready_file.empty()) std::filesystem::remove(options.ready_file, ignored);
  static_cast<void>(housekeeping.stop(std::chrono::milliseconds(0)));
  static_cast<void>(journals.stop(std::chrono::milliseconds(0)));
  stop_server(server, running.workspace, log);
  // With the embedded PostgreSQL gone its statements have ended; another one may take its time.
  if (!housekeeping.stop(database_grace) || !journals.stop(database_grace)) {
    log.warn("housekeeping or the journal was under way; another run takes it up");
    log.flush();
    _exit(0);
  }
  return {};
}

}  // namespace

Result<void> dev(const ServeOptions& options, const std::vector<Route>& routes,
                 const std::vector<std::string>& arguments) {
  BULKHEAD_TRY(AppConfig config, configuration(options));
  BULKHEAD_TRY(std::filesystem::path program, program_of(config, options.app_dir));
  if (!program.empty()) return run_program(program, arguments);
  BULKHEAD_CHECK(lint_first(options.app_dir));
  if (config.port == 0) {
    BULKHEAD_TRY(config.port, free_port(config.address));
  }
  BULKHEAD_CHECK(check_port(config));
  StopSignals signals;  // before any thread is made, so that all inherit the mask
  Logger log(log_level(config));
  BULKHEAD_TRY(Workspace workspace, Workspace::open(options.database, Workspace::Use::server));
  PidFile pid_file(options.database.data_dir);
  BULKHEAD_CHECK(warn_of_old_postgres(workspace, log));
  BULKHEAD_CHECK(workspace.prepare(config.binding_signed));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_CHECK(bring_up_to_date(admin, config, options.app_dir, log));
  BULKHEAD_CHECK(seed(workspace, config, options.app_dir, log));
  BULKHEAD_TRY(identity::SigningKey issuer, runtime::load_or_make_dev_issuer(admin));
  const std::string issuer_url = runtime::dev_issuer_url(config.port);
  BULKHEAD_CHECK(runtime::remember_dev_issuer(admin, issuer_url));
  BULKHEAD_CHECK(seed_members(admin, config, issuer_url, log));
  BULKHEAD_TRY(runtime::WebPage page, page_of(config, options.app_dir, log));
  BULKHEAD_TRY(runtime::ApiPage docs, docs_of(config, options.app_dir, true, log));

  std::vector<identity::IssuerSettings> issuers = identity::settings_of(config.identity);
  issuers.push_back(runtime::dev_issuer_settings(issuer, config.port));
  const bool sign_in_too = config.sign_in;
  Running running{
      std::move(workspace), std::move(config), std::move(issuers), std::move(page), std::move(docs), {}, {}};
  runtime::DevSignIn sign_in(issuer, issuer_url,
                             [&workspace = running.workspace] { return workspace.admin(); });
  running.open_routes = [&issuer, &sign_in, sign_in_too](std::uint16_t port) {
    std::vector<runtime::OpenRoute> open = runtime::dev_issuer_routes(issuer, port);
    if (sign_in_too)
      for (runtime::OpenRoute& route : sign_in.routes()) open.push_back(std::move(route));
    return open;
  };
  running.stop_open_routes = [&sign_in] { sign_in.stop(); };
  return run_server(running, options, routes, log, signals);
}

Result<void> serve(const ServeOptions& options, const std::vector<Route>& routes) {
  BULKHEAD_TRY(AppConfig config, configuration(options));
  // Of [dev]: a proof that is asked for at an address of ours proves nothing.
  config.challenge_address.clear();
  config.loopback_webhooks = false;
  if (config.identity.empty())
    return Error(Errc::config_invalid, "bulkhead.toml names no issuer of tokens, so nobody could call")
        .hint("add a section [identity.NAME] with issuer and audiences; docs/reference/configuration.md");
  BULKHEAD_CHECK(check_port(config));
  StopSignals signals;
  Logger log(log_level(config));
  BULKHEAD_TRY(Workspace workspace, Workspace::open(options.database, Workspace::Use::server));
  PidFile pid_file(options.database.data_dir);
  BULKHEAD_CHECK(warn_of_old_postgres(workspace, log));
  BULKHEAD_CHECK(workspace.log_in_mended());
  std::vector<identity::IssuerSettings> issuers = identity::settings_of(config.identity);
  BULKHEAD_TRY(runtime::WebPage page, page_of(config, options.app_dir, log));
  BULKHEAD_TRY(runtime::ApiPage docs, docs_of(config, options.app_dir, false, log));
  Running running{
      std::move(workspace), std::move(config), std::move(issuers), std::move(page), std::move(docs), {}, {}};
  return run_server(running, options, routes, log, signals);
}

}  // namespace bulkhead::cli
