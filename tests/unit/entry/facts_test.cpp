// What PostgreSQL is told of a request: nothing unless it is asked for, a role from the list alone, and no credentials.
#include "entry/facts.hpp"

#include <array>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <gtest/gtest.h>

namespace bulkhead::entry {
namespace {

namespace json = boost::json;

Found found(const std::string& schema) {
  auto record = std::make_shared<catalog::TenantRecord>();
  record->placement.schema = schema;
  Found out;
  out.tenant = std::move(record);
  out.membership = catalog::Membership();
  return out;
}

identity::Claims claims(const std::string& payload) {
  identity::Claims out;
  out.all = json::parse(payload).as_object();
  return out;
}

EntrySettings by_claim(std::vector<std::string> path = {"role"}) {
  EntrySettings out;
  out.role_claim = std::move(path);
  out.database_roles = {{"authenticated", "web_user"}, {"admin", "web_admin"}};
  return out;
}

std::string role(const std::string& payload, const EntrySettings& settings,
                 const Found& at = found("public")) {
  const auto facts = facts_of(Request(), at, claims(payload), settings);
  if (facts.has_error())
    return facts.error().code() == Errc::permission_denied ? "permission_denied" : "another error";
  return *facts == nullptr ? "nothing" : (*facts)->role;
}

TEST(Facts, AreNothingWhereNothingIsAskedFor) {
  EXPECT_EQ(role(R"({"role":"postgres"})", EntrySettings()), "nothing");
  EXPECT_EQ(role(R"({"role":"postgres"})", by_claim(), found("app")), "nothing") << "tables of our own";
}

TEST(Facts, ARoleIsWhatTheListSaysOfTheClaim) {
  EXPECT_EQ(role(R"({"role":"authenticated"})", by_claim()), "web_user");
  EXPECT_EQ(role(R"({"role":"admin"})", by_claim()), "web_admin");
  EXPECT_EQ(role(R"({"a":{"role":"admin"}})", by_claim({"a", "role"})), "web_admin");
  for (const char* payload : {R"({})", R"({"role":""})", R"({"role":"web_user"})", R"({"role":"postgres"})",
                              R"({"role":"Admin"})", R"({"role":"admin "})", R"({"role":null})",
                              R"({"role":["admin"]})", R"({"role":{"x":"admin"}})", R"({"a":"admin"})"})
    EXPECT_EQ(role(payload, by_claim()), "permission_denied") << payload;
  EXPECT_EQ(role(R"({"a":"admin"})", by_claim({"a", "role"})), "permission_denied");
}

TEST(Facts, AnOperatorRunsAsOurOwnRole) {
  Found acting = found("public");
  acting.membership->acting = std::make_shared<ActingOperator>();
  EXPECT_EQ(role("{}", by_claim(), acting), "nothing");
}

TEST(Facts, TellWhatPostgrestWouldAndNoCredentials) {
  const std::array<HeaderView, 6> headers{{{"X-Custom", "one \"quoted\""},
                                           {"AUTHORIZATION", "Bearer secret"},
                                           {"Cookie", "session=secret"},
                                           {"x-custom", "two"},
                                           {"Proxy-Authorization", "secret"},
                                           {"X-Bytes", "\xff\xfe"}}};
  Request request;
  request.method = Method::patch;
  request.path = "/rest/v1/album";
  request.headers = headers;
  EntrySettings settings;
  settings.request_settings = true;
  const auto facts =
      facts_of(request, found("app"), claims(R"({"sub":"ann","n":{"x":[1]}})"), settings).value();
  ASSERT_NE(facts, nullptr);
  EXPECT_EQ(facts->role, "");
  EXPECT_EQ(facts->method, "PATCH");
  EXPECT_EQ(facts->path, "/rest/v1/album");
  EXPECT_EQ(facts->claims, R"({"sub":"ann","n":{"x":[1]}})");
  const json::object told = json::parse(facts->headers).as_object();
  EXPECT_EQ(told.size(), 2u) << facts->headers;
  EXPECT_EQ(told.at("x-custom").as_string(), "one \"quoted\"") << "the first of a name";
  EXPECT_EQ(facts->headers.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace bulkhead::entry
