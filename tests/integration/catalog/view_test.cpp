#include "catalog/view.hpp"

#include <functional>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <gtest/gtest.h>
#include <signal.h>

#include "catalog/store.hpp"
#include "support/postgres.hpp"

namespace bulkhead::catalog {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using test::must;
using test::Postgres;

class ViewTest : public ::testing::Test {
 protected:
  ViewTest()
      : database_(Postgres::shared().make_database()),
        admin_(database_.connect_admin()),
        acme_(must(create_tenant(admin_, "acme", "Acme"))),
        lanes_(io_.get_executor(), database_.catalog, pg::LaneSettings()) {}

  static Deadline soon() { return std::chrono::steady_clock::now() + 5s; }

  void make_view(ViewSettings settings = {}) {
    view_.emplace(io_.get_executor(), lanes_, database_.catalog, settings);
  }

  /// Runs a coroutine to its end on the io thread.
  void run(std::function<Task<void>()> body) {
    bool done = false;
    std::exception_ptr thrown;
    asio::co_spawn(io_, std::move(body), [&](std::exception_ptr error) {
      thrown = error;
      done = true;
    });
    const auto until = std::chrono::steady_clock::now() + 30s;
    while (!done && std::chrono::steady_clock::now() < until) io_.run_one_for(100ms);
    if (thrown) std::rethrow_exception(thrown);
    ASSERT_TRUE(done);
  }
  /// Lets the io thread work until the condition holds.
  bool eventually(const std::function<bool()>& holds) {
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > until) return false;
      io_.run_one_for(10ms);
    }
    return true;
  }
  TenantRef ask(const std::string& name) {
    TenantRef out;
    run([&]() -> Task<void> {
      auto result = co_await view_->tenant(name, soon());
      EXPECT_TRUE(result.has_value()) << (result.has_error() ? result.error().message() : "");
      if (result.has_value()) out = *result;
    });
    return out;
  }
  std::optional<Membership> ask_membership(const std::string& subject) {
    std::optional<Membership> out;
    run([&]() -> Task<void> {
      auto result = co_await view_->membership(acme_.id, "iss", subject, soon());
      EXPECT_TRUE(result.has_value());
      if (result.has_value()) out = *result;
    });
    return out;
  }

  asio::io_context io_;
  test::Database database_;
  pg::Blocking admin_;
  TenantRecord acme_;
  pg::Lanes lanes_;
  std::optional<View> view_;
};

TEST_F(ViewTest, FillsOnDemandBySlugAndById) {
  make_view();
  EXPECT_FALSE(view_->known_tenant("acme").has_value());
  const auto by_slug = ask("acme");
  ASSERT_NE(by_slug, nullptr);
  EXPECT_EQ(by_slug->id, acme_.id);
  EXPECT_EQ(by_slug->placement.schema, "app");
  // Once the listener has begun (which makes the view read again), there is one record, whatever it was asked by.
  EXPECT_TRUE(eventually([&] { return ask(acme_.id.text()) == ask("acme"); }));
}

TEST_F(ViewTest, RemembersThatThereIsNoneUntilOneIsMade) {
  ViewSettings settings;
  settings.unknown_ttl = 3600s;
  make_view(settings);
  EXPECT_EQ(ask("globex"), nullptr);
  ASSERT_TRUE(
      eventually([&] { return ask("globex") == nullptr && view_->known_tenant("globex").has_value(); }));
  must(create_tenant(admin_, "globex", "Globex"));
  EXPECT_TRUE(eventually([&] { return ask("globex") != nullptr; })) << "NOTIFY tells";
}

TEST_F(ViewTest, SingleFlight) {
  make_view();
  ASSERT_NE(ask("acme"), nullptr);
  view_->forget(acme_.id);
  const auto before = lanes_.counters().units;
  int answered = 0;
  for (int i = 0; i < 20; ++i) {
    asio::co_spawn(
        io_,
        [&]() -> Task<void> {
          auto result = co_await view_->tenant("acme", soon());
          if (result.has_value() && *result) ++answered;
        },
        asio::detached);
  }
  ASSERT_TRUE(eventually([&] { return answered == 20; }));
  EXPECT_LE(lanes_.counters().units - before, 2u) << "one load, or two if the listener began in the middle";
}

TEST_F(ViewTest, HearsOfChanges) {
  make_view();
  ASSERT_NE(ask("acme"), nullptr);
  must(set_tenant_status(admin_, acme_.id, TenantStatus::suspended, "unpaid"));
  EXPECT_TRUE(eventually([&] { return ask("acme")->status == TenantStatus::suspended; }));
  EXPECT_EQ(ask("acme")->suspended_reason, "unpaid");
}

TEST_F(ViewTest, Memberships) {
  ViewSettings settings;
  settings.unknown_ttl = 3600s;
  make_view(settings);
  EXPECT_FALSE(ask_membership("ann").has_value());
  must(ensure_membership(admin_, acme_.id, "iss", "ann", "Ann", Role::member));
  ASSERT_TRUE(eventually([&] { return ask_membership("ann").has_value(); }));
  EXPECT_EQ(ask_membership("ann")->role, Role::member);
  EXPECT_EQ(ask_membership("ann")->user_name, "Ann");
  EXPECT_TRUE(view_->known_membership(acme_.id, "iss", "ann").has_value());
  must(ensure_membership(admin_, acme_.id, "iss", "ann", "", Role::owner));
  EXPECT_TRUE(eventually([&] { return ask_membership("ann")->role == Role::owner; }));
  must(admin_.execute("update catalog.membership set status = 'suspended'"));
  EXPECT_TRUE(eventually([&] { return !ask_membership("ann").has_value(); }));
}

TEST_F(ViewTest, AForgottenTenantIsReadAgain) {
  make_view();
  ASSERT_NE(ask("acme"), nullptr);
  view_->forget(acme_.id);
  EXPECT_FALSE(view_->known_tenant("acme").has_value());
  EXPECT_NE(ask("acme"), nullptr);
}

TEST_F(ViewTest, ServesWhatItKnowsWhileTheCatalogIsDownAndHearsAgainAfterwards) {
  make_view();
  ASSERT_NE(ask("acme"), nullptr);
  must(ensure_membership(admin_, acme_.id, "iss", "ann", "Ann", Role::member));
  ASSERT_TRUE(eventually([&] { return ask_membership("ann").has_value(); }));
  // Nobody gets in any more, and those who are in are put out.
  auto postgres = must(pg::Blocking::connect(Postgres::shared().admin("postgres")));
  must(postgres.execute("alter database " + database_.name + " allow_connections false"));
  must(postgres.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1",
                      {database_.name}));
  view_->forget(acme_.id);
  EXPECT_NE(ask("acme"), nullptr) << "known, and the catalog does not answer";
  EXPECT_TRUE(ask_membership("ann").has_value());
  run([&]() -> Task<void> {
    auto unknown = co_await view_->tenant("globex", soon());
    EXPECT_TRUE(unknown.has_error()) << "unknown is an error then, not \"there is none\"";
  });
  must(postgres.execute("alter database " + database_.name + " allow_connections true"));
  auto admin = database_.connect_admin();
  must(set_tenant_status(admin, acme_.id, TenantStatus::suspended, "changed while nobody listened"));
  EXPECT_TRUE(eventually([&] { return ask("acme")->status == TenantStatus::suspended; }));
}

}  // namespace
}  // namespace bulkhead::catalog
