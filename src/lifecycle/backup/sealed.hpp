#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <bulkhead/result.hpp>
#include <bulkhead/uuid.hpp>

#include "cloud/object_store.hpp"

namespace bulkhead::lifecycle::backup {

// Objects that only the holder of a tenant's key can read or make (docs/decisions/0018-backup-and-point-in-time.md). Content is
// compressed by zstd, cut into chunks of 64 KiB, and each chunk sealed with AES-256-GCM. The key of an object is derived from the
// tenant's, a random salt and the object's name in the store, so that chunks' nonces may simply be counted and an object under
// another name does not open; the last chunk is marked, so that nothing can be cut off, added or put in another order.

/// 32 bytes that seal. A secret: never log it.
class DataKey {
 public:
  static constexpr std::size_t size = 32;
  /// Throws std::runtime_error where the system has no randomness.
  [[nodiscard]] static DataKey generate();
  /// This key, sealed with `wrapping` for `purpose`: hexadecimal text.
  [[nodiscard]] Result<std::string> wrapped(const DataKey& wrapping, std::string_view purpose) const;
  /// Error: `config_invalid` where it was not wrapped so.
  [[nodiscard]] static Result<DataKey> unwrap(std::string_view wrapped, const DataKey& wrapping,
                                              std::string_view purpose);
  /// From `hex()`. Error: `config_invalid`.
  [[nodiscard]] static Result<DataKey> from_hex(std::string_view hex);
  [[nodiscard]] std::string hex() const;
  [[nodiscard]] const std::array<unsigned char, size>& bytes() const noexcept { return bytes_; }

 private:
  std::array<unsigned char, size> bytes_{};
};

/// What stands in the store.
struct SealedInfo {
  std::uint64_t bytes = 0;
  std::string sha256;  ///< Of the object as it is stored.
};

/// Writes one sealed object; it is in the store after `finish` alone. One thread.
class SealedWriter {
 public:
  /// Errors: the store's.
  [[nodiscard]] static Result<SealedWriter> open(cloud::ObjectStore& store, const std::string& key,
                                                 const DataKey& with);
  SealedWriter(SealedWriter&&) noexcept;
  SealedWriter& operator=(SealedWriter&&) noexcept;
  ~SealedWriter();

  [[nodiscard]] Result<void> write(std::string_view content);
  [[nodiscard]] Result<SealedInfo> finish();
  /// Of the content so far, before compression.
  [[nodiscard]] std::uint64_t content_bytes() const noexcept;

 private:
  struct Impl;
  explicit SealedWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Reads one from front to back. What `next` has given is authentic, but whole only once it has given the end. One thread.
class SealedReader {
 public:
  /// Errors: `not_found`, the store's.
  [[nodiscard]] static Result<SealedReader> open(cloud::ObjectStore& store, const std::string& key,
                                                 const DataKey& with);
  SealedReader(SealedReader&&) noexcept;
  SealedReader& operator=(SealedReader&&) noexcept;
  ~SealedReader();

  /// The next piece of the content; empty at the end. Error: `import_failed` for what is damaged, cut off, of another kind, or
  /// sealed with another key.
  [[nodiscard]] Result<std::string> next();
  /// After the end: what was read.
  [[nodiscard]] SealedInfo info();

 private:
  struct Impl;
  explicit SealedReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A small object as a whole. Error: as above; `import_failed` beyond 64 MiB.
[[nodiscard]] Result<std::string> read_sealed(cloud::ObjectStore& store, const std::string& key,
                                              const DataKey& with);
[[nodiscard]] Result<SealedInfo> write_sealed(cloud::ObjectStore& store, const std::string& key,
                                              const DataKey& with, std::string_view content);

}  // namespace bulkhead::lifecycle::backup
