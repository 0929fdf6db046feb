#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/app.hpp>
#include <bulkhead/data.hpp>
#include <bulkhead/http.hpp>
#include <bulkhead/task.hpp>

namespace bulkhead::api {

/// Whether a request says, among other types, that it wants an OpenAPI document.
[[nodiscard]] bool wants_openapi(const Request& request);

/// The OpenAPI documents of a server: one for each role and version of the tables, the same for all tenants, rendered when it is
/// first asked for and then kept (64 MiB of them, and one in any case). Thread-safe; one a server.
class OpenApi {
 public:
  /// `routes`: the app's handlers, which outlive this. `title`: the app's name.
  OpenApi(std::string title, const std::vector<Route>& routes);
  ~OpenApi();
  OpenApi(const OpenApi&) = delete;
  OpenApi& operator=(const OpenApi&) = delete;

  /// `GET /openapi.json` of a permitted caller: 200, or 304 by `If-None-Match`. `prefix`: what stands before the API's paths.
  /// `root`: it is the data API's root that is asked, where `Accept` chooses and may choose wrong (406). Request and session
  /// outlive the task.
  [[nodiscard]] Task<Response> answer(const Request& request, TenantSession& session, std::string prefix,
                                      bool root);
  /// Finishes what is being rendered. Before the loops that wait for it end. Idempotent.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead::api
