#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>

namespace bulkhead::cloud {

/// An object on its way into the store. It is not there before `commit`, and never in part; without `commit` it goes with this
/// object. One thread.
class ObjectWriter {
 public:
  ObjectWriter() = default;
  ObjectWriter(const ObjectWriter&) = delete;
  ObjectWriter& operator=(const ObjectWriter&) = delete;
  virtual ~ObjectWriter() = default;

  [[nodiscard]] virtual Result<void> write(std::string_view piece) = 0;
  /// Durable, whole, under its key; replaces what was there.
  [[nodiscard]] virtual Result<void> commit() = 0;
};

/// An object on its way out. One thread.
class ObjectReader {
 public:
  ObjectReader() = default;
  ObjectReader(const ObjectReader&) = delete;
  ObjectReader& operator=(const ObjectReader&) = delete;
  virtual ~ObjectReader() = default;

  /// The next piece; empty at the end.
  [[nodiscard]] virtual Result<std::string> next() = 0;
};

struct ObjectInfo {
  std::string key;
  std::uint64_t size = 0;
};

/// Where large things are kept by key: a folder, or a bucket. Keys are parts of [A-Za-z0-9._-] between slashes, no part `.` or
/// `..` or empty, at most 512 characters; another one is `usage`. Errors: `environment` (not reachable, full, no right),
/// naming the store. Thread-safe.
class ObjectStore {
 public:
  ObjectStore() = default;
  ObjectStore(const ObjectStore&) = delete;
  ObjectStore& operator=(const ObjectStore&) = delete;
  virtual ~ObjectStore() = default;

  [[nodiscard]] virtual Result<std::unique_ptr<ObjectWriter>> put(const std::string& key) = 0;
  /// Error: `not_found`.
  [[nodiscard]] virtual Result<std::unique_ptr<ObjectReader>> get(const std::string& key) = 0;
  /// Whose keys begin with `prefix` (whole parts: it is empty or ends with a slash), by key. An object that goes meanwhile may be named or not.
  [[nodiscard]] virtual Result<std::vector<ObjectInfo>> list(const std::string& prefix) = 0;
  /// What is not there is gone already.
  [[nodiscard]] virtual Result<void> remove(const std::string& key) = 0;
};

[[nodiscard]] bool valid_key(std::string_view key) noexcept;

/// The store of a URL: `file:///path` of a folder that is there. Errors: `usage` (another URL), `environment` (no such folder).
[[nodiscard]] Result<std::unique_ptr<ObjectStore>> open_object_store(const std::string& url);

}  // namespace bulkhead::cloud
