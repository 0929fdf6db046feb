#include "base/json.hpp"

#include <string>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

using namespace std::string_literals;

JsonLimits strict() {
  JsonLimits limits;
  limits.refuse_duplicate_keys = true;
  return limits;
}

void expect_refused(std::string_view text, std::string_view reason, std::string_view place,
                    const JsonLimits& limits = {}) {
  auto result = parse_json(text, limits);
  ASSERT_TRUE(result.has_error()) << text;
  EXPECT_EQ(result.error().code(), Errc::malformed_json);
  EXPECT_NE(result.error().message().find(reason), std::string_view::npos) << result.error().message();
  EXPECT_EQ(result.error().details(), place) << text;
}

TEST(Json, ReadsEveryKindOfValue) {
  auto value = parse_json(R"( {"a":[1,-2,3.5,18446744073709551615,true,false,null,"\u00fc\n"],"b":{}} )");
  ASSERT_TRUE(value);
  const auto& list = value->at("a").as_array();
  EXPECT_EQ(list[0].as_int64(), 1);
  EXPECT_EQ(list[1].as_int64(), -2);
  EXPECT_EQ(list[2].as_double(), 3.5);
  EXPECT_EQ(list[3].as_uint64(), 18446744073709551615ULL);
  EXPECT_TRUE(list[4].as_bool());
  EXPECT_FALSE(list[5].as_bool());
  EXPECT_TRUE(list[6].is_null());
  EXPECT_EQ(list[7].as_string(), "ü\n");
  EXPECT_TRUE(value->at("b").as_object().empty());
  EXPECT_EQ(parse_json("7")->as_int64(), 7);
  EXPECT_EQ(parse_json("\"x\"")->as_string(), "x");
}

TEST(Json, TellsWhereTheTextStopsBeingRight) {
  expect_refused("", "ends too early", "line 1, column 1");
  expect_refused("  ", "ends too early", "line 1, column 3");
  expect_refused(R"({"a":1)", "ends too early", "line 1, column 7");
  expect_refused(R"({"a" 1})", "not valid", "line 1, column 6");
  expect_refused(R"({"a":tru })", "not valid", "line 1, column 9");
  expect_refused(R"([1,2,])", "not valid", "line 1, column 6");
  expect_refused(R"({'a':1})", "not valid", "line 1, column 2");
  expect_refused("{\"a\":1} x", "something follows", "line 1, column 9");
  expect_refused("{\"a\":1}{\"a\":2}", "something follows", "line 1, column 8");
  expect_refused("[01]", "not valid", "line 1, column 3");
  expect_refused("[NaN]", "not valid", "line 1, column 2");
  expect_refused("// no\n1", "not valid", "line 1, column 1");
  expect_refused("\xEF\xBB\xBF{}", "not valid", "line 1, column 1");
}

