#include "support/test_server.hpp"

#include <cstdlib>
#include <stdexcept>

#include "catalog/store.hpp"
#include "identity/internal_issuer.hpp"
#include "migrate/runner.hpp"
#include "runtime/dev_identity.hpp"
#include "support/pgbouncer.hpp"

namespace bulkhead::test {

namespace {

/// The issuer's name is fixed here: its keys are given to the server, nobody fetches them.
constexpr std::uint16_t issuer_port = 1;

const identity::SigningKey& shared_issuer() {
  static const identity::SigningKey issuer = must(identity::SigningKey::generate());  // RSA keys take a while
  return issuer;
}

/// One for the test program, where it is to have one.
const PgBouncer* shared_pooler(const migrate::Credentials& credentials) {
  const char* wanted = std::getenv("BULKHEAD_TEST_POOLER");
  if (wanted == nullptr || *wanted == '\0') return nullptr;
  static const PgBouncer pooler({{"bulkhead_login", credentials.login_password}});
  return &pooler;
}

}  // namespace

TestServer::TestServer(Database database, TestServerSettings settings)
    : database_(std::move(database)),
      log_(settings.log_file.empty() ? Logger::nowhere() : must(Logger::to_file(settings.log_file))),
      issuer_(shared_issuer()),
      routes_(std::move(settings.routes)) {
  runtime::ServerSettings server;
  server.config.binding_signed = !settings.plain;
  server.config.port = 0;
  server.config.threads = 2;
  if (const PgBouncer* pooler = shared_pooler(database_.credentials))
    server.config.pooler_url = pooler->url();
  if (settings.configure) settings.configure(server.config);
  server.login_conninfo = database_.login;
  server.catalog_conninfo = database_.catalog;
  server.binding_key.id = database_.credentials.binding_key_id;
  server.binding_key.secret = database_.credentials.binding_secret;
  server.read_binding_key = [admin = database_.admin]() -> Result<data::BindingKey> {
    BULKHEAD_TRY(pg::Blocking connection, pg::Blocking::connect(admin));
    BULKHEAD_TRY(migrate::Credentials credentials, migrate::read_credentials(connection));
    data::BindingKey key;
    key.id = credentials.binding_key_id;
    key.secret = credentials.binding_secret;
    return key;
  };
  server.connect_operator = [admin = database_.admin] { return pg::Blocking::connect(admin); };
  server.issuers = {runtime::dev_issuer_settings(issuer_, issuer_port)};
  for (auto& issuer : settings.issuers) server.issuers.push_back(std::move(issuer));
  server.walls = settings.walls;
  server.page = std::move(settings.page);
  if (settings.dev_sign_in) {
    sign_in_ = std::make_unique<runtime::DevSignIn>(
        issuer_, issuer_url(), [admin = database_.admin] { return pg::Blocking::connect(admin); });
    server.open_routes = [this](std::uint16_t) { return sign_in_->routes(); };
    server.stop_open_routes = [this] { sign_in_->stop(); };
  }
  {
    pg::Blocking admin = database_.connect_admin();
    must(identity::rotate_internal_keys(admin, std::chrono::system_clock::now()));
  }
  server_ = std::make_unique<runtime::Server>(std::move(server), routes_, log_);
  port_ = must(server_->start());
}

TestServer::~TestServer() {
  server_->stop(std::chrono::seconds(5));
}

std::string TestServer::issuer_url() const {
  return runtime::dev_issuer_url(issuer_port);
}

std::string TestServer::token(const std::string& tenant, const std::string& user, const std::string& role) {
  if (!role.empty()) {
    pg::Blocking admin = database_.connect_admin();
    catalog::TenantRecord record = must(catalog::find_tenant(admin, tenant));
    std::optional<Role> parsed = parse_role(role);
    if (!parsed) throw std::runtime_error("no such role: " + role);
    must(catalog::ensure_membership(admin, record.id, issuer_url(), user, user, *parsed));
  }
  identity::MintRequest request;
  request.issuer = issuer_url();
  request.audience = std::string(runtime::dev_audience);
  request.subject = user;
  request.tenant = tenant;
  request.name = user;
  request.issued_at = std::chrono::system_clock::now();
  return must(issuer_.mint(request));
}

void migrate_recordshop(const Database& database) {
  pg::Blocking admin = database.connect_admin();
  auto files = must(migrate::read_migrations(BULKHEAD_SOURCE_DIR "/examples/recordshop/migrations"));
  must(migrate::run_migrations(admin, files));
}

}  // namespace bulkhead::test
