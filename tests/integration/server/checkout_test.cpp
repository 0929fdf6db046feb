#include <boost/json/array.hpp>

#include "shops.hpp"
#include "support/models.hpp"

/// The sample product's handler behind the real server.
namespace bulkhead::test {
namespace {

constexpr const char* path = "/v1/checkout";

std::string order(int customer, const std::string& tracks) {
  return R"({"customer_id":)" + std::to_string(customer) + R"(,"lines":[)" + tracks + "]}";
}
std::string line(int track, int quantity = 1) {
  return R"({"track_id":)" + std::to_string(track) + R"(,"quantity":)" + std::to_string(quantity) + "}";
}

class CheckoutTest : public ShopsTest {
 protected:
  static std::string rows() {
    return TenantHome(shops().database, "acme")
        .query_one(
            "select (select count(*) from app.invoice) || ' ' || (select count(*) from app.invoice_line)");
  }
  /// Everything but the id that was asked for.
  static std::string without(const Reply& reply, const std::string& id) {
    std::string text = comparable(reply);
    for (std::size_t at = 0; (at = text.find(id, at)) != std::string::npos;)
      text.replace(at, id.size(), "<id>");
    return text;
  }
};

TEST_F(CheckoutTest, MakesInvoiceAndLines) {
  Caller caller = ann();
  Reply reply = caller.post(path, order(5, line(1, 2) + "," + line(7)));
  ASSERT_EQ(reply.status, 201u) << reply.body;
  EXPECT_EQ(reply.reason, "Created");
  const boost::json::value made = json_of(reply);
  EXPECT_EQ(made.at("customer_id").as_int64(), 5);
  EXPECT_DOUBLE_EQ(made.at("total").as_double(), 2.97);
  EXPECT_EQ(made.at("lines").as_array().size(), 2u);
  std::string id = std::to_string(made.at("invoice_id").as_int64());
  Reply read = caller.get(
      "/rest/v1/"
      "invoice?select=customer_id,total,billing_address,invoice_line(track_id,quantity)&invoice_id=eq." +
      id);
  EXPECT_EQ(compact(read),
            R"([{"customer_id":5,"total":2.97,"billing_address":"ACME street","invoice_line":[)"
            R"({"track_id":1,"quantity":2},{"track_id":7,"quantity":1}]}])");
  EXPECT_EQ(gus().get("/rest/v1/invoice?invoice_id=eq." + id).body, "[]");
}

TEST_F(CheckoutTest, NothingIsWrittenWhenAnythingIsWrong) {
  Caller caller = ann();
  const std::string before = rows();
  for (const std::string& body :
       {std::string(), std::string("{"), std::string("[]"), std::string("{}"), order(5, ""), order(5, "1"),
        order(0, line(1)), order(5, line(1, 0)), order(5, line(1, 1001)), order(5, line(1) + "," + line(999)),
        order(999, line(1)),
        std::string(R"({"customer_id":5,"customer_id":6,"lines":[{"track_id":1,"quantity":1}]})")}) {
    Reply reply = caller.post(path, body);
    EXPECT_EQ(reply.status, 400u) << body << reply.body;
    EXPECT_EQ(reply.header("content-type"), "application/problem+json");
    EXPECT_EQ(rows(), before) << body;
  }
}

TEST_F(CheckoutTest, AnotherTenantsIdsAreLikeNone) {
  Caller caller = ann();
  EXPECT_EQ(without(caller.post(path, order(203, line(1))), "203"),
            without(caller.post(path, order(903, line(1))), "903"));
  EXPECT_EQ(without(caller.post(path, order(5, line(203))), "203"),
            without(caller.post(path, order(5, line(903))), "903"));
  EXPECT_EQ(caller.post(path, order(5, line(203))).status, 400u);
}

TEST_F(CheckoutTest, AFailingInsertLeavesNothing) {
  // The invoice goes in, its lines do not: the transaction must take the invoice back.
  TenantHome home(shops().database, "acme");
  home.execute("alter table app.invoice_line add constraint few check (quantity < 900)");
  const std::string before = rows();
  Reply reply = ann().post(path, order(5, line(1, 950)));
  EXPECT_EQ(reply.status, 400u) << reply.body;
  EXPECT_EQ(told_to_acme(reply, shops()), "");
  EXPECT_EQ(rows(), before);
  home.execute("alter table app.invoice_line drop constraint few");
}

TEST_F(CheckoutTest, AViewerIsRefused) {
  const std::string before = rows();
  Reply reply = ann("viewer").post(path, order(5, line(1)));
  EXPECT_EQ(reply.status, 403u);
  EXPECT_EQ(code_of(reply), "BLK401");
  EXPECT_EQ(rows(), before);
}

TEST_F(CheckoutTest, InvoicesOfAShopCountWithoutTellingOfOthers) {
  Caller acme = ann(), globex = gus();
  auto id = [](const Reply& reply) { return json_of(reply).at("invoice_id").as_int64(); };
  std::int64_t first = id(acme.post(path, order(5, line(1))));
  for (int i = 0; i < 5; ++i) ASSERT_EQ(globex.post(path, order(5, line(1))).status, 201u);
  EXPECT_EQ(id(acme.post(path, order(5, line(1)))), first + 1);
}

}  // namespace
}  // namespace bulkhead::test
