#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <unordered_map>
#include <vector>

#include "pg/job.hpp"

namespace bulkhead::pg {

/// Jobs that wait, one line per fairness key; the lines take turns by deficit round robin, a job costing as
/// much as it has steps. A tenant that sends many thus queues behind itself.
class FairQueue {
 public:
  void push(JobPtr job);
  /// Ahead of everyone: a job that had its turn and has to be sent again.
  void push_first(JobPtr job);
  /// Precondition: not empty.
  [[nodiscard]] JobPtr pop();
  /// Takes out every job that `matches`.
  [[nodiscard]] std::vector<JobPtr> take_if(const std::function<bool(const Job&)>& matches);

  /// The earliest deadline of those waiting; `Deadline::max()` if none.
  [[nodiscard]] Deadline earliest_deadline() const;

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t size_of(std::uint64_t key) const;

 private:
  struct Line {
    std::uint64_t key = 0;
    std::deque<JobPtr> jobs;
    std::size_t deficit = 0;
  };
  std::deque<JobPtr> first_;
  std::list<Line> lines_;  // The line at the front has its turn.
  std::unordered_map<std::uint64_t, std::list<Line>::iterator> by_key_;
  std::size_t size_ = 0;
};

}  // namespace bulkhead::pg
