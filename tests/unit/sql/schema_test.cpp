#include <gtest/gtest.h>

#include "sql/alike.hpp"
#include "sql/view_columns.hpp"

namespace bulkhead::sql {
namespace {

TEST(ViewColumns, ThoseOfTheOutermostSelectThatShowAColumn) {
  // What PostgreSQL notes of `select a.x, (select max(y) from b), a.z + 1, a.x as again from a`, shortened.
  const char* rule =
      "({QUERY :commandType 1 :rtable ({RTE :alias <> :eref {ALIAS :aliasname a :colnames (\"x\" \"z\")} "
      ":rtekind 0 "
      ":relid 100}) :targetList ({TARGETENTRY :expr {VAR :varno 1 :varattno 1} :resno 1 :resname x "
      ":ressortgroupref 0 "
      ":resorigtbl 100 :resorigcol 1 :resjunk false} {TARGETENTRY :expr {SUBLINK :subselect {QUERY "
      ":targetList "
      "({TARGETENTRY :expr {VAR :varno 1} :resno 1 :resorigtbl 200 :resorigcol 2 :resjunk false})}} :resno 2 "
      ":resname "
      "odd\\ \\{name :resorigtbl 0 :resorigcol 0 :resjunk false} {TARGETENTRY :expr {OPEXPR :args ({VAR "
      ":varno 1})} "
      ":resno 3 :resorigtbl 0 :resorigcol 0 :resjunk false} {TARGETENTRY :expr {VAR :varno 1} :resno 4 "
      ":resorigtbl 100 "
      ":resorigcol 1 :resjunk false}) :override 0})";
  EXPECT_EQ(view_columns(rule), (std::vector<ViewColumn>{{1, 100, 1}, {4, 100, 1}}));
  EXPECT_TRUE(view_columns("").empty());
  EXPECT_TRUE(view_columns("({QUERY :targetList ({TARGETENTRY").empty());
  EXPECT_TRUE(view_columns("}}}\\").empty());
}

TEST(Alike, TheNameThatWasMeant) {
  const std::vector<std::string_view> names{"client", "project", "task", "person", "project_view"};
  EXPECT_EQ(most_alike("cliens", names), "client");
  EXPECT_EQ(most_alike("Projects", names), "project");
  EXPECT_EQ(most_alike("projct_veiw", names), "project_view");
  EXPECT_EQ(most_alike("zzz", names), "");
  EXPECT_EQ(most_alike("", names), "");
  EXPECT_EQ(most_alike("x", {}), "");
  EXPECT_EQ(most_alike(std::string(100'000, 'p'), names), "") << "a long name takes no longer";
}

}  // namespace
}  // namespace bulkhead::sql
