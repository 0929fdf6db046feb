#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>

#include "base/utf8.hpp"
#include "migrate/runner.hpp"
#include "migrate/sha256.hpp"

namespace bulkhead::migrate {
namespace {

namespace fs = std::filesystem;

Error failed(std::string message) {
  return Error(Errc::migration_failed, std::move(message));
}

std::string file_name(const MigrationFile& file) {
  return file.path.filename().string();
}

bool name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

Result<void> read_text(MigrationFile& file) {
  std::ifstream in(file.path, std::ios::binary);
  if (!in) return failed("cannot read " + file.path.string());
  file.sql.assign(std::istreambuf_iterator<char>(in), {});
  if (in.bad()) return failed("cannot read " + file.path.string());
  file.checksum = sha256_hex(file.sql);
  // Editors of other systems write a byte order mark; PostgreSQL would call it a syntax error.
  if (file.sql.rfind("\xef\xbb\xbf", 0) == 0) file.sql.erase(0, 3);
  if (!valid_utf8(file.sql) || file.sql.find('\0') != std::string::npos) {
    return failed(file_name(file) + " is not UTF-8 text").hint("save it as UTF-8");
  }
  file.concurrent = is_concurrent(file.sql);
  BULKHEAD_CHECK(check_statements(file.sql, file_name(file)));
  file.statements = split_statements(file.sql);
  return {};
}

}  // namespace

std::optional<MigrationFile> parse_migration_name(const fs::path& path) {
  const std::string name = path.filename().string();
  if (name.size() < 10 || name[4] != '_' ||
      !std::all_of(name.begin(), name.begin() + 4, [](char c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  MigrationFile out;
  std::from_chars(name.data(), name.data() + 4, out.version);
  out.name = name.substr(5, name.size() - 9);
  out.path = path;
  if (out.version == 0 || !std::all_of(out.name.begin(), out.name.end(), name_character)) return std::nullopt;
  return out;
}

Error not_a_migration(const fs::path& path) {
  return failed(path.filename().string() + " is not a migration's name")
      .hint("name it NNNN_name.sql: four digits from 0001 on, an underscore, a name of a-z, 0-9 and _");
}

Result<std::vector<MigrationFile>> read_migrations(const fs::path& dir) {
  std::error_code error;
  std::vector<MigrationFile> files;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    if (entry.path().extension() != ".sql") continue;
    if (entry.is_directory(error)) {
      return failed(entry.path().filename().string() + " is a folder, not a migration")
          .hint("give the folder a name that does not end with .sql");
    }
    auto file = parse_migration_name(entry.path());
    if (!file) return not_a_migration(entry.path());
    files.push_back(std::move(*file));
  }
  if (error) {
    return failed("cannot read the folder " + dir.string() + ": " + error.message())
        .hint("an app's migrations stand in its folder migrations/");
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (i > 0 && files[i].version == files[i - 1].version) {
      return failed(file_name(files[i - 1]) + " and " + file_name(files[i]) + " have the same number")
          .hint("give the newer one the next free number");
    }
    if (files[i].version != static_cast<int>(i) + 1) {
      return failed(file_name(files[i]) + ": number " + std::to_string(i + 1) + " is missing before it")
          .hint("migrations are numbered without gaps, from 0001 on");
    }
    BULKHEAD_CHECK(read_text(files[i]));
  }
  return files;
}

}  // namespace bulkhead::migrate
