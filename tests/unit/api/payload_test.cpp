#include "api/rest/payload.hpp"

#include <gtest/gtest.h>

namespace bulkhead::api {
namespace {

sql::Relation artist() {
  sql::Relation relation;
  relation.name = "artist";
  relation.tenant = true;
  for (const char* name : {"id", "name", "meta", "tags"}) {
    sql::Column column;
    column.name = name;
    column.is_json = column.name == "meta";
    column.convert = column.name == "tags";
    relation.columns.push_back(std::move(column));
  }
  return relation;
}

Result<statement::Insert> insert(std::string_view body, bool missing_default = false, Columns columns = {}) {
  std::size_t rows = 0;
  return parse_insert(artist(), body, columns, missing_default, rows);
}

TEST(Payload, PlainValuesBecomeParameters) {
  auto made = insert(R"({"id":18446744073709551615,"name":"x","meta":{"a":1},"tags":null})");
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_TRUE(made->json_rows.empty() || made->rows.empty());
  made = insert(R"({"id":-5,"name":true,"meta":"text"})");
  ASSERT_TRUE(made);
  ASSERT_EQ(made->rows.size(), 1u);
  EXPECT_EQ(made->rows[0][0].value, "-5");
  EXPECT_EQ(made->rows[0][1].value, "true");
  EXPECT_EQ(made->rows[0][2].value, "\"text\"") << "a json column stores the JSON text";
}

TEST(Payload, WhatHasNoExactTextGoesAsJson) {
  for (std::string_view body : {R"({"id":0.1})", R"({"tags":["a"]})", R"({"meta":{"n":0.10}})"}) {
    auto made = insert(body);
    ASSERT_TRUE(made);
    EXPECT_TRUE(made->rows.empty());
    EXPECT_EQ(made->json_rows, "[" + std::string(body) + "]") << "as sent";
  }
}

TEST(Payload, MissingKeysAreNullOrDefault) {
  const Columns columns({"id", "name", "tags", "meta"});
  auto made =
      insert(R"([ {"id":1.50, "tags":["a",["b\"]"]], "\u006deta":{"f":1.50 , "n":[12345678901234567890123]}},
                          {"name":"x"}])",
             true, columns);
  ASSERT_TRUE(made) << made.error().message();
  ASSERT_EQ(made->rows.size(), 2u);
  EXPECT_TRUE(made->json_rows.empty());
  const std::vector<statement::Cell>& first = made->rows[0];
  EXPECT_EQ(first[0].value, "1.50") << "digit for digit";
  EXPECT_TRUE(first[0].json && first[2].json && first[3].json);
  EXPECT_EQ(first[2].value, R"(["a",["b\"]"]])");
  EXPECT_EQ(first[3].value, R"({"f":1.50 , "n":[12345678901234567890123]})");
  EXPECT_TRUE(first[1].use_default);
  EXPECT_TRUE(made->rows[1][0].use_default);
  EXPECT_FALSE(made->rows[1][1].json);
  EXPECT_EQ(insert(R"([{"id":1},{"name":"x"}])").error().message(), "All object keys must match");
}

TEST(Payload, ColumnsThatNoRowHasTakeTheirDefaultsByNotBeingNamed) {
  const std::string body = R"([{"id":1,"meta":{"f":1.50}},{"id":2,"meta":0.10}])";
  auto made = insert(body, true, Columns({"id", "name", "meta", "nosuch"}));
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(made->columns, (std::vector<std::string>{"id", "meta", "nosuch"})) << "the unknown is to be told";
  EXPECT_EQ(made->rows.size(), 2u);
  made = insert(body, true, Columns({"id", "name", "meta"}));
  EXPECT_EQ(made->columns, (std::vector<std::string>{"id", "meta"}));
  EXPECT_EQ(made->json_rows, body);
  made = insert(R"({"meta":{"f":1.50}})", true, Columns({"id", "meta"}));
  EXPECT_EQ(made->columns, std::vector<std::string>{"meta"});
  EXPECT_EQ(made->json_rows, R"([{"meta":{"f":1.50}}])");
  made = insert(R"({"id":1})", true, Columns({"id", "name"}));
  EXPECT_EQ(made->rows[0].size(), 1u);
}

TEST(Payload, BrokenJsonIsRefused) {
  for (std::string_view body : {"", "{", "[1]", "{\"a\":1}x", "{\"a\":tru}", "[{}"}) {
    auto made = insert(body);
    ASSERT_FALSE(made) << body;
  }
  EXPECT_EQ(insert("{\n oops").error().details(), "") << "as PostgREST has it";
  EXPECT_NE(insert("{\n oops").error().internal().find("line 2"), std::string_view::npos);
  EXPECT_TRUE(insert("\"x\"")->columns.empty());
}

TEST(Payload, APutTakesItsRowsAsTheyWereSent) {
  auto made = parse_put(artist(), R"({"id":1,"name":"x"})");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->json_rows, R"([{"id":1,"name":"x"}])");
  EXPECT_EQ(made->columns, (std::vector<std::string>{"id", "name"}));
  EXPECT_EQ(parse_put(artist(), R"([{"id":1},{"id":2}])")->json_rows, R"([{"id":1},{"id":2}])");
  EXPECT_TRUE(parse_put(artist(), "[]")->columns.empty());
  EXPECT_FALSE(parse_put(artist(), R"([{"id":1},{"name":"x"}])"));
}

TEST(Payload, UpdatesTakeOneObject) {
  auto made = parse_update(artist(), R"({"name":"x"})", {}, false);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->assignments[0].second.value, "x");
  made = parse_update(artist(), R"({"name":"x","tags":["a"]})", {}, false);
  EXPECT_EQ(made->json_row, R"({"name":"x","tags":["a"]})");
  EXPECT_TRUE(parse_update(artist(), "{}", {}, false)->assignments.empty());
  EXPECT_TRUE(parse_update(artist(), "[{}]", {}, false)->assignments.empty());
  EXPECT_TRUE(parse_update(artist(), "[]", {}, false)->assignments.empty());
  made = parse_update(artist(), R"([ {"name":"x]","id":1.50} ])", {}, false);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->json_row, R"( {"name":"x]","id":1.50} )");
  EXPECT_FALSE(parse_update(artist(), R"([{"name":"x"},{"name":"y"}])", {}, false));
  EXPECT_FALSE(parse_update(artist(), "[1]", {}, false));
  made = parse_update(artist(), R"({"id":0.5})", Columns({"id", "name"}), true);
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->assignments[1].second.use_default);
}

}  // namespace
}  // namespace bulkhead::api
