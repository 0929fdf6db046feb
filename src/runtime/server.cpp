#include "runtime/server.hpp"

#include <array>
#include <atomic>
#include <future>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <fmt/format.h>

#include "api/openapi/handlers.hpp"
#include "api/rest/rest_api.hpp"
#include "base/problem.hpp"
#include "catalog/internal_keys.hpp"
#include "catalog/view.hpp"
#include "data/homes.hpp"
#include "data/plane.hpp"
#include "entry/cors.hpp"
#include "entry/entry.hpp"
#include "http/server.hpp"
#include "identity/internal_issuer.hpp"
#include "identity/key_source.hpp"
#include "pg/blocking.hpp"
#include "pg/conninfo.hpp"
#include "pg/lanes.hpp"
#include "pg/listener.hpp"
#include "runtime/descriptors.hpp"
#include "runtime/shared_relations.hpp"

namespace bulkhead::runtime {

namespace asio = boost::asio;

namespace {

constexpr std::string_view pool_schema = "app";
/// Between two times that relations or keys are read again, whatever is notified.
constexpr std::chrono::milliseconds news_pause{1000};

entry::EntrySettings entry_settings(const AppConfig& config, const InternalTokens* tokens) {
  entry::EntrySettings settings;
  settings.tokens = tokens;
  settings.sources.clear();
  for (const std::string& source : config.sources) {
    if (source == "subdomain") settings.sources.push_back(entry::Source::subdomain);
    if (source == "domain") settings.sources.push_back(entry::Source::domain);
    if (source == "header") settings.sources.push_back(entry::Source::header);
    if (source == "path") settings.sources.push_back(entry::Source::path);
    if (source == "claim") settings.sources.push_back(entry::Source::claim);
    if (source == "membership") settings.sources.push_back(entry::Source::membership);
  }
  settings.base_domains = config.base_domains;
  settings.deadline = config.deadline;
  settings.role_claim = config.role_claim;
  settings.database_roles = config.database_roles;
  settings.request_settings = config.request_settings;
  for (const PermissionConfig& permission : config.permissions)
    for (const Role role : permission.roles) settings.permissions.grant(permission.name, role);
  return settings;
}

/// A route that nobody could ever use, or that cannot be, is a mistake.
Result<void> check_routes(const std::vector<Route>& routes, const AppConfig& config) {
  const entry::EntrySettings settings = entry_settings(config, nullptr);
  for (const Route& route : routes) {
    BULKHEAD_CHECK(http::Router::check_path(route.path));
    for (const std::string_view ours : {"/rest/", "/control/", "/tenants/", "/.well-known/"})
      if (route.path.starts_with(ours))
        return Error(Errc::config_invalid, "the route " + route.path + " stands below " + std::string(ours) +
                                               ", which is Bulkhead's own");
    if (route.path == "/openapi.json")
      return Error(Errc::config_invalid, "the route " + route.path + " is Bulkhead's own");
    BULKHEAD_CHECK(api::openapi::check_description(route));
    const std::string& wanted = route.access.permission;
    if (wanted.empty() || settings.permissions.declared(wanted)) continue;
    return Error(Errc::config_invalid,
                 "the route " + route.path + " requires the permission \"" + wanted + "\", which nobody has")
        .hint("declare it in bulkhead.toml: [permissions] \"" + wanted + "\" = \"admin\"");
  }
  return {};
}

http::Limits http_limits(const AppConfig& config) {
  http::Limits limits;
  limits.header_bytes = config.header_bytes;
  limits.body_bytes = config.body_bytes;
  limits.connections = config.connections;
  limits.header_timeout = config.header_timeout;
  limits.body_timeout = config.body_timeout;
  limits.idle_timeout = config.idle_timeout;
  limits.trusted_proxies = config.trusted_proxies;
  return limits;
}

pg::LaneSettings data_lanes(const AppConfig& config, bool named_statements) {
  pg::LaneSettings lanes;
  if (!named_statements) lanes.statements_per_connection = 0;
  lanes.read_connections = config.read_connections;
  lanes.read_depth = config.read_depth;
  lanes.write_connections = config.write_connections;
  lanes.write_depth = config.write_depth;
  return lanes;
}

/// To a shard or a silo: a few connections that go when nobody uses them, since there may be thousands of databases.
pg::LaneSettings other_lanes(const AppConfig& config, bool named_statements) {
  pg::LaneSettings lanes = data_lanes(config, named_statements);
  lanes.read_connections = std::min<std::size_t>(lanes.read_connections, 2);
  lanes.write_connections = std::min<std::size_t>(lanes.write_connections, 4);
  lanes.slow_connections = 1;
  lanes.session_connections = 2;
  lanes.idle_timeout = config.idle_connection;
  return lanes;
}

/// Through the transaction pooler, if there is one.
Result<std::string> data_conninfo(const ServerSettings& settings) {
  if (settings.config.pooler_url.empty()) return settings.login_conninfo;
  BULKHEAD_TRY(pg::Conninfo own, pg::Conninfo::parse(settings.login_conninfo));
  BULKHEAD_TRY(pg::Conninfo pooled, pg::Conninfo::parse(settings.config.pooler_url));
  for (const char* key : {"dbname", "user", "password"}) pooled.set(key, own.get(key));
  return pooled.text();
}

/// The view reads a few rows now and then: one connection does.
pg::LaneSettings catalog_lanes() {
  pg::LaneSettings lanes;
  lanes.read_connections = 1;
  lanes.write_connections = 1;
  lanes.slow_connections = 1;
  lanes.session_connections = 1;
  return lanes;
}

data::PlaneSettings plane_settings(const ServerSettings& settings) {
  data::PlaneSettings plane;
  plane.walls = settings.walls;
  plane.request_settings = settings.config.request_settings;
  plane.tenant_setting = settings.config.tenant_setting;
  return plane;
}

catalog::ViewSettings view_settings(const identity::InternalIssuer& internal) {
  catalog::ViewSettings view;
  view.internal_issuer = internal.names().issuer;
  return view;
}

/// The configured issuers and the installation's own, whose keys are in the catalog.
std::vector<identity::IssuerSettings> all_issuers(const ServerSettings& settings,
                                                  const identity::InternalIssuer& internal) {
  std::vector<identity::IssuerSettings> all = settings.issuers;
  all.push_back(identity::internal_settings(
      internal.names(), [conninfo = settings.catalog_conninfo]() -> Result<std::string> {
        BULKHEAD_TRY(pg::Blocking connection, pg::Blocking::connect(conninfo));
        return catalog::read_internal_jwks(connection);
      }));
  return all;
}

std::size_t thread_count(const AppConfig& config) {
  if (config.threads > 0) return config.threads;
  return std::max<std::size_t>(1, std::thread::hardware_concurrency() / 2);
}

/// One thread's figures of its lanes, copied on that thread before somebody scrapes.
struct LaneFigures {
  static constexpr std::array<std::pair<const char*, const char*>, 6> counters{{
      {"bulkhead_pg_units_total", "Units of work that were answered."},
      {"bulkhead_pg_failed_units_total", "Units of work whose statement failed."},
      {"bulkhead_pg_syncs_total", "Round trips: one a unit."},
      {"bulkhead_pg_connects_total", "Connections that were opened."},
      {"bulkhead_pg_prepares_total", "Statements that were prepared."},
      {"bulkhead_pg_cancels_total", "Statements that were cancelled on a deadline."},
  }};
  static constexpr std::array<std::pair<const char*, const char*>, 3> gauges{{
      {"bulkhead_pg_units_waiting", "Units of work waiting for a place on a connection."},
      {"bulkhead_pg_units_outstanding", "Units of work under way."},
      {"bulkhead_pg_connections", "Open connections."},
  }};
  std::array<std::atomic<std::uint64_t>, counters.size() + gauges.size()> values{};

