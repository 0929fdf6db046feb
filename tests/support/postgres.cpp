#include "support/postgres.hpp"

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/embedded_postgres.hpp"

namespace bulkhead::test {
namespace {

namespace fs = std::filesystem;

/// A child that waits for this program's end (its pipe closes, whatever the end was) and then removes what is
/// left. Returns the pipe's write end, which stays open as long as the program lives.
int leave_a_janitor(const std::string& folder) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  const std::string script =
      "cat >/dev/null; p=$(head -n 1 \"$0/postgres/data/postmaster.pid\" 2>/dev/null) && [ -n \"$p\" ] && "
      "kill -QUIT \"$p\"; "
      "n=0; while [ -e \"$0/postgres/data/postmaster.pid\" ] && [ $n -lt 50 ]; do sleep 0.1; n=$((n+1)); "
      "done; rm -rf \"$0\"";
  const pid_t pid = fork();
  if (pid < 0) throw std::runtime_error("fork");
  if (pid == 0) {
    setsid();
    dup2(ends[0], 0);
    // Whoever reads this program's output must not wait for the janitor.
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    dup2(null, 2);
    execl("/bin/sh", "sh", "-c", script.c_str(), folder.c_str(), nullptr);
    _exit(127);
  }
  close(ends[0]);
  return ends[1];
}

/// In memory where that has room: databases come and go by the hundred, and a disk would be busy with them for longer than the
/// tests take.
std::string place_of_clusters() {
  constexpr std::uintmax_t enough = std::uintmax_t{3} << 30;
  std::error_code failed;
  const auto memory = fs::space("/dev/shm", failed);
  return !failed && memory.available >= enough ? "/dev/shm" : "/tmp";
}

std::string with_database(const std::string& conninfo, std::string_view database) {
  // libpq takes the last of two settings of one name.
  return conninfo + " dbname=" + std::string(database);
}

}  // namespace

std::string with_login(const std::string& conninfo, std::string_view user, std::string_view password) {
  return conninfo + " user=" + std::string(user) + " password=" + std::string(password);
}

EmbeddedSettings quick_postgres() {
  EmbeddedSettings out;
  // No test switches the machine off. A new database is 10 MB of write-ahead log, of which each segment would be written twice,
  // and none is wanted for long.
  out.parameters = {{"fsync", "off"},          {"full_page_writes", "off"}, {"wal_init_zero", "off"},
                    {"max_wal_size", "256MB"}, {"autovacuum", "off"},       {"shared_buffers", "64MB"}};
  return out;
}

struct Postgres::Impl {
  std::string folder;
  int janitor = -1;
  std::unique_ptr<EmbeddedPostgres> server;
  int made = 0;
  bool has_template[2] = {false, false};
  migrate::Credentials credentials[2];
};

Postgres::Postgres() : impl_(std::make_unique<Impl>()) {
  std::string folder = place_of_clusters() + "/bh-test-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp");
  chmod(folder.c_str(), 0711);
  impl_->folder = folder;
  impl_->janitor = leave_a_janitor(folder);
  auto server = EmbeddedPostgres::start(folder, quick_postgres());
  if (server.has_error()) {
    throw std::runtime_error(std::string(server.error().message()) + " " +
                             std::string(server.error().hint()));
  }
  impl_->server = std::move(*server);
}

Postgres::~Postgres() {
  impl_->server.reset();
  std::error_code ignored;
  fs::remove_all(impl_->folder, ignored);
  close(impl_->janitor);
}

Postgres& Postgres::shared() {
  static Postgres instance;
  return instance;
}

Postgres& Postgres::second() {
  static Postgres instance;
  return instance;
}

void Postgres::kill_cluster() {
  kill(postmaster_pid(), SIGKILL);
}

std::string Postgres::admin(std::string_view database) const {
  return with_database(impl_->server->conninfo(), database);
}
int Postgres::postmaster_pid() const {
  return impl_->server->pid();
}
void Postgres::revive() {
  must(impl_->server->revive());
}

std::string Postgres::make_empty_database() {
  const std::string name = "empty_" + std::to_string(++impl_->made);
  auto admin_connection = must(pg::Blocking::connect(admin("postgres")));
  must(admin_connection.execute("create database " + name));
  return name;
}

Database Postgres::make_database(bool plain) {
  auto postgres = must(pg::Blocking::connect(admin("postgres")));
  const std::string source = plain ? "template_plain" : "template_signed";
  if (!impl_->has_template[plain]) {
    must(postgres.execute("create database " + source));
    auto inside = must(pg::Blocking::connect(admin(source)));
    // Roles belong to the cluster: both templates must hold the same passwords.
    if (impl_->has_template[!plain]) {
      must(
          inside.execute("create schema catalog; create table catalog.credential (name text primary key, "
                         "secret text not null, "
                         "made_at timestamptz not null default now()); alter table catalog.credential owner "
                         "to bulkhead_system"));
      const auto& known = impl_->credentials[!plain];
      must(
          inside.query("insert into catalog.credential(name, secret) values ('password:bulkhead_login', $1), "
                       "('password:bulkhead_catalog', $2)",
                       {known.login_password, known.catalog_password}));
    }
    migrate::BootstrapOptions options;
    options.binding = plain ? migrate::BindingMode::plain : migrate::BindingMode::signed_context;
    impl_->credentials[plain] = must(migrate::bootstrap(inside, options));
    impl_->has_template[plain] = true;
  }
  Database out;
  out.name = "test_" + std::to_string(++impl_->made);
  must(postgres.execute("create database " + out.name + " template " + source));
  // A copied database gets the default rights of a new one.
  must(postgres.execute("revoke all on database " + out.name + " from public; grant connect on database " +
                        out.name + " to bulkhead_login, bulkhead_catalog"));
  out.credentials = impl_->credentials[plain];
  out.admin = admin(out.name);
  out.login = with_login(out.admin, "bulkhead_login", out.credentials.login_password);
  out.catalog = with_login(out.admin, "bulkhead_catalog", out.credentials.catalog_password);
  return out;
}

pg::Blocking Database::connect_admin() const {
  return must(pg::Blocking::connect(admin));
}
pg::Blocking Database::connect_login() const {
  return must(pg::Blocking::connect(login));
}

void Postgres::migrate(const Database& database, std::string_view sql) {
  auto connection = database.connect_admin();
  must(connection.execute("begin; set local role bulkhead_owner; set local search_path = app, bulkhead"));
  must(connection.execute(sql));
  must(connection.execute("commit"));
}

std::string Postgres::make_tenant(const Database& database, std::string_view slug) {
  auto connection = database.connect_admin();
  const auto rows = must(connection.query("select catalog.create_tenant($1, $1)", {std::string(slug)}));
  return std::string(rows.text(0, 0));
}

std::string context(pg::Blocking& admin, std::string_view tenant, std::string_view role, int valid_seconds) {
  const auto rows =
      must(admin.query("select bulkhead.sign_context($1::uuid, $2, $3::integer)",
                       {std::string(tenant), std::string(role), std::to_string(valid_seconds)}));
  return std::string(rows.text(0, 0));
}

fs::path shared_data(std::string_view name) {
  const fs::path path = fs::path(BULKHEAD_SOURCE_DIR).parent_path() / "shared" / name;
  std::error_code ignored;
  return fs::exists(path, ignored) ? path : fs::path();
}

}  // namespace bulkhead::test
