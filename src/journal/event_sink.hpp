#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <bulkhead/uuid.hpp>

namespace bulkhead::journal {

/// Where a tenant's events go.
struct Endpoint {
  Uuid id;
  TenantId tenant;
  std::string url;
  std::string secret;  ///< Never log it.
  std::int32_t failures = 0;
};

/// An event that waits for an endpoint.
struct OutboxEvent {
  std::int64_t place = 0;
  std::string id, type, body;
  std::int32_t attempts = 0;
  std::chrono::seconds waited{0};  ///< Since it was to be sent to this endpoint.
};

/// What came of sending it.
struct Attempt {
  enum class Outcome : std::uint8_t {
    delivered,
    failed,  ///< It is tried again.
    gone     ///< Nobody wants events there any more.
  };
  Outcome outcome = Outcome::failed;
  unsigned status = 0;  ///< Of the answer; 0: none.
  std::string error;    ///< For the operator; holds nothing that the receiver sent.
  std::optional<std::chrono::seconds> retry_after;
};

/// Takes events to endpoints of one kind. Delivered is what is kept there for good. Thread-safe.
class EventSink {
 public:
  EventSink() = default;
  EventSink(const EventSink&) = delete;
  EventSink& operator=(const EventSink&) = delete;
  virtual ~EventSink() = default;
  /// Ends soon when `stop` becomes true, as failed.
  [[nodiscard]] virtual Attempt send(const Endpoint& endpoint, const OutboxEvent& event,
                                     const std::atomic<bool>& stop) = 0;
};

}  // namespace bulkhead::journal
