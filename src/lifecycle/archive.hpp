#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <bulkhead/result.hpp>

struct archive;

namespace bulkhead::lifecycle {

/// A tar archive (pax, compressed by gzip) that is written from front to back. It stands under another name until `finish`,
/// and goes when it is not finished. One thread.
class ArchiveWriter {
 public:
  /// Errors (`environment`): the folder is not there, or cannot be written.
  [[nodiscard]] static Result<ArchiveWriter> open(const std::filesystem::path& path);
  ArchiveWriter(ArchiveWriter&&) noexcept = default;
  ArchiveWriter& operator=(ArchiveWriter&&) = delete;
  ~ArchiveWriter();

  [[nodiscard]] Result<void> add(const std::string& name, std::string_view content);
  /// A file whose size is known only at its end: `write` gets a function that takes its pieces, which wait on disk.
  using Sink = std::function<void(std::string_view)>;
  [[nodiscard]] Result<void> add(const std::string& name,
                                 const std::function<Result<void>(const Sink&)>& write);
  /// On disk, whole, under its own name.
  [[nodiscard]] Result<void> finish();

 private:
  struct Free {
    void operator()(archive* a) const noexcept;
  };
  ArchiveWriter(std::filesystem::path path, std::filesystem::path partial, std::unique_ptr<archive, Free> a);
  [[nodiscard]] Result<void> begin_entry(const std::string& name, std::uint64_t size);
  [[nodiscard]] Error failed() const;

  std::filesystem::path path_, partial_;
  std::unique_ptr<archive, Free> archive_;
};

/// Reads an archive from front to back: `entry` is called with each file's name and a function that gives its next piece, empty
/// at the end. Errors: `environment` (not readable), `import_failed` (no archive, cut off).
[[nodiscard]] Result<void> read_archive(
    const std::filesystem::path& path,
    const std::function<Result<void>(const std::string& name,
                                     const std::function<Result<std::string>()>& next)>& entry);

}  // namespace bulkhead::lifecycle
