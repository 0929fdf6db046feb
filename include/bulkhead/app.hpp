#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <bulkhead/context.hpp>
#include <bulkhead/data.hpp>
#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>
#include <bulkhead/stream.hpp>
#include <bulkhead/task.hpp>

namespace bulkhead {

/// Answers a request of one tenant. The request and the session live until the returned task is done. An
/// error becomes a problem document (RFC 9457) with the error's status.
using RequestHandler = std::function<Task<Result<Response>>(const Request& request, TenantSession& session)>;

/// Writes its answer piece by piece, for what is too large to be held or is not known yet. `Response::content_type` and such
/// go into `ResponseStream::begin`.
using StreamHandler =
    std::function<Task<Result<void>>(const Request& request, TenantSession& session, ResponseStream& stream)>;

/// What a route allows a request beside what `[http]` and `[entry]` allow all of them.
struct RouteLimits {
  RouteLimits() = default;
  RouteLimits(std::optional<std::size_t> body, std::optional<std::chrono::milliseconds> time)
      : body_bytes(body), deadline(time) {}
  std::optional<std::size_t> body_bytes;  ///< Instead of `http.body_bytes`, more or less; more is 413.
  std::optional<std::chrono::milliseconds> deadline;  ///< Instead of `entry.deadline_ms`.
};

/// What the OpenAPI document (`/openapi.json`) says of a route beside its path and its access. All of it may be left out. Schemas
/// are JSON Schemas (2020-12) as text, without `$ref`; with one that is none the server does not start.
struct RouteDescription {
  std::string summary = {}, details = {};
  std::string query = {};    ///< An object: a schema for each parameter of the query string.
  std::string request = {};  ///< The body that it takes.
  std::string response = {};
  std::string request_type = "application/json", response_type = "application/json";
  unsigned status = 200;  ///< Of its response.
};

/// A route that is open to callers who have this access.
struct Route {
  Method method = Method::get;
  std::string path;  ///< "/v1/checkout", or with names for segments: "/v1/invoices/{invoice_id}".
  RouteAccess access;
  RequestHandler handler;
  StreamHandler stream = {};  ///< Instead of `handler`.
  RouteLimits limits = {};
  RouteDescription about = {};
};

/// A product: its handlers beside the data API. `main` of a product is
///     bulkhead::App app;
///     app.post("/v1/checkout", bulkhead::Role::member, checkout);
///     app.post("/v1/refund", bulkhead::require("invoice:refund"), refund);
///     return app.run(argc, argv);
/// and takes the same command line as `bulkhead` itself (dev, serve, tenant, migrate, …).
class App {
 public:
  App& get(std::string path, RouteAccess access, RequestHandler handler, RouteLimits limits = {});
  App& post(std::string path, RouteAccess access, RequestHandler handler, RouteLimits limits = {});
  App& put(std::string path, RouteAccess access, RequestHandler handler, RouteLimits limits = {});
  App& patch(std::string path, RouteAccess access, RequestHandler handler, RouteLimits limits = {});
  App& del(std::string path, RouteAccess access, RequestHandler handler, RouteLimits limits = {});
  /// GET, answered piece by piece.
  App& stream(std::string path, RouteAccess access, StreamHandler handler, RouteLimits limits = {});
  /// Of the route that was added last: `app.post("/v1/checkout", …).describe({.summary = "Buys tracks"})`.
  App& describe(RouteDescription about);

  [[nodiscard]] const std::vector<Route>& routes() const noexcept { return routes_; }

  /// Parses the command line and runs the command; the process's exit code.
  [[nodiscard]] int run(int argc, char** argv) const;

 private:
  std::vector<Route> routes_;
};

}  // namespace bulkhead
