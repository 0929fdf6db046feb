#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/uuid.hpp>

#include "journal/tables.hpp"

namespace bulkhead::journal {

/// Lets no more than so many bytes a second pass, over all threads. Thread-safe.
class RateLimit {
 public:
  /// 0: no limit.
  explicit RateLimit(std::uint64_t bytes_per_second) : per_second_(bytes_per_second) {}
  /// Waits until they may pass.
  void pass(std::uint64_t bytes);

 private:
  std::uint64_t per_second_;
  std::mutex mutex_;  ///< Guards next_.
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now();
};

/// How far a copy has come. Thread-safe.
struct CopyFigures {
  explicit CopyFigures(std::size_t tables) : of_table(tables) {}
  std::atomic<std::uint64_t> rows{0}, bytes{0};
  std::vector<std::atomic<std::uint64_t>> of_table;  ///< Rows, in the order of the tables.
};

/// One tenant's rows on their way from one database to another.
struct CopyOrder {
  TenantId tenant;
  std::string source, target;  ///< Connection strings of the operator. They hold passwords.
  std::string source_schema, target_schema;
  std::string snapshot;       ///< Exported in the source; valid until `copy_rows` has called `imported`.
  std::uint64_t attempt = 0;  ///< journal/residency.hpp
  std::size_t threads = 2;
  std::vector<TenantTable> tables;  ///< As they are in the source.
};

/// Copies all rows of the tenant, each table whole, several at once. `imported`: called once all threads' connections show the
/// snapshot; `told`: a few times a second, on the calling thread, and may stop it with an error. Errors: the databases'; `conflict` where another mover has
/// the word.
[[nodiscard]] Result<void> copy_rows(const CopyOrder& order, RateLimit& limit, CopyFigures& figures,
                                     const std::function<Result<void>()>& imported,
                                     const std::function<Result<void>()>& told);

/// Takes the tenant's rows out of the target, where it does not live.
[[nodiscard]] Result<void> clear_rows(pg::Blocking& target, const std::vector<TenantTable>& tables,
                                      const std::string& schema, const TenantId& tenant,
                                      std::uint64_t attempt);

}  // namespace bulkhead::journal
