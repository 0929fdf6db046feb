#include "runtime/owned_files.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bulkhead {
namespace {

namespace fs = std::filesystem;

Error failure(const std::string& what, const fs::path& path, int code) {
  return Error(Errc::environment, "cannot " + what + " " + path.string() + ": " + std::strerror(code));
}

/// The functions below run between fork and exec: only async-signal-safe calls; they return 0 or an errno.
int write_all(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : EIO;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

int write_and_close(int fd, std::string_view text) noexcept {
  const int written = write_all(fd, text);
  const int closed = close(fd) == 0 ? 0 : errno;
  return written != 0 ? written : closed;
}

int write_beside_and_rename(const char* target, const char* beside, std::string_view text) noexcept {
  if (unlink(beside) != 0 && errno != ENOENT) return errno;
  const int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  if (const int failed = write_and_close(fd, text); failed != 0) return failed;
  return rename(beside, target) == 0 ? 0 : errno;
}

int append(const char* target, std::string_view text) noexcept {
  const int fd = open(target, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
  return fd < 0 ? errno : write_and_close(fd, text);
}

}  // namespace

Result<void> write_owned_file(const fs::path& file, std::string_view text,
                              const std::optional<SystemUser>& owner) {
  const std::string target = file.string(), beside = target + ".new";
  const int failed =
      call_as(owner, [&] { return write_beside_and_rename(target.c_str(), beside.c_str(), text); });
  if (failed != 0) return failure("write", file, failed);
  return {};
}

Result<void> append_owned_file(const fs::path& file, std::string_view text,
                               const std::optional<SystemUser>& owner) {
  const int failed = call_as(owner, [&] { return append(file.c_str(), text); });
  if (failed != 0) return failure("write", file, failed);
  return {};
}

std::string read_owned_file(const fs::path& file) {
  // Without O_NONBLOCK a FIFO in its place would be waited for.
  const int fd = open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return {};
  std::string out;
  struct stat info{};
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
    std::array<char, 4096> buffer{};
    ssize_t got = 0;
    while ((got = read(fd, buffer.data(), buffer.size())) > 0)
      out.append(buffer.data(), static_cast<std::size_t>(got));
  }
  close(fd);
  return out;
}

void remove_owned(const fs::path& path, const std::optional<SystemUser>& owner) {
  [[maybe_unused]] const int ignored =
      call_as(owner, [&] { return std::remove(path.c_str()) == 0 ? 0 : errno; });
}

Result<void> make_owned_folder(const fs::path& folder, const std::optional<SystemUser>& owner) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return failure("make the folder", folder, errno);
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return failure("open the folder", folder, errno);
  const bool done = fchmod(fd, 0700) == 0 && (!owner || fchown(fd, owner->uid, owner->gid) == 0);
  const int failed = errno;
  close(fd);
  if (!done) return failure("set owner and mode of", folder, failed);
  return {};
}

}  // namespace bulkhead
