#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/context.hpp>
#include <bulkhead/result.hpp>
#include <bulkhead/rows.hpp>
#include <bulkhead/statement.hpp>
#include <bulkhead/task.hpp>

namespace bulkhead {

namespace data {
class Plane;
struct OutputShape;
}  // namespace data

/// Rows of one statement, already checked: every row is the request's tenant's. `column()` numbers count the
/// columns that were asked for; the guard columns behind them are out of reach.
struct QueryResult {
  Rows rows;
  std::shared_ptr<const data::OutputShape> shape;  ///< How to write the rows as JSON (used by the data API).
  std::optional<std::uint64_t> total_count;        ///< For `Select::exact_count`.
};

class Transaction;

/// The only door to a tenant's data. Made from a permitted request's context; every statement that goes
/// through it gets the tenant predicate, runs with the tenant bound and signed, and its rows are checked on
/// the way out.
///
/// Lifetime: within the request. Thread: the request's io thread.
class TenantSession {
 public:
  TenantSession() BULKHEAD_DELETED("a TenantSession is made from the RequestContext of a permitted request");
  TenantSession(const RequestContext& context, data::Plane& plane) : context_(&context), plane_(&plane) {}

  [[nodiscard]] const RequestContext& context() const noexcept { return *context_; }

  /// One statement, one implicit transaction, one round trip.
  [[nodiscard]] Task<Result<QueryResult>> run(statement::Statement statement);

  /// SQL text for what the tree cannot say. Parsed, and refused (`Errc::statement_refused`, with the reason)
  /// if it sets roles or settings, touches catalogues, holds a second statement or a transaction command, or
  /// reads a tenant table without `tenant_id = $1`. `$1` is the tenant; `params` start at `$2`.
  [[nodiscard]] Task<Result<Rows>> raw(std::string sql, std::vector<statement::Value> params);

  /// Runs `body` in one transaction: committed if it returns a value, rolled back if it returns an error or
  /// throws. `body` must own what it captures; keep the lambda in a variable (g++ 12).
  template <class T>
  [[nodiscard]] Task<Result<T>> transaction(std::function<Task<Result<T>>(Transaction&)> body);

 private:
  const RequestContext* context_;
  data::Plane* plane_;
};

/// An open transaction of a TenantSession. Statements run one after another; nothing is visible to others
/// until the body has returned a value.
class Transaction {
 public:
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  [[nodiscard]] Task<Result<QueryResult>> run(statement::Statement statement);
  [[nodiscard]] Task<Result<Rows>> raw(std::string sql, std::vector<statement::Value> params);

 private:
  friend class TenantSession;
  struct Impl;
  explicit Transaction(std::unique_ptr<Impl> impl);
  static Task<Result<std::unique_ptr<Transaction>>> begin(const RequestContext& context, data::Plane& plane);
  Task<Result<void>> commit();
  Task<Result<void>> rollback();
  std::unique_ptr<Impl> impl_;
};

template <class T>
Task<Result<T>> TenantSession::transaction(std::function<Task<Result<T>>(Transaction&)> body) {
  auto begun = co_await Transaction::begin(*context_, *plane_);
  if (begun.has_error()) co_return begun.error();
  std::unique_ptr<Transaction> open = std::move(*begun);
  // An exception leaves by the destructor, which rolls back.
  Result<T> result = co_await body(*open);
  if (result.has_error()) {
    auto rolled_back = co_await open->rollback();
    static_cast<void>(
        rolled_back);  // the connection is closed if that failed; the body's error is what counts
    co_return result.error();
  }
  auto committed = co_await open->commit();
  if (committed.has_error()) co_return committed.error();
  co_return result;
}

}  // namespace bulkhead
