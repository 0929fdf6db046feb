#include "shops.hpp"

/// Errors of constraints: the right code for the client, and nothing of another tenant.
namespace bulkhead::test {
namespace {

class ConstraintsTest : public ShopsTest {
 protected:
  static void expect_error(const Reply& reply, unsigned status, const std::string& code) {
    EXPECT_EQ(reply.status, status) << reply.body;
    EXPECT_EQ(code_of(reply), code) << reply.body;
    EXPECT_EQ(told_to_acme(reply, shops()), "") << reply.body;
  }
};

TEST_F(ConstraintsTest, DuplicateKey) {
  Caller caller = ann();
  Reply reply = caller.post("/rest/v1/artist", R"({"artist_id":1,"name":"again"})");
  expect_error(reply, 409, "23505");
  EXPECT_EQ(reply.reason, "Conflict");
  // Another tenant's key is free here.
  EXPECT_EQ(caller.post("/rest/v1/artist", R"({"artist_id":204,"name":"mine"})").status, 201u);
  EXPECT_EQ(compact(gus().get("/rest/v1/artist?select=name&artist_id=eq.204")),
            R"([{"name":"GLOBEX artist 204"}])");
  EXPECT_EQ(caller.del("/rest/v1/artist?artist_id=eq.204").status, 204u);
}

TEST_F(ConstraintsTest, ForeignKeyToAnotherTenantsRowIsLikeOneToNowhere) {
  Caller caller = ann();
  // The value that the request itself sent is told back.
  const auto without = [](const Reply& reply, const std::string& value) {
    std::string text = comparable(reply);
    const std::size_t at = text.find("(" + value + ")");
    EXPECT_NE(at, std::string::npos) << text;
    return at == std::string::npos ? text : text.erase(at, value.size() + 2);
  };
  Reply foreign = caller.post("/rest/v1/album", R"({"title":"x","artist_id":201})");
  Reply absent = caller.post("/rest/v1/album", R"({"title":"x","artist_id":901})");
  expect_error(foreign, 409, "23503");
  EXPECT_EQ(without(foreign, "201"), without(absent, "901"));
  foreign = caller.patch("/rest/v1/album?album_id=eq.1", R"({"artist_id":201})");
  absent = caller.patch("/rest/v1/album?album_id=eq.1", R"({"artist_id":901})");
  expect_error(foreign, 409, "23503");
  EXPECT_EQ(without(foreign, "201"), without(absent, "901"));
}

TEST_F(ConstraintsTest, ReferencedRowsCannotGo) {
  Caller caller = ann();
  expect_error(caller.del("/rest/v1/artist?artist_id=eq.3"), 409, "23503");
  expect_error(caller.patch("/rest/v1/artist?artist_id=eq.3", R"({"artist_id":903})"), 409, "23503");
}

TEST_F(ConstraintsTest, ChecksAndNulls) {
  Caller caller = ann();
  expect_error(caller.patch("/rest/v1/track?track_id=eq.1", R"({"milliseconds":-1})"), 400, "23514");
  expect_error(caller.post("/rest/v1/artist", R"({"name":null})"), 400, "23502");
  expect_error(caller.post("/rest/v1/artist", "{}"), 400, "23502");
  // PostgreSQL's DETAIL would show the whole failing row.
  Reply reply = caller.patch("/rest/v1/customer?customer_id=eq.1", R"({"email":null})");
  expect_error(reply, 400, "23502");
  EXPECT_EQ(reply.body.find("ACME street"), std::string::npos) << reply.body;
}

TEST_F(ConstraintsTest, ValuesThatDoNotFit) {
  Caller caller = ann();
  expect_error(caller.get("/rest/v1/artist?artist_id=eq.xyz"), 400, "22P02");
  expect_error(caller.get("/rest/v1/artist?artist_id=eq.99999999999"), 400, "22003");
  expect_error(caller.get("/rest/v1/invoice?invoice_date=gt.yesterdayish"), 400, "22007");
  expect_error(caller.patch("/rest/v1/track?track_id=eq.1", R"({"unit_price":123456789012})"), 400, "22003");
}

}  // namespace
}  // namespace bulkhead::test
