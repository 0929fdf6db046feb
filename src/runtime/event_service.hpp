#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "journal/cloud_event.hpp"
#include "journal/delivery.hpp"
#include "journal/webhook.hpp"
#include "pg/blocking.hpp"
#include "runtime/journal_service.hpp"

namespace bulkhead::runtime {

struct EventServiceSettings {
  std::function<Result<pg::Blocking>()>
      connect;  ///< To the catalog with the operator's rights; called by any thread.
  journal::EventSettings events;
  journal::DeliverySettings delivery;
  journal::WebhookSettings webhooks;
  std::chrono::hours retention{7 * 24};
  std::size_t senders = 4;                ///< Endpoints that are sent to at once.
  std::chrono::milliseconds pause{1000};  ///< Between two looks where nothing waits.
};
[[nodiscard]] EventServiceSettings event_service_settings(const AppConfig& config,
                                                          std::function<Result<pg::Blocking>()> connect);

/// Events that go out: what the journal is read for (`use`), and threads that send what the outbox holds. Any number of servers
/// may do so.
class EventService {
 public:
  EventService(EventServiceSettings settings, Logger& log);
  /// Waits for the attempts that are under way, a second at most for each.
  ~EventService();
  EventService(const EventService&) = delete;
  EventService& operator=(const EventService&) = delete;

  /// For a JournalService; does not outlive this.
  [[nodiscard]] std::shared_ptr<JournalUse> use();
  /// Adds its figures. Those stay readable when this is gone.
  void observe(Metrics& metrics) const;
  /// No further event is sent.
  void stop();

 private:
  class Use;
  class Sinks;
  void send();
  void tidy();
  void wake();
  /// False: it is time to stop.
  [[nodiscard]] bool wait(std::chrono::milliseconds longest);
  void tell_failure(const Error& error);

  EventServiceSettings settings_;
  Logger& log_;
  std::shared_ptr<journal::DeliveryCounts> counts_;
  std::unique_ptr<Sinks> sinks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t news_ = 0;
  std::atomic<bool> stopping_{false};
  std::string told_;
  std::chrono::steady_clock::time_point told_at_;
  std::vector<std::thread> threads_;
};

}  // namespace bulkhead::runtime
