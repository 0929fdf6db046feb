#include "runtime/event_service.hpp"

#include <map>
#include <optional>

#include "cloud/local/folder_topic.hpp"
#include "journal/event_consumer.hpp"
#include "journal/events.hpp"

namespace bulkhead::runtime {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::minutes prune_pause{10};
constexpr std::chrono::minutes repeat_pause{1};
constexpr std::string_view folder_scheme = "file:";

/// Events into a topic, a tenant's in order.
class TopicSink : public journal::EventSink {
 public:
  explicit TopicSink(std::unique_ptr<cloud::Topic> topic) : topic_(std::move(topic)) {}
  [[nodiscard]] journal::Attempt send(const journal::Endpoint& endpoint, const journal::OutboxEvent& event,
                                      const std::atomic<bool>&) override {
    journal::Attempt out;
    const auto done = topic_->publish({event.id, endpoint.tenant.text(), event.body});
    if (done.has_value())
      out.outcome = journal::Attempt::Outcome::delivered;
    else
      out.error = std::string(done.error().message());
    return out;
  }

 private:
  std::unique_ptr<cloud::Topic> topic_;
};

}  // namespace

/// One sink a kind of URL, made when it is first asked for.
class EventService::Sinks {
 public:
  explicit Sinks(const journal::WebhookSettings& webhooks) : webhook_(webhooks) {}

  [[nodiscard]] journal::EventSink* of(std::string_view url) {
    if (url.starts_with("https:") || url.starts_with("http:")) return &webhook_;
    if (!url.starts_with(folder_scheme)) return nullptr;
    const std::lock_guard lock(mutex_);
    auto& sink = topics_[std::string(url)];
    if (!sink)
      sink = std::make_unique<TopicSink>(
          std::make_unique<cloud::FolderTopic>(std::string(url.substr(folder_scheme.size()))));
    return sink.get();
  }

 private:
  journal::WebhookSink webhook_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<journal::EventSink>> topics_;
};

class EventService::Use : public JournalUse {
 public:
  explicit Use(EventService& owner) : owner_(owner) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "events"; }
  [[nodiscard]] Result<Wants> wanted(pg::Blocking& catalog) override {
    BULKHEAD_TRY(const bool off, journal::events_are_off(catalog));
    const bool all = !off && !owner_.settings_.events.tables.empty();
    return Wants([all](const catalog::DatabaseRecord&) { return all; });
  }
  [[nodiscard]] Result<std::unique_ptr<journal::ChangeConsumer>> consumer(
      const journal::JournalDatabase& database, const Uuid& stream) override {
    BULKHEAD_TRY(pg::Blocking catalog, owner_.settings_.connect());
    return std::unique_ptr<journal::ChangeConsumer>(
        std::make_unique<journal::EventConsumer>(owner_.settings_.events, std::move(catalog), database,
                                                 stream, [&owner = owner_](std::uint64_t) { owner.wake(); }));
  }

 private:
  EventService& owner_;
};

EventServiceSettings event_service_settings(const AppConfig& config,
                                            std::function<Result<pg::Blocking>()> connect) {
  EventServiceSettings out;
  out.connect = std::move(connect);
  out.events = journal::event_settings(config);
  out.delivery.attempts = config.event_attempts;
  out.delivery.give_up = config.event_give_up;
  out.delivery.timeout = config.event_timeout;
  out.webhooks.timeout = config.event_timeout;
  out.webhooks.loopback = config.loopback_webhooks;
  out.retention = config.event_retention;
  return out;
}

EventService::EventService(EventServiceSettings settings, Logger& log)
    : settings_(std::move(settings)),
      log_(log),
      counts_(std::make_shared<journal::DeliveryCounts>()),
      sinks_(std::make_unique<Sinks>(settings_.webhooks)) {
  for (std::size_t i = 0; i < settings_.senders; ++i) threads_.emplace_back([this] { send(); });
  threads_.emplace_back([this] { tidy(); });
}

EventService::~EventService() {
  stop();
  for (std::thread& thread : threads_) thread.join();
}

std::shared_ptr<JournalUse> EventService::use() {
  return std::make_shared<Use>(*this);
}

void EventService::observe(Metrics& metrics) const {
  const auto add = [&](const char* name, const char* help,
                       std::atomic<std::uint64_t> journal::DeliveryCounts::* count) {
    metrics.observe(Metrics::Kind::counter, name, help, {},
                    [counts = counts_, count] { return static_cast<double>(((*counts).*count).load()); });
  };
  add("bulkhead_events_delivered_total", "Events that endpoints took.", &journal::DeliveryCounts::delivered);
  add("bulkhead_events_failed_total", "Attempts to deliver an event that failed.",
      &journal::DeliveryCounts::failed);
  add("bulkhead_events_dead_total", "Events that were given up at an endpoint.",
      &journal::DeliveryCounts::dead);
}

void EventService::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

void EventService::wake() {
  {
    const std::lock_guard lock(mutex_);
    ++news_;
  }
  changed_.notify_all();
}

bool EventService::wait(std::chrono::milliseconds longest) {
  std::unique_lock lock(mutex_);
  const std::uint64_t seen = news_;
  changed_.wait_for(lock, longest, [&] { return stopping_ || news_ != seen; });
  return !stopping_;
}

void EventService::send() {
  std::optional<pg::Blocking> catalog;
  const auto sinks = [this](std::string_view url) { return sinks_->of(url); };
  while (!stopping_) {
    if (!catalog) {
      auto opened = settings_.connect();
      if (opened.has_value()) catalog.emplace(std::move(*opened));
    }
    bool sent = false;
    if (catalog) {
      const auto done = journal::deliver_once(*catalog, settings_.delivery, sinks, *counts_, stopping_);
      if (done.has_error()) {
        tell_failure(done.error());
        catalog.reset();
      } else {
        sent = *done;
      }
    }
    if (!sent && !wait(settings_.pause)) return;
  }
}

void EventService::tidy() {
  std::optional<pg::Blocking> catalog;
  auto pruned = Clock::now() - prune_pause;
  do {
    if (!catalog) {
      auto opened = settings_.connect();
      if (opened.has_value()) catalog.emplace(std::move(*opened));
    }
    if (!catalog) continue;
    auto done = journal::pass_fences(*catalog);
    if (done.has_value() && Clock::now() - pruned >= prune_pause) {
      pruned = Clock::now();
      const auto dropped = journal::prune_events(*catalog, settings_.retention);
      if (dropped.has_error()) done = dropped.error();
    }
    if (done.has_error()) {
      tell_failure(done.error());
      catalog.reset();
    }
  } while (wait(settings_.pause));
}

void EventService::tell_failure(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (stopping_ || (told_ == error.message() && Clock::now() - told_at_ < repeat_pause)) return;
  told_ = error.message();
  told_at_ = Clock::now();
  log_.failure("events cannot be sent; it is tried again", error);
}

}  // namespace bulkhead::runtime
