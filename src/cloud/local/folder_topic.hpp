#pragma once

#include <filesystem>
#include <mutex>

#include "cloud/topic.hpp"

namespace bulkhead::cloud {

/// A topic in a folder: each group is a file GROUP.jsonl to which its messages are appended, a line each, on disk when
/// `publish` returns.
class FolderTopic : public Topic {
 public:
  explicit FolderTopic(std::filesystem::path folder) : folder_(std::move(folder)) {}
  [[nodiscard]] Result<void> publish(const TopicMessage& message) override;

 private:
  std::filesystem::path folder_;
  std::mutex mutex_;
};

}  // namespace bulkhead::cloud
