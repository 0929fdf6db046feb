#pragma once

#include <filesystem>
#include <memory>

#include <bulkhead/result.hpp>

#include "cloud/object_store.hpp"

namespace bulkhead::cloud::local {

/// Objects as files below a folder, which only this account can read; what is being written stands in `.partial` there, and goes
/// a day after a process that died. Error: `environment` where the folder is not there or cannot be written.
[[nodiscard]] Result<std::unique_ptr<ObjectStore>> open_folder(const std::filesystem::path& folder);

}  // namespace bulkhead::cloud::local
