#include "cloud/local/folder_topic.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace bulkhead::cloud {
namespace {

/// A file of this process, closed when it goes.
class File {
 public:
  explicit File(const std::filesystem::path& path)
      : descriptor_(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
  [[nodiscard]] bool append(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    return fsync(descriptor_) == 0;
  }

 private:
  int descriptor_;
};

/// It becomes a file's name.
bool is_group(std::string_view group) {
  return !group.empty() && group.size() <= 100 &&
         group.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
             std::string_view::npos;
}

Error cannot(const std::filesystem::path& path) {
  return Error(Errc::environment, "cannot write to " + path.string() + ": " + std::strerror(errno));
}

}  // namespace

Result<void> FolderTopic::publish(const TopicMessage& message) {
  if (!is_group(message.group)) return Error(Errc::usage, "this is no name of a group of messages");
  if (message.body.find('\n') != std::string::npos) return Error(Errc::usage, "a message is one line");
  std::error_code code;
  std::filesystem::create_directories(folder_, code);
  const std::filesystem::path path = folder_ / (message.group + ".jsonl");
  // One line after the other, whoever publishes in this process; other processes append whole lines, too.
  const std::lock_guard lock(mutex_);
  const File file(path);
  if (!file.is_open() || !file.append(message.body + "\n")) return cannot(path);
  return {};
}

}  // namespace bulkhead::cloud
