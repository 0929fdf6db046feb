#include "runtime/embedded_postgres.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/child_process.hpp"
#include "runtime/owned_files.hpp"
#include "runtime/postgres_binaries.hpp"
#include "runtime/postmaster.hpp"

namespace bulkhead {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kSuperuser = "bulkhead_admin";
constexpr std::string_view kDatabase = "bulkhead";
/// sockaddr_un holds 107 bytes and a NUL; PostgreSQL appends "/.s.PGSQL.5432".
constexpr std::size_t kSocketPathMax = 107 - 14;

Error failure(std::string message) {
  return Error(Errc::environment, std::move(message));
}
std::string errno_text() {
  return std::strerror(errno);
}

/// An open lock file; closing it releases the lock. Programs that are started do not inherit it.
class LockFile {
 public:
  LockFile() = default;
  LockFile(LockFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  LockFile& operator=(LockFile&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~LockFile() {
    if (fd_ >= 0) ::close(fd_);
  }

  [[nodiscard]] static Result<LockFile> open(const fs::path& file) {
    LockFile lock;
    lock.fd_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock.fd_ < 0) {
      return failure("cannot open " + file.string() + ": " + errno_text())
          .hint("the folder must be writable by this user; was it made by another one (by root, perhaps)?");
    }
    return lock;
  }
  /// `operation`: LOCK_SH or LOCK_EX, with LOCK_NB; false if someone else holds it.
  [[nodiscard]] bool take(int operation) const {
    int rc = 0;
    while ((rc = flock(fd_, operation)) != 0 && errno == EINTR) {
    }
    return rc == 0;
  }
  [[nodiscard]] bool take_until(int operation, Clock::time_point until) const {
    while (!take(operation | LOCK_NB)) {
      if (Clock::now() >= until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
  }

 private:
  int fd_ = -1;
};

/// The last lines of a log, for an error message.
std::string tail(const std::string& text) {
  const std::size_t from = text.size() > 1500 ? text.find('\n', text.size() - 1500) + 1 : 0;
  return text.substr(from);
}

Result<std::string> random_hex(std::size_t bytes) {
  std::string raw(bytes, '\0');
  std::ifstream in("/dev/urandom", std::ios::binary);
  if (!in.read(raw.data(), static_cast<std::streamsize>(bytes))) return failure("cannot read /dev/urandom");
  std::string out;
  for (const char c : raw) {
    constexpr std::string_view digits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

/// The logins that nobody but the server's own users have. One may change its own password by SQL, and an
/// injected statement would lock the server out; so they have none that counts.
constexpr std::string_view kOwnLogins = "bulkhead_admin,bulkhead_login,bulkhead_catalog";

/// pg_hba.conf. `mapped`: PostgreSQL can name the users of `ident_lines`.
std::string hba_lines(bool mapped) {
  const std::string method = mapped ? " peer map=bulkhead\n" : " scram-sha-256\n";
  return "# Written by Bulkhead at each start.\nlocal all " + std::string(kOwnLogins) + method +
         "local replication " + std::string(kSuperuser) + method + "local all all scram-sha-256\n";
}

/// pg_ident.conf: these users of this machine may be each of our logins.
std::string ident_lines(const std::vector<std::string>& users) {
  std::string out = "# Written by Bulkhead at each start.\n";
  for (const std::string& user : users) {
    std::istringstream logins{std::string(kOwnLogins)};
    for (std::string login; std::getline(logins, login, ',');)
      out += "bulkhead \"" + user + "\" " + login + "\n";
  }
  return out;
}

std::string quote_conf(std::string_view value) {
  std::string out = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out + "'";
}

}  // namespace

struct EmbeddedPostgres::Impl {
  fs::path dir, home;
  EmbeddedSettings settings;
  PostgresBinaries binaries;
  std::optional<SystemUser> run_as;  ///< Set when this process is root.
  LockFile server_lock, users_lock;
  std::string socket_dir, conninfo;
  pid_t pid = 0;
  bool adopted = false, in_use = false;
  std::function<bool()> give_up;  ///< Set while somebody may call the start off.

  [[nodiscard]] fs::path data() const { return home / "data"; }

  Result<void> choose_home();
  Result<void> check_owner();
  Result<void> make_cluster();
  Result<void> choose_socket_dir();
  Result<void> write_access();
  Result<void> write_settings();
  Result<void> launch();
  Result<void> wait_ready(const PostmasterFile& running, Clock::time_point until);
  Result<void> start_or_adopt();
  Result<void> start_anew(Clock::time_point until);
  Result<void> shut_down(pid_t postmaster, std::chrono::milliseconds patience);
  [[nodiscard]] bool ended_by(pid_t postmaster, Clock::time_point until) const;
  [[nodiscard]] bool over(Clock::time_point until) const {
    return Clock::now() >= until || (give_up && give_up());
  }
  Result<void> run(const std::vector<std::string>& argv, const std::string& what,
                   const std::string& input = {});
  [[nodiscard]] uid_t runner() const { return run_as ? run_as->uid : geteuid(); }
  [[nodiscard]] Postmaster judge(pid_t who) const { return judge_postmaster(who, data(), runner()); }
  [[nodiscard]] std::optional<PostmasterFile> running() const;
  [[nodiscard]] Error start_error(const std::string& what) const;
};

Result<void> EmbeddedPostgres::Impl::run(const std::vector<std::string>& argv, const std::string& what,
                                         const std::string& input) {
  BULKHEAD_TRY(auto result, run_child(argv, run_as, input));
  if (result.status == 0) return {};
  return failure(what + " failed: " + tail(result.output));
}

/// The folder is ours alone to open: as root, become its owner; otherwise be it.
Result<void> EmbeddedPostgres::Impl::check_owner() {
  struct stat info{};
  if (stat(home.c_str(), &info) != 0) return failure("cannot look at " + home.string() + ": " + errno_text());
  if (geteuid() == 0 && info.st_uid != 0) {
    if (const auto owner = find_user(info.st_uid)) run_as = owner;
  }
  if (info.st_uid == runner() && can_use_directory(home, run_as)) return {};
  const auto owner = find_user(info.st_uid);
  return failure("the PostgreSQL folder " + home.string() + " belongs to user " +
                 (owner ? owner->name : std::to_string(info.st_uid)) + " and cannot be used by " +
                 (run_as ? run_as->name : "this user"))
      .hint(
          "run Bulkhead as the user that made the folder (or as root, if every folder above it lets others "
          "pass), or "
          "choose another one with --data");
}

Result<void> EmbeddedPostgres::Impl::choose_home() {
  std::error_code failed;
  fs::create_directories(dir, failed);
  if (failed) return failure("cannot make the folder " + dir.string() + ": " + failed.message());
  dir = fs::canonical(dir, failed);
  if (failed) return failure("cannot open the folder " + dir.string() + ": " + failed.message());
  if (geteuid() == 0) {
    run_as = find_user("postgres");
    if (!run_as) run_as = find_user("nobody");
    if (!run_as) {
      return failure(
                 "PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody")
          .hint("run Bulkhead as an ordinary user, or make one: adduser --system postgres");
    }
  }
  return {};
}

/// Finds or makes the home of the cluster. Under the start lock.
Result<void> EmbeddedPostgres::Impl::make_cluster() {
  const fs::path place = dir / "postgres";
  std::error_code failed;
  if (!fs::exists(place, failed)) {
    // A link whose target is gone: the cluster was removed by hand.
    fs::remove(place, failed);
    BULKHEAD_CHECK(make_owned_folder(place, run_as));
    if (!can_use_directory(place, run_as)) {
      // Some folder above is closed to that user (/root is): live elsewhere, and link to it.
      fs::remove(place, failed);
      BULKHEAD_TRY(auto name, random_hex(8));
      const fs::path elsewhere = "/var/lib/bulkhead/" + name;
      fs::create_directories(elsewhere.parent_path(), failed);
      if (!failed) fs::permissions(elsewhere.parent_path(), fs::perms(0711), failed);
      BULKHEAD_CHECK(make_owned_folder(elsewhere, run_as));
      if (!can_use_directory(elsewhere, run_as)) {
        return failure("user " + (run_as ? run_as->name : "?") + " can reach neither " + place.string() +
                       " nor " + elsewhere.string())
            .hint(
                "choose a folder with --data that is not below a closed one, for example "
                "/var/lib/bulkhead-data");
      }
      fs::create_directory_symlink(elsewhere, place, failed);
      if (failed)
        return failure("cannot link " + place.string() + " to " + elsewhere.string() + ": " +
                       failed.message());
    }
  }
  home = fs::canonical(place, failed);
  if (failed) return failure("cannot open " + place.string() + ": " + failed.message());
  BULKHEAD_CHECK(check_owner());

  std::optional<int> major;
  if (fs::exists(data() / "PG_VERSION", failed))
    major = std::atoi(read_owned_file(data() / "PG_VERSION").c_str());
  BULKHEAD_TRY(binaries, find_postgres(major));
  if (major) return {};

  // Made beside its place and moved there when whole, so that a crash leaves nothing half-made.
  const fs::path fresh = home / "data.new", secret = home / "superuser.secret";
  fs::remove_all(fresh, failed);
  BULKHEAD_TRY(auto password, random_hex(24));
  BULKHEAD_CHECK(write_owned_file(secret, password + "\n", run_as));
  BULKHEAD_CHECK(run({(binaries.dir / "initdb").string(), "-D", fresh.string(), "-U", std::string(kSuperuser),
                      "--auth=scram-sha-256", "--pwfile=" + secret.string(), "--encoding=UTF8",
                      "--locale=C.UTF-8", "--no-instructions", "--no-sync"},
                     "initdb"));
  const std::string database(kDatabase);
  BULKHEAD_CHECK(
      run({(binaries.dir / "postgres").string(), "--single", "-j", "-D", fresh.string(), "-F", "template1"},
          "making the database",
          "revoke connect, temporary on database template1 from public;\n\n"
          "revoke connect, temporary on database postgres from public;\n\n"
          "create database " +
              database +
              ";\n\n"
              "revoke connect, temporary on database " +
              database + " from public;\n\n"));
  BULKHEAD_CHECK(append_owned_file(
      fresh / "postgresql.conf",
      "\n# Bulkhead writes this file anew at each start:\ninclude 'bulkhead.conf'\n", run_as));
  // initdb did not sync (it takes longer than all else); one sync of the file system does it for all files.
  const int fd = ::open(fresh.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    syncfs(fd);
    ::close(fd);
  }
  fs::rename(fresh, data(), failed);
  if (failed) return failure("cannot move the new cluster to " + data().string() + ": " + failed.message());
  return {};
}

/// In the cluster's home, or, where that path is too long for a socket, in a private folder of a short name
/// that `socket.dir` remembers.
Result<void> EmbeddedPostgres::Impl::choose_socket_dir() {
  const fs::path own = home / "socket";
  if (own.string().size() <= kSocketPathMax) {
    BULKHEAD_CHECK(make_owned_folder(own, run_as));
    socket_dir = own.string();
    return {};
  }
  std::string kept = read_owned_file(home / "socket.dir");
  struct stat info{};
  if (!kept.empty() && lstat(kept.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == runner() &&
      (info.st_mode & 0777) == 0700) {
    socket_dir = kept;
    return {};
  }
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  std::string base = "/tmp";
  if (!run_as && runtime != nullptr && can_use_directory(runtime, std::nullopt) &&
      std::strlen(runtime) + 20 <= kSocketPathMax) {
    base = runtime;
  }
  std::string made = base + "/bulkhead-XXXXXX";
  if (mkdtemp(made.data()) == nullptr)
    return failure("cannot make a folder in " + base + ": " + errno_text());
  BULKHEAD_CHECK(make_owned_folder(made, run_as));
  BULKHEAD_CHECK(write_owned_file(home / "socket.dir", made, run_as));
  socket_dir = made;
  return {};
}

/// Who may log in as whom: the user PostgreSQL runs as, and root, which could become that user anyway, so that
/// a command of root's works beside a server of another user.
Result<void> EmbeddedPostgres::Impl::write_access() {
  std::vector<std::string> users;
  for (const uid_t uid : {runner(), uid_t{0}})
    if (const auto user = find_user(uid); user && (users.empty() || users.front() != user->name))
      users.push_back(user->name);
  // A user without a name, as in some containers, is nobody to `peer`; then the passwords stay.
  const bool mapped = find_user(runner()).has_value() && find_user(geteuid()).has_value();
  BULKHEAD_CHECK(write_owned_file(data() / "bulkhead_ident.conf", ident_lines(users), run_as));
  return write_owned_file(data() / "bulkhead_hba.conf", hba_lines(mapped), run_as);
}

Result<void> EmbeddedPostgres::Impl::write_settings() {
  std::vector<std::pair<std::string, std::string>> lines{
      {"listen_addresses", ""},
      {"port", "5432"},
      {"unix_socket_directories", socket_dir},
      {"unix_socket_permissions", "0700"},
      {"hba_file", (data() / "bulkhead_hba.conf").string()},
      {"ident_file", (data() / "bulkhead_ident.conf").string()},
      {"password_encryption", "scram-sha-256"},
      {"wal_level", "logical"},
      // The journal has one of each a database, and a move another for a while.
      {"max_replication_slots", "64"},
      {"max_wal_senders", "64"},
      {"max_connections", "200"},
      {"shared_buffers", "256MB"},
      {"huge_pages", "try"},
      {"jit", "off"},
      {"fsync", "on"},
      {"timezone", "UTC"},
      {"log_timezone", "UTC"},
      {"logging_collector", "on"},
      {"log_directory", (home / "log").string()},
      {"log_filename", "postgresql-%a.log"},
      {"log_truncate_on_rotation", "on"},
      {"log_rotation_age", "1d"},
      {"log_rotation_size", "0"},
      // Errors quote values of requests, statements may hold them, and DETAIL lines whole rows. The server's
      // own log tells of each failure by its code.
      {"log_error_verbosity", "terse"},
      {"log_min_messages", "log"},
      {"log_min_error_statement", "panic"},
      {"cluster_name", "bulkhead"},
  };
  lines.insert(lines.end(), settings.parameters.begin(), settings.parameters.end());
  std::string text =
      "# Written by Bulkhead at each start; put your own settings into postgresql.conf after the include.\n";
  for (const auto& [name, value] : lines) text += name + " = " + quote_conf(value) + "\n";
  return write_owned_file(data() / "bulkhead.conf", text, run_as);
}

std::optional<PostmasterFile> EmbeddedPostgres::Impl::running() const {
  auto file = read_postmaster_file(data());
  if (file && judge(file->pid) != Postmaster::ours) file.reset();
  return file;
}

Error EmbeddedPostgres::Impl::start_error(const std::string& what) const {
  return failure(what + ": " + tail(read_owned_file(home / "start.log")))
      .hint("PostgreSQL's logs are " + (home / "start.log").string() + " and " + (home / "log").string());
}

Result<void> EmbeddedPostgres::Impl::launch() {
  if (const auto named = read_postmaster_file(data())) {
    const Postmaster who = judge(named->pid);
    if (who == Postmaster::unknown) {
      return failure("the pid file in " + data().string() + " names process " + std::to_string(named->pid) +
                     ", and this user may not see whether that is PostgreSQL")
          .hint("stop that process if it is, or else remove the file postmaster.pid");
    }
    // A foreign process that got the number in a stale pid file would make PostgreSQL refuse to start. Else
    // the file stays: by it PostgreSQL finds backends of a killed postmaster.
    if (who == Postmaster::other) remove_owned(data() / "postmaster.pid", run_as);
  }
  std::error_code ignored;
  if (fs::file_size(home / "start.log", ignored) > 1'000'000) remove_owned(home / "start.log", run_as);
  return run({(binaries.dir / "pg_ctl").string(), "start", "--no-wait", "--silent", "-D", data().string(),
              "-l", (home / "start.log").string()},
             "pg_ctl start");
}

Result<void> EmbeddedPostgres::Impl::wait_ready(const PostmasterFile& first, Clock::time_point until) {
  PostmasterFile seen = first;
  while (seen.status != "ready") {
    if (over(until)) return start_error("PostgreSQL did not become ready in time");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const auto again = running();
    if (!again) return start_error("PostgreSQL ended while it started");
    seen = *again;
  }
  pid = seen.pid;
  socket_dir = seen.socket_dir;
  return {};
}

/// After the kill of a postmaster its orphaned backends hold the shared memory for a while, and a new one
/// refuses to start until they have noticed; so starting is tried again until the time is up.
Result<void> EmbeddedPostgres::Impl::start_anew(Clock::time_point until) {
  while (running() && !over(until)) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  BULKHEAD_CHECK(choose_socket_dir());
  BULKHEAD_CHECK(write_access());
  BULKHEAD_CHECK(write_settings());
  for (;;) {
    BULKHEAD_CHECK(launch());
    std::optional<PostmasterFile> up;
    // pg_ctl returns before the new postmaster has written its file, or has failed; its fate is in the file
    // system. This second is not given up: a process that nobody has seen would be stopped by nobody.
    const auto attempt = std::min(until, Clock::now() + std::chrono::milliseconds(1000));
    while (!(up = running()) && Clock::now() < attempt)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (up && wait_ready(*up, until).has_value()) return {};
    if (over(until)) return start_error("PostgreSQL does not start");
  }
}

Result<void> EmbeddedPostgres::Impl::start_or_adopt() {
  const auto until = Clock::now() + settings.start_timeout;
  adopted = false;
  if (const auto found = running()) {
    // One that is "stopping" is waited for and then started anew.
    if (found->status != "stopping" && wait_ready(*found, until).has_value()) {
      adopted = true;
    }
  }
  if (!adopted) BULKHEAD_CHECK(start_anew(until));
  std::string password = read_owned_file(home / "superuser.secret");
  while (!password.empty() && password.back() == '\n') password.pop_back();
  if (password.empty()) return failure("cannot read " + (home / "superuser.secret").string());
  conninfo = "host=" + quote_conf(socket_dir) + " port=5432 dbname=" + std::string(kDatabase) +
             " user=" + std::string(kSuperuser) + " password=" + password;
  return {};
}

Result<std::unique_ptr<EmbeddedPostgres>> EmbeddedPostgres::open(const fs::path& dir,
                                                                 const EmbeddedSettings& settings,
                                                                 bool exclusive) {
  auto impl = std::make_unique<Impl>();
  impl->dir = dir;
  impl->settings = settings;
  BULKHEAD_CHECK(impl->choose_home());
  if (exclusive) {
    BULKHEAD_TRY(impl->server_lock, LockFile::open(impl->dir / "server.lock"));
    if (!impl->server_lock.take(LOCK_EX | LOCK_NB)) {
      return failure("another Bulkhead server already uses " + impl->dir.string())
          .hint("stop it, or choose another folder with --data");
    }
  }
  BULKHEAD_TRY(auto start_lock, LockFile::open(impl->dir / "start.lock"));
  if (!start_lock.take(LOCK_EX)) return failure("cannot lock " + (impl->dir / "start.lock").string());
  BULKHEAD_TRY(impl->users_lock, LockFile::open(impl->dir / "users.lock"));
  if (!impl->users_lock.take(LOCK_SH)) return failure("cannot lock " + (impl->dir / "users.lock").string());
  BULKHEAD_CHECK(impl->make_cluster());
  BULKHEAD_CHECK(impl->start_or_adopt());
  impl->in_use = true;
  return std::unique_ptr<EmbeddedPostgres>(new EmbeddedPostgres(std::move(impl)));
}

Result<std::unique_ptr<EmbeddedPostgres>> EmbeddedPostgres::start(const fs::path& dir,
                                                                  const EmbeddedSettings& settings) {
  return open(dir, settings, true);
}

Result<std::unique_ptr<EmbeddedPostgres>> EmbeddedPostgres::attach(const fs::path& dir,
                                                                   const EmbeddedSettings& settings) {
  return open(dir, settings, false);
}

EmbeddedPostgres::EmbeddedPostgres(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

EmbeddedPostgres::~EmbeddedPostgres() {
  // Nobody is left to tell; a PostgreSQL that did not stop is adopted by the next start.
  [[maybe_unused]] const auto ignored = stop();
}

const std::string& EmbeddedPostgres::conninfo() const noexcept {
  return impl_->conninfo;
}
pid_t EmbeddedPostgres::pid() const noexcept {
  return impl_->pid;
}
bool EmbeddedPostgres::adopted() const noexcept {
  return impl_->adopted;
}
const fs::path& EmbeddedPostgres::home() const noexcept {
  return impl_->home;
}

Result<bool> EmbeddedPostgres::revive(const std::function<bool()>& give_up) {
  if (!impl_->in_use) return false;
  const Postmaster who = impl_->judge(impl_->pid);
  if (who == Postmaster::ours || who == Postmaster::unknown) return false;
  BULKHEAD_TRY(auto start_lock, LockFile::open(impl_->dir / "start.lock"));
  // A command that holds it is about to start PostgreSQL itself; the caller asks again soon.
  if (!start_lock.take(LOCK_EX | LOCK_NB)) return false;
  impl_->give_up = give_up;
  const auto started = impl_->start_or_adopt();
  impl_->give_up = nullptr;
  if (started.has_value()) return true;
  if (give_up && give_up()) return false;
  return started.error();
}

bool EmbeddedPostgres::Impl::ended_by(pid_t postmaster, Clock::time_point until) const {
  Postmaster who = Postmaster::ours;
  while ((who = judge(postmaster)) == Postmaster::ours && Clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return who == Postmaster::gone || who == Postmaster::other;
}

/// Waits for the process: pg_ctl waits for the pid file to go, and the process ends a moment later.
Result<void> EmbeddedPostgres::Impl::shut_down(pid_t postmaster, std::chrono::milliseconds patience) {
  const auto until = Clock::now() + patience;
  const auto tell = [this](const std::string& mode) {
    return run({(binaries.dir / "pg_ctl").string(), "stop", "--silent", "--no-wait", "--mode=" + mode, "-D",
                data().string()},
               "pg_ctl stop");
  };
  // It may end by itself in the meantime; then pg_ctl fails.
  if (auto told = tell("fast"); told.has_error() && judge(postmaster) == Postmaster::ours) return told;
  if (ended_by(postmaster, until)) return {};
  auto told = tell("immediate");
  const std::string waited = std::to_string(patience.count()) + " ms";
  if (ended_by(postmaster, Clock::now() + std::chrono::seconds(1)))
    return failure("PostgreSQL did not stop within " + waited +
                   " and was ended at once; the next start recovers what was committed");
  return failure("PostgreSQL (process " + std::to_string(postmaster) + ") did not stop within " + waited +
                 " and does not answer; it was told to end at once and is left to itself" +
                 (told.has_error() ? std::string(": ") + std::string(told.error().message()) : ""))
      .hint("the next start waits for it; if it is frozen: kill -9 " + std::to_string(postmaster));
}

Result<void> EmbeddedPostgres::stop(std::chrono::milliseconds patience) {
  if (!std::exchange(impl_->in_use, false)) return {};
  BULKHEAD_TRY(auto start_lock, LockFile::open(impl_->dir / "start.lock"));
  if (!start_lock.take_until(LOCK_EX, Clock::now() + patience)) {
    return failure("PostgreSQL was left running: another process holds " +
                   (impl_->dir / "start.lock").string());
  }
  // Whoever can lock the users' file alone is the last one out.
  const bool last = impl_->users_lock.take(LOCK_EX | LOCK_NB);
  Result<void> stopped;
  if (const auto running = last ? impl_->running() : std::nullopt) {
    stopped = impl_->shut_down(running->pid, patience);
    if (stopped.has_value() && impl_->socket_dir != (impl_->home / "socket").string()) {
      remove_owned(impl_->socket_dir, impl_->run_as);
    }
  }
  impl_->users_lock = LockFile();
  impl_->server_lock = LockFile();
  return stopped;
}

}  // namespace bulkhead
