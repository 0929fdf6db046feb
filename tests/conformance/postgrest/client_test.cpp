#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <gtest/gtest.h>

#include "support/models.hpp"
#include "support/tenants.hpp"
#include "support/test_server.hpp"

/// PostgREST's own JavaScript client (npm `@supabase/postgrest-js`), unchanged, against the schema of `app`.
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

bool succeeds(const std::string& command) {
  return std::system((command + " > /dev/null 2>&1").c_str()) == 0;
}

/// The client with what it needs, as the lock file says; installed once for a build folder.
fs::path install() {
  const fs::path into = fs::path(BULKHEAD_BINARY_DIR) / "postgrest-js", source = folder / "client";
  fs::create_directories(into);
  const fs::path lock = source / "package-lock.json", installed = into / "installed-lock.json";
  if (fs::exists(installed) && read_file(installed) == read_file(lock)) return into;
  for (const char* file : {"package.json", "package-lock.json"})
    fs::copy_file(source / file, into / file, fs::copy_options::overwrite_existing);
  const std::string log = (into / "npm.log").string();
  if (std::system(
          ("npm ci --no-audit --no-fund --ignore-scripts --prefix " + into.string() + " > " + log + " 2>&1")
              .c_str()) != 0)
    throw std::runtime_error("npm ci failed; see " + log);
  fs::copy_file(lock, installed, fs::copy_options::overwrite_existing);
  return into;
}

/// The schema of `app`, and the rows of `seed` for two tenants; those of bravo are marked.
Database with_tenants() {
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

TEST(PostgrestClient, DrivesTheDataApiAsItIs) {
  if (!succeeds("node --version") || !succeeds("npm --version"))
    GTEST_SKIP() << "node and npm are not installed, so there is no client to test with";
  const fs::path client = install();
  TestServer server(with_tenants(), TestServerSettings());
  const std::string url = "http://127.0.0.1:" + std::to_string(server.port()) + "/rest/v1";
  const fs::path log = client / "calls.log";
  const std::string command = "node --no-warnings " + (folder / "client/calls.mjs").string() + " " +
                              client.string() + " " + url + " " + server.token("alpha", "ann", "owner") +
                              " " + server.token("bravo", "bob", "owner") + " > " + log.string() + " 2>&1";
  const int ended = std::system(command.c_str());
  const std::string said = read_file(log);
  EXPECT_EQ(ended, 0) << said;
  const std::size_t number = said.find("calls: ");
  ASSERT_NE(number, std::string::npos) << said;
  EXPECT_GE(std::stoi(said.substr(number + 7)), 80);
}

}  // namespace
}  // namespace bulkhead::test
