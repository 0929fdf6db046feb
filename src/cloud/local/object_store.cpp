#include "cloud/local/object_store.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bulkhead/uuid.hpp>

namespace bulkhead::cloud::local {
namespace {

namespace fs = std::filesystem;

constexpr const char* partial_folder = ".partial";
constexpr int attempts = 100;
constexpr std::size_t piece_size = 256UL * 1024;

Error failed(const std::string& what, const fs::path& path, int code) {
  Error error(Errc::environment, path.string() + " cannot be " + what + ": " + std::strerror(code));
  if (code == ENOSPC || code == EDQUOT || code == EFBIG)
    return std::move(error).hint(
        "the store is full: `bulkhead backup prune` removes what no kept time needs");
  return error;
}

class File {
 public:
  File(const fs::path& path, int flags) : descriptor_(open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&&) = delete;
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  [[nodiscard]] int get() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

/// A name is on disk once its folder is. 0, or the error.
int sync_folder(const fs::path& path) {
  const File folder(path, O_RDONLY | O_DIRECTORY);
  return folder.get() < 0 || fsync(folder.get()) != 0 ? errno : 0;
}

/// With all folders above it that are new. 0, or the error.
int make_folders(const fs::path& path) {
  if (access(path.c_str(), F_OK) == 0) return 0;
  if (const int failure = make_folders(path.parent_path()); failure != 0) return failure;
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return errno;
  return sync_folder(path.parent_path());
}

class Writer final : public ObjectWriter {
 public:
  Writer(File file, fs::path partial, fs::path path)
      : file_(std::move(file)), partial_(std::move(partial)), path_(std::move(path)) {}
  ~Writer() override {
    if (!committed_) unlink(partial_.c_str());
  }

  Result<void> write(std::string_view piece) override {
    while (!piece.empty()) {
      const ssize_t done = ::write(file_.get(), piece.data(), piece.size());
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return failed("written", path_, errno);
      piece.remove_prefix(static_cast<std::size_t>(done));
    }
    return {};
  }

  Result<void> commit() override {
    if (fsync(file_.get()) != 0) return failed("written", path_, errno);
    // Whoever removes the folder's last object may remove the folder meanwhile.
    int failure = move_to_its_place();
    for (int attempt = 1; failure == ENOENT && attempt < attempts; ++attempt) failure = move_to_its_place();
    if (failure == 0) {
      committed_ = true;
      failure = sync_folder(path_.parent_path());
    }
    if (failure != 0) return failed("written", path_, failure);
    return {};
  }

 private:
  [[nodiscard]] int move_to_its_place() const {
    if (const int failure = make_folders(path_.parent_path()); failure != 0) return failure;
    return rename(partial_.c_str(), path_.c_str()) == 0 ? 0 : errno;
  }

  File file_;
  fs::path partial_, path_;
  bool committed_ = false;
};

class Reader final : public ObjectReader {
 public:
  Reader(File file, fs::path path) : file_(std::move(file)), path_(std::move(path)) {}

  Result<std::string> next() override {
    std::string out(piece_size, '\0');
    for (;;) {
      const ssize_t done = read(file_.get(), out.data(), out.size());
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return failed("read", path_, errno);
      out.resize(static_cast<std::size_t>(done));
      return out;
    }
  }

 private:
  File file_;
  fs::path path_;
};

class Folder final : public ObjectStore {
 public:
  explicit Folder(fs::path root) : root_(std::move(root)) {}

  Result<std::unique_ptr<ObjectWriter>> put(const std::string& key) override {
    BULKHEAD_TRY(fs::path path, path_of(key));
    BULKHEAD_CHECK(check_there());
    if (const int failure = make_folders(root_ / partial_folder); failure != 0)
      return failed("written", root_ / partial_folder, failure);
    fs::path partial = root_ / partial_folder / Uuid::random().text();
    File file(partial, O_WRONLY | O_CREAT | O_EXCL);
    if (file.get() < 0) return failed("written", partial, errno);
    return std::unique_ptr<ObjectWriter>(
        std::make_unique<Writer>(std::move(file), std::move(partial), std::move(path)));
  }

