#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <bulkhead/result.hpp>

#include "runtime/child_process.hpp"

namespace bulkhead {

/// Files in a folder that belongs to another, less trusted user. Root that opened a name there would follow
/// whatever link this user has put in its place; so names are written by a child that is this user, and
/// nothing here follows a link in the last place of a path. Without a user: the caller's own files.
/// Errors: `environment`.

/// Replaces `file` whole; mode 0600.
[[nodiscard]] Result<void> write_owned_file(const std::filesystem::path& file, std::string_view text,
                                            const std::optional<SystemUser>& owner);
/// Adds to a file that is there.
[[nodiscard]] Result<void> append_owned_file(const std::filesystem::path& file, std::string_view text,
                                             const std::optional<SystemUser>& owner);
/// The text of a regular file; empty when there is none.
[[nodiscard]] std::string read_owned_file(const std::filesystem::path& file);
/// A file or an empty folder; one that is not there or not the owner's stays as it is.
void remove_owned(const std::filesystem::path& path, const std::optional<SystemUser>& owner);
/// Makes the last folder of the path, if it is not there; gives it to `owner` with mode 0700.
[[nodiscard]] Result<void> make_owned_folder(const std::filesystem::path& folder,
                                             const std::optional<SystemUser>& owner);

}  // namespace bulkhead
