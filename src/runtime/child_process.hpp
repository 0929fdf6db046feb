#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include <bulkhead/result.hpp>

namespace bulkhead {

/// A user of this machine to run a program as.
struct SystemUser {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;
  std::vector<gid_t> groups;  ///< Read before the fork: initgroups() is not safe after it.
};

/// nullopt: there is no such user.
[[nodiscard]] std::optional<SystemUser> find_user(const std::string& name);
[[nodiscard]] std::optional<SystemUser> find_user(uid_t uid);

struct ChildResult {
  int status = 0;      ///< Exit status; 128 + N when signal N ended it.
  std::string output;  ///< stdout and stderr together.
};

/// Runs a program to its end with a minimal environment, in "/", as `user` if one is given (the caller must
/// then be root). `input` is its stdin. Blocks; safe in a process with threads. Errors: `environment` if it
/// cannot be started at all.
[[nodiscard]] Result<ChildResult> run_child(const std::vector<std::string>& argv,
                                            const std::optional<SystemUser>& user,
                                            const std::string& input = {});

/// Calls `work` as `user`, in a child process (the caller must then be root), or without a user right here.
/// `work` returns 0 or an errno, and so does this. In the child only async-signal-safe functions may be
/// called.
[[nodiscard]] int call_as(const std::optional<SystemUser>& user, const std::function<int()>& work);

/// Whether `user` could list, enter and write `directory`. Without a user: whether the caller can.
[[nodiscard]] bool can_use_directory(const std::filesystem::path& directory,
                                     const std::optional<SystemUser>& user);

}  // namespace bulkhead
