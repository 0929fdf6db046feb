#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/data.hpp>
#include <bulkhead/http.hpp>
#include <bulkhead/task.hpp>

#include "sql/relations.hpp"

namespace bulkhead::api {

struct RestSettings {
  RestSettings() = default;
  std::size_t max_rows =
      1000;  ///< Most rows of one answer, and of an embed in a row; a larger `limit` is cut to it.
  std::size_t json_depth = 100;     ///< Deepest nesting of a body.
  bool aggregates = false;          ///< Clients may have rows put together: count(), sum(), spreads to many.
  bool rollback = false;            ///< Transactions are rolled back in the end, unless the client may choose
  bool choose_transaction = false;  ///< and says `Prefer: tx=commit`.
  bool unfiltered_writes = false;   ///< A PATCH or DELETE may do without a filter.
  bool server_timing = false;       ///< Responses say how long their stages took.
  std::vector<std::string>
      response_headers;  ///< What the app may set (response_settings.hpp); empty: the usual.
};

/// The data API in PostgREST's dialect: GET, HEAD, POST, PUT, PATCH and DELETE of one relation, and calls of functions. It
/// parses, asks
/// the session, and writes JSON; which rows a tenant may see is decided below it. One an io thread; not
/// thread-safe.
class RestApi {
 public:
  explicit RestApi(RestSettings settings = RestSettings());
  ~RestApi();

  /// `relation`: the path's segment after `/rest/v1/`, percent-encoding untouched. Always answers: what goes
  /// wrong is in the response. `request`, `session` and `relation` outlive the task.
  [[nodiscard]] Task<Response> handle(const Request& request, TenantSession& session,
                                      std::string_view relation);
  /// Responses tell their stages' times.
  [[nodiscard]] bool tells_times() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What a request with a method that the data API does not have gets.
[[nodiscard]] Error unsupported_method(Method method);

/// The error in PostgREST's form: `{"code","message","details","hint"}`, with its status. Holds nothing of
/// `error.internal()`.
[[nodiscard]] Response error_response(const Error& error);

}  // namespace bulkhead::api
