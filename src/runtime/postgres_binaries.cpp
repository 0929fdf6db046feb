#include "runtime/postgres_binaries.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sstream>
#include <utility>
#include <vector>

#include <unistd.h>

#include "runtime/child_process.hpp"

namespace bulkhead {
namespace {

namespace fs = std::filesystem;
constexpr int kOldest = 15;

/// nullopt: `dir` holds no whole installation.
std::optional<PostgresBinaries> look_at(const fs::path& dir) {
  for (const char* program : {"initdb", "pg_ctl", "postgres"}) {
    if (access((dir / program).c_str(), X_OK) != 0) return std::nullopt;
  }
  auto answer = run_child({(dir / "postgres").string(), "--version"}, std::nullopt);
  if (answer.has_error() || answer->status != 0) return std::nullopt;
  // "postgres (PostgreSQL) 15.20 (Debian …)"
  const auto at = answer->output.find(") ");
  if (at == std::string::npos) return std::nullopt;
  return PostgresBinaries{dir, std::atoi(answer->output.c_str() + at + 2)};
}

std::vector<fs::path> candidates() {
  std::vector<fs::path> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", ignored))
    out.push_back(entry.path() / "bin");
  if (const char* path = std::getenv("PATH")) {
    std::istringstream parts{std::string(path)};
    for (std::string part; std::getline(parts, part, ':');) {
      if (!part.empty()) out.emplace_back(part);
    }
  }
  return out;
}

/// A minor release of a major version, and what the ones before it get wrong.
struct Defect {
  int major, first_good;
  std::string_view what;
};
constexpr std::string_view kRoleChanges =
    " may go on with cached row-level security after a change of roles (CVE-2026-14666)";
constexpr std::string_view kUpserts =
    " may pass over row-level security in INSERT … ON CONFLICT DO UPDATE (CVE-2026-120154)";
/// Later major versions never had the first.
constexpr std::array<Defect, 5> kDefects{{{15, 20, kUpserts},
                                          {15, 19, kRoleChanges},
                                          {16, 15, kRoleChanges},
                                          {17, 11, kRoleChanges},
                                          {18, 6, kRoleChanges}}};

}  // namespace

std::string known_defect(int version_number) {
  const int major = version_number / 10'000, minor = version_number % 10'000;
  std::string whats;
  int first_good = 0;
  for (const Defect& defect : kDefects) {
    if (defect.major != major || minor >= defect.first_good) continue;
    whats.append(whats.empty() ? "" : " and").append(defect.what);
    first_good = std::max(first_good, defect.first_good);
  }
  if (whats.empty()) return {};
  return "PostgreSQL " + std::to_string(major) + "." + std::to_string(minor) + whats + "; install " +
         std::to_string(major) + "." + std::to_string(first_good) + " or newer and restart it";
}

Result<PostgresBinaries> find_postgres(std::optional<int> wanted_major) {
  const auto fits = [&](const PostgresBinaries& found) {
    return wanted_major ? found.major == *wanted_major : found.major >= kOldest;
  };
  const std::string package = "postgresql-" + std::to_string(wanted_major.value_or(kOldest));
  if (const char* named = std::getenv("BULKHEAD_PG_BIN"); named != nullptr && *named != '\0') {
    const auto found = look_at(named);
    if (!found) {
      return Error(Errc::environment,
                   "BULKHEAD_PG_BIN=" + std::string(named) + " holds no initdb, pg_ctl and postgres")
          .hint("point it to a folder such as /usr/lib/postgresql/15/bin, or unset it");
    }
    if (fits(*found)) return *found;
    return Error(Errc::environment, "BULKHEAD_PG_BIN=" + std::string(named) + " is PostgreSQL " +
                                        std::to_string(found->major) + ", needed is " +
                                        (wanted_major ? std::to_string(*wanted_major) : "15 or newer"))
        .hint("install the package " + package + ", or unset BULKHEAD_PG_BIN");
  }
  std::optional<PostgresBinaries> best;
  for (const auto& dir : candidates()) {
    const auto found = look_at(dir);
    if (found && fits(*found) && (!best || found->major > best->major)) best = found;
  }
  if (best) return *best;
  return Error(Errc::environment, wanted_major
                                      ? "this data folder needs PostgreSQL " + std::to_string(*wanted_major) +
                                            ", which is not installed"
                                      : "PostgreSQL 15 or newer is not installed on this machine")
      .hint("install it: sudo apt-get install " + package +
            "; or set BULKHEAD_PG_BIN to the folder with initdb, pg_ctl and postgres; or use a server with "
            "--database URL");
}

}  // namespace bulkhead
