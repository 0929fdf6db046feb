#include "lifecycle/backup/sealed.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "lifecycle/backup/rows.hpp"
#include "lifecycle/digest.hpp"

namespace bulkhead::lifecycle::backup {
namespace {

namespace fs = std::filesystem;

/// Bytes that do not compress.
std::string noise(std::size_t size) {
  std::string out;
  std::uint64_t state = 88172645463325252U;
  while (out.size() < size) {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    out += static_cast<char>(state >> 24U);
  }
  return out;
}

class Sealed : public testing::Test {
 protected:
  Sealed() {
    std::string folder = "/tmp/bh-sealed-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = folder;
    store_ = *cloud::open_object_store("file://" + folder);
  }
  ~Sealed() override { fs::remove_all(folder_); }

  std::string stored(const std::string& key) {
    std::ifstream in(folder_ / key, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  void store(const std::string& key, const std::string& bytes) {
    fs::create_directories((folder_ / key).parent_path());
    std::ofstream(folder_ / key, std::ios::binary) << bytes;
  }
  Errc read_code(const std::string& key, const DataKey& with) {
    auto read = read_sealed(*store_, key, with);
    return read.has_value() ? Errc::internal : read.error().code();
  }

  fs::path folder_;
  std::unique_ptr<cloud::ObjectStore> store_;
  DataKey key_ = DataKey::generate();
};

TEST_F(Sealed, OpensToWhatWasWrittenAtAnySize) {
  for (const std::size_t size : {0U, 1U, 65'000U, 65'535U, 65'536U, 65'537U, 131'072U, 400'000U}) {
    const std::string content = noise(size);
    auto writer = *SealedWriter::open(*store_, "a/b", key_);
    for (std::size_t at = 0; at < size; at += 10'007)
      ASSERT_TRUE(writer.write(content.substr(at, 10'007)).has_value());
    const auto info = writer.finish();
    ASSERT_TRUE(info.has_value());
    Sha256 sum;
    sum.update(stored("a/b"));
    EXPECT_EQ(info->sha256, sum.hex());
    EXPECT_EQ(info->bytes, stored("a/b").size());
    const auto read = read_sealed(*store_, "a/b", key_);
    ASSERT_TRUE(read.has_value()) << size << " " << read.error().message();
    EXPECT_EQ(*read, content);
  }
  EXPECT_LT(write_sealed(*store_, "small", key_, std::string(1'000'000, 'x'))->bytes, 1000u);
  const std::string first = stored("small");
  ASSERT_TRUE(write_sealed(*store_, "small", key_, std::string(1'000'000, 'x')).has_value());
  EXPECT_NE(stored("small"), first) << "the same content is sealed in the same way";
}

TEST_F(Sealed, DoesNotOpenChangedMovedCutOrForeign) {
  const std::string content = noise(200'000);
  ASSERT_TRUE(write_sealed(*store_, "one", key_, content).has_value());
  const std::string whole = stored("one");
  constexpr std::size_t head = 40, chunk = 65'536 + 16;
  EXPECT_EQ(read_code("one", DataKey::generate()), Errc::import_failed);
  EXPECT_EQ(read_code("none", key_), Errc::not_found);
  store("two", whole);
  EXPECT_EQ(read_code("two", key_), Errc::import_failed) << "under another name";
  for (const std::size_t at :
       {std::size_t{0}, std::size_t{9}, std::size_t{41}, whole.size() / 2, whole.size() - 1}) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    store("one", changed);
    EXPECT_EQ(read_code("one", key_), Errc::import_failed) << at;
  }
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{7}, head, head + 5, head + chunk, head + 2 * chunk, whole.size() - 1}) {
    store("one", whole.substr(0, size));
    EXPECT_EQ(read_code("one", key_), Errc::import_failed) << size;
  }
  store("one", whole + "x");
  EXPECT_EQ(read_code("one", key_), Errc::import_failed) << "longer";
  store("one", whole + whole.substr(head));
  EXPECT_EQ(read_code("one", key_), Errc::import_failed) << "twice";
  store("one", whole.substr(0, head) + whole.substr(head + chunk, chunk) + whole.substr(head, chunk) +
                   whole.substr(head + 2 * chunk));
  EXPECT_EQ(read_code("one", key_), Errc::import_failed) << "in another order";
  store("one", whole.substr(0, head) + whole.substr(head + chunk));
  EXPECT_EQ(read_code("one", key_), Errc::import_failed) << "without a chunk";
  store("one", whole);
  EXPECT_TRUE(read_sealed(*store_, "one", key_).has_value());
}

TEST_F(Sealed, KeysAreWrappedForOnePurpose) {
  const DataKey wrapping = DataKey::generate();
  const std::string wrapped = *key_.wrapped(wrapping, "a");
  EXPECT_EQ(DataKey::unwrap(wrapped, wrapping, "a")->hex(), key_.hex());
  EXPECT_NE(*key_.wrapped(wrapping, "a"), wrapped);
  EXPECT_EQ(DataKey::unwrap(wrapped, wrapping, "b").error().code(), Errc::config_invalid);
  EXPECT_EQ(DataKey::unwrap(wrapped, DataKey::generate(), "a").error().code(), Errc::config_invalid);
  for (const std::string& bad : {std::string(), wrapped.substr(2), wrapped + "00", "zz" + wrapped.substr(2)})
    EXPECT_EQ(DataKey::unwrap(bad, wrapping, "a").error().code(), Errc::config_invalid);
  EXPECT_EQ(DataKey::from_hex(key_.hex())->hex(), key_.hex());
  EXPECT_TRUE(DataKey::from_hex("00").has_error());
}

TEST(RowsHash, DoesNotKnowTheOrderButEveryRow) {
  RowsHash one, other, twice, more;
  for (const char* row : {"a", "b", "c"}) one.add(row);
  for (const char* row : {"c", "a", "b"}) other.add(row);
  for (const char* row : {"a", "b", "b"}) twice.add(row);
  for (const char* row : {"a", "b", "c", "c"}) more.add(row);
  EXPECT_EQ(one.hex(), other.hex());
  EXPECT_NE(one.hex(), twice.hex());
  EXPECT_NE(one.hex(), more.hex());
  EXPECT_EQ(one.rows(), 3u);
}

}  // namespace
}  // namespace bulkhead::lifecycle::backup
