// Published vectors for every algorithm that is accepted, against the code that checks tokens.
#include <fstream>
#include <sstream>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <gtest/gtest.h>

#include "base/hex.hpp"
#include "identity/keys.hpp"

namespace bulkhead::identity {
namespace {

namespace json = boost::json;

class Wycheproof : public ::testing::TestWithParam<const char*> {};

TEST_P(Wycheproof, SignaturesAreJudgedAsPublished) {
  std::ifstream in(std::string(BULKHEAD_SOURCE_DIR "/tests/conformance/vectors/") + GetParam() + ".json");
  std::ostringstream text;
  text << in.rdbuf();
  const json::object file = json::parse(text.str()).as_object();
  const KeySet keys = parse_jwks("{\"keys\":[" + json::serialize(file.at("jwk")) + "]}").value();
  ASSERT_EQ(keys.keys().size(), 1U);
  SignatureChecker checker;
  std::size_t good = 0;
  for (const json::value& one : file.at("tests").as_array()) {
    const auto message = from_hex(std::string_view(one.at("msg").as_string()));
    const auto signature = from_hex(std::string_view(one.at("sig").as_string()));
    ASSERT_TRUE(message && signature);
    const bool valid = checker.valid(keys.keys()[0], *message, *signature);
    EXPECT_EQ(valid, one.at("valid").as_bool()) << one.at("tcId") << " " << one.at("comment");
    good += valid ? 1 : 0;
    // A good one is not good for anything else.
    if (valid) EXPECT_FALSE(checker.valid(keys.keys()[0], *message + "x", *signature)) << one.at("tcId");
  }
  EXPECT_GE(good, 1U);
}

INSTANTIATE_TEST_SUITE_P(Published, Wycheproof, ::testing::Values("rs256", "es256", "ed25519"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace bulkhead::identity
