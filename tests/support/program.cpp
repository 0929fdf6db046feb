#include "support/program.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bulkhead::test {
namespace {

std::set<std::string> sessions(pg::Blocking& admin) {
  const auto rows = must(
      admin.query("select pid from pg_stat_activity where backend_type in ('client backend', 'walsender')"));
  std::set<std::string> out;
  for (std::size_t row = 0; row < rows.size(); ++row) out.emplace(rows.text(row, 0));
  return out;
}

}  // namespace

Program::Program(const std::string& program, const Database& database, std::vector<std::string> arguments,
                 const Settings& settings)
    : admin_(database.connect_admin()), sessions_(sessions(*admin_)) {
  arguments.insert(arguments.begin(), program);
  arguments.insert(arguments.end(), {"--database", database.admin});
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("fork");
  if (pid_ != 0) return;
  for (const auto& [name, value] : settings.environment) setenv(name.c_str(), value.c_str(), 1);
  if (settings.file_bytes != 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit small{settings.file_bytes, settings.file_bytes};
    setrlimit(RLIMIT_FSIZE, &small);
  }
  if (freopen("/dev/null", "w", stdout) == nullptr || freopen("/dev/null", "w", stderr) == nullptr)
    _exit(126);
  execv(pointers.front(), pointers.data());
  _exit(127);
}

Program::~Program() {
  if (pid_ > 0) waitpid(pid_, nullptr, 0);
}

bool Program::wait_for_stop() {
  int status = 0;
  waitpid(pid_, &status, WUNTRACED);
  if (WIFSTOPPED(status)) return true;
  pid_ = -1;
  return false;
}

void Program::go_on() const {
  kill(pid_, SIGCONT);
}

int Program::wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  for (bool gone = false; !gone;) {
    gone = true;
    for (const auto& session : sessions(*admin_)) gone = gone && sessions_.contains(session);
    if (!gone) std::this_thread::yield();
  }
  return -1;
}

std::vector<std::string> passages(const std::filesystem::path& file) {
  std::vector<std::string> out;
  std::map<std::string, int> count;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) out.push_back(line + ":" + std::to_string(++count[line]));
  return out;
}

std::vector<std::string> chosen(const std::string& test, const std::vector<std::string>& places) {
  static std::map<std::string, std::set<std::string>> killed;
  const char* full = std::getenv("BULKHEAD_TEST_FULL");
  if (full != nullptr && std::string_view(full) == "1") return places;
  std::vector<std::string> out;
  std::size_t again = 0;
  for (const auto& place : places)
    if (killed[test].insert(place).second || again++ % 3 == 0) out.push_back(place);
  return out;
}

}  // namespace bulkhead::test
