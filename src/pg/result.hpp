#pragma once

#include <memory>
#include <string>

#include <libpq-fe.h>

#include <bulkhead/error.hpp>

namespace bulkhead::pg {

// Room-private helpers around libpq's results. No header that another room includes may include this one.

struct ClearResult {
  void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, ClearResult>;

/// One error field of a failed result, empty where PostgreSQL sent none.
[[nodiscard]] std::string error_field(const PGresult* result, int field);

/// `Errc::statement_failed` with SQLSTATE; `message()` is the primary message, `internal()` PostgreSQL's
/// whole report, `details()` "position N" where PostgreSQL told one.
[[nodiscard]] Error error_of(const PGresult* result);

/// libpq's own message of a connection, without its trailing newline.
[[nodiscard]] std::string connection_message(const PGconn* connection);

}  // namespace bulkhead::pg
