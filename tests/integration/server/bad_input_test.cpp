#include <boost/json/object.hpp>

#include "shops.hpp"

/// Bad input gets a clear error, and the server goes on.
namespace bulkhead::test {
namespace {

class BadInputTest : public ShopsTest {
 protected:
  static std::string token() { return server().token("acme", "ann", "member"); }
  /// One request with these raw pieces.
  static std::string raw(const std::string& line, const std::string& headers, const std::string& body = "") {
    return HttpClient::raw(server().port(), line + "\r\nHost: acme.localhost\r\nAuthorization: Bearer " +
                                                token() + "\r\nConnection: close\r\n" + headers + "\r\n" +
                                                body);
  }
  static std::string raw_post(const std::string& body, const std::string& type = "application/json") {
    return raw("POST /rest/v1/artist HTTP/1.1",
               "Content-Type: " + type + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n", body);
  }
  static void expect_line(const std::string& answer, const std::string& line) {
    EXPECT_EQ(answer.substr(0, answer.find('\r')), line) << answer.substr(0, 600);
  }
  void TearDown() override {
    EXPECT_EQ(ann().get("/rest/v1/artist?limit=1").status, 200u) << "the server must go on";
  }
};

TEST_F(BadInputTest, MalformedHttp) {
  for (const char* bytes :
       {"\x01\x02\x03\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n", "GET rest/v1 HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"}) {
    std::string answer = HttpClient::raw(server().port(), bytes);
    expect_line(answer, "HTTP/1.1 400 Bad Request");
    EXPECT_NE(answer.find("\"code\":\"BLK100\""), std::string::npos) << answer;
    EXPECT_NE(answer.find("application/problem+json"), std::string::npos) << answer;
  }
  expect_line(HttpClient::raw(server().port(), "GET / HTTP/3.0\r\nHost: a\r\n\r\n"),
              "HTTP/1.1 505 HTTP Version Not Supported");
  expect_line(
      HttpClient::raw(server().port(), "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"),
      "HTTP/1.1 501 Not Implemented");
}

TEST_F(BadInputTest, OversizedHeaderAndBody) {
  expect_line(raw("GET /rest/v1/artist HTTP/1.1", "X-Filler: " + std::string(70'000, 'x') + "\r\n"),
              "HTTP/1.1 431 Request Header Fields Too Large");
  expect_line(raw("GET /rest/v1/artist?name=eq." + std::string(70'000, 'x') + " HTTP/1.1", ""),
              "HTTP/1.1 414 URI Too Long");
  // A list of a thousand ids is no oversized request.
  std::string ids = "0190b6c2-7b1f-4d2a-9c55-0123456789ab";
  for (int i = 0; i < 1000; ++i) ids += ",0190b6c2-7b1f-4d2a-9c55-0123456789ab";
  EXPECT_EQ(ann().get("/rest/v1/artist?select=name&name=in.(" + ids + ")").body, "[]");
  Reply large = ann().post("/rest/v1/artist", R"({"name":")" + std::string(1'100'000, 'x') + "\"}");
  EXPECT_EQ(large.status, 413u);
  EXPECT_EQ(code_of(large), "BLK102");
  std::string chunked = "100000\r\n" + std::string(0x100000, 'x') + "\r\n100000\r\n" +
                        std::string(0x100000, 'x') + "\r\n0\r\n\r\n";
  expect_line(raw("POST /rest/v1/artist HTTP/1.1", "Transfer-Encoding: chunked\r\n", chunked),
              "HTTP/1.1 413 Content Too Large");
}

TEST_F(BadInputTest, LimitsAreConfigurable) {
  TestServerSettings settings;
  settings.configure = [](AppConfig& config) {
    config.header_bytes = 1024;
    config.body_bytes = 100;
    config.max_rows = 4;
  };
  TestServer small(shops().database, settings);
  Caller caller(small, small.token("acme", "ann", ""));
  EXPECT_EQ(caller.get("/rest/v1/artist", {{"X-Filler", std::string(1024, 'x')}}).status, 431u);
  EXPECT_EQ(caller.post("/rest/v1/artist", R"({"name":")" + std::string(100, 'x') + "\"}").status, 413u);
  EXPECT_EQ(caller.get("/rest/v1/artist?limit=100").header("content-range"), "0-3/*");
}

TEST_F(BadInputTest, BadJsonIsToldInPostgrestsWordsAndToHandlersCallersWithItsPosition) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{\"name\": \"x\",\n  \"artist_id\": 1,,}", "line 2, column 18"},
      {"{\"name\": nul}", "line 1, column 13"},
      {"", "line 1, column 1"},
      {"{\"name\":\"x\"} {}", "line 1, column 14"},
      {"{\"name\":\"\\u0000\"}", "line 1"},
      {"{\"name\":1e999}", "line 1"},
  };
  Caller caller = ann();
  for (const auto& [body, place] : cases) {
    Reply reply = caller.post("/rest/v1/artist", body, {{"Content-Type", "application/json"}});
    EXPECT_EQ(reply.status, 400u) << body;
    EXPECT_EQ(reply.body,
              R"({"code":"PGRST102","message":"Empty or invalid json","details":null,"hint":null})");
    Reply handler = caller.post("/v1/checkout", body);
    EXPECT_EQ(code_of(handler), "BLK107") << body << handler.body;
    EXPECT_NE(handler.body.find(place), std::string::npos) << body << " → " << handler.body;
  }
}

TEST_F(BadInputTest, DeepJson) {
  for (const auto& [open, close] : {std::pair<std::string, std::string>{"[", "]"}, {"{\"a\":", "}"}}) {
    std::string body;
    for (int i = 0; i < 10'000; ++i) body += open;
    body += "1";
    for (int i = 0; i < 10'000; ++i) body += close;
    EXPECT_EQ(ann().post("/rest/v1/artist", body).status, 400u);
    EXPECT_EQ(ann().post("/v1/checkout", body).status, 400u);
  }
  std::string filter = "/rest/v1/artist?select=";
  for (int i = 0; i < 2'000; ++i) filter += "album(";
  EXPECT_EQ(ann().get(filter).status, 400u);
  std::string unclosed = "/rest/v1/artist?artist_id=in.";
  unclosed += std::string(10'000, '(');
  EXPECT_EQ(ann().get(unclosed).status, 400u);
}

TEST_F(BadInputTest, NulBytes) {
  expect_line(raw(std::string("GET /rest/v1/art\0ist HTTP/1.1", 29), ""), "HTTP/1.1 400 Bad Request");
  expect_line(raw("GET /rest/v1/artist HTTP/1.1", std::string("X-Some: a\0b\r\n", 13)),
              "HTTP/1.1 400 Bad Request");
  expect_line(raw_post(std::string("{\"name\":\"a\0b\"}", 14)), "HTTP/1.1 400 Bad Request");
  for (const char* target :
       {"/rest/v1/art%00ist", "/rest/v1/artist?name=eq.a%00b", "/rest/v1/artist?na%00me=eq.a",
        "/rest/v1/artist?select=na%00me", "/rest/v1/artist?order=name%00"}) {
    Reply reply = ann().get(target);
    EXPECT_TRUE(reply.status == 400 || reply.status == 404) << target << " " << reply.status;
    EXPECT_EQ(told_to_acme(reply, shops()), "");
  }
}

TEST_F(BadInputTest, InvalidUtf8) {
  for (const std::string& bad :
       {std::string("%ff"), std::string("%c3%28"), std::string("%ed%a0%80"), std::string("%f8%a1%a1%a1%a1"),
        std::string("\xff"), std::string("\xc0\xaf")}) {
    for (const std::string& target :
         {"/rest/v1/artist" + bad, "/rest/v1/artist?name=eq." + bad, "/rest/v1/artist?" + bad + "=eq.1",
          "/rest/v1/artist?select=" + bad, "/rest/v1/artist?name=in.(" + bad + ")"}) {
      Reply reply = ann().get(target);
      EXPECT_TRUE(reply.status == 400 || reply.status == 404) << target << " " << reply.status << reply.body;
      static_cast<void>(json_of(reply));  // what comes back is JSON in UTF-8
    }
  }
  expect_line(raw_post("{\"name\":\"\xff\xfe\"}"), "HTTP/1.1 400 Bad Request");
  expect_line(raw_post("{\"\xc3\":1}"), "HTTP/1.1 400 Bad Request");
  // In headers: one that matters, and one that nobody reads.
  std::string tenant = HttpClient::raw(server().port(),
                                       "GET /rest/v1/artist HTTP/1.1\r\nHost: localhost\r\nX-Tenant-ID: "
                                       "\xff\xfe\r\nConnection: close\r\nAuthorization: Bearer " +
                                           token() + "\r\n\r\n");
  expect_line(tenant, "HTTP/1.1 400 Bad Request");
  expect_line(raw("GET /rest/v1/artist?limit=1 HTTP/1.1", "X-Other: \xff\xfe\r\n"), "HTTP/1.1 200 OK");
}

TEST_F(BadInputTest, UnknownNames) {
  Caller caller = ann();
  Reply table = caller.get("/rest/v1/artists");
  EXPECT_EQ(table.status, 404u);
  EXPECT_EQ(code_of(table), "PGRST205");
  EXPECT_NE(table.body.find("artists"), std::string::npos) << "the wrong name is told";
  Reply column = caller.get("/rest/v1/artist?select=nme");
  EXPECT_EQ(column.status, 400u);
  EXPECT_NE(column.body.find("nme"), std::string::npos) << column.body;
  EXPECT_EQ(caller.get("/rest/v1/artist?nme=eq.1").status, 400u);
  EXPECT_EQ(caller.get("/rest/v1/artist?order=nme").status, 400u);
  EXPECT_EQ(caller.post("/rest/v1/artist", R"({"nme":"x"})").status, 400u);
  EXPECT_EQ(code_of(caller.get("/rest/v1/artist?select=invoice(total)")), "PGRST200");
  EXPECT_EQ(code_of(caller.get("/rest/v1/artist?name=sounds.x")), "PGRST100");
  EXPECT_EQ(code_of(caller.get("/rest/v1/artist?limit=many")), "PGRST100");
}

TEST_F(BadInputTest, WrongMediaType) {
  Reply reply = ann().post("/rest/v1/artist", "name=x", {{"Content-Type", "image/png"}});
  EXPECT_EQ(reply.status, 400u) << reply.body;
  EXPECT_EQ(code_of(reply), "PGRST102") << "to PostgREST it is a bad body";
}

TEST_F(BadInputTest, SqlInPlacesOfNamesAndValues) {
  Caller caller = ann();
  for (const char* target :
       {"/rest/v1/artist;drop%20table%20artist", "/rest/v1/artist?select=name;delete%20from%20artist",
        "/rest/v1/artist?name\"=eq.1", "/rest/v1/artist?order=name;select%201",
        "/rest/v1/artist?artist_id=eq.1%20or%201=1", "/rest/v1/artist?artist_id=in.(1)%20or%20(1=1",
        "/rest/v1/artist?select=count(*)"}) {
    Reply reply = caller.get(target);
    EXPECT_TRUE(reply.status == 400 || reply.status == 404) << target << reply.body;
  }
  EXPECT_EQ(caller.get("/rest/v1/artist?name=eq.'%20or%20'1'='1").body, "[]");
  EXPECT_EQ(caller.get("/rest/v1/artist?name=like.%25'%3B--").body, "[]");
}

TEST_F(BadInputTest, AClientThatLeavesInTheMiddle) {
  static_cast<void>(HttpClient::raw(
      server().port(), "POST /rest/v1/artist HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"));
}

}  // namespace
}  // namespace bulkhead::test
