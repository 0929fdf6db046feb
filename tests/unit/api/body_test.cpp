#include "api/rest/body.hpp"

#include <gtest/gtest.h>

#include "api/rest/error_details.hpp"
#include "api/rest/response_settings.hpp"
#include "api/rest/rest_api.hpp"

namespace bulkhead::api {
namespace {

TEST(Body, CsvBecomesAnArrayOfObjects) {
  EXPECT_EQ(csv_to_json("a,b\n1,x\n2,NULL\n").value(), R"([{"a":"1","b":"x"},{"a":"2","b":null}])");
  EXPECT_EQ(csv_to_json("a,b\r\n\"x,\ny\",\"say \"\"hi\"\"\"").value(),
            R"([{"a":"x,\ny","b":"say \"hi\""}])");
  EXPECT_EQ(csv_to_json("a").value(), "[]");
  for (std::string_view bad : {"", "a,b\n1\n", "a\n\"x", "a\n\"x\"y\n"})
    EXPECT_TRUE(csv_to_json(bad).has_error()) << bad;
}

TEST(Body, AFormBecomesAnObject) {
  EXPECT_EQ(form_to_json("a=1&b=x+y%26&a=2").value(), R"({"b":"x y&","a":"2"})");
  EXPECT_EQ(form_to_json("").value(), "{}");
  EXPECT_TRUE(form_to_json("a=%ff").has_error());
}

QueryResult said(std::string status, std::string headers) {
  QueryResult result;
  result.response_status = std::move(status);
  result.response_headers = std::move(headers);
  return result;
}

TEST(ResponseSettings, HeadersOfTheListAreSetAndOthersLeftOut) {
  Response response;
  response.headers.emplace_back("Content-Range", "*/*");
  response.headers.emplace_back("location", "/a");
  apply_response_settings(response,
                          said("202", R"([{"Location":"/b"},{"Set-Cookie":"a=b"},{"X-Accel-Redirect":"/etc"},
                                          {"X-Fine":"1"},{"Content-Type":"image/png"},{"Content-Length":"3"}])"),
                          usual_headers());
  EXPECT_EQ(response.status, 202u);
  EXPECT_EQ(response.content_type, "image/png");
  const std::vector<std::pair<std::string, std::string>> expected{
      {"Content-Range", "*/*"}, {"Location", "/b"}, {"X-Fine", "1"}};
  EXPECT_EQ(response.headers, expected);
  apply_response_settings(response, said("", R"([{"Set-Cookie":"a=b"},{"Transfer-Encoding":"x"}])"),
                          {"set-cookie", "transfer-encoding"});
  EXPECT_EQ(response.headers.back().first, "Set-Cookie") << "what frames the message is on no list";
}

TEST(ResponseSettings, WhatCannotBeReadIsAnError) {
  for (const char* headers : {"{}", "[1]", R"([{"a":1}])", R"([{"a":"1","b":"2"}])", R"([{"a b":"1"}])",
                              R"([{"X-A":"1\r\nX-B: 2"}])", "x"}) {
    Response response;
    apply_response_settings(response, said("", headers), usual_headers());
    EXPECT_EQ(response.status, 500u) << headers;
    EXPECT_NE(response.body.find("PGRST111"), std::string::npos);
  }
  for (const char* status : {"abc", "99", "600", "200x", "-1"}) {
    Response response;
    apply_response_settings(response, said(status, ""), usual_headers());
    EXPECT_NE(response.body.find("PGRST112"), std::string::npos) << status;
  }
}

TEST(ErrorDetails, AreMadeOfTheRequestsOwnValues) {
  sql::Relation album;
  album.name = "album";
  album.unique_keys = {{"id"}, {"title", "year"}};
  album.unique_names = {"album_pkey", "album_title_year_key"};
  const sql::Relations relations({album}, {});
  const Error duplicate =
      Error(Errc::statement_failed, "duplicate key value violates unique constraint \"album_title_year_key\"")
          .sqlstate("23505");
  const auto details = [&](std::string_view json) {
    return std::string(with_key_details(duplicate, relations, album, SentRow{json, nullptr}).details());
  };
  EXPECT_EQ(details(R"({"title":"x","year":1999})"), "Key (title, year)=(x, 1999) already exists.");
  EXPECT_EQ(details(R"([{"title":"x","year":1999}])"), "Key (title, year)=(x, 1999) already exists.");
  EXPECT_EQ(details(R"([{"title":"x","year":1},{"title":"y","year":2}])"), "") << "which of the two?";
  EXPECT_EQ(details(R"({"title":"x"})"), "");
  EXPECT_EQ(details(R"({"title":"x","year":1.5})"), "");
  EXPECT_EQ(details(""), "");
}

}  // namespace
}  // namespace bulkhead::api
