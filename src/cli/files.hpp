#pragma once

#include <filesystem>
#include <string_view>

#include <bulkhead/result.hpp>

namespace bulkhead::cli {

/// Writes under another name and renames, so that a file that is there is whole. Errors: `environment`.
[[nodiscard]] Result<void> write_file_whole(const std::filesystem::path& path, std::string_view text);

/// DIR/bulkhead.pid while a server runs; nothing where there is no data folder.
class PidFile {
 public:
  explicit PidFile(const std::filesystem::path& data_dir);
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

 private:
  std::filesystem::path path_;
};

}  // namespace bulkhead::cli
