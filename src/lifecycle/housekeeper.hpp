#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <bulkhead/result.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

/// What one round of housekeeping did.
struct HousekeepingReport {
  std::vector<std::string> finished;  ///< Operations, by kind and subject.
  std::int64_t placements = 0;        ///< Made for the pool.
  std::int64_t cleaned = 0;           ///< Places that tenants left and that are not kept any more.
  std::int64_t backups = 0;           ///< Of tenants that have moved.
  std::int64_t undone = 0;            ///< Half-made ones of processes that died.
  std::vector<std::string> mended;    ///< Logins whose password or settings somebody had changed.
  bool keys_changed = false;          ///< Those of internal tokens.
  std::vector<Error> errors;          ///< What could not be done; it is tried again in the next round.
};

/// What has to be done again and again, by any server: operations whose process died are taken up, deletions whose grace is
/// over are done, tenants that have moved are backed up anew, the pool is refilled, logins are mended, keys of internal tokens are
/// changed. Several servers may do it at once: each piece of work has one of
/// them. One thread at a time.
class Housekeeper {
 public:
  /// Where backups are kept, from the catalog; without it none are made here.
  using StoreOf = std::function<Result<std::string>(pg::Blocking& catalog)>;
  Housekeeper() = default;
  explicit Housekeeper(StoreOf store) : store_(std::move(store)) {}

  /// `stop` is asked between two pieces of work. Logins and keys are looked at once a minute.
  [[nodiscard]] HousekeepingReport run_once(pg::Blocking& catalog, const std::function<bool()>& stop = {});

 private:
  StoreOf store_;
  std::optional<std::chrono::steady_clock::time_point> seen_;
};

/// Puts back passwords and settings of the databases' logins that are not as the catalog has them: a login may change its own,
/// and so may SQL that somebody injects. Where passwords cannot be seen (no superuser) nothing is found. Returns the logins.
[[nodiscard]] Result<std::vector<std::string>> mend_database_logins(pg::Blocking& catalog);

}  // namespace bulkhead::lifecycle
