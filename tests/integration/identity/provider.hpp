#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

#include <boost/json/parse.hpp>

#include <gtest/gtest.h>

#include "identity/key_source.hpp"
#include "integration/identity/child.hpp"
#include "integration/identity/run.hpp"
#include "unit/identity/support.hpp"

/// A real OpenID Provider (npm `oidc-provider`, certified) as a fixture.
namespace bulkhead::identity {

namespace fs = std::filesystem;
using bulkhead::testing::Child;
using bulkhead::testing::installed;

/// A private key as the JWK that the provider wants: its public members and the secret ones, through the PEM.
inline std::string private_jwk(const SigningKey& issuer, const fs::path& folder) {
  fs::path pem = folder / "key.pem";
  std::ofstream(pem) << issuer.private_pem().value();
  std::string command = "node -e \"const k=require('crypto').createPrivateKey(require('fs').readFileSync('" +
                        pem.string() + "')).export({format:'jwk'});process.stdout.write(JSON.stringify(k))\"";
  FILE* pipe = popen(command.c_str(), "r");
  std::string text;
  char piece[4096];
  while (std::size_t size = std::fread(piece, 1, sizeof piece, pipe)) text.append(piece, size);
  pclose(pipe);
  fs::remove(pem);
  auto jwk = boost::json::parse(text).as_object();
  for (const auto& member : issuer.jwk()) jwk[member.key()] = member.value();
  return boost::json::serialize(jwk);
}

class ProviderTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!installed("node --version") || !installed("npm --version")) return;
    source_dir = fs::path(BULKHEAD_SOURCE_DIR) / "tests/integration/identity";
    folder = fs::path(BULKHEAD_BINARY_DIR) / "oidc-provider";
    fs::create_directories(folder);
    bool current = fs::exists(folder / "node_modules") &&
                   installed("cmp " + (source_dir / "package-lock.json").string() + " " +
                             (folder / "installed-lock.json").string());
    if (!current) {
      for (const char* file : {"package.json", "package-lock.json"})
        fs::copy_file(source_dir / file, folder / file, fs::copy_options::overwrite_existing);
      install_status = std::system(("npm ci --no-audit --no-fund --ignore-scripts --prefix " +
                                    folder.string() + " > " + (folder / "npm.log").string() + " 2>&1")
                                       .c_str());
      if (install_status != 0) return;
      fs::copy_file(source_dir / "package-lock.json", folder / "installed-lock.json",
                    fs::copy_options::overwrite_existing);
    }
    ready = true;
  }

  void SetUp() override {
    if (folder.empty())
      GTEST_SKIP() << "node and npm are not installed, so there is no OpenID Provider to test with";
    ASSERT_TRUE(ready) << "npm ci failed with " << install_status << "; see " << folder / "npm.log";
  }

  void start(const std::vector<const SigningKey*>& keys, const std::string& port = "0") {
    std::string set;
    for (const auto* key : keys) set += (set.empty() ? "" : ",") + private_jwk(*key, folder);
    fs::path file = folder / "keys.json";
    std::ofstream(file) << "{\"keys\":[" << set << "]}";
    const std::vector<std::string> command{"node", "--no-warnings", source_dir / "provider.mjs", file,
                                           port,   folder};
    provider = std::make_unique<Child>(command, "ready ");
    ASSERT_FALSE(provider->line().empty()) << "the provider did not start";
    url = "http://127.0.0.1:" + provider->line().substr(6);
  }

  [[nodiscard]] std::string port() const { return provider->line().substr(6); }

  /// A token by the client credentials grant (RFC 6749 section 4.4). Node asks for it: Bulkhead itself has no
  /// POST.
  std::string token(const std::string& resource) {
    std::string command =
        "node -e \"fetch('" + url +
        "/token',{method:'POST',body:new URLSearchParams({grant_type:'client_credentials',client_id:'shop',"
        "client_secret:'shop-secret-of-the-test',scope:'shop',resource:'" +
        resource + "'})}).then(r=>r.json()).then(j=>process.stdout.write(j.access_token))\"";
    FILE* pipe = popen(command.c_str(), "r");
    std::string text;
    char piece[4096];
    while (std::size_t size = std::fread(piece, 1, sizeof piece, pipe)) text.append(piece, size);
    pclose(pipe);
    return text;
  }

  IssuerSettings settings() const {
    IssuerSettings result;
    result.name = "oidc";
    result.issuer = url;
    result.audiences = {"recordshop"};
    result.allow_http = true;
    return result;
  }

  void make_verifier() {
    KeyTimes times;
    times.deadline = std::chrono::seconds(20);
    source = std::make_shared<KeySource>(std::vector<IssuerSettings>{settings()}, times);
    verifier.emplace(io.get_executor(), source);
  }

  Result<ClaimsRef> check(const std::string& text, std::chrono::seconds later = std::chrono::seconds(0)) {
    return bulkhead::testing::run(io, verifier->verify(text, std::chrono::system_clock::now() + later));
  }

  static inline fs::path source_dir, folder;
  static inline bool ready = false;
  static inline int install_status = 0;
  std::unique_ptr<Child> provider;
  std::string url;
  boost::asio::io_context io{1};
  std::shared_ptr<KeySource> source;
  std::optional<Verifier> verifier;
};

}  // namespace bulkhead::identity
