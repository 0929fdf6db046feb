#include "shop.hpp"
#include "support/permitted.hpp"

namespace bulkhead::test {
namespace {

using PlaneTest = Shop;

statement::Condition id_is(std::string id) {
  statement::Condition condition;
  condition.kind = statement::Condition::Kind::compare;
  condition.column = "id";
  condition.value = std::move(id);
  return condition;
}

statement::Select artists() {
  statement::Select select;
  select.relation = "artist";
  return select;
}

TEST_F(PlaneTest, AStalePlacementIsLookedUpAgainOnce) {
  execute("update bulkhead.residency set epoch = 5 where tenant_id = '" + acme_ + "'");
  execute("update catalog.placement set epoch = 5 where tenant_id = '" + acme_ + "'");
  RequestContext stale = context("acme", Role::member, 1);
  auto result = wait(plane_->run(stale, artists()));
  ASSERT_TRUE(result) << result.error().message() << result.error().internal();
  EXPECT_EQ(result->rows.size(), 3u);
}

TEST_F(PlaneTest, ATenantThatLivesNowhereIsMoving) {
  execute("delete from bulkhead.residency where tenant_id = '" + acme_ + "'");
  // Whoever finds it so waits for it to arrive.
  RequestContext asking =
      permitted(std::make_shared<catalog::TenantRecord>(acme_tenant_), Role::member, std::chrono::seconds(2));
  auto result = wait(plane_->run(asking, artists()));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Errc::placement_stale);
}

TEST_F(PlaneTest, AFencedTenantReadsAndDoesNotWrite) {
  execute("update bulkhead.residency set writable = false where tenant_id = '" + acme_ + "'");
  // Whoever finds it so waits for it to arrive.
  RequestContext asking =
      permitted(std::make_shared<catalog::TenantRecord>(acme_tenant_), Role::member, std::chrono::seconds(2));
  EXPECT_TRUE(wait(plane_->run(asking, artists())));
  statement::Delete remove;
  remove.relation = "playlist_track";
  remove.where.children.emplace_back();
  auto result = wait(plane_->run(asking, remove));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Errc::placement_stale);
  EXPECT_EQ(query_one("select count(*) from app.playlist_track"), "4");
}

TEST_F(PlaneTest, AKnownShapeIsRenderedOnce) {
  for (const char* slug : {"acme", "globex", "acme"}) {
    for (const char* name : {"1", "2", "3"}) {
      RequestContext asking = context(slug);
      statement::Select select = artists();
      select.where = id_is(name);
      auto result = wait(plane_->run(asking, select));
      ASSERT_TRUE(result) << result.error().message();
      ASSERT_EQ(result->rows.size(), 1u);
      EXPECT_EQ(result->rows.text(0, 0), name);
    }
  }
  const std::uint64_t tenants_places = plane_->rendered();
  EXPECT_LE(tenants_places, 2u);  // a placement of another schema has a text of its own
  RequestContext asking = context("acme");
  ASSERT_TRUE(wait(plane_->run(asking, artists())));
  EXPECT_EQ(plane_->rendered(), tenants_places + 1);
}

TEST_F(PlaneTest, TransactionsCommitOrLeaveNothing) {
  RequestContext asking = context("acme");
  TenantSession session(asking, *plane_);
  auto rename = [](std::string name) {
    statement::Update update;
    update.relation = "artist";
    update.assignments.emplace_back("name", statement::Cell{std::move(name), false});
    update.where = id_is("1");
    return update;
  };
  std::function<Task<Result<int>>(Transaction&)> good = [&](Transaction& open) -> Task<Result<int>> {
    auto first = co_await open.run(rename("one"));
    if (first.has_error()) co_return first.error();
    auto seen = co_await open.run(artists());
    if (seen.has_error()) co_return seen.error();
    co_return static_cast<int>(seen->rows.size());
  };
  auto committed = wait(session.transaction<int>(good));
  ASSERT_TRUE(committed) << committed.error().message();
  EXPECT_EQ(*committed, 3);
  const std::string name_sql = "select name from app.artist where id = 1 and tenant_id = '" + acme_ + "'";
  EXPECT_EQ(query_one(name_sql), "one");

  std::function<Task<Result<int>>(Transaction&)> bad = [&](Transaction& open) -> Task<Result<int>> {
    auto first = co_await open.run(rename("two"));
    if (first.has_error()) co_return first.error();
    auto refused = co_await open.run(rename(""));
    if (refused.has_error()) co_return refused.error();
    co_return 0;
  };
  auto rolled_back = wait(session.transaction<int>(bad));
  ASSERT_FALSE(rolled_back);
  EXPECT_EQ(rolled_back.error().sqlstate(), "23514");
  EXPECT_EQ(query_one(name_sql), "one");

  std::function<Task<Result<int>>(Transaction&)> thrown = [&](Transaction& open) -> Task<Result<int>> {
    auto first = co_await open.run(rename("three"));
    static_cast<void>(first);
    throw std::runtime_error("the handler's own");
  };
  EXPECT_THROW(static_cast<void>(wait(session.transaction<int>(thrown))), std::runtime_error);
  // The session lane has one connection: that the next transaction runs shows that it came back clean.
  ASSERT_TRUE(wait(session.transaction<int>(good)));
  EXPECT_EQ(query_one(name_sql), "one");
}

TEST_F(PlaneTest, RawSqlIsGuardedAndBound) {
  RequestContext asking = context("acme");
  TenantSession session(asking, *plane_);
  auto rows = wait(
      session.raw("select a.name from artist a where a.tenant_id = $1 and a.id > $2 order by a.id", {"1"}));
  if (rows.has_error() && rows.error().sqlstate() == "42P01")
    rows = wait(session.raw(
        "select a.name from app.artist a where a.tenant_id = $1 and a.id > $2 order by a.id", {"1"}));
  ASSERT_TRUE(rows) << rows.error().message() << rows.error().internal();
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ(rows->text(0, 0), "acme artist 2");
  auto refused = wait(session.raw("select name from app.artist", {}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::statement_refused);
  EXPECT_EQ(wait(session.raw("select a.name from app.artist a where a.tenant_id = $1", {"1"})).error().code(),
            Errc::statement_refused);
}

TEST_F(PlaneTest, PlainBindingWorksAndAForgedContextDoesNot) {
  data::BindingKey wrong;
  wrong.id = database_.credentials.binding_key_id;
  wrong.secret = std::string(32, 'x');
  homes_->rotate_own(std::move(wrong));
  RequestContext asking = context("acme");
  auto result = wait(plane_->run(asking, artists()));
  ASSERT_FALSE(result) << "a context signed with another key must show nothing";
  EXPECT_EQ(result.error().message().find("acme"), std::string_view::npos);
}

}  // namespace
}  // namespace bulkhead::test
