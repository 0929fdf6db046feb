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
  auto made =
      insert(R"([{"id":1,"tags":["a",["b\""]]},{"name":"x"}])", true, Columns({"id", "name", "tags"}));
  ASSERT_TRUE(made) << made.error().message();
  ASSERT_EQ(made->rows.size(), 2u);
  EXPECT_EQ(made->rows[0][2].value, R"({"a",{"b\""}})");
  EXPECT_TRUE(made->rows[0][1].use_default);
  EXPECT_TRUE(made->rows[1][0].use_default);
  EXPECT_EQ(insert(R"([{"id":1},{"name":"x"}])").error().message(), "All object keys must match");
}

TEST(Payload, BrokenJsonSaysWhere) {
  for (std::string_view body : {"", "{", "[1]", "\"x\"", "{\"a\":1}x", "{\"a\":tru}", "[{}"}) {
    auto made = insert(body);
    ASSERT_FALSE(made) << body;
  }
  EXPECT_NE(insert("{\n oops").error().details().find("line 2"), std::string_view::npos);
}

TEST(Payload, UpdatesTakeOneObject) {
  auto made = parse_update(artist(), R"({"name":"x"})", {});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->assignments[0].second.value, "x");
  made = parse_update(artist(), R"({"name":"x","tags":["a"]})", {});
  EXPECT_EQ(made->json_row, R"({"name":"x","tags":["a"]})");
  EXPECT_TRUE(parse_update(artist(), "{}", {})->assignments.empty());
  EXPECT_FALSE(parse_update(artist(), R"([{"name":"x"},{"name":"y"}])", {}));
}

}  // namespace
}  // namespace bulkhead::api
