#include "support/npm.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace bulkhead::test {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool has_npm() {
  return std::system("node --version > /dev/null 2>&1") == 0 &&
         std::system("npm --version > /dev/null 2>&1") == 0;
}

fs::path npm_folder(const fs::path& source, const std::string& name) {
  const fs::path into = fs::path(BULKHEAD_BINARY_DIR) / name;
  fs::create_directories(into);
  const fs::path lock = source / "package-lock.json", installed = into / "installed-lock.json";
  for (const auto& entry : fs::directory_iterator(source))
    if (entry.is_regular_file())
      fs::copy_file(entry.path(), into / entry.path().filename(), fs::copy_options::overwrite_existing);
  if (fs::exists(installed) && read_file(installed) == read_file(lock)) return into;
  const std::string log = (into / "npm.log").string();
  const std::string command =
      "npm ci --no-audit --no-fund --ignore-scripts --prefix " + into.string() + " > " + log + " 2>&1";
  if (std::system(command.c_str()) != 0) throw std::runtime_error("npm ci failed; see " + log);
  fs::copy_file(lock, installed, fs::copy_options::overwrite_existing);
  return into;
}

}  // namespace bulkhead::test
