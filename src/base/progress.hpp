#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace bulkhead {

/// The state of long work as one line of text; pure, so that it can be tested.
/// `width` columns: "import  [######----]  60 %  1,200 of 2,000 rows  4,100/s  0:02 left".
[[nodiscard]] std::string progress_line(std::string_view what, std::string_view unit, std::uint64_t done,
                                        std::uint64_t total, std::chrono::duration<double> elapsed,
                                        std::size_t width);

/// Shows long work on stderr: a bar with rate and time left on a terminal, at most ten times a second;
/// elsewhere a line every five seconds and one at the end. One thread.
class Progress {
 public:
  Progress(std::string what, std::string unit, std::uint64_t total, std::FILE* out = stderr);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(std::uint64_t done);
  /// Leaves the last state standing, with a newline. The destructor does it, too.
  void finish();

 private:
  void show();

  std::string what_, unit_;
  std::uint64_t total_, done_ = 0;
  std::FILE* out_;
  bool terminal_, finished_ = false;
  std::chrono::steady_clock::time_point started_, shown_;
};

}  // namespace bulkhead
