#include <array>
#include <cstdio>
#include <functional>

#include "catalog/store.hpp"
#include "integration/server/shops.hpp"

/// What is taken away is gone on every server within two seconds. Two servers over one catalog, both of which have
/// answered the request from memory before; the time counts from the commit to the last answer that let the caller in.
namespace bulkhead::test {
namespace {

using Clock = std::chrono::steady_clock;
constexpr const char* artists = "/rest/v1/artist?select=name&limit=3";
constexpr std::chrono::milliseconds allowed{2000};
constexpr int connections = 4;  ///< To each server: the kernel spreads them over its threads.

class RevocationTest : public ShopsTest {
 protected:
  RevocationTest() : admin_(shops().database.connect_admin()), other_(shops().database, with_handlers()) {}

  struct Door {
    Door(const TestServer& server, const std::string& token, Headers headers)
        : caller(server, token, std::move(headers)) {}
    [[nodiscard]] bool open() { return caller.get(artists).status == 200; }
    Caller caller;
  };

  /// Runs `revoke` once all doors are open, and prints how long each server still let the caller in.
  void expect_shut(const char* what, const std::string& token, const Headers& headers,
                   const std::function<void()>& revoke) {
    std::array<std::vector<Door>, 2> doors;
    for (int i = 0; i < connections; ++i) {
      doors[0].emplace_back(server(), token, headers);
      doors[1].emplace_back(other_, token, headers);
    }
    for (auto& of_server : doors)
      for (Door& door : of_server)
        for (int round = 0; round < 2; ++round) ASSERT_TRUE(eventually([&] { return door.open(); })) << what;
    revoke();
    const auto since = Clock::now();
    std::array<std::chrono::milliseconds, 2> last{};
    // Until nobody has come in for a while: one door that is shut says nothing of another thread's.
    for (auto quiet = since;
         Clock::now() - quiet < std::chrono::milliseconds(300) && Clock::now() - since < 2 * allowed;)
      for (std::size_t i = 0; i < doors.size(); ++i)
        for (Door& door : doors[i])
          if (door.open()) {
            quiet = Clock::now();
            last[i] = std::chrono::duration_cast<std::chrono::milliseconds>(quiet - since);
          }
    std::printf("%s: the first server let nobody in after %lld ms, the second after %lld ms\n", what,
                static_cast<long long>(last[0].count()), static_cast<long long>(last[1].count()));
    for (const auto& measured : last) EXPECT_LT(measured, allowed) << what;
    for (auto& of_server : doors)
      for (Door& door : of_server) EXPECT_FALSE(door.open()) << what;
  }
  void execute(const std::string& sql) { must(admin_.execute(sql)); }
  static std::string user_is(const std::string& column, const std::string& subject) {
    return column + " = (select user_id from catalog.identity where subject = '" + subject + "')";
  }

  pg::Blocking admin_;
  TestServer other_;
};

TEST_F(RevocationTest, AMembership) {
  const std::string token = server().token("acme", "leaver", "member");
  expect_shut("membership revoked", token, {},
              [&] { execute("delete from catalog.membership where " + user_is("user_id", "leaver")); });
}

TEST_F(RevocationTest, AMembershipThatIsSuspended) {
  const std::string token = server().token("acme", "paused", "member");
  expect_shut("membership suspended", token, {}, [&] {
    execute("update catalog.membership set status = 'suspended' where " + user_is("user_id", "paused"));
  });
}

TEST_F(RevocationTest, AUser) {
  const std::string token = server().token("acme", "banned", "member");
  expect_shut("user suspended", token, {}, [&] {
    execute("update catalog.app_user set status = 'suspended' where " + user_is("id", "banned"));
  });
}

TEST_F(RevocationTest, ATenant) {
  const std::string token = server().token("globex", "customer", "member");
  expect_shut("tenant suspended", token, {},
              [&] { execute("update catalog.tenant set status = 'suspended' where slug = 'globex'"); });
  execute("update catalog.tenant set status = 'active' where slug = 'globex'");
}

TEST_F(RevocationTest, ADomain) {
  static_cast<void>(server().token("acme", "visitor", "member"));
  execute("insert into catalog.domain(host, tenant_id, verified) values ('gone.example.org', '" +
          shops().acme + "', true)");
  expect_shut("domain removed", server().token("", "visitor", ""), {{"Host", "gone.example.org"}},
              [&] { execute("delete from catalog.domain where host = 'gone.example.org'"); });
}

}  // namespace
}  // namespace bulkhead::test
