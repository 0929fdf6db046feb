#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

#include "catalog/operators.hpp"
#include "catalogue.hpp"
#include "checkout.hpp"
#include "conformance/postgrest/agency.hpp"
#include "descriptions.hpp"
#include "integration/server/shops.hpp"
#include "support/npm.hpp"

/// The OpenAPI documents of the record shop, of the schema that PostgREST's dialect is tested with, and of the control API:
/// valid by others' validators, and good for a client that others' tools make of them.
namespace bulkhead::test {
namespace {

namespace fs = std::filesystem;

const fs::path folder = BULKHEAD_SOURCE_DIR "/tests/conformance/openapi/client";

TestServerSettings shop_settings() {
  TestServerSettings settings;
  const auto add = [&](Route route, RouteDescription about) {
    route.about = std::move(about);
    settings.routes.push_back(std::move(route));
  };
  add({Method::post, "/v1/checkout", Role::member, recordshop::checkout}, recordshop::about_checkout());
  add({Method::get, "/v1/invoices/{invoice_id}", Role::viewer, recordshop::invoice_with_lines},
      recordshop::about_invoice());
  add({Method::get, "/v1/catalogue.csv", Role::viewer, {}, recordshop::catalogue},
      recordshop::about_catalogue());
  add({Method::post, "/v1/prices", Role::admin, recordshop::change_prices, {}, {4 * 1024 * 1024, {}}},
      recordshop::about_prices());
  return settings;
}

/// The two apps, served; a folder with the tools, in which what they answer is put for them.
class OpenApiClient : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_npm()) GTEST_SKIP() << "node and npm are not installed, so there is no validator";
    into_ = npm_folder(folder, "openapi-client");
    shop_ = std::make_unique<TestServer>(open_shops().database, shop_settings());
    agency_ = std::make_unique<TestServer>(Agency().database(), TestServerSettings());
    shop_token_ = shop_->token("acme", "ann", "admin");
    agency_token_ = agency_->token("alpha", "ann", "owner");
  }

  void keep(const TestServer& server, const std::string& token, const std::string& path,
            const std::string& file) {
    const Reply reply = Caller(server, token).get(path);
    ASSERT_EQ(reply.status, 200u) << path << " " << reply.body;
    std::ofstream(into_ / file, std::ios::binary) << reply.body;
  }

  void keep_documents() {
    keep(*shop_, shop_token_, "/openapi.json", "shop.json");
    keep(*shop_, shop_->token("acme", "vera", "viewer"), "/openapi.json", "viewer.json");
    keep(*agency_, agency_token_, "/openapi.json", "agency.json");
  }

  /// In the tools' folder; what they say goes into the failure.
  void run(const std::string& command) {
    const fs::path log = into_ / "said.log";
    const int ended =
        std::system(fmt::format("cd {} && {} > {} 2>&1", into_.string(), command, log.string()).c_str());
    said_ = read_file(log);
    EXPECT_EQ(ended, 0) << command << "\n" << said_;
  }

  fs::path into_;
  std::unique_ptr<TestServer> shop_, agency_;
  std::string shop_token_, agency_token_, said_;
};

TEST_F(OpenApiClient, DocumentsAreValid) {
  keep_documents();
  pg::Blocking admin = shop_->database().connect_admin();
  must(catalog::add_operator(admin, {shop_->issuer_url(), "olga", "Olga", ""}));
  keep(*shop_, shop_->token("", "olga", ""), "/control/v1/openapi.json", "control.json");
  keep(*shop_, shop_token_, "/rest/v1/track?limit=5", "tracks.json");
  // A number that is none, or has no end, comes as text.
  keep(*agency_, agency_token_, "/rest/v1/thing?id=in.(1,3)", "things.json");
  run("node validate.mjs control.json viewer.json shop.json --rows track tracks.json agency.json --rows "
      "thing "
      "things.json");
  EXPECT_NE(said_.find("faults: 0"), std::string::npos) << said_;
}

TEST_F(OpenApiClient, AGeneratedClientCompilesAndWorks) {
  keep_documents();
  for (const std::string name : {"shop", "viewer", "agency"})
    run(fmt::format("node_modules/.bin/openapi-typescript {0}.json -o {0}.d.ts", name));
  run("node_modules/.bin/tsc -p .");
  run(fmt::format("node out/client.js http://127.0.0.1:{} {} http://127.0.0.1:{} {}", shop_->port(),
                  shop_token_, agency_->port(), agency_token_));
  EXPECT_NE(said_.find("checks: "), std::string::npos) << said_;
}

}  // namespace
}  // namespace bulkhead::test
