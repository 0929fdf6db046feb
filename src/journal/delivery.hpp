#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>

#include <bulkhead/result.hpp>

#include "journal/event_sink.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::journal {

struct DeliverySettings {
  std::int32_t attempts = 12;                   ///< Then an event is dead at that endpoint,
  std::chrono::seconds give_up{72 * 3600};      ///< or when it has waited so long and fails once more.
  std::chrono::milliseconds first_pause{5000};  ///< After a failure; twice as long after each further one,
  std::chrono::milliseconds longest_pause{6 * 3600 * 1000};  ///< but no longer than this.
  std::chrono::seconds timeout{15};                          ///< Of one attempt.
  std::chrono::milliseconds turn{10'000};                    ///< Of one endpoint, if it has so much to send.
};

/// What a process has delivered since it started.
struct DeliveryCounts {
  std::atomic<std::uint64_t> delivered{0}, failed{0}, dead{0};
};

/// How long an endpoint is left alone after so many failures in a row: doubled each time, a fifth more or less by chance.
[[nodiscard]] std::chrono::milliseconds pause_after(const DeliverySettings& settings, std::int32_t failures,
                                                    double chance);

/// The sink for an endpoint's URL; null: none of its kind.
using SinkOf = std::function<EventSink*(std::string_view url)>;

/// Sends what waits for one endpoint, in its order, until something fails or some seconds have gone. False: nothing waits.
/// Any number of threads and processes may do so at once: an endpoint is leased to one of them. Who dies has sent at least
/// once what is sent again. `catalog`: the operator's connection.
[[nodiscard]] Result<bool> deliver_once(pg::Blocking& catalog, const DeliverySettings& settings,
                                        const SinkOf& sinks, DeliveryCounts& counts,
                                        const std::atomic<bool>& stop);

/// Lets tenants' events of a new placement go out once the journal of the former one is read behind all that they wrote there.
[[nodiscard]] Result<void> pass_fences(pg::Blocking& catalog);

/// Events that are older and wait for nobody are dropped, with their dead deliveries. Returns how many.
[[nodiscard]] Result<std::uint64_t> prune_events(pg::Blocking& catalog, std::chrono::hours retention);

}  // namespace bulkhead::journal
