#include "cli/files.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <fmt/format.h>
#include <unistd.h>

namespace bulkhead::cli {

Result<void> write_file_whole(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::path part = path;
  part += fmt::format(".{}", getpid());
  std::ofstream out(part, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  std::error_code code;
  if (out) std::filesystem::rename(part, path, code);
  if (!out || code)
    return Error(Errc::environment,
                 fmt::format("{} cannot be written: {}", path.string(), std::strerror(errno)));
  return {};
}

PidFile::PidFile(const std::filesystem::path& data_dir) {
  if (data_dir.empty()) return;
  path_ = data_dir / "bulkhead.pid";
  // For people and scripts; what keeps two servers apart is the data folder's lock.
  static_cast<void>(write_file_whole(path_, fmt::format("{}\n", getpid())));
}

PidFile::~PidFile() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove(path_, ignored);
}

}  // namespace bulkhead::cli
