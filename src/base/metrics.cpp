#include "base/metrics.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace bulkhead {

namespace {

constexpr std::array<const char*, ThreadMetrics::classes> class_names{"other", "1xx", "2xx",
                                                                      "3xx",   "4xx", "5xx"};

prometheus::MetricFamily family(const std::string& name, const std::string& help,
                                prometheus::MetricType type) {
  prometheus::MetricFamily made;
  made.name = name;
  made.help = help;
  made.type = type;
  return made;
}

void label(prometheus::ClientMetric& metric, const std::string& name, const std::string& value) {
  prometheus::ClientMetric::Label made;
  made.name = name;
  made.value = value;
  metric.label.push_back(std::move(made));
}

}  // namespace

void ThreadMetrics::finished(RouteId route, Method method, unsigned status,
                             std::chrono::microseconds duration) noexcept {
  std::size_t row = std::min<std::size_t>(static_cast<std::size_t>(route), max_routes - 1);
  std::size_t status_class = status / 100 < classes ? status / 100 : 0;
  add(requests_[row][static_cast<std::size_t>(method)][status_class], 1);
  auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
  auto bound = std::lower_bound(bounds.begin(), bounds.end(), us);
  Histogram& histogram = durations_[row];
  add(histogram.buckets[static_cast<std::size_t>(bound - bounds.begin())], 1);
  add(histogram.total_us, us);
}

struct Metrics::Impl {
  struct Observed {
    Kind kind;
    std::string name, help;
    Labels labels;
    std::function<double()> read;
  };

  mutable std::mutex mutex;
  std::vector<std::string> routes{"other"};
  std::vector<std::unique_ptr<ThreadMetrics>> threads;
  std::vector<Observed> observed;

  template <class Pick>
  std::uint64_t sum(Pick pick) const {
    std::uint64_t total = 0;
    for (const auto& thread : threads) total += pick(*thread).load(std::memory_order_relaxed);
    return total;
  }
  prometheus::MetricFamily requests() const;
  prometheus::MetricFamily durations() const;
  void add_observed(std::vector<prometheus::MetricFamily>& families) const;
};

prometheus::MetricFamily Metrics::Impl::requests() const {
  auto made = family("http_requests_total", "Requests answered, by route, method and class of status.",
                     prometheus::MetricType::Counter);
  for (std::size_t route = 0; route < routes.size(); ++route)
    for (std::size_t method = 0; method < ThreadMetrics::methods; ++method)
      for (std::size_t status = 0; status < ThreadMetrics::classes; ++status) {
        auto total = sum([&](const ThreadMetrics& thread) -> const ThreadMetrics::Cell& {
          return thread.requests_[route][method][status];
        });
        if (total == 0) continue;
        prometheus::ClientMetric metric;
        label(metric, "route", routes[route]);
        label(metric, "method", std::string(method_name(static_cast<Method>(method))));
        label(metric, "status", class_names[status]);
        metric.counter.value = static_cast<double>(total);
        made.metric.push_back(std::move(metric));
      }
  return made;
}

prometheus::MetricFamily Metrics::Impl::durations() const {
  auto made = family("http_request_duration_seconds", "Time from a request's head to its answer, by route.",
                     prometheus::MetricType::Histogram);
  for (std::size_t route = 0; route < routes.size(); ++route) {
    prometheus::ClientMetric metric;
    std::uint64_t count = 0;
    for (std::size_t i = 0; i <= ThreadMetrics::bounds.size(); ++i) {
      count += sum([&](const ThreadMetrics& thread) -> const ThreadMetrics::Cell& {
        return thread.durations_[route].buckets[i];
      });
      prometheus::ClientMetric::Bucket bucket;
      bucket.cumulative_count = count;
      bucket.upper_bound = i < ThreadMetrics::bounds.size() ? ThreadMetrics::bounds[i] / 1e6
                                                            : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back(bucket);
    }
    if (count == 0) continue;
    label(metric, "route", routes[route]);
    auto total_us = sum([&](const ThreadMetrics& thread) -> const ThreadMetrics::Cell& {
      return thread.durations_[route].total_us;
    });
    metric.histogram.sample_count = count;
    metric.histogram.sample_sum = static_cast<double>(total_us) / 1e6;
    made.metric.push_back(std::move(metric));
  }
  return made;
}

void Metrics::Impl::add_observed(std::vector<prometheus::MetricFamily>& families) const {
  std::map<std::string, std::size_t> places;
  for (const Observed& one : observed) {
    bool counter = one.kind == Kind::counter;
    auto [place, fresh] = places.try_emplace(one.name, families.size());
    if (fresh)
      families.push_back(family(one.name, one.help,
                                counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge));
    prometheus::ClientMetric metric;
    for (const auto& [name, value] : one.labels) label(metric, name, value);
    (counter ? metric.counter.value : metric.gauge.value) = one.read();
    families[place->second].metric.push_back(std::move(metric));
  }
}

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {
  auto started = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  observe(Kind::gauge, "process_start_time_seconds", "When this process started, in Unix seconds.", {},
          [started] { return started; });
}

Metrics::~Metrics() = default;

RouteId Metrics::route(const std::string& name) {
  std::lock_guard lock(impl_->mutex);
  auto& routes = impl_->routes;
  auto found = std::find(routes.begin(), routes.end(), name);
  if (found == routes.end()) {
    if (routes.size() == ThreadMetrics::max_routes) return RouteId::other;
    found = routes.insert(routes.end(), name);
  }
  return static_cast<RouteId>(found - routes.begin());
}

ThreadMetrics& Metrics::thread() {
  std::lock_guard lock(impl_->mutex);
  return *impl_->threads.emplace_back(std::make_unique<ThreadMetrics>());
}

void Metrics::observe(Kind kind, const std::string& name, const std::string& help, Labels labels,
                      std::function<double()> read) {
  std::lock_guard lock(impl_->mutex);
  impl_->observed.push_back({kind, name, help, std::move(labels), std::move(read)});
}

std::string Metrics::text() const {
  std::lock_guard lock(impl_->mutex);
  std::vector<prometheus::MetricFamily> families;
  families.push_back(impl_->requests());
  families.push_back(impl_->durations());
  impl_->add_observed(families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace bulkhead
