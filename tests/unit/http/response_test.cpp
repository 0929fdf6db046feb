#include "http/response.hpp"

#include <gtest/gtest.h>

namespace bulkhead::http {
namespace {

constexpr std::string_view date = "Sun, 06 Nov 1994 08:49:37 GMT";

TEST(HttpDate, IsRfc9110sExample) {
  EXPECT_EQ(http_date(std::chrono::sys_seconds(std::chrono::seconds(784111777))), date);
  EXPECT_EQ(http_date(std::chrono::sys_seconds(std::chrono::seconds(0))), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(http_date(std::chrono::sys_seconds(std::chrono::seconds(951782400))),
            "Tue, 29 Feb 2000 00:00:00 GMT");
}

std::string head_of(const Response& response, const Framing& framing) {
  std::string out;
  append_response_head(out, response, framing, date);
  return out;
}

TEST(ResponseHead, IsComplete) {
  Response response;
  response.status = 206;
  response.content_type = "application/json";
  response.headers.emplace_back("Content-Range", "0-1/*");
  response.body = "[]";
  Framing framing;
  framing.keep_alive = true;
  EXPECT_EQ(head_of(response, framing),
            "HTTP/1.1 206 Partial Content\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: "
            "application/json\r\n"
            "Content-Range: 0-1/*\r\nContent-Length: 2\r\n\r\n");
}

TEST(ResponseHead, SaysWhatBecomesOfTheConnection) {
  Framing framing;
  EXPECT_NE(head_of({}, framing).find("Connection: close\r\n"), std::string::npos);
  framing.keep_alive = true;
  EXPECT_EQ(head_of({}, framing).find("Connection:"), std::string::npos);
  framing.http11 = false;
  EXPECT_NE(head_of({}, framing).find("Connection: keep-alive\r\n"), std::string::npos);
}

TEST(ResponseHead, NoContentHasNoLengthAndHeadHasOne) {
  Response response;
  response.body = "abc";
  Framing framing;
  framing.head = true;
  std::string out;
  EXPECT_FALSE(append_response_head(out, response, framing, date));
  EXPECT_NE(out.find("Content-Length: 3\r\n"), std::string::npos);
  response.status = 204;
  framing.head = false;
  out.clear();
  EXPECT_FALSE(append_response_head(out, response, framing, date));
  EXPECT_EQ(out.find("Content-Length"), std::string::npos);
}

TEST(Response, WithLineBreaksInAHeaderIsNotWellFormed) {
  Response response;
  EXPECT_TRUE(well_formed(response));
  response.headers.emplace_back("Location", "/a\r\nSet-Cookie: b");
  EXPECT_FALSE(well_formed(response));
  response.headers[0].second = std::string("a\0b", 3);
  EXPECT_FALSE(well_formed(response));
  response.headers.clear();
  response.content_type = "text/plain\n";
  EXPECT_FALSE(well_formed(response));
  response.content_type.clear();
  response.status = 99;
  EXPECT_FALSE(well_formed(response));
}

TEST(ReasonPhrase, AreThoseThatClientsShow) {
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(300), "Multiple Choices");
  EXPECT_EQ(reason_phrase(406), "Not Acceptable");
  EXPECT_EQ(reason_phrase(416), "Range Not Satisfiable");
  EXPECT_EQ(reason_phrase(599), "");
}

}  // namespace
}  // namespace bulkhead::http
