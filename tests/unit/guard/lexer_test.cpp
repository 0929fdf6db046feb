#include "sql/guard/lexer.hpp"

#include <gtest/gtest.h>

namespace bulkhead::sql {
namespace {

std::vector<std::string> pieces(std::string_view sql) {
  auto tokens = tokenize(sql);
  std::vector<std::string> out;
  if (!tokens) return {std::string(tokens.error().message())};
  for (const Token& token : *tokens) out.emplace_back(sql.substr(token.begin, token.end - token.begin));
  return out;
}
using Pieces = std::vector<std::string>;

TEST(Lexer, HonoursStringsQuotesAndComments) {
  EXPECT_EQ(pieces("select 'a;''b' , \"x\"\"y\" -- (\n;"),
            (Pieces{"select", "'a;''b'", ",", "\"x\"\"y\"", "-- (", ";"}));
  EXPECT_EQ(pieces("/* a /* ( */ b */ x"), (Pieces{"/* a /* ( */ b */", "x"}));
  EXPECT_EQ(pieces("$f$ ' ( $g$ $f$ y"), (Pieces{"$f$ ' ( $g$ $f$", "y"}));
  EXPECT_EQ(pieces(R"(E'\'(' z)"), (Pieces{R"(E'\'(')", "z"}));
  EXPECT_EQ(pieces(R"('\' z)"), (Pieces{R"('\')", "z"}));
  EXPECT_EQ(pieces("U&\"d!\" U&'x'"), (Pieces{"U&\"d!\"", "U&'x'"}));
}

TEST(Lexer, SplitsOperatorsNumbersAndParameters) {
  EXPECT_EQ(pieces("a.b=$1::uuid"), (Pieces{"a", ".", "b", "=", "$1", "::", "uuid"}));
  EXPECT_EQ(pieces("1.5e-3+x--c"), (Pieces{"1.5e-3", "+", "x", "--c"}));
  EXPECT_EQ(pieces("a+/*c*/b"), (Pieces{"a", "+", "/*c*/", "b"}));
  EXPECT_EQ(pieces("größe[1]"), (Pieces{"größe", "[", "1", "]"}));
}

TEST(Lexer, NamesWhatIsWrongAndWhere) {
  EXPECT_EQ(pieces("select\n  'x"), Pieces{"a quote is not closed (line 2, column 3)"});
  EXPECT_EQ(pieces("(1"), Pieces{"a parenthesis is not closed (line 1, column 3)"});
  EXPECT_EQ(pieces("1)"), Pieces{"a parenthesis is closed that was not opened (line 1, column 2)"});
  EXPECT_EQ(pieces("$x$ abc"), Pieces{"a dollar quote is not closed (line 1, column 1)"});
  EXPECT_EQ(pieces("/* /* */"), Pieces{"a /* comment is not closed (line 1, column 1)"});
  EXPECT_EQ(pieces(std::string_view("a\0b", 3)), Pieces{"the SQL holds a NUL byte (line 1, column 2)"});
}

TEST(Lexer, BoundsSizeNestingAndChains) {
  EXPECT_FALSE(tokenize(std::string(65 * 1024, ' ')));
  EXPECT_FALSE(tokenize(std::string(65, '(') + std::string(65, ')')));
  EXPECT_TRUE(tokenize(std::string(64, '(') + std::string(64, ')')));
  std::string chain = "1";
  for (int i = 0; i < 2500; ++i) chain += "+1";
  EXPECT_FALSE(tokenize(chain));
  std::string list = "1";
  for (int i = 0; i < 20000; ++i) list += ",1";
  EXPECT_TRUE(tokenize(list));
}

TEST(Lexer, FoldsNamesAsPostgresDoes) {
  std::string_view sql = "Tenant \"Tenant\" \"a\"\"b\"";
  auto tokens = tokenize(sql);
  ASSERT_TRUE(tokens);
  EXPECT_EQ(token_name(sql, (*tokens)[0]), "tenant");
  EXPECT_EQ(token_name(sql, (*tokens)[1]), "Tenant");
  EXPECT_EQ(token_name(sql, (*tokens)[2]), "a\"b");
  EXPECT_TRUE(is_word(sql, (*tokens)[0], "tenant"));
  EXPECT_FALSE(is_word(sql, (*tokens)[1], "tenant"));
}

}  // namespace
}  // namespace bulkhead::sql
