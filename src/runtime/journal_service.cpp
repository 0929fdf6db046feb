#include "runtime/journal_service.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/failpoint.hpp"

namespace bulkhead::runtime {
namespace {

using Clock = std::chrono::steady_clock;

/// Between two looks at what PostgreSQL keeps.
constexpr std::chrono::seconds figures_pause{2};
/// A failure that stays the same is logged so often.
constexpr std::chrono::minutes repeat_pause{1};

std::string names_of(const std::vector<std::shared_ptr<JournalUse>>& uses) {
  std::string out;
  for (const auto& use : uses) {
    if (!out.empty()) out += ',';
    out += use->name();
  }
  return out;
}

Result<journal::JournalDatabase> database_of(pg::Blocking& catalog, const catalog::DatabaseRecord& record) {
  BULKHEAD_TRY(const pg::Blocking connection, catalog::connect_to(catalog, record.cell, record.name));
  BULKHEAD_TRY(std::string conninfo, connection.conninfo());
  return journal::JournalDatabase{record.cell, record.name, std::move(conninfo)};
}

}  // namespace

/// What is read of each database; outlives the service for whoever scrapes.
struct JournalService::Figures {
  struct One {
    journal::JournalFigures figures;
    bool alarm = false;
  };
  mutable std::mutex mutex;
  std::map<Key, One> all;

