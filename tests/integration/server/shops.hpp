#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/json/value.hpp>

#include <gtest/gtest.h>

#include "support/test_server.hpp"

namespace bulkhead::test {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// The sample product with two shops whose rows are marked by the shop's name in capitals ("ACME artist 3").
///
/// Ids 1 to 10 are in both shops, 101 to 105 in acme alone, 201 to 205 in globex alone, 900 to 999 in neither. Album,
/// track, employee, customer, invoice and invoice line n belong together, and to artist n. Each row's number of
/// milliseconds and such is small; a track costs 0.99.
struct Shops {
  Database database;
  std::string acme, globex;  ///< Ids.
};
[[nodiscard]] Shops open_shops(bool plain = false);

/// Settings with the sample product's handlers.
[[nodiscard]] TestServerSettings with_handlers();

/// One caller of a server, on a connection of its own.
class Caller {
 public:
  Caller(const TestServer& server, std::string token, Headers always = {});

  [[nodiscard]] Reply get(const std::string& target, const Headers& headers = {}) {
    return send("GET", target, "", headers);
  }
  [[nodiscard]] Reply post(const std::string& target, const std::string& body, const Headers& headers = {}) {
    return send("POST", target, body, headers);
  }
  [[nodiscard]] Reply patch(const std::string& target, const std::string& body, const Headers& headers = {}) {
    return send("PATCH", target, body, headers);
  }
  [[nodiscard]] Reply del(const std::string& target, const Headers& headers = {}) {
    return send("DELETE", target, "", headers);
  }
  [[nodiscard]] Reply send(const std::string& method, const std::string& target, const std::string& body,
                           const Headers& headers = {});

 private:
  HttpClient client_;
  Headers always_;
};

/// The two shops behind a server that a whole test suite shares.
class ShopsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();

  [[nodiscard]] static TestServer& server();
  [[nodiscard]] static const Shops& shops();
  /// A caller of acme; the token's claim names the tenant.
  [[nodiscard]] static Caller ann(const std::string& role = "member");
  [[nodiscard]] static Caller gus(const std::string& role = "member");
};

[[nodiscard]] boost::json::value json_of(const Reply& reply);
/// `code` of a problem document or of an error of the data API; "" if there is none.
[[nodiscard]] std::string code_of(const Reply& reply);
/// The body's JSON without the blanks between its tokens, which PostgreSQL sets in its own ways.
[[nodiscard]] std::string compact(const Reply& reply);
/// The whole reply as text, for comparisons: without its date and its trace id.
[[nodiscard]] std::string comparable(const Reply& reply);
/// What must never be told to a caller of acme, if the reply has it: globex's mark, ids of tenants, `tenant_id`.
[[nodiscard]] std::string told_to_acme(const Reply& reply, const Shops& shops);

/// Asks again until it is so; false after ten seconds.
template <class F>
[[nodiscard]] bool eventually(const F& is_so) {
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (;;) {
    if (is_so()) return true;
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace bulkhead::test
