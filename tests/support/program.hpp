#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <sys/types.h>

#include "support/postgres.hpp"

namespace bulkhead::test {

/// A run of the real program against `database`, with its output thrown away.
class Program {
 public:
  struct Settings {
    std::map<std::string, std::string> environment;
    std::size_t file_bytes = 0;  ///< The largest file that it may write; 0: any.
  };

  /// `program`: its path; it gets `arguments` and `--database`. Throws std::runtime_error.
  Program(const std::string& program, const Database& database, std::vector<std::string> arguments,
          const Settings& settings);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  /// Returns when it stands still at the place that BULKHEAD_FAILPOINT_STOP names. False: it has ended.
  bool wait_for_stop();
  void go_on() const;
  /// The exit code; -1 when it was killed. Then its sessions have ended, too: PostgreSQL may notice a little later that
  /// nobody is there, and until then they hold their locks.
  int wait();

 private:
  std::optional<pg::Blocking> admin_;
  std::set<std::string> sessions_;  ///< That were there before.
  pid_t pid_ = -1;
};

/// Every failpoint that `file` (BULKHEAD_FAILPOINT_TRACE) says was passed, in order, each as BULKHEAD_FAILPOINT wants it: its
/// name and which passage.
[[nodiscard]] std::vector<std::string> passages(const std::filesystem::path& file);

/// At which of a run's `places` it is killed. A test of this name that runs in several models kills at each place in the first
/// model that passes it, and in the others at every third; with BULKHEAD_TEST_FULL=1 at all of them in each.
[[nodiscard]] std::vector<std::string> chosen(const std::string& test,
                                              const std::vector<std::string>& places);

}  // namespace bulkhead::test
