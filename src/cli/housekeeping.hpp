#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

#include <bulkhead/result.hpp>

#include "base/log.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::cli {

/// Housekeeping in a thread of its own while a server runs, over a connection of its own to the catalog, every few seconds.
class Housekeeping {
 public:
  /// `connect` opens that connection; called from the thread, again when the connection was lost. It and `log` outlive this. `data_dir`: of
  /// an embedded PostgreSQL, for backups; empty: there is none.
  Housekeeping(std::function<Result<pg::Blocking>()> connect, std::filesystem::path data_dir, Logger& log);
  /// Waits for the end of the piece of work that is under way.
  ~Housekeeping();
  Housekeeping(const Housekeeping&) = delete;
  Housekeeping& operator=(const Housekeeping&) = delete;

  /// No further piece of work is begun. False: after `patience` one is still under way, which a later run takes up again if the
  /// process ends now.
  [[nodiscard]] bool stop(std::chrono::milliseconds patience);

 private:
  void keep();

  std::function<Result<pg::Blocking>()> connect_;
  std::filesystem::path data_dir_;
  Logger& log_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false, ended_ = false;
  std::thread thread_;
};

}  // namespace bulkhead::cli