  [[nodiscard]] std::function<double()> reader(std::size_t at) {
    return [value = &values[at]] { return static_cast<double>(value->load(std::memory_order_relaxed)); };
  }

  void copy(const pg::LaneCounters& from) {
    const std::array<std::uint64_t, counters.size() + gauges.size()> now{
        from.units,   from.failed_units, from.syncs,       from.connects,   from.prepares,
        from.cancels, from.waiting,      from.outstanding, from.connections};
    for (std::size_t i = 0; i < now.size(); ++i) values[i].store(now[i], std::memory_order_relaxed);
  }
};

Response text_response(unsigned status, std::string body) {
  Response response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(body);
  return response;
}

}  // namespace

/// What the io threads have in common. Only the relations change; they are swapped whole.
struct Server::Shared {
  Shared(ServerSettings s, Logger& l)
      : settings(std::move(s)),
        cors(settings.config.cors_origins),
        log(l),
        internal(identity::internal_names(settings.config)),
        keys(std::make_shared<identity::KeySource>(all_issuers(settings, internal))) {}

  /// The internal issuer's keys, as the catalog has them now.
  [[nodiscard]] Result<void> load_internal_keys() {
    BULKHEAD_TRY(pg::Blocking connection, pg::Blocking::connect(settings.catalog_conninfo));
    BULKHEAD_CHECK(internal.load(connection));
    keys->renew(keys->size() - 1, std::chrono::system_clock::now());
    return {};
  }