  Result<std::unique_ptr<ObjectReader>> get(const std::string& key) override {
    BULKHEAD_TRY(fs::path path, path_of(key));
    // Nobody who can put a link there makes us read what is elsewhere.
    File file(path, O_RDONLY | O_NOFOLLOW);
    if (file.get() < 0 && errno == ENOENT) {
      BULKHEAD_CHECK(check_there());
      return Error(Errc::not_found, "the store " + root_.string() + " has no object " + key);
    }
    if (file.get() < 0) return failed("read", path, errno);
    return std::unique_ptr<ObjectReader>(std::make_unique<Reader>(std::move(file), std::move(path)));
  }

  Result<std::vector<ObjectInfo>> list(const std::string& prefix) override {
    BULKHEAD_CHECK(check_there());
    std::vector<ObjectInfo> out;
    fs::path below = root_;
    if (!prefix.empty()) {
      if (prefix.back() != '/') return Error(Errc::usage, "\"" + prefix + "\" is no prefix of whole parts");
      BULKHEAD_TRY(below, path_of(prefix.substr(0, prefix.size() - 1)));
    }
    std::error_code code;
    if (!fs::is_directory(below, code)) return out;
    auto at = fs::recursive_directory_iterator(below, fs::directory_options::none, code);
    for (; !code && at != fs::recursive_directory_iterator(); at.increment(code)) {
      std::error_code gone;
      if (at->path() == root_ / partial_folder) at.disable_recursion_pending();
      if (!at->is_regular_file(gone) || at->is_symlink(gone)) continue;
      std::string key = at->path().lexically_relative(root_).generic_string();
      const auto size = at->file_size(gone);
      if (!gone && valid_key(key)) out.push_back(ObjectInfo{std::move(key), size});
    }
    // A folder that went while it was read held nothing any more.
    if (code && code.value() != ENOENT) return failed("read", below, code.value());
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    return out;
  }

  Result<void> remove(const std::string& key) override {
    BULKHEAD_TRY(const fs::path path, path_of(key));
    BULKHEAD_CHECK(check_there());
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return failed("removed", path, errno);
    // Folders that are empty now; one that is not stays.
    for (fs::path above = path.parent_path(); above != root_ && rmdir(above.c_str()) == 0;)
      above = above.parent_path();
    return {};
  }

  void sweep_partials() const {
    std::error_code code;
    const auto old = fs::file_time_type::clock::now() - std::chrono::hours(24);
    for (auto at = fs::directory_iterator(root_ / partial_folder, code);
         !code && at != fs::directory_iterator(); at.increment(code)) {
      std::error_code gone;
      if (at->last_write_time(gone) < old && !gone) fs::remove(at->path(), gone);
    }
  }

 private:
  [[nodiscard]] Result<fs::path> path_of(const std::string& key) const {
    if (!valid_key(key)) return Error(Errc::usage, "\"" + key + "\" is no key of an object");
    return root_ / key;
  }
  /// A disk that is not mounted is not an empty store.
  [[nodiscard]] Result<void> check_there() const {
    std::error_code code;
    if (fs::is_directory(root_, code)) return {};
    return Error(Errc::environment, "the object store " + root_.string() + " is not there")
        .hint("make the folder, mount its disk, or set [backup] store in bulkhead.toml");
  }

  fs::path root_;
};

}  // namespace

Result<std::unique_ptr<ObjectStore>> open_folder(const fs::path& folder) {
  auto store = std::make_unique<Folder>(folder.lexically_normal());
  BULKHEAD_TRY([[maybe_unused]] const auto there, store->list(".none/"));
  if (access(folder.c_str(), W_OK | X_OK) != 0) return failed("written", folder, errno);
  store->sweep_partials();
  return std::unique_ptr<ObjectStore>(std::move(store));
}

}  // namespace bulkhead::cloud::local
