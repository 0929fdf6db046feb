#include <boost/json/parse.hpp>

#include <gtest/gtest.h>

#include <bulkhead/input.hpp>

namespace bulkhead {
namespace {

/// A request that lives with what it points to.
struct Sent {
  Request request;
  std::vector<HeaderView> headers;
  std::vector<PathValue> values;
  explicit Sent(std::string_view body, std::string_view query = "") {
    headers.push_back(HeaderView{"Content-Type", "application/json; charset=utf-8"});
    request.headers = headers;
    request.body = body;
    request.query = query;
  }
};

std::string problems(Input& input) {
  const auto checked = input.check();
  return checked.has_value() ? "" : std::string(checked.error().members());
}

TEST(Input, ReadsEachKindOfValue) {
  Sent sent(
      R"({"b":true,"i":-7,"d":0.5,"m":0.10,"ms":"12.340","s":"grün","u":"00000000-0000-4000-8000-000000000001",
               "day":"2026-11-26","at":"2026-11-26T10:00:00Z","l":[1,2,3],"n":null,"o":{"x":1}})");
  Input input(sent.request);
  Fields body = input.body();
  EXPECT_EQ(body.required<bool>("b"), true);
  EXPECT_EQ(body.required<std::int16_t>("i"), -7);
  EXPECT_EQ(body.required<double>("d"), 0.5);
  EXPECT_EQ(body.required<Decimal>("m").text(), "0.1");
  EXPECT_EQ(body.required<Decimal>("ms").text(), "12.340");
  EXPECT_EQ(body.required<std::string>("s", between(4, 4)), "grün") << "characters, not bytes";
  EXPECT_EQ(body.required<Uuid>("u").text(), "00000000-0000-4000-8000-000000000001");
  EXPECT_EQ(body.required<Date>("day"),
            Date(std::chrono::year(2026), std::chrono::month(11), std::chrono::day(26)));
  EXPECT_EQ(body.required<Timestamp>("at").time_since_epoch() % std::chrono::hours(1),
            std::chrono::microseconds(0));
  EXPECT_EQ(body.list<std::int32_t>("l"), (std::vector<std::int32_t>{1, 2, 3}));
  EXPECT_EQ(body.optional<std::string>("n"), std::nullopt);
  EXPECT_EQ(body.optional<std::string>("not there"), std::nullopt);
  EXPECT_EQ(body.object("o").required<std::int32_t>("x"), 1);
  EXPECT_EQ(problems(input), "");
}

TEST(Input, SaysAllThatIsWrongAndWhere) {
  Sent sent(R"({"a/b":"x","n":300,"deep":{"t":""},"l":[1,"two"],"rows":[{"q":1},7,{"q":0}],"extra~":1})");
  Input input(sent.request);
  Fields body = input.body();
  static_cast<void>(body.required<std::int32_t>("a/b"));
  static_cast<void>(body.required<std::int8_t>("n"));
  static_cast<void>(body.object("deep").required<std::string>("t", between(1, 5)));
  static_cast<void>(body.list<std::int32_t>("l"));
  body.each("rows", at_most(5),
            [](Fields& row) { static_cast<void>(row.required<std::int32_t>("q", at_least(1))); });
  static_cast<void>(body.required<bool>("missing"));
  static_cast<void>(body.object("gone").required<bool>("inside"));
  const auto checked = input.check();
  ASSERT_TRUE(checked.has_error());
  EXPECT_EQ(checked.error().code(), Errc::payload_invalid);
  const auto document = boost::json::parse("{" + std::string(checked.error().members()) + "}");
  std::vector<std::string> pointers;
  for (const auto& problem : document.at("errors").as_array())
    pointers.emplace_back(problem.at("pointer").as_string());
  EXPECT_EQ(pointers, (std::vector<std::string>{"/a~1b", "/n", "/deep/t", "/l/1", "/rows/1", "/rows/2/q",
                                                "/missing", "/gone", "/extra~0"}));
  EXPECT_NE(std::string(checked.error().message()).find("8 problems more"), std::string::npos);
  EXPECT_EQ(document.at("errors").at(2).at("detail").as_string(), "must be a text of 1 to 5 characters");
  EXPECT_EQ(document.at("errors").at(5).at("detail").as_string(), "must be a whole number at least 1");
}

TEST(Input, QueryAndPath) {
  Sent sent("", "limit=20&name=a%20b+c&twice=1&twice=2&bad=%zz&flag=yes&empty=");
  sent.values = {PathValue{"id", "42"}, PathValue{"word", "x"}};
  sent.request.path_values = sent.values;
  Input input(sent.request);
  EXPECT_EQ(input.path<std::int64_t>("id"), 42);
  EXPECT_EQ(input.query<std::int32_t>("limit", between(1, 100)), 20);
  EXPECT_EQ(input.query<std::string>("name"), "a b c");
  EXPECT_EQ(input.query<std::string>("empty"), "");
  EXPECT_EQ(input.query<std::string>("absent"), std::nullopt);
  EXPECT_EQ(problems(input), "");
  static_cast<void>(input.path<std::int32_t>("word"));
  static_cast<void>(input.query<std::int32_t>("twice"));
  static_cast<void>(input.query<std::string>("bad"));
  static_cast<void>(input.query<bool>("flag"));
  static_cast<void>(input.query<std::int32_t>("limit", at_most(10)));
  const std::string told = problems(input);
  for (const char* name : {"word", "twice", "bad", "flag", "limit"})
    EXPECT_NE(told.find("{\"parameter\":\"" + std::string(name)), std::string::npos) << told;
}

TEST(Input, BodiesThatAreNone) {
  const auto code = [](std::string_view body, std::string_view type) {
    Sent sent(body);
    sent.headers[0].value = type;
    Input input(sent.request);
    static_cast<void>(input.body().required<bool>("x"));
    return input.check().error().code();
  };
  EXPECT_EQ(code("{", "application/json"), Errc::malformed_json);
  EXPECT_EQ(code("[]", "application/json"), Errc::payload_invalid);
  EXPECT_EQ(code(R"({"x":true,"x":true})", "application/json"), Errc::malformed_json);
  EXPECT_EQ(code(R"({"x":true})", "text/plain"), Errc::unsupported_media_type);
  Sent sent(R"({"x":true})");
  sent.headers[0].value = "application/merge-patch+json";
  Input input(sent.request);
  EXPECT_TRUE(input.body().required<bool>("x"));
  EXPECT_TRUE(input.check().has_value());
}

TEST(Input, AFloodOfProblemsIsCounted) {
  std::string body = "{";
  for (int i = 0; i < 1000; ++i) body += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":1";
  Sent sent(body += "}");
  Input input(sent.request);
  static_cast<void>(input.body());
  const auto checked = input.check();
  ASSERT_TRUE(checked.has_error());
  EXPECT_NE(std::string(checked.error().message()).find("999 problems more"), std::string::npos);
  EXPECT_LT(checked.error().members().size(), 2000U);
}

}  // namespace
}  // namespace bulkhead
