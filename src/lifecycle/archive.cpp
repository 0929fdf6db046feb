#include "lifecycle/archive.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

namespace bulkhead::lifecycle {
namespace {

constexpr std::size_t piece_size = 64 * 1024;

/// A file without a name for what waits, gone with this object.
class Spool {
 public:
  explicit Spool(const std::filesystem::path& beside) {
    std::string name = beside.string() + ".XXXXXX";
    file_ = mkostemp(name.data(), O_CLOEXEC);
    if (file_ >= 0) unlink(name.c_str());
  }
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;
  ~Spool() {
    if (file_ >= 0) close(file_);
  }

  void write(std::string_view piece) {
    size_ += piece.size();
    buffer_ += piece;
    if (buffer_.size() >= piece_size) flush();
  }
  /// From its beginning on. Error: what was written did not all go to disk.
  Result<void> rewind() {
    flush();
    if (!good_ || lseek(file_, 0, SEEK_SET) != 0)
      return Error(Errc::environment,
                   std::string("the rows cannot be kept on disk: ") + std::strerror(error_))
          .hint("look whether the disk is full");
    return {};
  }
  Result<std::size_t> read(std::array<char, piece_size>& into) const {
    const ssize_t got = ::read(file_, into.data(), into.size());
    if (got < 0)
      return Error(Errc::environment, std::string("the rows cannot be read back: ") + std::strerror(errno));
    return static_cast<std::size_t>(got);
  }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

 private:
  void flush() {
    std::string_view left = buffer_;
    while (good_ && !left.empty()) {
      const ssize_t wrote = ::write(file_, left.data(), left.size());
      if (wrote < 0) {
        if (errno == EINTR) continue;
        error_ = errno;
        good_ = false;
      } else {
        left.remove_prefix(static_cast<std::size_t>(wrote));
      }
    }
    buffer_.clear();
  }

  int file_ = -1, error_ = 0;
  bool good_ = true;
  std::uint64_t size_ = 0;
  std::string buffer_;
};

struct FreeEntry {
  void operator()(archive_entry* entry) const noexcept { archive_entry_free(entry); }
};

struct FreeReader {
  void operator()(archive* a) const noexcept { archive_read_free(a); }
};

Error unreadable(const std::filesystem::path& path, archive* a) {
  const char* why = archive_error_string(a);
  return Error(Errc::import_failed,
               path.string() + " is no whole archive: " + (why == nullptr ? "unknown reason" : why));
}

void sync_to_disk(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  fsync(file);
  close(file);
}

}  // namespace

void ArchiveWriter::Free::operator()(archive* a) const noexcept {
  archive_write_free(a);
}

ArchiveWriter::ArchiveWriter(std::filesystem::path path, std::filesystem::path partial,
                             std::unique_ptr<archive, Free> a)
    : path_(std::move(path)), partial_(std::move(partial)), archive_(std::move(a)) {}

ArchiveWriter::~ArchiveWriter() {
  if (partial_.empty() || !archive_) return;
  archive_.reset();
  std::error_code ignored;
  std::filesystem::remove(partial_, ignored);
}

Result<ArchiveWriter> ArchiveWriter::open(const std::filesystem::path& path) {
  std::filesystem::path partial = path;
  partial += ".partial";
  std::unique_ptr<archive, Free> a(archive_write_new());
  // Tenants' rows: for the operator's eyes alone, from the first byte on.
  const int made = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (made < 0)
    return Error(Errc::environment, partial.string() + " cannot be written: " + std::strerror(errno));
  close(made);
  if (!a || archive_write_set_format_pax_restricted(a.get()) != ARCHIVE_OK ||
      archive_write_add_filter_gzip(a.get()) != ARCHIVE_OK ||
      archive_write_open_filename(a.get(), partial.c_str()) != ARCHIVE_OK)
    return Error(Errc::environment,
                 partial.string() + " cannot be written: " +
                     (a && archive_error_string(a.get()) != nullptr ? archive_error_string(a.get())
                                                                    : "out of memory"));
  return ArchiveWriter(path, std::move(partial), std::move(a));
}

Error ArchiveWriter::failed() const {
  const char* why = archive_error_string(archive_.get());
  return Error(Errc::environment,
               path_.string() + " cannot be written: " + (why == nullptr ? "unknown reason" : why))
      .hint("look whether the disk is full");
}

Result<void> ArchiveWriter::begin_entry(const std::string& name, std::uint64_t size) {
  const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
  if (!entry) return failed();
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0600);
  archive_entry_set_mtime(entry.get(), std::time(nullptr), 0);
  if (archive_write_header(archive_.get(), entry.get()) != ARCHIVE_OK) return failed();
  return {};
}

Result<void> ArchiveWriter::add(const std::string& name, std::string_view content) {
  BULKHEAD_CHECK(begin_entry(name, content.size()));
  if (archive_write_data(archive_.get(), content.data(), content.size()) !=
      static_cast<la_ssize_t>(content.size()))
    return failed();
  return {};
}

Result<void> ArchiveWriter::add(const std::string& name,
                                const std::function<Result<void>(const Sink&)>& write) {
  Spool spool(partial_);
  BULKHEAD_CHECK(write([&spool](std::string_view piece) { spool.write(piece); }));
  BULKHEAD_CHECK(spool.rewind());
  BULKHEAD_CHECK(begin_entry(name, spool.size()));
  std::array<char, piece_size> piece{};
  for (;;) {
    BULKHEAD_TRY(const std::size_t got, spool.read(piece));
    if (got == 0) return {};
    if (archive_write_data(archive_.get(), piece.data(), got) != static_cast<la_ssize_t>(got))
      return failed();
  }
}

Result<void> ArchiveWriter::finish() {
  if (archive_write_close(archive_.get()) != ARCHIVE_OK) return failed();
  sync_to_disk(partial_);
  std::error_code error;
  std::filesystem::rename(partial_, path_, error);
  if (error) return Error(Errc::environment, path_.string() + " cannot be written: " + error.message());
  partial_.clear();
  return {};
}

Result<void> read_archive(
    const std::filesystem::path& path,
    const std::function<Result<void>(const std::string& name,
                                     const std::function<Result<std::string>()>& next)>& entry) {
  const std::unique_ptr<archive, FreeReader> a(archive_read_new());
  if (!a) return Error(Errc::environment, "out of memory");
  archive_read_support_filter_gzip(a.get());
  archive_read_support_format_tar(a.get());
  if (access(path.c_str(), R_OK) != 0)
    return Error(Errc::environment, path.string() + " cannot be read: " + std::strerror(errno));
  if (archive_read_open_filename(a.get(), path.c_str(), piece_size) != ARCHIVE_OK)
    return unreadable(path, a.get());
  std::array<char, piece_size> piece{};
  const auto next = [&]() -> Result<std::string> {
    const la_ssize_t got = archive_read_data(a.get(), piece.data(), piece.size());
    if (got < 0) return unreadable(path, a.get());
    return std::string(piece.data(), static_cast<std::size_t>(got));
  };
  for (;;) {
    archive_entry* header = nullptr;
    const int state = archive_read_next_header(a.get(), &header);
    if (state == ARCHIVE_EOF) return {};
    if (state != ARCHIVE_OK) return unreadable(path, a.get());
    const char* name = archive_entry_pathname(header);
    BULKHEAD_CHECK(entry(name == nullptr ? "" : name, next));
  }
}

}  // namespace bulkhead::lifecycle
