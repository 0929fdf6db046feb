#include "sql/codegen/codegen.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

sql::Column column(std::string name, std::string type, bool nullable = false) {
  sql::Column made;
  made.name = std::move(name);
  made.type = std::move(type);
  made.nullable = nullable;
  return made;
}

sql::Relation relation(std::string name, bool tenant, std::vector<sql::Column> columns) {
  sql::Relation made;
  made.name = std::move(name);
  made.tenant = tenant;
  made.columns = std::move(columns);
  return made;
}

TEST(Codegen, WritesRelationsInTheOrderOfTheirNames) {
  sql::Column number = column("total", "numeric(10,2)", true);
  number.generated = true;
  sql::Column id = column("ticket_id", "bigint");
  id.has_default = true;
  sql::Relation genre = relation("genre", false, {column("genre_id", "integer")});
  genre.comment = "Kinds\nof \\ music";
  const sql::Relations relations({relation("ticket", true, {id, number}), genre}, {});
  EXPECT_EQ(
      codegen::generate(relations, "shop"),
      "#pragma once\n\n"
      "// Written by `bulkhead codegen` from the database's relations. Do not edit: change a migration, then "
      "run it again.\n"
      "// clang-format off\n\n"
      "#include <bulkhead/query.hpp>\n\n"
      "#include <cstdint>\n#include <optional>\n#include <string>\n\n"
      "namespace shop {\n\n"
      "/// A shared table: read only. Kinds of   music\n"
      "struct genre_t {\n"
      "  static constexpr bulkhead::RelationTraits bulkhead_relation{\"genre\", false};\n"
      "  bulkhead::Column<genre_t, \"genre_id\", std::int32_t> genre_id;  ///< integer\n"
      "};\n"
      "inline constexpr genre_t genre{};\n\n"
      "/// A tenant table.\n"
      "struct ticket_t {\n"
      "  static constexpr bulkhead::RelationTraits bulkhead_relation{\"ticket\", true};\n"
      "  bulkhead::Column<ticket_t, \"ticket_id\", std::int64_t> ticket_id;  ///< bigint, has a default\n"
      "  bulkhead::Column<ticket_t, \"total\", std::optional<bulkhead::Decimal>, "
      "bulkhead::Access::read_only> total;  "
      "///< numeric(10,2)\n"
      "};\n"
      "inline constexpr ticket_t ticket{};\n\n"
      "}  // namespace shop\n");
}

TEST(Codegen, NamesThatAreNoneInCpp) {
  const sql::Relations relations(
      {relation("order item", true,
                {column("class", "text"), column("a b", "text"), column("a-b", "text"), column("2nd", "text"),
                 column("_x", "text"), column("std", "text"), column("order_item_t", "text"),
                 column("say \"hi\"", "text"),
                 column("stra\xc3\x9f"
                        "e",
                        "text")})},
      {});
  const std::string text = codegen::generate(relations, "shop");
  for (const char* wanted :
       {"struct order_item_t {", "\"class\", std::string> class_;", "\"a b\", std::string> a_b;",
        "\"a-b\", std::string> a_b_2;", "\"2nd\", std::string> x_2nd;", "\"_x\", std::string> x_x;",
        "\"std\", std::string> std_2;", "\"order_item_t\", std::string> order_item_t_2;",
        "\"say \\\"hi\\\"\", std::string> say_hi_;", "\"stra\\303\\237e\", std::string> stra_e;"})
    EXPECT_NE(text.find(wanted), std::string::npos) << wanted << "\n" << text;
}

TEST(Codegen, TypesHaveCounterparts) {
  EXPECT_EQ(codegen::cpp_type("timestamp(3) with time zone"), "bulkhead::Timestamp");
  EXPECT_EQ(codegen::cpp_type("timestamp without time zone"), "bulkhead::LocalTimestamp");
  EXPECT_EQ(codegen::cpp_type("integer[]"), "std::string");
  EXPECT_EQ(codegen::cpp_type("character varying(40)"), "std::string");
  EXPECT_EQ(codegen::cpp_type("smallint"), "std::int16_t");
}

}  // namespace
}  // namespace bulkhead
