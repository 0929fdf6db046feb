// Who may do which durable step of a move: docs/decisions/0016-move.md.
#include "journal/copy.hpp"
#include "journal/residency.hpp"
#include "journal/tables.hpp"
#include "zoo.hpp"

namespace bulkhead::journal {
namespace {

using test::must;

class Steps : public lifecycle::Zoo {
 protected:
  Steps()
      : id_(test::make_tenant(database_, "acme", catalog::Model::row).id),
        target_(database_.connect_admin()) {
    // Another database of the same shape stands for the target.
    other_ = test::Postgres::shared().make_database();
    test::migrate_app(other_, {lifecycle::zoo});
    target_ = other_.connect_admin();
  }
  TenantId id_;
  test::Database other_;
  pg::Blocking target_;
};

template <class T>
Errc code_of(const Result<T>& result) {
  return result.has_error() ? result.error().code() : Errc::internal;
}

TEST_F(Steps, ALaterAttemptHasTheWord) {
  EXPECT_FALSE(must(claim_target(target_, id_, 5, "app")).resident);
  EXPECT_TRUE(must(claim_source(admin_, id_, 5)).resident);
  must(claim_target(target_, id_, 6, "app"));
  must(claim_source(admin_, id_, 6));
  EXPECT_EQ(code_of(claim_target(target_, id_, 5, "app")), Errc::conflict);
  EXPECT_EQ(code_of(claim_source(admin_, id_, 5)), Errc::conflict);
  EXPECT_EQ(code_of(fence(admin_, id_, 5)), Errc::conflict);
  EXPECT_EQ(code_of(unfence(admin_, id_, 5)), Errc::conflict);
  EXPECT_EQ(code_of(leave(admin_, id_, 5)), Errc::conflict);
  EXPECT_EQ(code_of(begin_writing(target_, id_, 5)), Errc::conflict);
  must(target_.execute("rollback"));
  EXPECT_TRUE(must(residency_of(admin_, id_)).writable);
  EXPECT_FALSE(must(residency_of(target_, id_)).resident);
}

TEST_F(Steps, TheyFollowEachOther) {
  must(claim_target(target_, id_, 1, "app"));
  must(claim_source(admin_, id_, 1));
  must(fence(admin_, id_, 1));
  EXPECT_FALSE(must(residency_of(admin_, id_)).writable);
  EXPECT_EQ(code_of(fence(admin_, id_, 1)), Errc::conflict) << "it stands already";
  must(begin_writing(target_, id_, 1));
  must(settle(target_, id_, 1, 2));
  const auto there = must(residency_of(target_, id_));
  EXPECT_TRUE(there.resident && there.writable);
  EXPECT_EQ(there.epoch, 2);
  // From here on nobody writes rows there but the tenant.
  EXPECT_EQ(code_of(begin_writing(target_, id_, 1)), Errc::conflict);
  must(target_.execute("rollback"));
  must(leave(admin_, id_, 1));
  must(leave(admin_, id_, 1));
  EXPECT_FALSE(must(residency_of(admin_, id_)).resident);
  // Whoever takes it up finds it there.
  EXPECT_TRUE(must(claim_target(target_, id_, 2, "elsewhere")).resident);
  EXPECT_EQ(must(residency_of(target_, id_)).schema, "app");
}

TEST_F(Steps, AFenceThatIsTakenBackLetsWritersInAgain) {
  must(claim_source(admin_, id_, 1));
  must(fence(admin_, id_, 1));
  must(claim_source(admin_, id_, 2));
  must(unfence(admin_, id_, 2));
  EXPECT_TRUE(must(residency_of(admin_, id_)).writable);
}

TEST_F(Steps, RowsAreNotClearedWhereTheTenantLives) {
  as("acme", "insert into app.keeper(name) values ('Ada');\n");
  must(claim_source(admin_, id_, 1));
  must(prepare_target_session(admin_));
  const auto tables = must(tenant_tables(admin_, "app"));
  EXPECT_EQ(code_of(clear_rows(admin_, tables, "app", id_, 1)), Errc::conflict);
  must(admin_.execute("rollback"));
  EXPECT_EQ(must(admin_.query("select count(*) from app.keeper")).text(0, 0), "1");
}

TEST_F(Steps, TheTablesAreReadAsTheyAre) {
  must(prepare_session(admin_));
  const auto tables = must(tenant_tables(admin_, "app"));
  std::map<std::string, TenantTable> by_name;
  for (const auto& table : tables) by_name[table.name] = table;
  ASSERT_EQ(by_name.size(), 6u) << "partitions are their parent's";
  EXPECT_EQ(by_name.at("visit Log").key, (std::vector<std::string>{"at \"day", "place"}));
  EXPECT_TRUE(by_name.at("motto").key.empty());
  EXPECT_FALSE(by_name.at("animal").binary) << "an array of an enum names the enum by its number";
  EXPECT_TRUE(by_name.at("keeper").binary);
  EXPECT_EQ(by_name.at("animal").find("loud"), nullptr) << "it is computed again";
  EXPECT_TRUE(by_name.at("animal").find("id")->always_identity);
  EXPECT_TRUE(by_name.at("counter").counters);
}

}  // namespace
}  // namespace bulkhead::journal
