#include "api/rest/json_text.hpp"

#include <gtest/gtest.h>

namespace bulkhead::api {
namespace {

std::string stripped(std::string_view json) {
  std::string out;
  append_without_nulls(out, json);
  return out;
}

TEST(JsonText, MembersKeepTheirValuesAsWritten) {
  const auto objects =
      objects_of(R"( [ {"a":1.50,"b\u0063":[1, {"x":"]}\""}] , "":"\\"},{ }, {"n" : null} ] )");
  ASSERT_EQ(objects.size(), 3u);
  ASSERT_EQ(objects[0].size(), 3u);
  EXPECT_EQ(objects[0][0].name, "a");
  EXPECT_EQ(objects[0][0].value, "1.50");
  EXPECT_EQ(objects[0][1].name, "bc");
  EXPECT_EQ(objects[0][1].value, R"([1, {"x":"]}\""}])");
  EXPECT_EQ(objects[0][2].name, "");
  EXPECT_EQ(objects[0][2].value, R"("\\")");
  EXPECT_TRUE(objects[1].empty());
  EXPECT_EQ(objects[2][0].value, "null");
  EXPECT_TRUE(objects_of("[]").empty());
}

TEST(JsonText, NullsLeaveObjectsAndStayInArrays) {
  EXPECT_EQ(stripped(R"({"a" : null, "b" : 1.50, "c" : [null, {"d" : null}, {"e" : null, "f" : "null"}]})"),
            R"({"b":1.50,"c":[null,{},{"f":"null"}]})");
  EXPECT_EQ(stripped(R"({"a":{"b":{"c":null}},"d":null})"), R"({"a":{"b":{}}})");
  EXPECT_EQ(stripped("[[],[null],{}]"), "[[],[null],{}]");
  EXPECT_EQ(stripped(R"({"a\"null":"x:null,","b":null})"), R"({"a\"null":"x:null,"})");
  EXPECT_EQ(stripped("12345678901234567890.10"), "12345678901234567890.10");
  EXPECT_EQ(stripped(R"("[{")"), R"("[{")");
}

}  // namespace
}  // namespace bulkhead::api