  [[nodiscard]] data::HomesSettings homes() const {
    data::HomesSettings homes;
    homes.binding = settings.config.binding_signed ? data::Binding::signed_context : data::Binding::plain;
    homes.own_conninfo = own_conninfo;
    homes.own_database = own_database;
    homes.own_server = settings.login_conninfo;
    homes.own_key = settings.binding_key;
    homes.own_lanes = data_lanes(settings.config, named_statements);
    homes.other_lanes = other_lanes(settings.config, named_statements);
    homes.connections_max = std::max<std::size_t>(1, settings.config.other_connections / threads);
    return homes;
  }

  ServerSettings settings;
  ConsolePage console;
  entry::Cors cors;
  Logger& log;
  identity::InternalIssuer internal;
  std::shared_ptr<identity::KeySource>
      keys;  ///< The internal issuer is the last of it. One for all threads, so that an issuer is asked once.
  Metrics metrics;
  std::unique_ptr<RouteTable> routes;
  asio::thread_pool readers{2};  ///< Read relations, which blocks.
  SharedRelations relations{readers};
  std::string own_conninfo, own_database;  ///< As the data plane reaches the catalog's own database.
  std::size_t threads = 1;
  std::uint16_t port = 0;
  bool named_statements = true;
};

/// A loop and everything that lives on it. Members are in the order in which they depend on each other.
struct Server::IoThread {
  explicit IoThread(Shared& shared)
      : io(1),
        keep(asio::make_work_guard(io)),
        catalog(io.get_executor(), shared.settings.catalog_conninfo, catalog_lanes()),
        view(io.get_executor(), catalog, shared.settings.catalog_conninfo, view_settings(shared.internal)),
        verifier(io.get_executor(), shared.keys),
        homes(io.get_executor(), shared.homes(), catalog),
        plane(homes, view, shared.relations, plane_settings(shared.settings)),
        entry(entry_settings(shared.settings.config, &shared.internal), view, verifier),
        rest(rest_settings(shared.settings.config)),
        http(std::make_unique<http::Server>(
            io, limits_of(shared), [this](Request& request) { return dispatcher->answer(request); })) {}

  static http::Limits limits_of(const Shared& shared) {
    http::Limits limits = http_limits(shared.settings.config);
    // The table is made before the loops run.
    limits.body_limit = [&shared](const Request& request) { return shared.routes->body_limit(request); };
    return limits;
  }

