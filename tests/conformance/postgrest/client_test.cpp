#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <gtest/gtest.h>

#include "conformance/postgrest/agency.hpp"
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

TEST(PostgrestClient, DrivesTheDataApiAsItIs) {
  if (!succeeds("node --version") || !succeeds("npm --version"))
    GTEST_SKIP() << "node and npm are not installed, so there is no client to test with";
  const fs::path client = install();
  TestServer server(open_agency(), TestServerSettings());
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
