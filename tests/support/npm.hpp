#pragma once

#include <filesystem>
#include <string>

namespace bulkhead::test {

/// The whole file as it is; empty where there is none.
[[nodiscard]] std::string read_file(const std::filesystem::path& path);

/// Whether node and npm are there.
[[nodiscard]] bool has_npm();
/// A folder of this build by this name, with the files of `source` (a package.json with its lock) and what the lock lists,
/// installed once. Throws where npm fails; the message names its log.
[[nodiscard]] std::filesystem::path npm_folder(const std::filesystem::path& source, const std::string& name);

}  // namespace bulkhead::test
