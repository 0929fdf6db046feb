#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/app.hpp>

#include "api/control/control_api.hpp"
#include "api/openapi/openapi.hpp"
#include "api/rest/rest_api.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "data/plane.hpp"
#include "entry/cors.hpp"
#include "entry/entry.hpp"
#include "http/router.hpp"
#include "runtime/api_page.hpp"
#include "runtime/console_page.hpp"
#include "runtime/web_page.hpp"

namespace bulkhead::runtime {

/// A path that belongs to no tenant: health, metrics, the development issuer.
struct OpenRoute {
  std::string path;
  Method method = Method::get;
  bool loopback_only = false;
  std::function<Task<Response>(const Request&)> handler;
};

/// The routes of a server, filled once at start and then shared by the io threads.
class RouteTable {
 public:
  /// `control`: there is a control API.
  RouteTable(const std::vector<Route>& handlers, std::vector<OpenRoute> open, bool control, Metrics& metrics);

  struct Target {
    enum class Kind : std::uint8_t { rest, document, handler, open, control, challenge };
    Kind kind = Kind::rest;
    bool root = false;  ///< Of the document: it is asked for at the data API's root.
    const Route* handler = nullptr;
    std::optional<OpenRoute> open;
    std::vector<std::string_view> names;  ///< In the handler's path.
    std::string name;                     ///< For the log and the metrics.
    RouteId metric = RouteId::other;
  };
  [[nodiscard]] http::Router::Match match(Method method, std::string_view path) const {
    return router_.match(method, path);
  }
  static constexpr std::size_t rest_target = 0;  ///< The data API's.
  static constexpr std::size_t root_target = 1;  ///< The document's, as the data API's root gives it.
  [[nodiscard]] const Target& target(std::size_t number) const { return targets_[number]; }
  /// Of a request whose body was not read yet: what its route allows, where that is not what all are allowed.
  [[nodiscard]] std::optional<std::size_t> body_limit(const Request& request) const;
  /// Of all files of the app's page together, of those of the API's page, and of the console's.
  [[nodiscard]] RouteId page_metric() const noexcept { return page_metric_; }
  [[nodiscard]] RouteId docs_metric() const noexcept { return docs_metric_; }
  [[nodiscard]] RouteId console_metric() const noexcept { return console_metric_; }

 private:
  std::size_t add(Target target);
  void add_documents(Metrics& metrics);
  http::Router router_;
  std::vector<Target> targets_;
  RouteId page_metric_ = RouteId::other, docs_metric_ = RouteId::other, console_metric_ = RouteId::other;
};

/// What answers requests, once it is known whose they are. All of it outlives the dispatcher.
struct Answerers {
  api::RestApi& rest;
  api::OpenApi& openapi;
  api::ControlApi* control = nullptr;  ///< Null where there is none.
  const WebPage& page;
  const ApiPage& docs;
  const ConsolePage& console;  ///< There where the control API is.
};

/// The spine of a request on one io thread, in the order of DESIGN section 2: route, entry (tenant, caller,
/// permission), then the data API, its document or a handler. It observes (log line, metrics) and turns errors into
/// responses; it decides nothing.
class Dispatcher {
 public:
  Dispatcher(entry::Entry& entry, const entry::Cors& cors, data::Plane& plane, Answerers answerers,
             const RouteTable& routes, Logger& log, ThreadMetrics& metrics);

  [[nodiscard]] Task<Response> answer(Request& request);

 private:
  struct Seen;
  Task<Response> serve(Request& request, std::optional<std::string_view> path_tenant, Seen& seen);
  Task<Response> serve_tenant(Request& request, std::optional<std::string_view> path_tenant,
                              const RouteTable::Target& target, const http::Router::Match& match, Seen& seen);
  Task<Response> call_handler(const Request& request, const Route& route, TenantSession& session,
                              const Seen& seen);
  Task<Response> serve_control(const Request& request, std::string_view rest, Seen& seen);
  Task<Response> serve_challenge(const Request& request, std::string_view token, Seen& seen);
  [[nodiscard]] Response no_route(const Request& request, bool path_tenant, Seen& seen) const;
  [[nodiscard]] Response no_method(const Request& request, const http::Router::Match& match,
                                   const Seen& seen) const;
  [[nodiscard]] static Response nothing_here(const Seen& seen);
  void observe(const Request& request, const Response& response, const Seen& seen);

  entry::Entry& entry_;
  const entry::Cors& cors_;
  data::Plane& plane_;
  Answerers answerers_;
  const RouteTable& routes_;
  Logger& log_;
  ThreadMetrics& metrics_;
};

}  // namespace bulkhead::runtime
