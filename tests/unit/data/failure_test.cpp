#include "data/failure.hpp"

#include <gtest/gtest.h>

#include "sql/relations.hpp"

namespace bulkhead::data {
namespace {

Error shown(std::string state, std::string message, std::string constraint = "",
            std::vector<std::string> sent = {}) {
  pg::Outcome outcome;
  outcome.error = Error(Errc::statement_failed, std::move(message))
                      .sqlstate(std::move(state))
                      .internal(
                          "ERROR:  x\nDETAIL:  secret row\nCONTEXT:  SQL statement \"select 'secret\n"
                          "word'\"\nPL/pgSQL function app.f(text) line 3 at EXECUTE");
  outcome.constraint = std::move(constraint);
  outcome.table = "artist";
  pg::Params params;
  for (const std::string& value : sent) params.add(value);
  return client_error(outcome, {&params});
}

TEST(Failure, OfPostgresReportTheLogGetsWhatQuotesNothing) {
  Error error =
      shown("23505", R"(duplicate key value violates unique constraint "x")", "artist_tenant_id_slug_key");
  EXPECT_EQ(error.message(), R"(duplicate key value violates unique constraint "artist_slug_key")");
  EXPECT_EQ(error.details(), "");
  EXPECT_EQ(error.hint(), "");
  EXPECT_EQ(
      error.internal(),
      R"(duplicate key value violates unique constraint "x"; PL/pgSQL function app.f(text) line 3 at EXECUTE)");
  EXPECT_EQ(error.sqlstate(), "23505");
}

TEST(Failure, ValuesAreShownToWhoeverSentThem) {
  const std::string message = R"(invalid input syntax for type integer: "abc")";
  EXPECT_EQ(shown("22P02", message, "", {"1", "abc"}).message(), message);
  EXPECT_EQ(shown("22P02", message, "", {"1"}).message(),
            "invalid input syntax for type integer: (not shown)");
  EXPECT_EQ(shown("22012", "division by zero").message(), "division by zero");
}

TEST(Failure, WhereATenantsRowsLiveIsNobodysBusiness) {
  for (const char* schema : {"app", "t_0123456789abcdef"}) {
    const std::string mood = "invalid input value for enum " + std::string(schema) + ".mood: \"app.x\"";
    EXPECT_EQ(shown("22P02", mood, "", {"app.x"}).message(), R"(invalid input value for enum mood: "app.x")");
    EXPECT_EQ(shown("42883", "function " + std::string(schema) + ".f(" + schema + ".mood) does not exist")
                  .message(),
              "function f(mood) does not exist");
  }
  for (const char* other : {"app2.mood", "t_0123.mood", "my_app.mood", "t_0123456789abcdeg.mood"})
    EXPECT_EQ(shown("42704", "type " + std::string(other)).message(), "type " + std::string(other));
}

TEST(Failure, ChecksOfDomainsHaveNoTable) {
  EXPECT_EQ(shown("23514", "new row violates", "zip_check").message(),
            R"(new row for relation "artist" violates check constraint "zip_check")");
  pg::Outcome outcome;
  outcome.error = Error(Errc::statement_failed, "value for domain zip violates …").sqlstate("23514");
  outcome.constraint = "zip_check";
  EXPECT_EQ(client_error(outcome, {}).message(), R"(value for domain violates check constraint "zip_check")");
}

TEST(Failure, DetailsAreTheAppsOwnOrNobodys) {
  const auto told = [](std::string state, std::string hint) {
    pg::Outcome outcome;
    outcome.error = Error(Errc::statement_failed, "m").sqlstate(std::move(state));
    outcome.detail = "a detail";
    outcome.hint = std::move(hint);
    return client_error(outcome, {});
  };
  for (const char* raised : {"P0001", "PT402", "PGRST"}) {
    EXPECT_EQ(told(raised, "h").details(), "a detail") << raised;
    EXPECT_EQ(told(raised, "h").hint(), "h");
    EXPECT_EQ(told(raised, "ask for tenant_id").hint(), "");
  }
  for (const char* own : {"23505", "22P02", "42883", "P0002", "XX000"})
    EXPECT_EQ(told(own, "h").details(), "") << own;
  EXPECT_EQ(told("42883", "add explicit type casts").hint(), "add explicit type casts");
  EXPECT_EQ(told("42703", "Perhaps you meant \"t.tenant_id\"").hint(), "");
  EXPECT_EQ(told("23505", "h").hint(), "");
}

TEST(Failure, UnknownFamiliesSayNothing) {
  EXPECT_EQ(shown("XX000", "could not read block 3 of relation globex").message(),
            "the database could not run the statement");
  EXPECT_EQ(shown("58030", "could not open file").message(), "the database could not run the statement");
}

TEST(Failure, TooManyRowsForOneObject) {
  Error error = shown("22P02", R"(invalid input syntax for type integer: "bulkhead-rows:12")");
  EXPECT_EQ(error.code(), Errc::not_singular);
  EXPECT_EQ(error.details(), "The result contains 12 rows");
  EXPECT_EQ(
      shown("22P02", R"(invalid input syntax for type integer: "bulkhead-rows:12")", "", {"bulkhead-rows:12"})
          .code(),
      Errc::statement_failed)
      << "a client that sends the marker gets its own error back";
}

TEST(Failure, TenantLeavesConstraintNames) {
  EXPECT_EQ(sql::without_tenant("album_tenant_id_artist_id_fkey"), "album_artist_id_fkey");
  EXPECT_EQ(sql::without_tenant("key_of_tenant_id"), "key_of");
  EXPECT_EQ(sql::without_tenant("album_org_id_slug_key", "org_id"), "album_slug_key");
  EXPECT_EQ(sql::without_tenant("album_tenant_id_slug_key", "org_id"), "album_tenant_id_slug_key");
  pg::Outcome outcome;
  outcome.error = Error(Errc::statement_failed, "duplicate key").sqlstate("23505");
  outcome.constraint = "project_org_id_slug_key";
  EXPECT_EQ(client_error(outcome, {}, "org_id").message(),
            "duplicate key value violates unique constraint \"project_slug_key\"");
}

}  // namespace
}  // namespace bulkhead::data
