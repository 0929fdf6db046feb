#include "migrate/fleet_visit.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "catalog/cells.hpp"

namespace bulkhead::migrate {
namespace {

/// What is left to do in one cell. Thread-safe.
class CellQueue {
 public:
  void add(DatabaseWork work) {
    std::reverse(work.items.begin(), work.items.end());
    open_.push_back(std::move(work));
  }
  [[nodiscard]] std::size_t items() const {
    std::size_t out = 0;
    for (const DatabaseWork& work : open_) out += work.items.size();
    return out;
  }

  struct Next {
    std::string database;
    std::size_t item = 0;
  };
  /// Of `database` while there is some, else of the database with the most.
  std::optional<Next> take(const std::string& database) {
    const std::lock_guard<std::mutex> guard(mutex_);
    auto from = std::find_if(open_.begin(), open_.end(), [&](const DatabaseWork& work) {
      return work.database == database && !work.items.empty();
    });
    if (from == open_.end()) {
      from = std::max_element(open_.begin(), open_.end(), [](const DatabaseWork& a, const DatabaseWork& b) {
        return a.items.size() < b.items.size();
      });
    }
    if (from == open_.end() || from->items.empty()) return std::nullopt;
    Next out{from->database, from->items.back()};
    from->items.pop_back();
    return out;
  }
  /// All that is left of a database, or of the cell (no name).
  std::vector<std::size_t> give_up(const std::string& database) {
    const std::lock_guard<std::mutex> guard(mutex_);
    std::vector<std::size_t> out;
    for (DatabaseWork& work : open_) {
      if (!database.empty() && work.database != database) continue;
      out.insert(out.end(), work.items.begin(), work.items.end());
      work.items.clear();
    }
    return out;
  }

 private:
  std::mutex mutex_;
  std::vector<DatabaseWork> open_;
};

/// One thread's way through a cell.
class Visitor {
 public:
  Visitor(std::string cell, CellQueue& queue, pg::Blocking catalog, const Visit& visit,
          const Visited& visited, std::mutex& mutex)
      : cell_(std::move(cell)),
        queue_(queue),
        catalog_(std::move(catalog)),
        visit_(visit),
        visited_(visited),
        mutex_(mutex) {}

  void run() {
    while (const auto next = queue_.take(database_)) {
      if (auto reached = reach(next->database); reached.has_error()) {
        set_aside(*next, reached.error());
        continue;
      }
      tell(next->item, visit_(*connection_, next->item));
      // Whatever the error was about, a connection that is gone is not used again.
      if (connection_->query("select").has_error()) connection_.reset();
    }
  }

 private:
  Result<void> reach(const std::string& database) {
    if (connection_ && database_ == database) return {};
    const bool lost = !connection_ && database_ == database;
    connection_.reset();
    database_ = database;
    // A server that was there a moment ago and has crashed is back within seconds.
    for (int attempt = 1;; ++attempt) {
      auto made = catalog::connect_to(catalog_, cell_, database);
      if (made.has_value()) {
        connection_.emplace(std::move(*made));
        return {};
      }
      if (!lost || attempt == 10) return made.error();
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
      if (auto again = catalog_.another({}); again.has_value()) catalog_ = std::move(*again);
    }
  }

  void set_aside(const CellQueue::Next& next, const Error& error) {
    tell(next.item, error);
    const bool cell_down = catalog::connect_to_cell(catalog_, cell_).has_error();
    for (const std::size_t item : queue_.give_up(cell_down ? "" : next.database)) tell(item, error);
  }

  void tell(std::size_t item, const Result<void>& result) {
    const std::lock_guard<std::mutex> guard(mutex_);
    visited_(catalog_, item, result);
  }

  std::string cell_;
  CellQueue& queue_;
  pg::Blocking catalog_;
  const Visit& visit_;
  const Visited& visited_;
  std::mutex& mutex_;
  std::string database_;  ///< Whose connection it is, or was.
  std::optional<pg::Blocking> connection_;
};

}  // namespace

Result<void> visit_databases(pg::Blocking& catalog, std::vector<DatabaseWork> work, std::size_t parallel,
                             const Visit& visit, const Visited& visited) {
  std::map<std::string, CellQueue> cells;
  for (DatabaseWork& database : work) {
    CellQueue& queue = cells[database.cell];
    queue.add(std::move(database));
  }
  std::mutex mutex;
  std::vector<Visitor> visitors;
  for (auto& [cell, queue] : cells) {
    const std::size_t threads = std::min(std::max<std::size_t>(parallel, 1), queue.items());
    for (std::size_t i = 0; i < threads; ++i) {
      BULKHEAD_TRY(pg::Blocking own, catalog.another({}));
      visitors.emplace_back(cell, queue, std::move(own), visit, visited, mutex);
    }
  }
  std::vector<std::thread> threads;
  threads.reserve(visitors.size());
  for (Visitor& visitor : visitors) threads.emplace_back([&visitor] { visitor.run(); });
  for (std::thread& thread : threads) thread.join();
  return {};
}

}  // namespace bulkhead::migrate
