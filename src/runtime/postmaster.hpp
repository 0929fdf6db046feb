#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <sys/types.h>

namespace bulkhead {

/// What `postmaster.pid` tells of a running PostgreSQL.
struct PostmasterFile {
  pid_t pid = 0;
  std::string socket_dir, status;
};

/// nullopt: there is none, or it is not written yet.
[[nodiscard]] std::optional<PostmasterFile> read_postmaster_file(const std::filesystem::path& data);

enum class Postmaster : std::uint8_t {
  ours,     ///< The process serves this data folder.
  gone,     ///< There is no such process.
  other,    ///< Something else has got its number, or it has ended and nobody has asked how (a zombie).
  unknown,  ///< This process may not see what it is; nothing must be done to it or in its place.
};

/// Whether process `pid` is the PostgreSQL of the folder `data`, which runs as user `runner`. Works without
/// the capability SYS_PTRACE, which root inside a container does not have.
[[nodiscard]] Postmaster judge_postmaster(pid_t pid, const std::filesystem::path& data, uid_t runner);

}  // namespace bulkhead
