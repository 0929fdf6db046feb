#pragma once

#include <atomic>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "support/postgres.hpp"

namespace bulkhead::lifecycle {

using test::must;

/// Writes as a server does: lock, bind, statement; looks the tenant up again where it is not bound.
class Writer {
 public:
  Writer(const test::Database& database, std::string slug, int number)
      : database_(database), slug_(std::move(slug)), number_(number), thread_([this] { write(); }) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { stop(); }
  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] const std::set<std::string>& acknowledged() const { return acknowledged_; }
  /// How many so far; may be asked while it writes.
  [[nodiscard]] int written() const { return written_; }
  [[nodiscard]] const std::string& failure() const { return failure_; }

 private:
  void write() {
    try {
      auto admin = database_.connect_admin();
      for (int i = 0; !stop_; ++i) {
        const std::string name = "w" + std::to_string(number_) + "-" + std::to_string(i);
        while (!insert(admin, name))
          if (stop_) return;
        acknowledged_.insert(name);
        ++written_;
      }
    } catch (const std::exception& error) {
      failure_ = error.what();
    }
  }
  bool insert(pg::Blocking& admin, const std::string& name) {
    const auto tenant = must(catalog::find_tenant(admin, slug_));
    const auto& place = tenant.placement;
    if (!home_ || epoch_ != place.epoch) {
      home_.emplace(must(catalog::connect_to(admin, place.cell, place.database)));
      epoch_ = place.epoch;
    }
    must(home_->execute("begin"));
    must(home_->query("select bulkhead.lock_tenant($1::uuid)", {tenant.id.text()}));
    const auto bound = must(
        home_->query("select bulkhead.resides($1::uuid, $2::bigint, true, $3, bulkhead.target_version($3))",
                     {tenant.id.text(), std::to_string(place.epoch), place.schema}));
    const bool here = bound.text(0, 0) == "t";
    if (here)
      must(home_->query("insert into \"" + place.schema + "\".animal(tenant_id, name) values ($1::uuid, $2)",
                        {tenant.id.text(), name}));
    must(home_->execute(here ? "commit" : "rollback"));
    return here;
  }

  const test::Database& database_;
  std::string slug_, failure_;
  int number_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> written_ = 0;
  std::set<std::string> acknowledged_;
  std::optional<pg::Blocking> home_;
  std::int64_t epoch_ = 0;
  std::thread thread_;
};

}  // namespace bulkhead::lifecycle
