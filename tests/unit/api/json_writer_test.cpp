#include "api/rest/json_writer.hpp"

#include <gtest/gtest.h>

#include "api/rest/rest_api.hpp"

namespace bulkhead::api {
namespace {

std::string value(std::string_view text, sql::JsonKind kind) {
  std::string out;
  append_value(out, text, kind);
  return out;
}

TEST(JsonWriter, ValuesAsPostgresqlsOwnToJsonGivesThem) {
  using Kind = sql::JsonKind;
  EXPECT_EQ(value("a\"b", Kind::string), R"("a\"b")");
  EXPECT_EQ(value("12.50", Kind::number), "12.50");
  EXPECT_EQ(value("-1", Kind::number), "-1");
  EXPECT_EQ(value("NaN", Kind::number), "\"NaN\"");
  EXPECT_EQ(value("-Infinity", Kind::number), "\"-Infinity\"");
  EXPECT_EQ(value("t", Kind::boolean), "true");
  EXPECT_EQ(value("f", Kind::boolean), "false");
  EXPECT_EQ(value("{\"a\": 1}", Kind::raw), "{\"a\": 1}");
  EXPECT_EQ(value("2021-01-01 00:00:00", Kind::timestamp), "\"2021-01-01T00:00:00\"");
  EXPECT_EQ(value("2021-01-01 00:00:00.5+00", Kind::timestamptz), "\"2021-01-01T00:00:00.5+00:00\"");
  EXPECT_EQ(value("2021-01-01 00:00:00+05:30", Kind::timestamptz), "\"2021-01-01T00:00:00+05:30\"");
  EXPECT_EQ(value("0044-03-15 00:00:00-08 BC", Kind::timestamptz), "\"0044-03-15T00:00:00-08:00 BC\"");
  EXPECT_EQ(value("infinity", Kind::timestamptz), "\"infinity\"");
}

TEST(ErrorResponse, StatusAndCode) {
  struct Case {
    Error error;
    unsigned status;
    std::string_view code;
  };
  const auto state = [](std::string_view sqlstate) {
    return Error(Errc::statement_failed, "m").sqlstate(std::string(sqlstate));
  };
  for (const Case& c :
       {Case{state("23505"), 409, "23505"}, Case{state("23503"), 409, "23503"},
        Case{state("23514"), 400, "23514"}, Case{state("42501"), 403, "42501"},
        Case{state("42883"), 404, "42883"}, Case{state("25006"), 405, "25006"},
        Case{state("53300"), 503, "53300"}, Case{state("57014"), 500, "57014"},
        Case{state("PT418"), 418, "PT418"}, Case{state("PT999"), 500, "PT999"},
        Case{state("P0001"), 400, "P0001"}, Case{Error(Errc::tenant_mismatch, "m"), 500, "BLK511"},
        Case{Error(Errc::placement_stale, "m"), 503, "BLK603"}}) {
    Response response = error_response(c.error);
    EXPECT_EQ(response.status, c.status) << c.code;
    EXPECT_EQ(response.body,
              "{\"code\":\"" + std::string(c.code) + R"(","message":"m","details":null,"hint":null})");
  }
  EXPECT_EQ(error_response(Error(Errc::internal, "m").internal("secret")).body.find("secret"),
            std::string::npos);
}

}  // namespace
}  // namespace bulkhead::api
