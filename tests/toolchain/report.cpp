#include <cstdio>
#include <string_view>

#include "probes.hpp"

// Lists the probes, or runs one of them: exit status 0 when it is right. tests/toolchain/report runs each in
// a process of its own, since some crash or do not end.
int main(int argc, char** argv) {
  if (argc < 2) {
    for (const probes::Probe& probe : probes::all())
      std::printf("%.*s %s\n", static_cast<int>(probe.name.size()), probe.name.data(),
                  probe.gcc12 ? "right" : "broken");
    return 0;
  }
  for (const probes::Probe& probe : probes::all())
    if (probe.name == std::string_view(argv[1])) return probe.run() ? 0 : 1;
  std::fprintf(stderr, "there is no probe %s\n", argv[1]);
  return 2;
}
