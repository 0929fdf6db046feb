#pragma once

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

#include <bulkhead/error.hpp>

namespace bulkhead {

/// Thrown by `Result::value()` on an error; only for code whose failure is a bug.
class BadResult : public std::exception {
 public:
  explicit BadResult(Error error) : error_(std::move(error)), what_(error_.message()) {}
  [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  Error error_;
  std::string what_;
};

/// Found by Boost.System's `result::value()`.
[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw BadResult(error);
}

/// A value or an `Error`. Expected failures are values; exceptions are for bugs.
template <class T>
using Result = boost::system::result<T, Error>;

}  // namespace bulkhead

// NOLINTBEGIN(bugprone-macro-parentheses): a declaration and a return cannot stand in parentheses.
/// `BULKHEAD_TRY(auto x, f());` declares `x` from a `Result`, or returns its error from this function.
/// A declaration, never an expression: g++ 12 crashes on `TRY(co_await …)` as a statement expression.
#define BULKHEAD_TRY_CAT2(a, b) a##b
#define BULKHEAD_TRY_CAT(a, b) BULKHEAD_TRY_CAT2(a, b)
#define BULKHEAD_TRY_IMPL(tmp, ret, decl, expr) \
  auto tmp = (expr);                            \
  if (tmp.has_error()) ret tmp.error();         \
  decl = std::move(*tmp)
#define BULKHEAD_TRY(decl, expr) \
  BULKHEAD_TRY_IMPL(BULKHEAD_TRY_CAT(bulkhead_try_, __LINE__), return, decl, expr)

/// The same in a coroutine: `BULKHEAD_CO_TRY(auto x, co_await f());`
#define BULKHEAD_CO_TRY_IMPL(tmp, decl, expr) \
  auto tmp = expr;                            \
  if (tmp.has_error()) co_return tmp.error(); \
  decl = std::move(*tmp)
#define BULKHEAD_CO_TRY(decl, expr) \
  BULKHEAD_CO_TRY_IMPL(BULKHEAD_TRY_CAT(bulkhead_try_, __LINE__), decl, expr)

/// For `Result<void>`: returns the error, if any.
#define BULKHEAD_CHECK_IMPL(tmp, ret, expr) \
  do {                                      \
    auto tmp = expr;                        \
    if (tmp.has_error()) ret tmp.error();   \
  } while (false)
#define BULKHEAD_CHECK(expr) BULKHEAD_CHECK_IMPL(bulkhead_check_, return, expr)
#define BULKHEAD_CO_CHECK(expr) BULKHEAD_CHECK_IMPL(bulkhead_check_, co_return, expr)
// NOLINTEND(bugprone-macro-parentheses)
