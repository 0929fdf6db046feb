// A real OpenID Provider (npm `oidc-provider`, certified): discovery, its tokens, its rotation, its outage.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <boost/json/parse.hpp>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "identity/key_source.hpp"
#include "integration/identity/run.hpp"
#include "unit/identity/support.hpp"

namespace bulkhead::identity {
namespace {

namespace fs = std::filesystem;

/// A running `node provider.mjs`. It ends when its standard input does, so it cannot outlive the test.
class Provider {
 public:
  Provider(const fs::path& script, const fs::path& keys, const std::string& port, const fs::path& modules) {
    int in[2], out[2];
    if (pipe(in) != 0 || pipe(out) != 0) throw std::runtime_error("pipe");
    pid_ = fork();
    if (pid_ == 0) {
      dup2(in[0], STDIN_FILENO);
      dup2(out[1], STDOUT_FILENO);
      for (int fd : {in[0], in[1], out[0], out[1]}) close(fd);
      execlp("node", "node", "--no-warnings", script.c_str(), keys.c_str(), port.c_str(), modules.c_str(),
             nullptr);
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    input_ = in[1];
    output_ = fdopen(out[0], "r");
    char line[4096];
    while (std::fgets(line, sizeof line, output_) != nullptr) {
      if (std::string_view(line).starts_with("ready ")) {
        port_ = std::string(line).substr(6);
        while (!port_.empty() && port_.back() == '\n') port_.pop_back();
        return;
      }
    }
  }
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;
  ~Provider() {
    close(input_);
    int status = 0;
    waitpid(pid_, &status, 0);
    std::fclose(output_);
  }
  /// Empty: it did not start.
  [[nodiscard]] const std::string& port() const { return port_; }

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  FILE* output_ = nullptr;
  std::string port_;
};

/// A private key as the JWK that the provider wants: its public members and the secret ones, through the PEM.
std::string private_jwk(const DevIssuer& issuer, const fs::path& folder) {
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

bool installed(const std::string& command) {
  return std::system((command + " > /dev/null 2>&1").c_str()) == 0;
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

  void start(const std::vector<const DevIssuer*>& keys, const std::string& port = "0") {
    std::string set;
    for (const auto* key : keys) set += (set.empty() ? "" : ",") + private_jwk(*key, folder);
    fs::path file = folder / "keys.json";
    std::ofstream(file) << "{\"keys\":[" << set << "]}";
    provider = std::make_unique<Provider>(source_dir / "provider.mjs", file, port, folder);
    ASSERT_FALSE(provider->port().empty()) << "the provider did not start";
    url = "http://127.0.0.1:" + provider->port();
  }

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
  std::unique_ptr<Provider> provider;
  std::string url;
  boost::asio::io_context io{1};
  std::shared_ptr<KeySource> source;
  std::optional<Verifier> verifier;
};

TEST_F(ProviderTest, TokensOfBothAlgorithmsAreAccepted) {
  start({&testing::rsa(), &testing::p256()});
  make_verifier();
  for (std::string algorithm : {"rs256", "es256"}) {
    std::string text = token("urn:" + algorithm);
    ASSERT_FALSE(text.empty());
    auto claims = check(text);
    ASSERT_TRUE(claims) << algorithm << ": " << claims.error().message() << " " << claims.error().internal();
    EXPECT_EQ((*claims)->subject, "shop");
    EXPECT_EQ((*claims)->tenant, "acme");
    EXPECT_EQ((*claims)->issuer, url);
    EXPECT_EQ((*claims)->all.at("client_id"), "shop");
    EXPECT_NE(verifier->known(text, std::chrono::system_clock::now()), nullptr);
    EXPECT_EQ(check(text, std::chrono::hours(2)).error().code(), Errc::token_time);
    text[text.size() - 20] = text[text.size() - 20] == 'A' ? 'B' : 'A';
    EXPECT_EQ(check(text).error().code(), Errc::token_signature);
  }
}

TEST_F(ProviderTest, ARotatedKeyIsFoundAndTheOldOneRefused) {
  start({&testing::rsa()});
  make_verifier();
  std::string before = token("urn:rs256");
  ASSERT_TRUE(check(before));
  std::string port = provider->port();
  static const DevIssuer next = DevIssuer::generate(Algorithm::rs256).value();

  // The provider publishes the new key and signs with it; the old one is still published.
  provider.reset();
  start({&next, &testing::rsa()}, port);
  std::string after = token("urn:rs256");
  EXPECT_EQ(check(after).error().code(), Errc::token_key_unknown) << "asked less than an interval ago";
  EXPECT_TRUE(check(after, std::chrono::seconds(31)));
  EXPECT_TRUE(check(before, std::chrono::seconds(31)));

  // The old key is withdrawn; the next fetch, at the latest when the keys are out of date, notices.
  provider.reset();
  start({&next}, port);
  EXPECT_TRUE(check(before, std::chrono::seconds(60)));
  EXPECT_TRUE(check(after, std::chrono::minutes(55)));  // in the last fifth: a fetch in the background
  bulkhead::testing::run(io, source->wait(0, std::chrono::system_clock::now() + std::chrono::minutes(55)));
  EXPECT_EQ(check(before, std::chrono::minutes(56)).error().code(), Errc::token_key_unknown);
  EXPECT_TRUE(check(after, std::chrono::minutes(56)));
}

TEST_F(ProviderTest, KnownKeysGoOnWhenItIsDown) {
  start({&testing::rsa(), &testing::p256()});
  make_verifier();
  std::string first = token("urn:rs256"), second = token("urn:rs256"), other = token("urn:es256");
  ASSERT_TRUE(check(first));
  provider.reset();
  EXPECT_TRUE(check(first)) << "cached";
  EXPECT_TRUE(check(second)) << "a new token of a known key";
  EXPECT_TRUE(check(other, std::chrono::minutes(59)));
  // Out of date and not to be had: the known keys go on (the leeway carries the tokens over their hour).
  EXPECT_TRUE(check(second, std::chrono::seconds(3620)));
  // Somebody who starts now has nothing to go by.
  make_verifier();
  EXPECT_EQ(check(first).error().code(), Errc::identity_unavailable);
}

}  // namespace
}  // namespace bulkhead::identity
