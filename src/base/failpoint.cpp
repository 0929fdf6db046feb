#include "base/failpoint.hpp"

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace bulkhead {
namespace {

struct Wanted {
  std::string name, trace, stop;
  std::atomic<int> passages{1};  ///< How many are left until the end.
  std::atomic<bool> stopped{false};

  Wanted() {
    if (const char* file = std::getenv("BULKHEAD_FAILPOINT_TRACE")) trace = file;
    if (const char* place = std::getenv("BULKHEAD_FAILPOINT_STOP")) stop = place;
    const char* text = std::getenv("BULKHEAD_FAILPOINT");
    if (text == nullptr) return;
    name = text;
    const auto colon = name.rfind(':');
    if (colon == std::string::npos) return;
    int count = 1;
    std::from_chars(name.data() + colon + 1, name.data() + name.size(), count);
    passages = count;
    name.resize(colon);
  }
};

void note(const std::string& file, std::string_view name) {
  const int out = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (out < 0) return;
  const std::string line = std::string(name) + "\n";
  [[maybe_unused]] const auto written = write(out, line.data(), line.size());
  close(out);
}

}  // namespace

void failpoint(std::string_view name) {
  static Wanted wanted;
  if (!wanted.trace.empty()) note(wanted.trace, name);
  if (wanted.stop == name && !wanted.stopped.exchange(true)) kill(getpid(), SIGSTOP);
  if (wanted.name.empty() || wanted.name != name) return;
  if (wanted.passages.fetch_sub(1) == 1) kill(getpid(), SIGKILL);
}

}  // namespace bulkhead
