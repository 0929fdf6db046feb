#include "pg/fair_queue.hpp"

#include <algorithm>

namespace bulkhead::pg {
namespace {

/// Steps that a line gets each turn: one write of the data plane (lock, bind, statement).
constexpr std::size_t quantum = 3;

/// Moves the matching jobs from one deque to `out` and keeps the order of both.
void take_matching(std::deque<JobPtr>& from, const std::function<bool(const Job&)>& matches,
                   std::vector<JobPtr>& out) {
  std::deque<JobPtr> kept;
  for (JobPtr& job : from) {
    if (matches(*job)) {
      out.push_back(std::move(job));
    } else {
      kept.push_back(std::move(job));
    }
  }
  from = std::move(kept);
}

}  // namespace

void FairQueue::push(JobPtr job) {
  const std::uint64_t key = job->fairness_key;
  auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    lines_.emplace_back();
    lines_.back().key = key;
    found = by_key_.emplace(key, std::prev(lines_.end())).first;
  }
  found->second->jobs.push_back(std::move(job));
  ++size_;
}

void FairQueue::push_first(JobPtr job) {
  first_.push_back(std::move(job));
  ++size_;
}

JobPtr FairQueue::pop() {
  --size_;
  if (!first_.empty()) {
    JobPtr job = std::move(first_.front());
    first_.pop_front();
    return job;
  }
  for (;;) {
    Line& line = lines_.front();
    const std::size_t cost = line.jobs.front()->unit.steps.size();
    if (line.deficit < cost) {
      line.deficit += quantum;
      if (line.deficit < cost || lines_.size() > 1) lines_.splice(lines_.end(), lines_, lines_.begin());
      continue;
    }
    JobPtr job = std::move(line.jobs.front());
    line.jobs.pop_front();
    line.deficit -= cost;
    if (line.jobs.empty()) {
      by_key_.erase(line.key);
      lines_.pop_front();
    }
    return job;
  }
}

std::vector<JobPtr> FairQueue::take_if(const std::function<bool(const Job&)>& matches) {
  std::vector<JobPtr> out;
  take_matching(first_, matches, out);
  for (auto line = lines_.begin(); line != lines_.end();) {
    take_matching(line->jobs, matches, out);
    if (line->jobs.empty()) {
      by_key_.erase(line->key);
      line = lines_.erase(line);
    } else {
      ++line;
    }
  }
  size_ -= out.size();
  return out;
}

Deadline FairQueue::earliest_deadline() const {
  Deadline earliest = Deadline::max();
  for (const JobPtr& job : first_) earliest = std::min(earliest, job->deadline);
  for (const Line& line : lines_) {
    for (const JobPtr& job : line.jobs) earliest = std::min(earliest, job->deadline);
  }
  return earliest;
}

std::size_t FairQueue::size_of(std::uint64_t key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? 0 : found->second->jobs.size();
}

}  // namespace bulkhead::pg
