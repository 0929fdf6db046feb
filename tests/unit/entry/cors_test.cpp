#include "entry/cors.hpp"

#include <gtest/gtest.h>

namespace bulkhead::entry {
namespace {

std::string header(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers)
    if (key == name) return value;
  return "absent";
}

Request request(const std::vector<HeaderView>& headers, Method method = Method::get) {
  Request made;
  made.method = method;
  made.headers = headers;
  return made;
}

const std::vector<HeaderView> plain{{"Origin", "https://shop.example"}};
const std::vector<HeaderView> asking{{"Origin", "https://shop.example"},
                                     {"Access-Control-Request-Method", "PATCH"},
                                     {"Access-Control-Request-Headers", "authorization,prefer"}};

TEST(Cors, AnswersOfListedOriginsAreMarked) {
  const Cors cors({"https://other.example", "https://shop.example"});
  EXPECT_TRUE(cors.on());
  Response response;
  cors.mark(request(plain), response);
  EXPECT_EQ(header(response, "Access-Control-Allow-Origin"), "https://shop.example");
  EXPECT_EQ(header(response, "Access-Control-Expose-Headers"),
            "Content-Range, Content-Location, Location, Preference-Applied");
  EXPECT_EQ(header(response, "Access-Control-Allow-Credentials"), "absent");
  EXPECT_EQ(header(response, "Vary"), "Origin");
  for (std::string_view origin : {"https://shop.example.evil.example", "http://shop.example", "null", ""}) {
    const std::vector<HeaderView> headers{{"Origin", origin}};
    Response unmarked;
    cors.mark(request(headers), unmarked);
    EXPECT_EQ(header(unmarked, "Access-Control-Allow-Origin"), "absent") << origin;
    EXPECT_EQ(header(unmarked, "Vary"), "Origin");
  }
}

TEST(Cors, TheStarIsEveryOrigin) {
  const Cors cors({"*"});
  Response response;
  cors.mark(request(plain), response);
  EXPECT_EQ(header(response, "Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(header(response, "Vary"), "absent");
}

TEST(Cors, APreflightIsAnswered) {
  const Cors cors({"https://shop.example"});
  auto answer = cors.preflight(request(asking, Method::options), "GET, PATCH");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 204u);
  EXPECT_EQ(header(*answer, "Access-Control-Allow-Origin"), "https://shop.example");
  EXPECT_EQ(header(*answer, "Access-Control-Allow-Methods"), "GET, PATCH");
  EXPECT_EQ(header(*answer, "Access-Control-Allow-Headers"), "authorization,prefer");
  EXPECT_FALSE(cors.preflight(request(asking, Method::get), "GET"));
  EXPECT_FALSE(cors.preflight(request(plain, Method::options), "GET")) << "a plain OPTIONS is no preflight";
  EXPECT_FALSE(Cors({"https://other.example"}).preflight(request(asking, Method::options), "GET"));
  EXPECT_FALSE(Cors({}).preflight(request(asking, Method::options), "GET"));
  EXPECT_FALSE(Cors({}).on());
}

}  // namespace
}  // namespace bulkhead::entry
