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

  Result<std::optional<Membership>> try_membership(const std::string& subject,
                                                   std::chrono::milliseconds patience = 5s) {
    Result<std::optional<Membership>> out = Error();
    run([&]() -> Task<void> {
      out = co_await view_->membership(acme_.id, "iss", subject, std::chrono::steady_clock::now() + patience);
    });
    return out;
  }
  /// Nobody gets in any more, and those who are in are put out.
  void close_database() {
    auto postgres = must(pg::Blocking::connect(Postgres::shared().admin("postgres")));
    must(postgres.execute("alter database " + database_.name + " allow_connections false"));
    must(postgres.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1",
                        {database_.name}));
  }
  void open_database() {
    auto postgres = must(pg::Blocking::connect(Postgres::shared().admin("postgres")));
    must(postgres.execute("alter database " + database_.name + " allow_connections true"));
    admin_ = database_.connect_admin();
  }
  /// A member of acme and acme itself are known, and nothing that was told so far is still to come.
  void know_ann() {
    must(ensure_membership(admin_, acme_.id, "iss", "ann", "Ann", Role::member));
    ASSERT_TRUE(eventually([&] { return ask_membership("ann").has_value(); }));
    // The first change is seen when the listener has begun; the second because it was told, after all others.
    for (const char* role : {"viewer", "admin"}) {
      must(admin_.query("update catalog.membership set role = $1", {role}));
      ASSERT_TRUE(eventually([&] { return role_name(ask_membership("ann")->role) == role; }));
    }
    ASSERT_NE(ask("acme"), nullptr);
  }
  bool knows_ann() { return view_->known_membership(acme_.id, "iss", "ann").has_value(); }

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
  know_ann();
  close_database();
  view_->forget(acme_.id);
  EXPECT_NE(ask("acme"), nullptr) << "known, and the catalog does not answer";
  EXPECT_TRUE(ask_membership("ann").has_value());
  run([&]() -> Task<void> {
    auto unknown = co_await view_->tenant("globex", soon());
    EXPECT_TRUE(unknown.has_error()) << "unknown is an error then, not \"there is none\"";
  });
  open_database();
  must(set_tenant_status(admin_, acme_.id, TenantStatus::suspended, "changed while nobody listened"));
  EXPECT_TRUE(eventually([&] { return ask("acme")->status == TenantStatus::suspended; }));
}

TEST_F(ViewTest, ARevocationIsNotUndoneWhenTheCatalogFailsBeforeItIsRead) {
  make_view();
  know_ann();
  must(admin_.execute("update catalog.membership set status = 'suspended'"));
  must(set_tenant_status(admin_, acme_.id, TenantStatus::suspended, "unpaid"));
  ASSERT_TRUE(eventually([&] { return !knows_ann() && !view_->known_tenant("acme"); }));
  close_database();
  for (int i = 0; i < 3; ++i) {
    auto membership = try_membership("ann");
    ASSERT_TRUE(membership.has_error());
    EXPECT_EQ(membership.error().code(), Errc::database_unavailable);
    run([&]() -> Task<void> {
      auto tenant = co_await view_->tenant("acme", soon());
      EXPECT_TRUE(tenant.has_error());
    });
    EXPECT_FALSE(knows_ann());
  }
  open_database();
  EXPECT_TRUE(eventually([&] {
    auto membership = try_membership("ann");
    EXPECT_TRUE(membership.has_error() || !*membership) << "never a member again";
    return membership.has_value();
  })) << "and it is read as soon as the catalog answers";
  EXPECT_EQ(ask("acme")->status, TenantStatus::suspended);
}

TEST_F(ViewTest, ARequestThatRunsOutOfTimeSaysNothingOfTheCatalog) {
  make_view();
  know_ann();
  must(admin_.execute("update catalog.membership set status = 'suspended'"));
  ASSERT_TRUE(eventually([&] { return !knows_ann(); }));
  must(admin_.execute("begin; lock table catalog.membership in access exclusive mode"));
  auto membership = try_membership("ann", 50ms);
  ASSERT_TRUE(membership.has_error());
  EXPECT_EQ(membership.error().code(), Errc::deadline_exceeded);
  EXPECT_FALSE(knows_ann());
  must(admin_.execute("rollback"));
  EXPECT_FALSE(ask_membership("ann").has_value());
}

TEST_F(ViewTest, ARefreshThatFailedIsTriedAgainInAMoment) {
  ViewSettings settings;
  settings.fresh_ttl = 600s;
  make_view(settings);
  know_ann();
  ::testing::internal::CaptureStderr();
  close_database();
  view_->forget(acme_.id);
  ASSERT_NE(ask("acme"), nullptr);
  const auto before = lanes_.counters().failed_units;
  EXPECT_TRUE(eventually([&] {
    EXPECT_TRUE(view_->known_tenant("acme").has_value());
    return lanes_.counters().failed_units >= before + 3;
  }));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "") << "the server's last words to the listener";
  open_database();
}

TEST_F(ViewTest, NewsOfOthersForgetNothing) {
  ViewSettings settings;
  settings.unknown_ttl = 3600s;
  make_view(settings);
  know_ann();
  const auto globex = must(create_tenant(admin_, "globex", "Globex"));
  ASSERT_TRUE(eventually([&] { return ask("globex") != nullptr; }));
  const auto role_of_bob = [&] {
    std::optional<Membership> bob;
    run([&]() -> Task<void> {
      auto result = co_await view_->membership(globex.id, "iss", "bob", soon());
      if (result.has_value()) bob = *result;
    });
    return bob ? bob->role : Role::viewer;
  };
  ASSERT_TRUE(knows_ann());
  must(ensure_membership(admin_, globex.id, "iss", "bob", "Bob", Role::member));
  ASSERT_TRUE(eventually([&] { return role_of_bob() == Role::member; }));
  EXPECT_TRUE(knows_ann()) << "a new identity and a new member elsewhere";
  must(admin_.execute(
      "select pg_notify('bulkhead_catalog', 'key'); update catalog.membership set role = 'owner' "
      "where role = 'member'"));
  ASSERT_TRUE(eventually([&] { return role_of_bob() == Role::owner; }));
  EXPECT_TRUE(knows_ann()) << "a rotated key";
  EXPECT_TRUE(view_->known_tenant("acme").has_value());
}

TEST_F(ViewTest, NewsOfAUserForgetMembershipsOnly) {
  make_view();
  know_ann();
  must(admin_.execute("update catalog.app_user set status = 'suspended'"));
  EXPECT_TRUE(eventually([&] {
    EXPECT_TRUE(view_->known_tenant("acme").has_value());
    return !ask_membership("ann").has_value();
  }));
}

TEST_F(ViewTest, AFloodOfNewsForEveryoneTakesEffectNowAndThen) {
  make_view();
  know_ann();
  const auto before = lanes_.counters().units;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 300; ++i) {
    must(admin_.query("select pg_notify('bulkhead_catalog', $1)", {"nonsense " + std::to_string(i)}));
    static_cast<void>(ask("acme"));
    EXPECT_TRUE(ask_membership("ann").has_value());
    io_.poll();
  }
  const auto pauses = static_cast<std::uint64_t>((std::chrono::steady_clock::now() - begun) / 100ms);
  EXPECT_LE(lanes_.counters().units - before, 2 * (pauses + 2));
}

}  // namespace
}  // namespace bulkhead::catalog
