#pragma once

#include <string>
#include <utility>

#include <bulkhead/result.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

/// An advisory lock of the session, by name: it goes with the process that holds it. False: another session has it.
[[nodiscard]] inline Result<bool> try_lock(pg::Blocking& connection, const std::string& name) {
  BULKHEAD_TRY(auto taken, connection.query("select pg_try_advisory_lock(hashtextextended($1, 0))", {name}));
  return taken.text(0, 0) == "t";
}
/// Waits for it.
[[nodiscard]] inline Result<void> wait_for_lock(pg::Blocking& connection, const std::string& name) {
  BULKHEAD_TRY(auto taken, connection.query("select pg_advisory_lock(hashtextextended($1, 0))", {name}));
  return {};
}

/// Lets a lock go that `try_lock` or `wait_for_lock` took.
class SessionLock {
 public:
  SessionLock(pg::Blocking& connection, std::string name) : connection_(connection), name_(std::move(name)) {}
  SessionLock(const SessionLock&) = delete;
  SessionLock& operator=(const SessionLock&) = delete;
  ~SessionLock() {
    [[maybe_unused]] const auto gone =
        connection_.query("select pg_advisory_unlock(hashtextextended($1, 0))", {name_});
  }

 private:
  pg::Blocking& connection_;
  std::string name_;
};

}  // namespace bulkhead::lifecycle
