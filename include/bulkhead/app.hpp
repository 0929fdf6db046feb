#pragma once

#include <functional>
#include <string>
#include <vector>

#include <bulkhead/context.hpp>
#include <bulkhead/data.hpp>
#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>
#include <bulkhead/task.hpp>

namespace bulkhead {

/// Answers a request of one tenant. The request and the session live until the returned task is done. An
/// error becomes a problem document (RFC 9457) with the error's status.
using RequestHandler = std::function<Task<Result<Response>>(const Request& request, TenantSession& session)>;

/// A route that is open to callers who have this access.
struct Route {
  Method method = Method::get;
  std::string path;  ///< Literal, for example "/v1/checkout".
  RouteAccess access;
  RequestHandler handler;
};

/// A product: its handlers beside the data API. `main` of a product is
///     bulkhead::App app;
///     app.post("/v1/checkout", bulkhead::Role::member, checkout);
///     app.post("/v1/refund", bulkhead::require("invoice:refund"), refund);
///     return app.run(argc, argv);
/// and takes the same command line as `bulkhead` itself (dev, serve, tenant, migrate, …).
class App {
 public:
  App& get(std::string path, RouteAccess access, RequestHandler handler);
  App& post(std::string path, RouteAccess access, RequestHandler handler);
  App& patch(std::string path, RouteAccess access, RequestHandler handler);
  App& del(std::string path, RouteAccess access, RequestHandler handler);

  [[nodiscard]] const std::vector<Route>& routes() const noexcept { return routes_; }

  /// Parses the command line and runs the command; the process's exit code.
  [[nodiscard]] int run(int argc, char** argv) const;

 private:
  std::vector<Route> routes_;
};

}  // namespace bulkhead