  static api::RestSettings rest_settings(const AppConfig& config) {
    api::RestSettings settings;
    settings.max_rows = config.max_rows;
    settings.json_depth = config.json_depth;
    settings.rollback = config.transactions.starts_with("rollback");
    settings.choose_transaction = config.transactions.ends_with("-allow-override");
    settings.response_headers = config.response_headers;
    settings.aggregates = config.aggregates;
    settings.server_timing = config.server_timing;
    settings.unfiltered_writes = config.unfiltered_writes;
    return settings;
  }

  /// On this thread: what another thread may read afterwards.
  Task<void> copy_figures() {
    figures.copy(homes.counters());
    caches[0].store(homes.size(), std::memory_order_relaxed);
    caches[1].store(plane.targets(), std::memory_order_relaxed);
    caches[2].store(plane.shapes(), std::memory_order_relaxed);
    mismatches.store(plane.mismatches(), std::memory_order_relaxed);
    open_connections.store(http->open_connections(), std::memory_order_relaxed);
    co_return;
  }

  Task<void> drain(std::chrono::steady_clock::time_point deadline) {
    co_await http->drain(deadline);
    co_await homes.drain(deadline);
    co_await catalog.drain(deadline);
    co_await copy_figures();
  }

  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> keep;
  pg::Lanes catalog;
  catalog::View view;
  identity::Verifier verifier;
  data::Homes homes;
  data::Plane plane;
  entry::Entry entry;
  api::RestApi rest;
  std::unique_ptr<Dispatcher> dispatcher;  ///< Made once the port is known.
  std::unique_ptr<http::Server> http;
  LaneFigures figures;
  std::atomic<std::uint64_t> mismatches{0}, open_connections{0};
  static constexpr std::array<std::pair<const char*, const char*>, 3> cache_names{{
      {"bulkhead_homes", "Databases with placements that are known: the own one, shards, silos."},
      {"bulkhead_targets", "Tenants whose placement and tables' version are known."},
      {"bulkhead_statement_shapes", "Statement shapes that are kept rendered."},
  }};
  std::array<std::atomic<std::uint64_t>, cache_names.size()> caches{};
  std::thread thread;
};

Server::Server(ServerSettings settings, const std::vector<Route>& routes, Logger& log)
    : shared_(std::make_unique<Shared>(std::move(settings), log)),
      routes_(routes),
      reload_(background_, news_pause, [this] { reload_after_news(); }),
      renew_key_(background_, news_pause, [this] { renew_key_after_news(); }) {
  if (shared_->settings.connect_operator)
    control_ = std::make_unique<api::ControlApi>(shared_->settings.connect_operator,
                                                 lifecycle::domain_settings(shared_->settings.config),
                                                 shared_->internal);
  openapi_ = std::make_unique<api::OpenApi>(shared_->settings.config.name, routes_);
}

Server::~Server() {
  stop(std::chrono::milliseconds(0));
}

Result<void> Server::reload() {
  BULKHEAD_TRY(const bool changed,
               shared_->relations.reload(shared_->settings.login_conninfo, std::string(pool_schema)));
  if (!changed) return {};
  // Plans are made for relations; anybody may say that these changed.
  for (auto& thread : threads_)
    asio::post(thread->io, [&thread = *thread] {
      thread.plane.forget_targets();
      thread.homes.forget_statements();
    });
  return {};
}

/// Whoever can read the names of a session's prepared statements can put others in their place (pg/connection.hpp). Where
/// PostgreSQL's superuser has not taken that view from everybody, as on RDS, none are kept under a name.
Result<bool> Server::statement_names_are_hidden() const {
  BULKHEAD_TRY(pg::Blocking connection, pg::Blocking::connect(shared_->settings.login_conninfo));
  BULKHEAD_TRY(Rows readable,
               connection.query("select has_function_privilege('pg_catalog.pg_prepared_statement()', "
                                "'execute')"));
  return readable.text(0, 0) == "f";
}

Result<std::string> Server::own_database() const {
  BULKHEAD_TRY(pg::Blocking connection, pg::Blocking::connect(shared_->settings.login_conninfo));
  BULKHEAD_TRY(Rows name, connection.query("select current_database()"));
  return std::string(name.text(0, 0));
}

/// Clients must never take the files that the database needs.
void Server::limit_connections(std::size_t threads) {
  AppConfig& config = shared_->settings.config;
  const std::uint64_t descriptors = raise_descriptor_limit();
  const std::size_t allowed = connections_within(descriptors, config, threads);
  if (allowed < config.connections)
    shared_->log.warn(
        "fewer client connections than http.connections: the limit of open files is too low",
        {{"configured", config.connections}, {"allowed", allowed}, {"open_files", descriptors}});
  config.connections = allowed;
}

Result<std::uint16_t> Server::start() {
  BULKHEAD_CHECK(check_routes(routes_, shared_->settings.config));
  BULKHEAD_CHECK(reload());
  if (shared_->settings.config.binding_signed) {
    BULKHEAD_TRY(shared_->named_statements, statement_names_are_hidden());
    if (!shared_->named_statements)
      shared_->log.info(
          "statements are not kept prepared: their names could be read by injected SQL, and only a "
          "superuser can hide them",
          {{"function", "pg_prepared_statement()"}});
  }
  const AppConfig& config = shared_->settings.config;
  std::size_t count = thread_count(config);
  shared_->threads = count;
  BULKHEAD_CHECK(shared_->load_internal_keys());
  BULKHEAD_TRY(shared_->own_conninfo, data_conninfo(shared_->settings));
  BULKHEAD_TRY(shared_->own_database, own_database());
  if (!config.pooler_url.empty()) shared_->named_statements = false;
  limit_connections(count);
  for (std::size_t i = 0; i < count; ++i) threads_.push_back(std::make_unique<IoThread>(*shared_));
  // The loops do not run yet: the port is known before the routes are made, because the development issuer's
  // address stands in them.
  shared_->port = config.port;
  if (config.port != 0) BULKHEAD_CHECK(http::check_port_is_free(config.address, config.port));
  for (auto& thread : threads_) {
    thread->http->observe_refusals(
        [&log = shared_->log](unsigned status, const Error& error, std::string_view peer) {
          log.info("request refused", {{"status", status},
                                       {"code", error_info(error.code()).name},
                                       {"detail", error.message()},
                                       {"peer", peer}});
        });
    thread->http->observe_accept_failures([&log = shared_->log](const std::string& why) {
      log.warn("connections cannot be accepted", {{"detail", why}});
    });
    BULKHEAD_TRY(shared_->port, thread->http->listen(config.address, shared_->port));
  }
  register_metrics();
  std::vector<OpenRoute> open = system_routes();
  if (shared_->settings.open_routes)
    for (OpenRoute& route : shared_->settings.open_routes(shared_->port)) open.push_back(std::move(route));
  shared_->routes =
      std::make_unique<RouteTable>(routes_, std::move(open), control_ != nullptr, shared_->metrics);
  for (auto& thread : threads_) {
    IoThread& t = *thread;
    const Answerers answerers{
        t.rest, *openapi_, control_.get(), shared_->settings.page, shared_->settings.docs, shared_->console};
    t.dispatcher = std::make_unique<Dispatcher>(t.entry, shared_->cors, t.plane, answerers, *shared_->routes,
                                                shared_->log, shared_->metrics.thread());
    t.thread = std::thread([&t] { t.io.run(); });
  }
  watch_database();
  return shared_->port;
}

void Server::stop(std::chrono::milliseconds grace) {
  if (threads_.empty()) return;
  // The listener belongs to the first thread, which does not run if `start` failed.
  if (threads_.front()->thread.joinable())
    asio::post(threads_.front()->io, asio::use_future([this] { database_listener_.reset(); })).wait();
  if (control_) control_->end_following();
  auto deadline = std::chrono::steady_clock::now() + grace;
  std::vector<std::future<void>> drained;
  for (auto& thread : threads_) {
    if (!thread->thread.joinable()) continue;
    drained.push_back(asio::co_spawn(thread->io, thread->drain(deadline), asio::use_future));
  }
  for (auto& future : drained) future.wait();
  // What waits there is no longer needed, and what is being read is bounded; it posts to the loops.
  background_.stop();
  background_.join();
  shared_->readers.stop();
  shared_->readers.join();
  if (control_) control_->stop();
  openapi_->stop();
  if (shared_->settings.stop_open_routes) shared_->settings.stop_open_routes();
  for (auto& thread : threads_) {
    thread->keep.reset();
    thread->io.stop();
    if (thread->thread.joinable()) thread->thread.join();
  }
  shared_->keys->stop();  // It posts to the loops, too.
  threads_.clear();
}

std::uint64_t Server::mismatches() const {
  std::uint64_t sum = 0;
  for (const auto& thread : threads_) sum += thread->mismatches.load(std::memory_order_relaxed);
  return sum;
}

/// Health, readiness and metrics. They tell nothing of any tenant.
std::vector<OpenRoute> Server::system_routes() {
  std::vector<OpenRoute> routes;
  OpenRoute health;
  health.path = "/healthz";
  health.handler = [](const Request&) -> Task<Response> { co_return text_response(200, "ok\n"); };
  routes.push_back(std::move(health));
  OpenRoute ready;
  ready.path = "/readyz";
  ready.handler = [this](const Request&) { return readiness(); };
  routes.push_back(std::move(ready));
  OpenRoute metrics;
  metrics.path = "/metrics";
  metrics.handler = [this](const Request&) { return scrape(); };
  routes.push_back(std::move(metrics));
  OpenRoute keys;
  keys.path = identity::internal_jwks_path;
  keys.handler = [this](const Request&) { return internal_jwks(); };
  routes.push_back(std::move(keys));
  return routes;
}

Task<Response> Server::readiness() {
  // Each thread would ask the same server; one answer stands for all.
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  auto executor = co_await asio::this_coro::executor;
  for (auto& thread : threads_) {
    if (thread->io.get_executor() != executor) continue;
    Result<void> data = co_await thread->homes.own()->lanes.ping(deadline);
    if (data.has_error()) co_return problem_response(data.error());
    co_return text_response(200, "ready\n");
  }
  co_return text_response(503, "not ready\n");
}

Task<Response> Server::internal_jwks() {
  Response response;
  response.content_type = "application/jwk-set+json";
  // A key is published an hour before it signs.
  response.headers.emplace_back("Cache-Control", "public, max-age=600");
  response.body = shared_->internal.jwks();
  co_return response;
}

Task<Response> Server::scrape() {
  for (auto& thread : threads_) {
    auto copied = asio::co_spawn(thread->io, thread->copy_figures(), asio::use_awaitable);
    co_await std::move(copied);
  }
  Response response = text_response(200, shared_->metrics.text());
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  co_return response;
}

void Server::register_metrics() {
  Metrics& metrics = shared_->metrics;
  if (shared_->settings.observe) shared_->settings.observe(metrics);
  metrics.observe(Metrics::Kind::counter, "bulkhead_log_lines_lost_total",
                  "Log lines that could not be written: their reader does not keep up.", {},
                  [&log = shared_->log] { return static_cast<double>(log.lost_lines()); });
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    IoThread* thread = threads_[i].get();
    Metrics::Labels labels{{"thread", std::to_string(i)}};
    std::size_t at = 0;
    for (const auto& [name, help] : LaneFigures::counters)
      metrics.observe(Metrics::Kind::counter, name, help, labels, thread->figures.reader(at++));
    for (const auto& [name, help] : LaneFigures::gauges)
      metrics.observe(Metrics::Kind::gauge, name, help, labels, thread->figures.reader(at++));
    for (std::size_t cache = 0; cache < IoThread::cache_names.size(); ++cache)
      metrics.observe(Metrics::Kind::gauge, IoThread::cache_names[cache].first,
                      IoThread::cache_names[cache].second, labels, [value = &thread->caches[cache]] {
                        return static_cast<double>(value->load(std::memory_order_relaxed));
                      });
    metrics.observe(
        Metrics::Kind::gauge, "bulkhead_http_connections", "Open client connections.", labels,
        [thread] { return static_cast<double>(thread->open_connections.load(std::memory_order_relaxed)); });
    metrics.observe(
        Metrics::Kind::counter, "bulkhead_tenant_mismatches_total",
        "Responses refused because a row was another tenant's: the leak alarm, 0 unless there is an "
        "incident.",
        labels, [thread] { return static_cast<double>(thread->mismatches.load(std::memory_order_relaxed)); });
  }
}