  void set(const Key& key, const One& one) {
    const std::lock_guard lock(mutex);
    all[key] = one;
  }
  void forget(const Key& key) {
    const std::lock_guard lock(mutex);
    all.erase(key);
  }
  /// Of all databases: names of databases are as many as customers, so that none is a label.
  [[nodiscard]] double most(const std::function<double(const One&)>& figure) const {
    const std::lock_guard lock(mutex);
    double out = 0;
    for (const auto& [key, one] : all) out = std::max(out, figure(one));
    return out;
  }
};

/// The thread that reads one database.
struct JournalService::Worker {
  Worker(JournalService& service, catalog::DatabaseRecord record,
         std::vector<std::shared_ptr<JournalUse>> for_whom)
      : owner(service), database(std::move(record)), uses(std::move(for_whom)), thread([this] { work(); }) {}
  ~Worker() {
    stopping = true;
    thread.join();
    owner.figures_->forget({database.cell, database.name});
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void work() {
    const auto done = read();
    if (done.has_error() && !stopping) owner.tell_failure({database.cell, database.name}, done.error());
    ended = true;
  }

  /// Until it is to stop, something fails, or another process turns out to read the database.
  [[nodiscard]] Result<void> read() {
    BULKHEAD_TRY(pg::Blocking catalog, owner.settings_.connect());
    BULKHEAD_TRY(const journal::JournalDatabase where, database_of(catalog, database));
    const auto make = [&](const Uuid& stream) -> Result<journal::Consumers> {
      journal::Consumers out;
      for (const auto& use : uses) {
        BULKHEAD_TRY(auto consumer, use->consumer(where, stream));
        out.push_back(std::move(consumer));
      }
      return out;
    };
    BULKHEAD_TRY(auto reader, journal::JournalReader::open(catalog, where, make, owner.log_));
    if (!reader) return {};
    BULKHEAD_TRY(auto noted,
                 catalog.query("update catalog.journal set uses = $3 where cell = $1 and database_name = $2",
                               {database.cell, database.name, names_of(uses)}));
    owner.log_.info("the journal is read",
                    {{"database", database.name}, {"cell", database.cell}, {"for", names_of(uses)}});
    const auto stop = [this] { return stopping.load(); };
    while (!stopping) {
      BULKHEAD_CHECK(look(*reader));
      BULKHEAD_CHECK(reader->read(figures_pause, stop));
    }
    return {};
  }

  [[nodiscard]] Result<void> look(journal::JournalReader& reader) {
    Figures::One one;
    BULKHEAD_TRY(one.figures, reader.figures());
    one.alarm = one.figures.retained > owner.settings_.max_retained_wal;
    if (one.alarm && !alarmed)
      owner.log_.warn(
          "PostgreSQL keeps more write-ahead log for a journal than journal.max_retained_wal allows",
          {{"database", database.name},
           {"cell", database.cell},
           {"bytes", one.figures.retained},
           {"hint", "what takes the journal does not keep up, or a transaction is open for long"}});
    alarmed = one.alarm;
    owner.figures_->set({database.cell, database.name}, one);
    return {};
  }

  JournalService& owner;
  catalog::DatabaseRecord database;
  std::vector<std::shared_ptr<JournalUse>> uses;
  bool alarmed = false;
  std::atomic<bool> stopping{false}, ended{false};
  std::thread thread;  ///< The last: it uses all of the others.
};

JournalService::JournalService(JournalServiceSettings settings, Logger& log)
    : settings_(std::move(settings)), log_(log), figures_(std::make_shared<Figures>()) {
  thread_ = std::thread([this] { keep(); });
}

JournalService::~JournalService() {
  static_cast<void>(stop(std::chrono::milliseconds(0)));
  thread_.join();
}

void JournalService::observe(Metrics& metrics) const {
  const auto add = [&](const char* name, const char* help,
                       std::function<double(const Figures::One&)> figure) {
    metrics.observe(Metrics::Kind::gauge, name, help, {},
                    [figures = figures_, figure = std::move(figure)] { return figures->most(figure); });
  };
  add("bulkhead_journal_lag_bytes",
      "Write-ahead log that a journal has not confirmed yet; the most of all databases.",
      [](const Figures::One& one) { return static_cast<double>(one.figures.lag); });
  add("bulkhead_journal_retained_wal_bytes",
      "Write-ahead log that PostgreSQL keeps for a journal; the most of all databases.",
      [](const Figures::One& one) { return static_cast<double>(one.figures.retained); });
  add("bulkhead_journal_alarm", "1: for some database more is kept than journal.max_retained_wal allows.",
      [](const Figures::One& one) { return one.alarm ? 1.0 : 0.0; });
}

bool JournalService::stop(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
  return changed_.wait_for(lock, patience, [this] { return ended_; });
}

/// Without any use nothing is done once no replication slot is left.
bool JournalService::idle() const {
  return settings_.uses.empty() && !left_;
}

void JournalService::keep() {
  std::optional<pg::Blocking> catalog;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    if (!catalog) {
      auto opened = settings_.connect();
      if (opened.has_value()) catalog.emplace(std::move(*opened));
    }
    left_ = true;
    if (catalog) {
      const auto looked = look(*catalog);
      if (looked.has_error()) {
        tell_failure({}, looked.error());
        catalog.reset();
      }
    }
    lock.lock();
    if (idle()) break;
    changed_.wait_for(lock, settings_.pause, [this] { return stopping_; });
  }
  lock.unlock();
  for (auto& [key, worker] : workers_) worker->stopping = true;
  workers_.clear();
  catalog.reset();
  lock.lock();
  ended_ = true;
  changed_.notify_all();
}

Result<void> JournalService::look(pg::Blocking& catalog) {
  BULKHEAD_TRY(const auto databases, catalog::list_databases(catalog));
  BULKHEAD_TRY(const auto slots, journal::databases_with_journal(catalog));
  std::vector<JournalUse::Wants> wants;
  for (const auto& use : settings_.uses) {
    BULKHEAD_TRY(auto asked, use->wanted(catalog));
    wants.push_back(std::move(asked));
  }
  std::set<Key> there;
  for (const catalog::DatabaseRecord& database : databases) {
    if (database.state != "ready") continue;
    const Key key{database.cell, database.name};
    there.insert(key);
    Uses uses;
    for (std::size_t i = 0; i < wants.size(); ++i)
      if (wants[i](database)) uses.push_back(settings_.uses[i]);
    const auto done = look_at(catalog, database, std::move(uses), slots.contains(key));
    // A database that is away keeps no other from being read.
    if (done.has_error()) tell_failure(key, done.error());
  }
  std::vector<Key> gone;
  for (const auto& [key, worker] : workers_)
    if (!there.contains(key)) gone.push_back(key);
  for (const Key& key : gone) end(key);
  left_ = !slots.empty();
  return {};
}

Result<void> JournalService::look_at(pg::Blocking& catalog, const catalog::DatabaseRecord& database,
                                     Uses uses, bool has_slot) {
  const Key key{database.cell, database.name};
  const auto found = workers_.find(key);
  const bool reads = found != workers_.end() && !found->second->ended && found->second->uses == uses;
  if (reads) return {};
  end(key);
  if (uses.empty()) return has_slot ? close(catalog, database) : Result<void>();
  workers_[key] = std::make_unique<Worker>(*this, database, std::move(uses));
  return {};
}

/// Nothing wants it any more: the replication slot goes, unless another server still reads it.
Result<void> JournalService::close(pg::Blocking& catalog, const catalog::DatabaseRecord& database) {
  BULKHEAD_TRY(const journal::JournalDatabase where, database_of(catalog, database));
  BULKHEAD_TRY(const bool removed, journal::JournalReader::remove(catalog, where));
  if (removed)
    log_.info("the journal is not wanted any more, and its replication slot was dropped",
              {{"database", database.name}, {"cell", database.cell}});
  return {};
}

void JournalService::end(const Key& key) {
  workers_.erase(key);
}

void JournalService::tell_failure(const Key& key, const Error& error) {
  const std::lock_guard lock(mutex_);
  auto& [text, at] = told_[key];
  if (text == error.message() && Clock::now() - at < repeat_pause) return;
  text = error.message();
  at = Clock::now();
  log_.failure("a journal cannot be read; it is tried again", error,
               {{"database", key.second}, {"cell", key.first}});
}

}  // namespace bulkhead::runtime
