#include "http/router.hpp"

#include <gtest/gtest.h>

namespace bulkhead::http {
namespace {

using Kind = Router::Match::Kind;

Router table() {
  Router router;
  router.add(Method::get, "/healthz", 1);
  router.add(Method::post, "/v1/checkout", 2);
  router.add_prefix(Method::get, "/rest/v1/", 3);
  router.add_prefix(Method::del, "/rest/v1/", 4);
  router.add_prefix(Method::get, "/rest/v1/rpc/", 5);
  router.add(Method::get, "/rest/v1/special", 6);
  return router;
}

TEST(Router, FindsLiteralsBeforePrefixesAndTheLongestPrefix) {
  Router router = table();
  EXPECT_EQ(router.match(Method::get, "/healthz").handler, 1U);
  EXPECT_EQ(router.match(Method::get, "/rest/v1/album").handler, 3U);
  EXPECT_EQ(router.match(Method::get, "/rest/v1/album").rest, "album");
  EXPECT_EQ(router.match(Method::del, "/rest/v1/album").handler, 4U);
  EXPECT_EQ(router.match(Method::get, "/rest/v1/rpc/f").handler, 5U);
  EXPECT_EQ(router.match(Method::get, "/rest/v1/special").handler, 6U);
}

TEST(Router, HeadIsAnsweredByGet) {
  auto match = table().match(Method::head, "/healthz");
  EXPECT_EQ(match.kind, Kind::found);
  EXPECT_EQ(match.handler, 1U);
}

TEST(Router, UnknownPathsAreNoRoute) {
  Router router = table();
  for (std::string_view path :
       {"", "/", "/healthz/", "/Healthz", "/rest/v1/", "/rest/v1", "/rest/v2/album", "//healthz"})
    EXPECT_EQ(router.match(Method::get, path).kind, Kind::no_route) << path;
}

TEST(Router, AWrongMethodNamesTheRightOnes) {
  Router router = table();
  EXPECT_EQ(router.match(Method::get, "/v1/checkout").kind, Kind::no_method);
  EXPECT_EQ(router.match(Method::get, "/v1/checkout").allow, "POST");
  EXPECT_EQ(router.match(Method::other, "/rest/v1/album").allow, "GET, HEAD, DELETE");
}

}  // namespace
}  // namespace bulkhead::http