void Server::watch_database() {
  // A migration or a rotated key notifies; what it changed is read again and swapped in, between requests. So, too, when
  // the listening connection was away and may have missed it.
  IoThread& first = *threads_.front();
  auto on_notify = [this](std::string_view channel, std::string_view payload) {
    if (channel == "bulkhead_migrated") reload_.ask();
    if (channel == "bulkhead_catalog" && payload == "key") renew_key_.ask();
    if (channel == "bulkhead_catalog") warm_home(payload);
    if (channel == "bulkhead_operation" && control_) control_->operation_told(std::string(payload));
  };
  auto on_listening = [this] {
    reload_.ask();
    renew_key_.ask();
    if (control_) control_->operations_told();
  };
  asio::post(first.io, [this, &first, on_notify, on_listening] {
    database_listener_ = std::make_unique<pg::Listener>(
        first.io.get_executor(), shared_->settings.login_conninfo,
        std::vector<std::string>{"bulkhead_migrated", "bulkhead_catalog", "bulkhead_operation"}, on_notify,
        on_listening);
  });
}

/// "home TENANT CELL DATABASE SCHEMA": this tenant is about to arrive there, and its requests shall not wait for connections.
void Server::warm_home(std::string_view payload) {
  std::array<std::string_view, 5> words;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const auto space = payload.find(' ');
    if (space == std::string_view::npos) return;
    words.at(i) = payload.substr(0, space);
    payload.remove_prefix(space + 1);
  }
  words.back() = payload;
  const auto tenant = Uuid::parse(words[1]);
  if (words[0] != "home" || !tenant) return;
  catalog::Placement place;
  place.cell = words[2];
  place.database = words[3];
  place.schema = words[4];
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  for (auto& thread : threads_)
    asio::co_spawn(thread->io, thread->plane.warm(TenantId(*tenant), place, deadline), asio::detached);
}

void Server::renew_key_after_news() {
  Result<void> internal = shared_->load_internal_keys();
  if (internal.has_error())
    shared_->log.failure("the keys of internal tokens cannot be read again", internal.error());
  if (!shared_->settings.read_binding_key) return;
  Result<data::BindingKey> key = shared_->settings.read_binding_key();
  if (key.has_error()) {
    // The former key goes on for an hour after a rotation.
    shared_->log.failure("the binding key cannot be read again", key.error());
    return;
  }
  if (!(*key == shared_->settings.binding_key)) {
    shared_->settings.binding_key = *key;
    for (auto& thread : threads_)
      asio::post(thread->io, [&homes = thread->homes, key = *key] { homes.rotate_own(key); });
  }
  // Or it was the key, or the login, of another database.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  for (auto& thread : threads_)
    asio::co_spawn(thread->io, thread->homes.refresh_others(deadline), asio::detached);
}

void Server::reload_after_news() {
  Result<void> reloaded = reload();
  if (reloaded.has_error())
    shared_->log.failure("the relations cannot be read again; the former ones stay", reloaded.error());
}

}  // namespace bulkhead::runtime
