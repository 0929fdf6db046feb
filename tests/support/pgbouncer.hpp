#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/postgres.hpp"

namespace bulkhead::test {

/// A real PgBouncer (Debian's) in transaction mode before one of the test program's clusters, with fewer server connections than
/// clients, so that each transaction may meet another one. Goes with this object.
class PgBouncer {
 public:
  /// `users`: login and password of those who may connect. Throws std::runtime_error when it is not installed or does not
  /// start.
  explicit PgBouncer(const std::vector<std::pair<std::string, std::string>>& users,
                     const Postgres& before = Postgres::shared());
  ~PgBouncer();
  PgBouncer(const PgBouncer&) = delete;
  PgBouncer& operator=(const PgBouncer&) = delete;

  /// Where it listens: host and port, for libpq.
  [[nodiscard]] std::string url() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead::test
