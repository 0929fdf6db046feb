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

TEST(Router, NamesStandForOneSegment) {
  Router router = table();
  router.add(Method::get, "/v1/invoices/{id}", 10);
  router.add(Method::get, "/v1/invoices/{invoice_id}/lines/{line}", 11);
  router.add(Method::del, "/v1/invoices/{other}", 12);
  router.add(Method::get, "/v1/invoices/open", 13);
  router.add(Method::get, "/v1/{kind}/open/lines/x", 14);
  router.add(Method::get, "/v1/~x/{b}", 15);
  router.add(Method::get, "/v1/{a}/{b}", 16);
  using Values = std::vector<std::string_view>;
  EXPECT_EQ(router.match(Method::get, "/v1/invoices/7").handler, 10U);
  EXPECT_EQ(router.match(Method::get, "/v1/invoices/7").values, (Values{"7"}));
  EXPECT_EQ(router.match(Method::del, "/v1/invoices/7").handler, 12U);
  EXPECT_EQ(router.match(Method::get, "/v1/invoices/open").handler, 13U) << "literal first";
  EXPECT_EQ(router.match(Method::get, "/v1/invoices/7/lines/a%20b").values, (Values{"7", "a%20b"}));
  EXPECT_EQ(router.match(Method::get, "/v1/invoices/open/lines/x").handler, 11U)
      << "literal further to the front";
  EXPECT_EQ(router.match(Method::get, "/v1/tracks/open/lines/x").handler, 14U);
  EXPECT_EQ(router.match(Method::get, "/v1/~x/1").handler, 15U);
  EXPECT_EQ(router.match(Method::get, "/v1/c/1").values, (Values{"c", "1"}));
  EXPECT_EQ(router.match(Method::post, "/v1/invoices/7").allow, "GET, HEAD, DELETE");
  for (std::string_view path : {"/v1/invoices/", "/v1/invoices//lines/1", "/v1/invoices/7/",
                                "/v1/invoices/7/lines", "/v1/invoices/7/lines/1/2", "v1/invoices/7"})
    EXPECT_EQ(router.match(Method::get, path).kind, Kind::no_route) << path;
}

TEST(Router, PathsThatCannotBe) {
  for (std::string_view path : {"/", "/v1/a", "/{a}", "/v1/{a_1}/b/{c}"})
    EXPECT_TRUE(Router::check_path(path).has_value()) << path;
  for (std::string_view path :
       {"", "v1", "/{}", "/{a", "/a}", "/x{a}", "/{a}x", "/{A}", "/{a b}", "/{a}/{a}", "/{{a}}"})
    EXPECT_TRUE(Router::check_path(path).has_error()) << path;
  EXPECT_EQ(Router::names_of("/v1/{a}/x/{b}"), (std::vector<std::string_view>{"a", "b"}));
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
