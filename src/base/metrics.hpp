#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <bulkhead/http.hpp>

namespace bulkhead {

/// A route's place in the tables of metrics; from `Metrics::route()`.
enum class RouteId : std::uint8_t { other = 0 };

/// What one io thread counts. Written by that thread alone, without a lock or an atomic read-modify-write;
/// read by whoever scrapes.
class ThreadMetrics {
 public:
  static constexpr std::size_t max_routes = 64, methods = 8, classes = 6;
  /// Upper bounds of the duration histogram, in microseconds; one more bucket holds the rest.
  static constexpr std::array<std::uint32_t, 15> bounds{100,     250,     500,       1'000,     2'500,
                                                        5'000,   10'000,  25'000,    50'000,    100'000,
                                                        250'000, 500'000, 1'000'000, 2'500'000, 10'000'000};

  void finished(RouteId route, Method method, unsigned status, std::chrono::microseconds duration) noexcept;

 private:
  friend class Metrics;
  using Cell = std::atomic<std::uint64_t>;
  static void add(Cell& cell, std::uint64_t amount) noexcept {
    cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  struct Histogram {
    std::array<Cell, bounds.size() + 1> buckets{};
    Cell total_us{};
  };
  std::array<std::array<std::array<Cell, classes>, methods>, max_routes> requests_{};
  std::array<Histogram, max_routes> durations_{};
};

/// The process's metrics in Prometheus' text form. Never labelled by tenant: the number of label values is
/// bounded by the program, not by its customers.
///
/// Thread-safe, except that callbacks run on the thread that scrapes and must bear that.
class Metrics {
 public:
  enum class Kind : std::uint8_t { counter, gauge };
  using Labels = std::vector<std::pair<std::string, std::string>>;

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// Same name, same id. After `max_routes` names: `RouteId::other`.
  [[nodiscard]] RouteId route(const std::string& name);
  /// A new set of counters for one io thread; lives as long as this.
  [[nodiscard]] ThreadMetrics& thread();
  /// A value that is read when somebody scrapes. Several with one name and different labels form one family.
  /// `read` must stay callable as long as this lives.
  void observe(Kind kind, const std::string& name, const std::string& help, Labels labels,
               std::function<double()> read);

  /// Prometheus text format 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead
