#include "runtime/postmaster.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

#include <signal.h>
#include <sys/stat.h>

#include "runtime/owned_files.hpp"

namespace bulkhead {
namespace {

namespace fs = std::filesystem;

bool process_exists(pid_t pid) {
  return kill(pid, 0) == 0 || errno == EPERM;
}

bool same_folder(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/// The arguments of a process; everybody may read them. Empty for one that has ended.
std::optional<std::vector<std::string>> arguments_of(const fs::path& process) {
  std::ifstream in(process / "cmdline", std::ios::binary);
  if (!in) return std::nullopt;
  std::vector<std::string> out;
  for (std::string argument; std::getline(in, argument, '\0');) out.push_back(argument);
  return out;
}

/// By its command line: pg_ctl starts `…/postgres -D DATA`.
Postmaster judge_arguments(const std::vector<std::string>& arguments, const struct stat& data) {
  if (arguments.empty() || fs::path(arguments[0]).filename() != "postgres") return Postmaster::other;
  const auto option = std::find(arguments.begin(), arguments.end(), "-D");
  // Started by hand in another way; a relative path is one from a folder that cannot be seen.
  if (option == arguments.end() || std::next(option) == arguments.end()) return Postmaster::unknown;
  const std::string& named = *std::next(option);
  if (!fs::path(named).is_absolute()) return Postmaster::unknown;
  struct stat info{};
  return stat(named.c_str(), &info) == 0 && same_folder(info, data) ? Postmaster::ours : Postmaster::other;
}

}  // namespace

std::optional<PostmasterFile> read_postmaster_file(const fs::path& data) {
  // Pid, data folder, start time, port, socket folder, address, shared memory, status.
  std::istringstream in(read_owned_file(data / "postmaster.pid"));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  if (lines.empty()) return std::nullopt;
  PostmasterFile out;
  out.pid = static_cast<pid_t>(std::atol(lines[0].c_str()));
  if (lines.size() > 4) out.socket_dir = lines[4];
  if (lines.size() > 7) out.status = lines[7];
  while (!out.status.empty() && out.status.back() == ' ') out.status.pop_back();
  if (out.pid <= 0) return std::nullopt;
  return out;
}

Postmaster judge_postmaster(pid_t pid, const fs::path& data, uid_t runner) {
  if (pid <= 0 || !process_exists(pid)) return Postmaster::gone;
  struct stat folder{}, process{}, working{};
  const fs::path entry = "/proc/" + std::to_string(pid);
  if (stat(data.c_str(), &folder) != 0 || stat(entry.c_str(), &process) != 0)
    return process_exists(pid) ? Postmaster::unknown : Postmaster::gone;
  // A postmaster works in its data folder.
  if (stat((entry / "cwd").c_str(), &working) == 0)
    return same_folder(working, folder) ? Postmaster::ours : Postmaster::other;
  if (errno == ENOENT) return Postmaster::other;  // A zombie works nowhere.
  // To look there takes the capability SYS_PTRACE where the process is another user's.
  if (process.st_uid != runner) return Postmaster::other;
  const auto arguments = arguments_of(entry);
  return arguments ? judge_arguments(*arguments, folder) : Postmaster::unknown;
}

}  // namespace bulkhead
