#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <gtest/gtest.h>

#include "api/rest/rest_api.hpp"
#include "data/plane.hpp"
#include "support/models.hpp"
#include "support/permitted.hpp"
#include "support/postgres.hpp"

namespace bulkhead::test {

/// Two tenants of a small record shop in a database of its own, and the data plane over it. They live in the models that
/// BULKHEAD_TEST_MODEL wants (support/models.hpp).
class Shop : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  /// Runs a task to its end on the test's loop.
  template <class T>
  T wait(Task<T> task) {
    auto future = boost::asio::co_spawn(io_, std::move(task), boost::asio::use_future);
    while (future.wait_for(std::chrono::seconds(0)) != std::future_status::ready) io_.run_one();
    return future.get();
  }

  /// A permitted request's context for one of the tenants, whose record says `epoch`.
  [[nodiscard]] RequestContext context(std::string_view slug, Role role = Role::member,
                                       std::int64_t epoch = 1) const;
  void make_plane(data::PlaneSettings settings = {});

  struct Sent {
    std::string_view body = {};
    std::vector<HeaderView> headers = {};
    Role role = Role::member;
  };
  /// One request to the data API; `target` is "album?select=…".
  [[nodiscard]] Response send(std::string_view tenant, Method method, std::string_view target, Sent sent);
  [[nodiscard]] Response get(std::string_view tenant, std::string_view target,
                             std::vector<HeaderView> headers = {}) {
    return send(tenant, Method::get, target, {{}, std::move(headers), Role::member});
  }
  [[nodiscard]] static std::string header(const Response& response, std::string_view name);

  /// As the superuser, where the rows are: of globex where its id stands in the text, else of acme; `catalog.` in the catalog.
  /// `sql` is written for schema app.
  void execute(std::string_view sql);
  /// The same; "select count(*)" counts the rows of both tenants, wherever they live.
  [[nodiscard]] std::string query_one(std::string_view sql);

  boost::asio::io_context io_;
  [[nodiscard]] bool apart() const;
  /// Of the tenant that the text is about.
  [[nodiscard]] TenantHome home_of(std::string_view sql) const;

  Database database_;
  catalog::TenantRecord acme_tenant_, globex_tenant_;
  std::string acme_, globex_;
  /// What the server's SharedRelations is, without a thread.
  struct ReadHere final : data::RelationsSource {
    sql::RelationsRef relations;
    [[nodiscard]] sql::RelationsRef known(std::int32_t) const override { return relations; }
    [[nodiscard]] Task<Result<sql::RelationsRef>> read(std::string, std::string, std::int32_t) override {
      co_return relations;
    }
  } source_;
  std::unique_ptr<pg::Lanes> catalog_lanes_;
  std::unique_ptr<catalog::View> view_;
  std::unique_ptr<data::Homes> homes_;
  std::unique_ptr<data::Plane> plane_;
  api::RestApi rest_;
};

}  // namespace bulkhead::test
