#include <cctype>
#include <set>

#include <boost/asio/io_context.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <gtest/gtest.h>

#include "conformance/tokens/corpus.hpp"
#include "identity/key_source.hpp"
#include "integration/identity/run.hpp"

namespace bulkhead::identity::conformance {
namespace {

namespace json = boost::json;

const Corpus& corpus() {
  static const Corpus read;
  return read;
}

/// One verifier with all issuers, as a server has it, for all cases.
struct World {
  boost::asio::io_context io{1};
  Verifier verifier{io.get_executor(), std::make_shared<KeySource>(corpus().issuers())};
};
World& world() {
  static World made;
  return made;
}

void expect_claims(const Claims& claims, const json::object& wanted) {
  const auto check = [&](const char* name, const std::string& is) {
    if (const json::value* should = wanted.if_contains(name)) EXPECT_EQ(is, should->as_string()) << name;
  };
  check("user", claims.subject);
  check("tenant", claims.tenant);
  check("name", claims.name);
  const json::value* bound = wanted.if_contains("bound");
  EXPECT_EQ(claims.tenant_bound, bound != nullptr && bound->as_bool());
  if (const json::value* roles = wanted.if_contains("roles"))
    EXPECT_EQ(json::serialize(json::array(claims.roles.begin(), claims.roles.end())),
              json::serialize(*roles));
}

class Tokens : public ::testing::TestWithParam<std::size_t> {};

TEST_P(Tokens, AreJudgedAsTheCorpusSays) {
  const Case& one = corpus().cases()[GetParam()];
  SCOPED_TRACE(one.name + ": " + one.why);
  // Twice: the second time an accepted token comes from memory, and a refused one must not.
  for (int i = 0; i < 2; ++i) {
    auto claims = bulkhead::testing::run(world().io, world().verifier.verify(one.token, now));
    if (one.expect.is_object()) {
      ASSERT_TRUE(claims) << error_info(claims.error().code()).name << " " << claims.error().message();
      expect_claims(**claims, one.expect.get_object());
    } else {
      ASSERT_FALSE(claims) << "accepted for " << (*claims)->subject;
      EXPECT_EQ(error_info(claims.error().code()).name, one.expect.as_string()) << claims.error().message();
      EXPECT_EQ(world().verifier.known(one.token, now), nullptr);
    }
  }
}

std::string test_name(const ::testing::TestParamInfo<std::size_t>& info) {
  std::string name = std::to_string(info.param) + "_";
  for (char c : corpus().cases()[info.param].name)
    name.push_back(std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Corpus, Tokens, ::testing::Range<std::size_t>(0, corpus().cases().size()),
                         test_name);

TEST(TokenCorpus, IsLargeAndEachCaseIsItsOwn) {
  std::set<std::string> names, tokens;
  std::size_t accepted = 0;
  for (const Case& one : corpus().cases()) {
    EXPECT_TRUE(names.insert(one.name).second) << one.name;
    EXPECT_FALSE(one.why.empty()) << one.name;
    tokens.insert(one.token);
    accepted += one.expect.is_object() ? 1 : 0;
  }
  EXPECT_GE(names.size(), 150U);
  EXPECT_GE(tokens.size(), 150U);
  EXPECT_GE(accepted, 40U);
  EXPECT_GE(names.size() - accepted, 100U);
}

}  // namespace
}  // namespace bulkhead::identity::conformance
