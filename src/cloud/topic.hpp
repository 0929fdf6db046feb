#pragma once

#include <string>

#include <bulkhead/result.hpp>

namespace bulkhead::cloud {

/// What is published. Messages of one group are kept in the order in which they were published.
struct TopicMessage {
  std::string id;  ///< For de-duplication by whoever reads.
  std::string group;
  std::string body;  ///< JSON, one line.
};

/// A queue or topic that others read. Thread-safe.
class Topic {
 public:
  Topic() = default;
  Topic(const Topic&) = delete;
  Topic& operator=(const Topic&) = delete;
  virtual ~Topic() = default;
  /// Kept for good once it returns; after an error perhaps, too. Errors: `upstream_failed`, `environment`.
  [[nodiscard]] virtual Result<void> publish(const TopicMessage& message) = 0;
};

}  // namespace bulkhead::cloud
