#include "journal/copy.hpp"

#include <algorithm>
#include <condition_variable>
#include <optional>
#include <thread>

#include "base/failpoint.hpp"
#include "journal/residency.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::journal {
namespace {

constexpr std::chrono::milliseconds tell_pause{200};

/// One thread's two connections.
struct Pair {
  pg::Blocking source, target;
};

Result<Pair> open_pair(const CopyOrder& order) {
  BULKHEAD_TRY(auto source, pg::Blocking::connect(order.source));
  BULKHEAD_CHECK(prepare_session(source));
  BULKHEAD_CHECK(source.execute("begin isolation level repeatable read read only; set transaction snapshot " +
                                source.quote_literal(order.snapshot)));
  BULKHEAD_TRY(auto target, pg::Blocking::connect(order.target));
  BULKHEAD_CHECK(prepare_target_session(target));
  // The move's commit flushes all of it.
  BULKHEAD_CHECK(target.execute("set synchronous_commit = off"));
  return Pair{std::move(source), std::move(target)};
}

class Copying {
 public:
  Copying(const CopyOrder& order, RateLimit& limit, CopyFigures& figures)
      : order_(order), limit_(limit), figures_(figures) {}

  Result<void> run(const std::function<Result<void>()>& imported, const std::function<Result<void>()>& told) {
    // The largest first, so that the threads end together.
    for (std::size_t i = 0; i < order_.tables.size(); ++i) open_.push_back(i);
    std::sort(open_.begin(), open_.end(),
              [this](std::size_t a, std::size_t b) { return order_.tables[a].rows < order_.tables[b].rows; });
    std::vector<Pair> pairs;
    const std::size_t threads = std::max<std::size_t>(1, std::min(order_.threads, open_.size()));
    for (std::size_t i = 0; i < threads; ++i) {
      BULKHEAD_TRY(auto pair, open_pair(order_));
      pairs.push_back(std::move(pair));
    }
    BULKHEAD_CHECK(imported());
    return work(pairs, told);
  }

 private:
  Result<void> work(std::vector<Pair>& pairs, const std::function<Result<void>()>& told) {
    running_ = pairs.size();
    std::vector<std::jthread> threads;
    for (auto& pair : pairs) threads.emplace_back([this, &pair] { copy_some(pair); });
    std::unique_lock lock(mutex_);
    while (!ended_.wait_for(lock, tell_pause, [this] { return running_ == 0; })) {
      lock.unlock();
      auto done = told();
      lock.lock();
      if (done.has_error() && !failed_) failed_ = done.error();
    }
    lock.unlock();
    threads.clear();
    if (failed_) return *failed_;
    return told();
  }

  /// The next table; none: all are taken, or something has failed.
  std::optional<std::size_t> next() {
    const std::lock_guard lock(mutex_);
    if (failed_ || open_.empty()) return std::nullopt;
    const std::size_t table = open_.back();
    open_.pop_back();
    return table;
  }

  void copy_some(Pair& pair) {
    while (const auto table = next()) {
      const auto copied = copy(pair, *table);
      if (copied.has_value()) continue;
      const std::lock_guard lock(mutex_);
      if (!failed_) failed_ = copied.error();
    }
    const std::lock_guard lock(mutex_);
    if (--running_ == 0) ended_.notify_one();
  }

  Result<void> copy(Pair& pair, std::size_t at) {
    const TenantTable& table = order_.tables[at];
    const std::string columns = table.column_list();
    const std::string format = table.binary ? " (format binary)" : "";
    BULKHEAD_CHECK(begin_writing(pair.target, order_.tenant, order_.attempt));
    BULKHEAD_TRY(const auto rows,
                 pair.source.copy_to(
                     "copy (select " + columns + " from " + table.place(order_.source_schema) +
                         " where tenant_id = " + pair.source.quote_literal(order_.tenant.text()) +
                         ") to stdout" + format,
                     pair.target,
                     "copy " + table.place(order_.target_schema) + " (" + columns + ") from stdin" + format,
                     [&](std::size_t bytes) -> Result<void> {
                       limit_.pass(bytes);
                       ++figures_.rows;
                       ++figures_.of_table[at];
                       figures_.bytes += bytes;
                       return stopped();
                     }));
    BULKHEAD_CHECK(pair.target.execute("commit"));
    // A message that is no row ends the binary format.
    figures_.rows -= figures_.of_table[at] - rows;
    figures_.of_table[at] = rows;
    failpoint("move.copied.table");
    return {};
  }

  /// Another thread has failed: what is copied here is of no use.
  Result<void> stopped() {
    if ((figures_.rows & 1023U) != 0) return {};
    const std::lock_guard lock(mutex_);
    if (!failed_) return {};
    return *failed_;
  }

  const CopyOrder& order_;
  RateLimit& limit_;
  CopyFigures& figures_;
  std::mutex mutex_;  ///< Guards the rest.
  std::condition_variable ended_;
  std::vector<std::size_t> open_;  ///< Places of tables, the next one last.
  std::size_t running_ = 0;
  std::optional<Error> failed_;
};

}  // namespace

void RateLimit::pass(std::uint64_t bytes) {
  if (per_second_ == 0) return;
  std::chrono::steady_clock::time_point mine;
  {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    // What was not used does not pile up.
    next_ = std::max(next_, now - std::chrono::milliseconds(5));
    mine = next_;
    next_ += std::chrono::nanoseconds(
        static_cast<std::int64_t>(static_cast<double>(bytes) * 1e9 / static_cast<double>(per_second_)));
  }
  // A row at a time would wake up too often.
  if (mine - std::chrono::steady_clock::now() > std::chrono::milliseconds(2))
    std::this_thread::sleep_until(mine);
}

Result<void> copy_rows(const CopyOrder& order, RateLimit& limit, CopyFigures& figures,
                       const std::function<Result<void>()>& imported,
                       const std::function<Result<void>()>& told) {
  return Copying(order, limit, figures).run(imported, told);
}

Result<void> clear_rows(pg::Blocking& target, const std::vector<TenantTable>& tables,
                        const std::string& schema, const TenantId& tenant, std::uint64_t attempt) {
  BULKHEAD_CHECK(begin_writing(target, tenant, attempt));
  for (const auto& table : tables) {
    BULKHEAD_TRY(auto gone, target.query("delete from " + table.place(schema) + " where tenant_id = $1::uuid",
                                         {tenant.text()}));
  }
  return target.execute("commit");
}

}  // namespace bulkhead::journal
