#include "base/problem.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <gtest/gtest.h>

#include "base/json.hpp"

namespace bulkhead {
namespace {

TEST(Problem, HoldsWhatThePublicMayRead) {
  Error error =
      Error(Errc::tenant_conflict, "two \"names\"").hint("send one").details("more").internal("SECRET");
  Response response = problem_response(error, 0, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(response.status, 400U);
  EXPECT_EQ(response.content_type, "application/problem+json");
  auto document = parse_json(response.body).value().as_object();
  EXPECT_EQ(document.at("type").as_string(), "urn:bulkhead:error:BLK201");
  EXPECT_EQ(document.at("title").as_string(), "Tenant sources disagree");
  EXPECT_EQ(document.at("status").as_int64(), 400);
  EXPECT_EQ(document.at("detail").as_string(), "two \"names\"");
  EXPECT_EQ(document.at("code").as_string(), "BLK201");
  EXPECT_EQ(document.at("message").as_string(), "two \"names\"");
  EXPECT_EQ(document.at("hint").as_string(), "send one");
  EXPECT_EQ(document.at("details").as_string(), "more");
  EXPECT_EQ(document.at("trace_id").as_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(response.body.find("SECRET"), std::string::npos);
}

TEST(Problem, SaysNullForWhatIsEmptyAndRepairsWhatIsNoText) {
  auto document =
      parse_json(problem_document(Error(Errc::column_unknown, "no column \xff"), 400)).value().as_object();
  EXPECT_TRUE(document.at("hint").is_null());
  EXPECT_TRUE(document.at("details").is_null());
  EXPECT_FALSE(document.contains("trace_id"));
  EXPECT_EQ(document.at("detail").as_string(), "no column \xEF\xBF\xBD");
}

std::string header_of(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers)
    if (key == name) return value;
  return "absent";
}

TEST(Problem, AStatusBringsItsHeaders) {
  EXPECT_EQ(header_of(problem_response(Error(Errc::token_missing, "x")), "WWW-Authenticate"), "Bearer");
  EXPECT_EQ(header_of(problem_response(Error(Errc::token_time, "x")), "WWW-Authenticate"),
            "Bearer error=\"invalid_token\"");
  EXPECT_EQ(header_of(problem_response(Error(Errc::overloaded, "x")), "Retry-After"), "1");
  EXPECT_EQ(header_of(problem_response(Error(Errc::permission_denied, "x")), "WWW-Authenticate"), "absent");
}

TEST(Problem, AStatusMayBeGiven) {
  Response response = problem_response(Error(Errc::malformed_request, "x"), 505);
  EXPECT_EQ(response.status, 505U);
  EXPECT_NE(response.body.find("\"status\":505"), std::string::npos);
}

TEST(Problem, TheUnforeseenHasNoDetail) {
  EXPECT_NE(problem_response(Error()).body.find("\"detail\":\"internal error\""), std::string::npos);
}

}  // namespace
}  // namespace bulkhead
