#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <bulkhead/app.hpp>

#include "identity/signing_key.hpp"
#include "runtime/dev_sign_in.hpp"
#include "runtime/server.hpp"
#include "support/http_client.hpp"
#include "support/postgres.hpp"

namespace bulkhead::test {

struct TestServerSettings {
  TestServerSettings() = default;
  bool plain = false;  ///< binding = "plain"
  sql::Walls walls;
  std::vector<Route> routes;
  std::function<void(AppConfig&)> configure;      ///< Changes to the default configuration.
  std::vector<identity::IssuerSettings> issuers;  ///< Besides the development issuer.
  bool dev_sign_in = false;  ///< The development issuer signs in, too, as `bulkhead dev` has it.
  runtime::WebPage page;
  std::filesystem::path log_file;  ///< Where the server's log goes; empty: nowhere.
};

/// The real server in the test process, over a database of its own: two threads, every room, HTTP on a free
/// loopback port, tokens of a development issuer.
class TestServer {
 public:
  TestServer(Database database, TestServerSettings settings);
  ~TestServer();

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] const Database& database() const noexcept { return database_; }
  [[nodiscard]] HttpClient client() const { return HttpClient(port_); }
  [[nodiscard]] runtime::Server& server() noexcept { return *server_; }
  /// A token for `user`; a `role` makes the membership in `tenant` (slug) first. An empty tenant: no tenant
  /// claim.
  [[nodiscard]] std::string token(const std::string& tenant, const std::string& user,
                                  const std::string& role);
  [[nodiscard]] const identity::SigningKey& issuer() const noexcept { return issuer_; }
  [[nodiscard]] std::string issuer_url() const;

 private:
  Database database_;
  Logger log_;
  const identity::SigningKey& issuer_;
  std::vector<Route> routes_;
  std::unique_ptr<runtime::DevSignIn> sign_in_;
  std::unique_ptr<runtime::Server> server_;
  std::uint16_t port_ = 0;
};

/// The sample product's migrations, applied.
void migrate_recordshop(const Database& database);

}  // namespace bulkhead::test
