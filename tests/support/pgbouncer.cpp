#include "support/pgbouncer.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pg/conninfo.hpp"

namespace bulkhead::test {

namespace fs = std::filesystem;

struct PgBouncer::Impl {
  std::string folder;
  pid_t pid = -1;
};

namespace {

constexpr const char* program = "/usr/sbin/pgbouncer";

void write_file(const fs::path& path, const std::string& text, const passwd* owner) {
  std::ofstream(path) << text;
  if (owner != nullptr && chown(path.c_str(), owner->pw_uid, owner->pw_gid) != 0)
    throw std::runtime_error("chown");
}

/// It refuses to run as root; PostgreSQL lets the user who runs it in (peer).
const passwd* run_as() {
  return geteuid() == 0 ? getpwnam("postgres") : nullptr;
}

pid_t start(const std::string& settings, const passwd* user) {
  const pid_t pid = fork();
  if (pid < 0) throw std::runtime_error("fork");
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (user != nullptr && (setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) _exit(126);
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // the change of user cleared it
  execl(program, "pgbouncer", "-q", settings.c_str(), nullptr);
  _exit(127);
}

}  // namespace

PgBouncer::PgBouncer(const std::vector<std::pair<std::string, std::string>>& users, const Postgres& before)
    : impl_(std::make_unique<Impl>()) {
  if (access(program, X_OK) != 0)
    throw std::runtime_error("PgBouncer is not installed: tools/install-deps check");
  const passwd* user = run_as();
  std::string folder = "/tmp/bh-pgbouncer-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp");
  impl_->folder = folder;
  if (user != nullptr && chown(folder.c_str(), user->pw_uid, user->pw_gid) != 0)
    throw std::runtime_error("chown");
  const std::string server = must(pg::Conninfo::parse(before.admin())).get("host");
  std::string list;
  for (const auto& [login, password] : users) list += "\"" + login + "\" \"" + password + "\"\n";
  write_file(folder + "/users", list, user);
  write_file(folder + "/pgbouncer.ini",
             "[databases]\n* = host=" + server +
                 " port=5432\n[pgbouncer]\nlisten_addr =\nlisten_port = 6432\n"
                 "unix_socket_dir = " +
                 folder + "\nauth_type = scram-sha-256\nauth_file = " + folder +
                 "/users\n"
                 "pool_mode = transaction\ndefault_pool_size = 3\nmax_client_conn = 500\nlogfile = " +
                 folder + "/log\n",
             user);
  impl_->pid = start(folder + "/pgbouncer.ini", user);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!fs::exists(folder + "/.s.PGSQL.6432")) {
    if (waitpid(impl_->pid, nullptr, WNOHANG) != 0 || std::chrono::steady_clock::now() > until)
      throw std::runtime_error("PgBouncer did not start; see " + folder + "/log");
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

PgBouncer::~PgBouncer() {
  kill(impl_->pid, SIGKILL);
  waitpid(impl_->pid, nullptr, 0);
  std::error_code ignored;
  fs::remove_all(impl_->folder, ignored);
}

std::string PgBouncer::url() const {
  return "host=" + impl_->folder + " port=6432";
}

}  // namespace bulkhead::test
