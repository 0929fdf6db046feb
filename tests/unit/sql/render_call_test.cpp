// Calls of functions: the wall outside of the body, and what is called once.
#include <gtest/gtest.h>

#include "sample.hpp"
#include "sql/render.hpp"

namespace bulkhead::sql {
namespace {

using namespace statement;
constexpr std::string_view tenant = "0191e0a0-0000-7000-8000-000000000001";

Function function(std::string name, std::vector<Column> parameters) {
  Function made;
  made.signature = name + "()";
  made.row.name = name;
  made.name = std::move(name);
  made.parameters = std::move(parameters);
  return made;
}

RelationsRef shop() {
  std::vector<Relation> tables = test::record_shop()->all();
  std::vector<ForeignKey> keys = test::record_shop()->foreign_keys();
  Column own = test::column("mood", "mood");
  own.own_type = true;
  Function of_rows = function("artists_of", {test::column("genre", "text"), own});
  of_rows.returns = Function::Returns::row;
  of_rows.set = true;
  of_rows.relation = "artist";
  Function with_tenant = function("report", {});
  with_tenant.returns = Function::Returns::row;
  with_tenant.row.tenant = true;
  with_tenant.row.columns = {test::column("total", "bigint", JsonKind::number)};
  Function of_value = function("total", {test::column("ids", "integer[]")});
  of_value.variadic = true;
  of_value.returns = Function::Returns::value;
  of_value.row.columns = {test::column("total", "bigint", JsonKind::number)};
  Function whole = function("whole", {test::column("", "jsonb")});
  whole.row.columns = {test::column("whole", "void")};
  return std::make_shared<Relations>(std::move(tables), std::move(keys),
                                     std::vector<Function>{of_rows, with_tenant, of_value, whole});
}

Call call(std::string function_name, std::vector<std::pair<std::string, Value>> arguments = {}) {
  Call made;
  made.function = function_name + "()";
  made.arguments = std::move(arguments);
  made.read_only = true;
  return made;
}

std::string text_of(const Call& of) {
  auto rendered = render(of, *shop(), "app", tenant);
  EXPECT_TRUE(rendered) << rendered.error().message();
  return rendered ? rendered->text : "";
}

TEST(RenderCall, RowsOfATenantsTableGetThePredicateAndTheCheck) {
  auto rendered = render(call("artists_of", {{"genre", "Rock"}, {"mood", "sad"}}), *shop(), "app", tenant);
  ASSERT_TRUE(rendered) << rendered.error().message();
  EXPECT_EQ(rendered->text,
            R"(select t."id", t."name", t."tenant_id" from "app"."artists_of"("genre" := $2::text, )"
            R"("mood" := $3::"app".mood) t where (t."tenant_id" = $1 or t is null))");
  EXPECT_EQ(rendered->guards, std::vector<std::size_t>{2});
  EXPECT_FALSE(rendered->own_guard) << "a function that finds nothing returns a row of NULLs";
  EXPECT_TRUE(rendered->read_only);
  EXPECT_FALSE(rendered->writes);
}

TEST(RenderCall, ATenantColumnOfAResultIsCheckedAndNotShown) {
  EXPECT_EQ(text_of(call("report")), R"(select t."total", t."tenant_id" from "app"."report"() t where )"
                                     R"((t."tenant_id" = $1 or t is null))");
  Call named = call("report");
  named.select.outputs.emplace_back().column = "tenant_id";
  EXPECT_TRUE(render(named, *shop(), "app", tenant).has_error());
}

TEST(RenderCall, ValuesNeedNoTenant) {
  auto rendered = render(call("total", {{"ids", "{1,2}"}}), *shop(), "app", tenant);
  ASSERT_TRUE(rendered);
  EXPECT_EQ(rendered->text,
            R"(select t."total" from "app"."total"(variadic "ids" := $1::integer[]) t("total"))");
  EXPECT_FALSE(rendered->tenant_param);
  EXPECT_EQ(text_of(call("whole", {{"", "{}"}})),
            R"(select t."whole" from "app"."whole"($1::jsonb) t("whole"))");
}

TEST(RenderCall, AnObjectOfArgumentsIsOneParameter) {
  Call of = call("artists_of", {{"genre", {}}, {"mood", {}}});
  of.json_arguments = R"({"genre":"Rock","mood":"sad"})";
  EXPECT_TRUE(text_of(of).starts_with(
      R"(select t."id", t."name", t."tenant_id" from json_to_record($2) as r("genre" text, )"
      R"("mood" "app".mood), lateral "app"."artists_of"("genre" := r."genre", "mood" := r."mood") t where)"))
      << text_of(of);
}

TEST(RenderCall, WhatWritesIsCalledOnceAlsoWhereItIsCountedOrBounded) {
  Call of = call("artists_of");
  of.read_only = false;
  of.select.exact_count = true;
  of.at_most = 3;
  auto rendered = render(of, *shop(), "app", tenant);
  ASSERT_TRUE(rendered);
  EXPECT_TRUE(rendered->writes && rendered->tells_total);
  EXPECT_EQ(rendered->count_text, "");
  EXPECT_EQ(rendered->text.find("\"artists_of\"("), rendered->text.rfind("\"artists_of\"("));
  EXPECT_TRUE(
      rendered->text.starts_with("with f as materialized (select t.* from \"app\".\"artists_of\"() t where "
                                 "(t.\"tenant_id\" = $1 or t is null)) select "))
      << rendered->text;
  of.at_most.reset();
  of.singular = true;
  EXPECT_NE(text_of(of).find("case when count(*) <> 1 then"), std::string::npos);
  of.read_only = true;
  of.singular = false;
  EXPECT_NE(render(of, *shop(), "app", tenant)->count_text, "") << "what only reads is counted beside it";
}

TEST(RenderCall, NamesThatAreNotTheFunctionsAreRefused) {
  EXPECT_TRUE(render(call("nope"), *shop(), "app", tenant).has_error());
  EXPECT_TRUE(render(call("report", {{"x\" := 1) --", "1"}}), *shop(), "app", tenant).has_error());
}

}  // namespace
}  // namespace bulkhead::sql
