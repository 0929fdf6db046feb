#include "lifecycle/app_migrations.hpp"

#include <charconv>

#include <fmt/format.h>

namespace bulkhead::lifecycle {

Result<void> remember_migrations(pg::Blocking& catalog, const std::vector<migrate::MigrationFile>& files) {
  for (const auto& file : files) {
    BULKHEAD_TRY(
        auto kept,
        catalog.query("insert into catalog.app_migration as m (version, name, checksum, sql) values ($1, $2, "
                      "$3, $4) on conflict (version) do update set name = excluded.name, checksum = "
                      "excluded.checksum, sql = excluded.sql where m.checksum <> excluded.checksum",
                      {std::to_string(file.version), file.name, file.checksum, file.sql}));
  }
  return {};
}

Result<std::vector<migrate::MigrationFile>> app_migrations(pg::Blocking& catalog) {
  BULKHEAD_TRY(auto rows,
               catalog.query("select version, name, checksum, sql from catalog.app_migration order by 1"));
  std::vector<migrate::MigrationFile> out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    migrate::MigrationFile file;
    const auto version = rows.text(row, 0);
    std::from_chars(version.data(), version.data() + version.size(), file.version);
    file.name = rows.text(row, 1);
    file.path = fmt::format("{:04}_{}.sql", file.version, file.name);
    file.checksum = rows.text(row, 2);
    file.sql = rows.text(row, 3);
    file.concurrent = migrate::is_concurrent(file.sql);
    out.push_back(std::move(file));
  }
  return out;
}

}  // namespace bulkhead::lifecycle
