#include "conformance/postgrest/agency.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "support/models.hpp"
#include "support/tenants.hpp"

namespace bulkhead::test {
namespace {

namespace fs = std::filesystem;

const fs::path folder = BULKHEAD_SOURCE_DIR "/tests/conformance/postgrest";

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<fs::path> files_in(const fs::path& path) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

}  // namespace

Database open_agency() {
  Database database = Postgres::shared().make_database();
  std::vector<std::string> migrations;
  for (const fs::path& file : files_in(folder / "app/migrations")) migrations.push_back(read_file(file));
  migrate_app(database, migrations);
  pg::Blocking admin = database.connect_admin();
  must(admin.execute(read_file(folder / "app/seed/shared.sql")));
  const auto [first, second] = wanted_models();
  std::vector<std::pair<catalog::TenantRecord, std::string>> tenants;
  tenants.emplace_back(make_tenant(database, "alpha", first), "");
  tenants.emplace_back(make_tenant(database, "bravo", second), "BRAVO ");
  for (const auto& [tenant, mark] : tenants) {
    TenantHome home(database, tenant.slug);
    must(home.admin().execute("set session_replication_role = replica"));
    for (const fs::path& file : files_in(folder / "app/seed"))
      if (file.stem() != "shared")
        home.execute(replaced(replaced(read_file(file), "{mark}", mark), "{id}", tenant.id.text()));
  }
  return database;
}

}  // namespace bulkhead::test
