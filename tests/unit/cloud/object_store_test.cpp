#include "cloud/object_store.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

namespace bulkhead::cloud {
namespace {

namespace fs = std::filesystem;

class Store : public testing::Test {
 protected:
  Store() {
    std::string folder = "/tmp/bh-store-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = folder;
    store_ = *open_object_store("file://" + folder);
  }
  ~Store() override { fs::remove_all(folder_); }

  void put(const std::string& key, const std::string& content) {
    auto writer = *store_->put(key);
    ASSERT_TRUE(writer->write(content).has_value());
    ASSERT_TRUE(writer->commit().has_value());
  }
  std::string get(const std::string& key) {
    auto reader = *store_->get(key);
    std::string out;
    for (std::string piece = *reader->next(); !piece.empty(); piece = *reader->next()) out += piece;
    return out;
  }
  std::string list(const std::string& prefix) {
    std::string out;
    const auto objects = store_->list(prefix);
    for (const auto& object : *objects) out += object.key + ":" + std::to_string(object.size) + " ";
    return out;
  }

  fs::path folder_;
  std::unique_ptr<ObjectStore> store_;
};

TEST_F(Store, KeepsWhatIsCommittedAndNothingElse) {
  put("a/b/one", "1");
  put("a/two", std::string(300'000, 'x'));
  put("ab/three", "");
  {
    auto left = *store_->put("a/b/left");
    ASSERT_TRUE(left->write("half").has_value());
    EXPECT_EQ(store_->get("a/b/left").error().code(), Errc::not_found);
  }
  EXPECT_EQ(list(""), "a/b/one:1 a/two:300000 ab/three:0 ");
  EXPECT_EQ(list("a/"), "a/b/one:1 a/two:300000 ");
  EXPECT_EQ(list("none/"), "");
  EXPECT_EQ(get("a/two"), std::string(300'000, 'x'));
  put("a/two", "new");
  EXPECT_EQ(get("a/two"), "new");
  EXPECT_TRUE(fs::is_empty(folder_ / ".partial"));
  EXPECT_TRUE(store_->remove("a/b/one").has_value());
  EXPECT_TRUE(store_->remove("a/b/one").has_value());
  EXPECT_FALSE(fs::exists(folder_ / "a/b"));
  EXPECT_EQ(list(""), "a/two:3 ab/three:0 ");
}

TEST_F(Store, RefusesKeysThatWouldLeadElsewhere) {
  for (const char* key : {"", "/a", "a/", "a//b", "../a", "a/../b", ".", "a/./b", "a b", "a\nb", "ä"})
    EXPECT_EQ(store_->put(key).error().code(), Errc::usage) << key;
  EXPECT_EQ(store_->put(std::string(513, 'a')).error().code(), Errc::usage);
  EXPECT_EQ(store_->list("a").error().code(), Errc::usage);
  put("a/secret", "1");
  fs::create_symlink("/etc/passwd", folder_ / "a/link");
  EXPECT_EQ(store_->get("a/link").error().code(), Errc::environment);
  EXPECT_EQ(list(""), "a/secret:1 ");
  EXPECT_EQ((fs::status(folder_ / "a/secret").permissions() & fs::perms::group_all), fs::perms::none);
}

TEST_F(Store, SaysWhenItIsAwayOrFull) {
  EXPECT_EQ(open_object_store("file:///nowhere/at/all").error().code(), Errc::environment);
  for (const char* url : {"", "s3://bucket", "file://relative", "/tmp"})
    EXPECT_EQ(open_object_store(url).error().code(), Errc::usage) << url;

  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_IGN);
  const rlimit small{100'000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  auto writer = *store_->put("large");
  const auto full = writer->write(std::string(200'000, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_TRUE(full.has_error());
  EXPECT_EQ(full.error().code(), Errc::environment);
  EXPECT_NE(full.error().hint().find("prune"), std::string_view::npos);
  writer.reset();
  EXPECT_EQ(list(""), "");

  fs::remove_all(folder_);
  EXPECT_EQ(store_->list("").error().code(), Errc::environment);
  EXPECT_EQ(store_->put("a").error().code(), Errc::environment);
  EXPECT_EQ(store_->get("a").error().code(), Errc::environment);
  EXPECT_EQ(store_->remove("a").error().code(), Errc::environment);
}

TEST_F(Store, TakesObjectsWhileTheirNeighboursGo) {
  std::thread removing([this] {
    for (int i = 0; i < 300; ++i) {
      put("shared/folder/a", "a");
      EXPECT_TRUE(store_->remove("shared/folder/a").has_value());
    }
  });
  for (int i = 0; i < 300; ++i) {
    put("shared/folder/b", "b");
    EXPECT_EQ(get("shared/folder/b"), "b");
    EXPECT_TRUE(store_->remove("shared/folder/b").has_value());
  }
  removing.join();
}

}  // namespace
}  // namespace bulkhead::cloud
