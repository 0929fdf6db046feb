#include "sql/guard/schema_names.hpp"

#include <gtest/gtest.h>

namespace bulkhead::sql {
namespace {

TEST(InSchema, TheQualifierBecomesTheTenantsSchema) {
  EXPECT_EQ(
      in_schema("select a.x, 'app.a' from app.a a join \"app\".b using (id) where app.f(a.x) > 1 -- app.c",
                "t_1"),
      "select a.x, 'app.a' from \"t_1\".a a join \"t_1\".b using (id) where \"t_1\".f(a.x) > 1 -- app.c");
}

TEST(InSchema, NoOtherNameDoes) {
  const char* text = "select o.app.x, \"APP\".y, app, application.z from o, app";
  EXPECT_EQ(in_schema(text, "t_1"), text);
  EXPECT_EQ(in_schema("select APP . x from APP . x", "t_1"), "select \"t_1\" . x from \"t_1\" . x")
      << "folded to lower case";
}

TEST(InSchema, TheAppsOwnSchemaIsLeftAsItIs) {
  EXPECT_EQ(in_schema("select 1 from app.a", "app"), "select 1 from app.a");
}

}  // namespace
}  // namespace bulkhead::sql
