#include <algorithm>
#include <fstream>
#include <iterator>

#include "migrate/lint.hpp"
#include "migrate/runner.hpp"

namespace bulkhead::migrate {
namespace {

namespace fs = std::filesystem;

Result<std::string> read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (in.bad() || !in.is_open()) return Error(Errc::environment, "cannot read " + path.string());
  // As the runner does: a byte order mark is no SQL.
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  return text;
}

Result<void> replace_file(const fs::path& path, const std::string& text) {
  fs::path fresh = path;
  fresh += ".new";
  std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  std::error_code code;
  if (out) fs::rename(fresh, path, code);
  if (out && !code) return {};
  return Error(Errc::environment, "cannot write " + path.string())
      .hint("check the permissions of its folder");
}

}  // namespace

Result<std::vector<SourceFile>> read_sources(const fs::path& directory) {
  std::error_code code;
  fs::directory_iterator entries(directory, code);
  if (code) {
    return Error(Errc::not_found, "cannot read the folder " + directory.string() + ": " + code.message())
        .hint("give the folder that holds the files NNNN_name.sql");
  }
  std::vector<fs::path> paths;
  for (const auto& entry : entries) {
    if (entry.path().extension() != ".sql") continue;
    if (!entry.is_regular_file(code) || !parse_migration_name(entry.path()))
      return not_a_migration(entry.path());
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<SourceFile> files;
  for (const fs::path& path : paths) {
    BULKHEAD_TRY(std::string text, read_file(path));
    files.push_back({path.string(), std::move(text)});
  }
  return files;
}

Result<std::vector<Finding>> lint_directory(const fs::path& directory) {
  BULKHEAD_TRY(std::vector<SourceFile> files, read_sources(directory));
  return lint(files);
}

Result<Fixed> fix_directory(const fs::path& directory) {
  BULKHEAD_TRY(std::vector<SourceFile> files, read_sources(directory));
  Fixed fixed = fix(files);
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (fixed.files[i].text != files[i].text)
      BULKHEAD_CHECK(replace_file(files[i].name, fixed.files[i].text));
  }
  return fixed;
}

}  // namespace bulkhead::migrate
