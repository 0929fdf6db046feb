#include "cli/housekeeping.hpp"

#include <optional>
#include <utility>

#include "lifecycle/backup/settings.hpp"
#include "lifecycle/housekeeper.hpp"

namespace bulkhead::cli {
namespace {

constexpr std::chrono::seconds pause{5};

void tell(const lifecycle::HousekeepingReport& report, Logger& log) {
  for (const auto& operation : report.finished) log.info("operation finished", {{"operation", operation}});
  if (report.placements > 0) log.info("placements made for the pool", {{"placements", report.placements}});
  if (report.backups > 0)
    log.info("tenants that have moved were backed up anew", {{"backups", report.backups}});
  if (report.undone > 0) log.info("half-made placements undone", {{"placements", report.undone}});
  if (report.keys_changed) log.info("the keys of internal tokens have changed");
  for (const auto& login : report.mended)
    log.warn("a login's password or settings had been changed from within; they were put back",
             {{"login", login}});
  for (const auto& error : report.errors) log.failure("housekeeping could not do all of its work", error);
}

}  // namespace

Housekeeping::Housekeeping(std::function<Result<pg::Blocking>()> connect, std::filesystem::path data_dir,
                           Logger& log)
    : connect_(std::move(connect)), data_dir_(std::move(data_dir)), log_(log), thread_([this] { keep(); }) {}

Housekeeping::~Housekeeping() {
  static_cast<void>(stop(std::chrono::milliseconds(0)));
  thread_.join();
}

bool Housekeeping::stop(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
  return changed_.wait_for(lock, patience, [this] { return ended_; });
}

void Housekeeping::keep() {
  lifecycle::Housekeeper housekeeper(
      [this](pg::Blocking& at) { return lifecycle::backup::backup_store(at, "", data_dir_); });
  std::optional<pg::Blocking> catalog;
  const auto stopping = [this] {
    const std::lock_guard lock(mutex_);
    return stopping_;
  };
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, pause, [this] { return stopping_; })) {
    lock.unlock();
    if (!catalog) {
      auto opened = connect_();
      if (opened.has_value()) catalog.emplace(std::move(*opened));
    }
    if (catalog) {
      const auto report = housekeeper.run_once(*catalog, stopping);
      if (!stopping()) tell(report, log_);
      // Perhaps it is the connection that is broken: a new one costs little.
      if (!report.errors.empty()) catalog.reset();
    }
    lock.lock();
  }
  catalog.reset();
  ended_ = true;
  changed_.notify_all();
}

}  // namespace bulkhead::cli
