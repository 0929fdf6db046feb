#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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
struct SessionAccess;
}  // namespace data

/// Rows of one statement, already checked: every row is the request's tenant's. `column()` numbers count the
/// columns that were asked for; the guard columns behind them are out of reach.
struct QueryResult {
  Rows rows;
  std::shared_ptr<const data::OutputShape> shape;  ///< How to write the rows as JSON (used by the data API).
  std::optional<std::uint64_t> total_count;        ///< For `Select::exact_count`.
  std::optional<std::uint64_t> inserted;           ///< Of an upsert: how many of its rows are new.
  /// What the app's functions and triggers set for the response (`response.status`, `response.headers`).
  std::string response_status, response_headers;
};

/// A statement of the typed query builder (query.hpp): a tree, and how its rows are read.
template <class S>
concept TypedStatement = requires(S statement, const QueryResult& answer) {
  { std::move(statement).statement() } -> std::same_as<statement::Statement>;
  { S::read(answer) } -> std::same_as<Result<typename S::result>>;
};
/// One that does not yet say which rows it changes.
template <class S>
concept UnfilteredStatement = requires { typename S::bulkhead_unfiltered; };

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
  TenantSession(const TenantSession&) BULKHEAD_DELETED(
      "a TenantSession stays with its request and cannot be copied or kept: pass it on by reference");
  TenantSession& operator=(const TenantSession&) BULKHEAD_DELETED(
      "a TenantSession stays with its request and cannot be copied or kept: pass it on by reference");
  ~TenantSession() = default;

  [[nodiscard]] const RequestContext& context() const noexcept { return *context_; }

  /// One statement, one implicit transaction, one round trip.
  [[nodiscard]] Task<Result<QueryResult>> run(statement::Statement statement);

  /// A typed statement: its rows, typed, or for a write without `returning` the number of rows it touched.
  template <TypedStatement S>
  [[nodiscard]] Task<Result<typename S::result>> run(S typed);
  template <UnfilteredStatement S>
  void run(S)
      BULKHEAD_DELETED("an update or delete says which rows: where(condition), or all() for every row");

  /// SQL text for what the tree cannot say. Parsed, and refused (`Errc::statement_refused`, with the reason)
  /// if it sets roles or settings, touches catalogues, holds a second statement or a transaction command, or
  /// reads a tenant table without `tenant_id = $1`. `$1` is the tenant; `params` start at `$2`.
  [[nodiscard]] Task<Result<Rows>> raw(std::string sql, std::vector<statement::Value> params);

  /// Runs `body` in one transaction: committed if it returns a value, rolled back if it returns an error or
  /// throws. `body` must own what it captures; keep the lambda in a variable (g++ 12).
  template <class T>
  [[nodiscard]] Task<Result<T>> transaction(std::function<Task<Result<T>>(Transaction&)> body);

 private:
  friend struct data::SessionAccess;
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

  /// A typed statement: its rows, typed, or for a write without `returning` the number of rows it touched.
  template <TypedStatement S>
  [[nodiscard]] Task<Result<typename S::result>> run(S typed);
  template <UnfilteredStatement S>
  void run(S)
      BULKHEAD_DELETED("an update or delete says which rows: where(condition), or all() for every row");
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

template <TypedStatement S>
Task<Result<typename S::result>> TenantSession::run(S typed) {
  statement::Statement tree = std::move(typed).statement();
  auto answer = co_await run(std::move(tree));
  if (answer.has_error()) co_return answer.error();
  co_return S::read(*answer);
}

template <TypedStatement S>
Task<Result<typename S::result>> Transaction::run(S typed) {
  statement::Statement tree = std::move(typed).statement();
  auto answer = co_await run(std::move(tree));
  if (answer.has_error()) co_return answer.error();
  co_return S::read(*answer);
}

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
