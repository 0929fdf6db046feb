#include "runtime/child_process.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bulkhead {
namespace {

/// A file descriptor that closes itself.
class Fd {
 public:
  explicit Fd(int fd = -1) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { close(); }
  [[nodiscard]] int get() const noexcept { return fd_; }
  void close() noexcept {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

std::optional<SystemUser> from_passwd(const passwd* entry) {
  if (entry == nullptr) return std::nullopt;
  SystemUser user;
  user.uid = entry->pw_uid;
  user.gid = entry->pw_gid;
  user.name = entry->pw_name;
  int count = 64;
  user.groups.resize(static_cast<std::size_t>(count));
  if (getgrouplist(entry->pw_name, entry->pw_gid, user.groups.data(), &count) < 0) {
    user.groups.resize(static_cast<std::size_t>(count));
    if (getgrouplist(entry->pw_name, entry->pw_gid, user.groups.data(), &count) < 0) count = 0;
  }
  user.groups.resize(static_cast<std::size_t>(count));
  return user;
}

/// In the child, between fork and exec: only async-signal-safe calls.
bool become(const SystemUser& user) noexcept {
  return setgroups(user.groups.size(), user.groups.data()) == 0 && setgid(user.gid) == 0 &&
         setuid(user.uid) == 0;
}

int exit_status(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// An unlinked temporary file: a program's background children may keep it open without anyone waiting for
/// them, as they would at a pipe.
Fd scratch_file() {
  std::array<char, 32> name{};
  std::strcpy(name.data(), "/tmp/bulkhead-out-XXXXXX");
  const int fd = mkostemp(name.data(), O_CLOEXEC);
  if (fd >= 0) unlink(name.data());
  return Fd(fd);
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::string read_from_start(int fd) {
  std::string out;
  std::array<char, 4096> buffer{};
  off_t at = 0;
  for (;;) {
    const ssize_t got = pread(fd, buffer.data(), buffer.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(got));
    at += got;
  }
}

}  // namespace

std::optional<SystemUser> find_user(const std::string& name) {
  return from_passwd(getpwnam(name.c_str()));
}
std::optional<SystemUser> find_user(uid_t uid) {
  return from_passwd(getpwuid(uid));
}

Result<ChildResult> run_child(const std::vector<std::string>& argv, const std::optional<SystemUser>& user,
                              const std::string& input) {
  Fd in = scratch_file(), out = scratch_file();
  if (in.get() < 0 || out.get() < 0 || !write_all(in.get(), input) || lseek(in.get(), 0, SEEK_SET) != 0) {
    return Error(Errc::environment,
                 "cannot write a temporary file in /tmp: " + std::string(std::strerror(errno)))
        .hint("make room in /tmp or its permissions 1777");
  }
  // Everything the child needs is made before the fork.
  std::vector<char*> arguments;
  for (const auto& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  // PGHOST, PGDATA, PGOPTIONS and the like of the caller must not reach the cluster's own programs.
  std::array<std::string, 3> variables{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"};
  std::array<char*, 4> environment{variables[0].data(), variables[1].data(), variables[2].data(), nullptr};

  const pid_t pid = fork();
  if (pid < 0) return Error(Errc::environment, "cannot start " + argv[0] + ": " + std::strerror(errno));
  if (pid == 0) {
    if (dup2(in.get(), 0) < 0 || dup2(out.get(), 1) < 0 || dup2(out.get(), 2) < 0) _exit(126);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    signal(SIGPIPE, SIG_DFL);
    if (user && !become(*user)) _exit(125);
    if (chdir("/") != 0) _exit(126);
    umask(077);
    execve(arguments[0], arguments.data(), environment.data());
    _exit(127);
  }
  ChildResult result;
  result.status = exit_status(pid);
  result.output = read_from_start(out.get());
  if (result.status == 127 && result.output.empty()) {
    return Error(Errc::environment, "cannot execute " + argv[0]);
  }
  if (result.status == 125 && user) {
    return Error(Errc::environment, "cannot run " + argv[0] + " as user " + user->name)
        .hint(
            "root inside a container may lack the capabilities SETUID and SETGID; run as an ordinary user "
            "instead");
  }
  return result;
}

int call_as(const std::optional<SystemUser>& user, const std::function<int()>& work) {
  if (!user) return work();
  const pid_t pid = fork();
  if (pid < 0) return errno;
  if (pid == 0) _exit(become(*user) ? work() : EPERM);
  return exit_status(pid);
}

bool can_use_directory(const std::filesystem::path& directory, const std::optional<SystemUser>& user) {
  const std::string path = directory.string();
  return call_as(user, [&] { return access(path.c_str(), R_OK | W_OK | X_OK) == 0 ? 0 : errno; }) == 0;
}

}  // namespace bulkhead
