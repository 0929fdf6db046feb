#include "lifecycle/backup/manifest.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <gtest/gtest.h>

namespace bulkhead::lifecycle::backup {
namespace {

namespace json = boost::json;

Manifest example() {
  Manifest out;
  out.tenant = "8b3366ec-2049-4417-9b48-1d8b5bdf4772";
  out.slug = "acme";
  out.model = "row";
  out.cell = "default";
  out.database = "bulkhead";
  out.schema = "app";
  out.consistent = 0x1234;
  Part part;
  part.shape = {"thing", {"id", "name"}, {"id"}};
  part.object = "0001";
  part.rows = 7;
  part.rows_hash = "ab";
  part.sealed.sha256 = "cd";
  out.parts.push_back(part);
  return out;
}

/// The text without one member, each in turn, of this object and of all below it.
void without_each(json::value& whole, json::value& here, std::vector<std::string>& out) {
  if (here.is_array())
    for (auto& item : here.get_array()) without_each(whole, item, out);
  if (!here.is_object()) return;
  const json::object members = here.get_object();
  for (const auto& member : members) {
    here.get_object().erase(member.key());
    out.push_back(json::serialize(whole));
    here.get_object() = members;
    without_each(whole, here.get_object().at(member.key()), out);
  }
}

TEST(Manifests, AreReadBack) {
  const auto read = parse_manifest(manifest_text(example()));
  ASSERT_TRUE(read.has_value()) << read.error().message();
  EXPECT_EQ(manifest_text(*read), manifest_text(example()));
}

TEST(Manifests, ThatLackAnythingAreNone) {
  json::value whole = json::parse(manifest_text(example()));
  std::vector<std::string> texts;
  without_each(whole, whole, texts);
  EXPECT_GT(texts.size(), 15U);
  for (const auto& text : texts) {
    const auto read = parse_manifest(text);
    // What only tells people how much there is can be counted anew.
    if (read.has_value())
      EXPECT_EQ(manifest_text(*read), manifest_text(example())) << text;
    else
      EXPECT_EQ(read.error().code(), Errc::import_failed) << text;
  }
}

}  // namespace
}  // namespace bulkhead::lifecycle::backup
