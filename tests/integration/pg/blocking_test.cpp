#include "io_fixture.hpp"

namespace bulkhead::pg::testing {
namespace {

class BlockingTest : public LanesTest {};

TEST_F(BlockingTest, QueryBindsParametersAndNull) {
  const Rows rows =
      test::must(admin_->query("select $1::text, $2::text", {std::string("it's"), std::nullopt}));
  ASSERT_EQ(rows.size(), 1U);
  ASSERT_EQ(rows.columns(), 2U);
  EXPECT_EQ(rows.text(0, 0), "it's");
  EXPECT_TRUE(rows.is_null(0, 1));
  EXPECT_EQ(rows.text(0, 1), "");
}

TEST_F(BlockingTest, ANulByteIsRefused) {
  EXPECT_EQ(admin_->query("select $1", {std::string("a\0b", 3)}).error().code(), Errc::payload_invalid);
}

TEST_F(BlockingTest, AnErrorTellsSqlstateAndPosition) {
  const Result<void> done = admin_->execute("select 1;\nselect nonsense from pg_class");
  ASSERT_TRUE(done.has_error());
  EXPECT_EQ(done.error().sqlstate(), "42703");
  EXPECT_EQ(done.error().details(), "position 18");
}

TEST_F(BlockingTest, CopyGoesInAndOut) {
  admin_->execute("create table t (id int, name text)").value();
  int left = 3;
  const auto next = [&left](std::string& chunk) -> Result<bool> {
    chunk = std::to_string(left) + "\tname\n";
    return --left > 0;
  };
  EXPECT_EQ(admin_->copy_in("copy t from stdin", next).value(), 3U);
  std::string out;
  admin_
      ->copy_out("copy (select id from t order by id) to stdout",
                 [&out](std::string_view row) { out += row; })
      .value();
  EXPECT_EQ(out, "1\n2\n3\n");
}

TEST_F(BlockingTest, ACopyThatItsSourceAbortsChangesNothing) {
  admin_->execute("create table t (id int)").value();
  int calls = 0;
  const auto next = [&calls](std::string& chunk) -> Result<bool> {
    if (++calls == 2) return Error(Errc::import_failed, "line 2 is broken");
    chunk = "1\n";
    return true;
  };
  const Result<std::uint64_t> done = admin_->copy_in("copy t from stdin", next);
  ASSERT_TRUE(done.has_error());
  EXPECT_EQ(done.error().message(), "line 2 is broken");
  EXPECT_EQ(admin_text("select count(*) from t"), "0") << "and the connection is still usable";
}

TEST_F(BlockingTest, ACopyRowThatPostgresRefusesIsAnError) {
  admin_->execute("create table t (id int)").value();
  const auto next = [](std::string& chunk) -> Result<bool> {
    chunk = "not a number\n";
    return false;
  };
  EXPECT_EQ(admin_->copy_in("copy t from stdin", next).error().sqlstate(), "22P02");
}

TEST_F(BlockingTest, CopyInExecuteEndsInsteadOfHanging) {
  admin_->execute("create table t (id int)").value();
  EXPECT_TRUE(admin_->execute("copy t from stdin").has_error());
  EXPECT_TRUE(admin_->execute("copy t to stdout").has_error());
  EXPECT_EQ(admin_text("select 1"), "1");
}

TEST_F(BlockingTest, QuotingSurvivesTheServer) {
  const std::string nasty = "a'b\\c\"d; drop table t --";
  const std::string literal = admin_->quote_literal(nasty), name = admin_->quote_identifier(nasty);
  EXPECT_EQ(admin_text("select " + literal), nasty);
  admin_->execute("create table " + name + " (id int)").value();
  EXPECT_EQ(test::must(admin_->query("select relname from pg_class where relname = $1", {nasty})).size(), 1U);
}

TEST_F(BlockingTest, NoServerIsAClearError) {
  const Result<Blocking> none = Blocking::connect("host=/nonexistent");
  ASSERT_TRUE(none.has_error());
  EXPECT_EQ(none.error().code(), Errc::database_unavailable);
  EXPECT_FALSE(none.error().hint().empty());
}

}  // namespace
}  // namespace bulkhead::pg::testing
