#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "conformance/postgrest/agency.hpp"
#include "support/npm.hpp"
#include "support/test_server.hpp"

/// PostgREST's own JavaScript client (npm `@supabase/postgrest-js`), unchanged, against the schema of `app`.
namespace bulkhead::test {
namespace {

namespace fs = std::filesystem;

const fs::path folder = BULKHEAD_SOURCE_DIR "/tests/conformance/postgrest";

TEST(PostgrestClient, DrivesTheDataApiAsItIs) {
  if (!has_npm()) GTEST_SKIP() << "node and npm are not installed, so there is no client to test with";
  const fs::path client = npm_folder(folder / "client", "postgrest-js");
  const Agency agency;
  TestServer server(agency.database(), TestServerSettings());
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
