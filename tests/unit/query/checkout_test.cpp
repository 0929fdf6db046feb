#include "checkout.hpp"

#include <string>

#include <gtest/gtest.h>

namespace recordshop {
namespace {

bulkhead::Result<Order> order_of(std::string_view body) {
  bulkhead::Request request;
  request.body = body;
  return read_order(request);
}

TEST(Checkout, ReadsAnOrderAndAddsUpTheLinesOfATrack) {
  auto order = order_of(
      R"({"customer_id": 5, "lines": [{"track_id": 1, "quantity": 2}, {"track_id": 3, "quantity": 1}, {"track_id": 1, "quantity": 4}]})");
  ASSERT_TRUE(order.has_value()) << order.error().message();
  EXPECT_EQ(order->customer_id, 5);
  EXPECT_EQ(order->quantities, (std::map<std::int32_t, std::int32_t>{{1, 6}, {3, 1}}));
}

TEST(Checkout, RefusesABadBodyAndNamesThePlace) {
  std::string many = R"({"customer_id": 5, "lines": [)";
  for (int i = 1; i <= 101; ++i)
    many += (i > 1 ? "," : "") + (R"({"quantity": 1, "track_id": )" + std::to_string(i) + "}");
  many += "]}";
  const std::pair<std::string, std::string> cases[] = {
      {R"([])", "the body must be"},
      {R"({"customer_id": 5, "lines": [{"track_id": 1, "quantity": 1}], "discount": 100})",
       "/discount is not known"},
      {R"({"lines": []})", "/customer_id is missing"},
      {R"({"customer_id": "5", "lines": []})", "/customer_id must be"},
      {R"({"customer_id": 5})", "/lines is missing"},
      {R"({"customer_id": 5, "lines": []})", "/lines must be"},
      {R"({"customer_id": 5, "lines": [7]})", "/lines/0 must be"},
      {R"({"customer_id": 5, "lines": [{"track_id": 1, "quantity": 0}]})", "/lines/0/quantity must be"},
      {R"({"customer_id": 5, "lines": [{"track_id": 1, "quantity": -1}]})", "/lines/0/quantity must be"},
      {R"({"customer_id": 5, "lines": [{"track_id": 1, "quantity": 1001}]})", "/lines/0/quantity must be"},
      {R"({"customer_id": 5, "lines": [{"track_id": 1, "quantity": 1.5}]})", "/lines/0/quantity must be"},
      {R"({"customer_id": 5, "lines": [{"track_id": 99999999999, "quantity": 1}]})",
       "/lines/0/track_id must be"},
      {R"({"customer_id": 5, "lines": [{"track_id": 1, "quantity": 600}, {"track_id": 1, "quantity": 600}]})",
       "more than 1000 of this track"},
      {many, "1 to 100 elements"},
  };
  for (const auto& [body, message] : cases) {
    auto order = order_of(body);
    ASSERT_TRUE(order.has_error()) << body;
    EXPECT_EQ(order.error().code(), bulkhead::Errc::payload_invalid);
    EXPECT_NE(order.error().message().find(message), std::string_view::npos) << order.error().message();
  }
  EXPECT_EQ(order_of("{").error().code(), bulkhead::Errc::malformed_json);
}

}  // namespace
}  // namespace recordshop