TEST(Json, CountsLinesAndCharacters) {
  expect_refused("{\n  \"a\": 1,\n  \"b\" 2\n}", "not valid", "line 3, column 7");
  expect_refused("[\"äöü\" x]", "not valid", "line 1, column 8");
  expect_refused("[\n\n\n", "ends too early", "line 4, column 1");
  // Beyond the block in which the position is looked for.
  std::string long_text = "[\n\"" + std::string(10'000, 'a') + "\",\n 1,\n x]";
  expect_refused(long_text, "not valid", "line 4, column 2");
  // The bad byte is the first of a block, and the last of one.
  for (std::size_t size : {4094U, 4095U, 4096U, 8190U, 8191U}) {
    std::string text = "[" + std::string(size, ' ') + "x";
    expect_refused(text, "not valid", "line 1, column " + std::to_string(size + 2));
  }
}

TEST(Json, BoundsTheDepth) {
  auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(parse_json(nested(32)));
  expect_refused(nested(33), "nested more than 32 levels", "line 1, column 33");
  expect_refused(nested(10'000), "nested more than 32 levels", "line 1, column 33");
  expect_refused(std::string(10'000, '['), "nested more than 32 levels", "line 1, column 33");
  std::string objects;
  for (int i = 0; i < 10'000; ++i) objects += "{\"a\":";
  expect_refused(objects, "nested more than 32 levels", "line 1, column 161", strict());
  JsonLimits shallow;
  shallow.depth = 1;
  EXPECT_TRUE(parse_json("[1]", shallow));
  expect_refused("[[1]]", "nested more than 1 levels", "line 1, column 2", shallow);
}

TEST(Json, RefusesNamesThatOccurTwice) {
  EXPECT_EQ(parse_json(R"({"a":1,"a":2})")->at("a").as_int64(), 2)
      << "the last one counts where it does not matter";
  expect_refused(R"({"a":1,"a":2})", "occurs twice", "line 1, column 10", strict());
  expect_refused("{\"tenant\":1,\n\"ten\\u0061nt\":2}", "occurs twice", "line 2, column 13", strict());
  expect_refused(R"({"a":{"b":1,"c":2,"b":3}})", "occurs twice", "line 1, column 21", strict());
  expect_refused(R"({"":1,"":2})", "occurs twice", "line 1, column 8", strict());
  expect_refused(R"({"a":{"a":1},"b":[{"a":1}],"a":3})", "occurs twice", "line 1, column 30", strict());
  EXPECT_TRUE(parse_json(R"({"a":{"a":[{"a":1},{"a":2}]},"b":{"a":1},"A":1})", strict()));
  std::string name(10'000, 'n');
  expect_refused("{\"" + name + "\":1,\"" + name + "\":2}", "occurs twice", "line 1, column 20008", strict());
}

TEST(Json, RefusesBadUtf8) {
  expect_refused("[\"\xFF\"]", "not valid", "line 1, column 3");
  expect_refused("[\"\xC0\xAF\"]", "not valid", "line 1, column 3");          // overlong
  expect_refused("[\"\xED\xA0\x80\"]", "not valid", "line 1, column 4");      // a surrogate
  expect_refused("[\"\xF4\x90\x80\x80\"]", "not valid", "line 1, column 4");  // above U+10FFFF
  expect_refused("[\"\xC3\"]", "not valid", "line 1, column 4");              // cut short
  expect_refused(R"(["\ud800"])", "not valid", "line 1, column 9");           // half a pair
  expect_refused(R"(["\ud800\u0041"])", "not valid", "line 1, column 14");
  EXPECT_TRUE(parse_json("[\"\xF0\x9F\x9A\xA2\", \"\\ud83d\\udea2\"]"));
}

TEST(Json, RefusesNul) {
  expect_refused("[\"a\0b\"]"s, "not valid", "line 1, column 4");
  expect_refused("{}\0"s, "something follows", "line 1, column 3");
  expect_refused("\0"s, "not valid", "line 1, column 1");
  expect_refused(R"(["a\u0000b"])", "NUL", "line 1, column 9");
  expect_refused(R"({"a\u0000":1})", "NUL", "line 1, column 9");
  JsonLimits loose;
  loose.refuse_nul = false;
  EXPECT_EQ(parse_json(R"(["a\u0000b"])", loose)->at(0).as_string(), std::string_view("a\0b", 3));
}

TEST(Json, RefusesNumbersThatAreNotFinite) {
  EXPECT_TRUE(parse_json("[1e308,-1e308,1e-400]"));
  EXPECT_TRUE(parse_json("[1e309]").has_error());
  EXPECT_TRUE(parse_json("[-1e99999]").has_error());
  EXPECT_TRUE(parse_json("[1e99999999999999999999]").has_error());
  // Too large for an integer, not for a double.
  EXPECT_TRUE(parse_json("[123456789012345678901234567890]")->at(0).is_double());
}

TEST(Json, EveryCutOfADocumentIsRefused) {
  std::string text = R"({"a":[1,2.5e3,"x\u00e9y",{"b":null}],"c":true})";
  ASSERT_TRUE(parse_json(text, strict()));
  for (std::size_t size = 0; size < text.size(); ++size) {
    auto result = parse_json(std::string_view(text).substr(0, size), strict());
    ASSERT_TRUE(result.has_error()) << size;
    EXPECT_EQ(result.error().details(), "line 1, column " + std::to_string(size + 1));
  }
}

TEST(Json, WrittenStringsAreReadBack) {
  std::string text = "q\" b\\ \n\r\t\b\f \x01\x1f ü 🚢 /";
  std::string out;
  append_json_string(out, text);
  EXPECT_EQ(out, "\"q\\\" b\\\\ \\n\\r\\t\\b\\f \\u0001\\u001f ü 🚢 /\"");
  EXPECT_EQ(parse_json(out)->as_string(), text);
  out.clear();
  append_json_string(out, "");
  EXPECT_EQ(out, "\"\"");
}

}  // namespace
}  // namespace bulkhead
