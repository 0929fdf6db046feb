#pragma once

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bulkhead::lifecycle {

/// A file system of a few megabytes that belongs to whoever runs a process.
class SmallDisk {
 public:
  SmallDisk(int megabytes, int owner_process) {
    std::string folder = "/tmp/bh-disk-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) return;
    path_ = folder;
    struct stat owner{};
    if (stat(("/proc/" + std::to_string(owner_process)).c_str(), &owner) != 0) return;
    owner_ = ",mode=0700,uid=" + std::to_string(owner.st_uid) + ",gid=" + std::to_string(owner.st_gid);
    if (mount("tmpfs", path_.c_str(), "tmpfs", 0, options(megabytes).c_str()) == 0)
      mounted_ = true;
    else
      why_ = std::string("no tmpfs can be mounted here: ") + std::strerror(errno);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove(path_, ignored);
  }

  [[nodiscard]] bool mounted() const noexcept { return mounted_; }
  [[nodiscard]] const std::string& why_not() const noexcept { return why_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  /// No byte is left.
  void fill() const {
    const int file = open(junk().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const std::string block(4096, 'x');
    while (write(file, block.data(), block.size()) > 0) continue;
    close(file);
  }
  /// Removes what `fill` has written, and makes the disk this large.
  void make_room(int megabytes) const {
    std::error_code ignored;
    std::filesystem::remove(junk(), ignored);
    mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT, options(megabytes).c_str());
  }

 private:
  [[nodiscard]] std::string junk() const { return path_ + "/junk"; }
  [[nodiscard]] std::string options(int megabytes) const {
    return "size=" + std::to_string(megabytes) + "m" + owner_;
  }
  std::string path_, owner_, why_ = "no folder can be made in /tmp";
  bool mounted_ = false;
};

}  // namespace bulkhead::lifecycle
