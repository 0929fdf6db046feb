#include "runtime/dispatcher.hpp"

#include <bulkhead/data.hpp>

#include "api/rest/server_timing.hpp"
#include "base/percent.hpp"
#include "base/problem.hpp"

namespace bulkhead::runtime {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view rest_prefix = "/rest/v1/", rest_root = "/rest/v1";
constexpr std::string_view document_path = "/openapi.json";
/// Where a tenant's domain that was pointed here is asked to prove it.
constexpr std::string_view challenge_prefix = "/.well-known/bulkhead-challenge/";
/// What the log and the metrics call the files of the pages.
constexpr std::string_view page_route = "page", docs_route = "docs", console_route = "console";
/// Which of them a path takes is the control API's to say, once it knows who asks.
constexpr Method control_methods[] = {Method::get,   Method::head, Method::post,   Method::put,
                                      Method::patch, Method::del,  Method::options};
constexpr Method rest_methods[] = {Method::get, Method::head,  Method::post,
                                   Method::put, Method::patch, Method::del};

/// What the log may hold of a request's failure. Texts that PostgreSQL makes of a statement, and those about what a
/// client wrote, quote values ("invalid input syntax for type integer: …", "Failing row contains …"): of these the codes
/// remain. Whole remain the server's own troubles and what the entry says, which quote nobody's data.
Error for_log(const Error& error, unsigned status) {
  const std::string_view state = error.sqlstate(), name = error_info(error.code()).name;
  bool quotes_nothing = false;
  if (state.empty())
    quotes_nothing =
        status >= 500 || name.starts_with("BLK2") || name.starts_with("BLK3") || name.starts_with("BLK4");
  else
    for (std::string_view family : {"08", "28", "42501", "53", "57", "58", "XX"})
      quotes_nothing = quotes_nothing || state.starts_with(family);
  if (quotes_nothing) return error;
  return Error(error.code(), "").sqlstate(std::string(state));
}

/// A caller who shows who it is asks what a relation takes. Browsers send no token along with what they ask before a call.
bool asks_of_relation(const Request& request) {
  return request.method == Method::options && request.path.starts_with(rest_prefix) &&
         request.path.size() > rest_prefix.size() && request.header("authorization").has_value();
}

/// At a server's root, as PostgREST has it. Whoever does not say so gets the app's page there.
bool asks_for_document(const Request& request) {
  const bool reads = request.method == Method::get || request.method == Method::head;
  return reads && request.path == "/" && api::wants_openapi(request);
}

}  // namespace

RouteTable::RouteTable(const std::vector<Route>& handlers, std::vector<OpenRoute> open, bool control,
                       Metrics& metrics) {
  Target rest;
  rest.name = "/rest/v1/{relation}";
  rest.metric = metrics.route(rest.name);
  std::size_t number = add(std::move(rest));
  for (Method method : rest_methods) router_.add_prefix(method, std::string(rest_prefix), number);
  add_documents(metrics);
  Target challenge;
  challenge.kind = Target::Kind::challenge;
  challenge.name = std::string(challenge_prefix) + "{token}";
  challenge.metric = metrics.route(challenge.name);
  number = add(std::move(challenge));
  router_.add_prefix(Method::get, std::string(challenge_prefix), number);
  if (control) {
    Target target;
    target.kind = Target::Kind::control;
    target.name = "/control/v1";
    target.metric = metrics.route(target.name);
    number = add(std::move(target));
    for (Method method : control_methods)
      router_.add_prefix(method, std::string(api::ControlApi::prefix), number);
  }
  for (const Route& route : handlers) {
    Target target;
    target.kind = Target::Kind::handler;
    target.handler = &route;
    target.names = http::Router::names_of(route.path);
    target.name = route.path;
    target.metric = metrics.route(route.path);
    router_.add(route.method, route.path, add(std::move(target)));
  }
  for (OpenRoute& route : open) {
    Target target;
    target.kind = Target::Kind::open;
    target.name = route.path;
    target.metric = metrics.route(route.path);
    std::string path = route.path;
    const Method method = route.method;
    target.open = std::move(route);
    router_.add(method, std::move(path), add(std::move(target)));
  }
  page_metric_ = metrics.route(std::string(page_route));
  docs_metric_ = metrics.route(std::string(docs_route));
  console_metric_ = metrics.route(std::string(console_route));
}

void RouteTable::add_documents(Metrics& metrics) {
  Target target;
  target.kind = Target::Kind::document;
  target.name = document_path;
  target.metric = metrics.route(target.name);
  target.root = true;
  std::size_t number = add(target);
  for (const std::string_view path : {rest_root, rest_prefix})
    router_.add(Method::get, std::string(path), number);
  target.root = false;
  number = add(std::move(target));
  router_.add(Method::get, std::string(document_path), number);
}

std::optional<std::size_t> RouteTable::body_limit(const Request& request) const {
  Request asked;
  asked.path = request.path;
  static_cast<void>(entry::Entry::take_path_tenant(asked));
  const http::Router::Match found = match(request.method, asked.path);
  if (found.kind != http::Router::Match::Kind::found) return std::nullopt;
  const Route* handler = target(found.handler).handler;
  return handler != nullptr ? handler->limits.body_bytes : std::nullopt;
}

std::size_t RouteTable::add(Target target) {
  targets_.push_back(std::move(target));
  return targets_.size() - 1;
}

/// What the log line and the metrics tell of a request, beside its response.
struct Dispatcher::Seen {
  Clock::time_point started;
  TraceContext trace;
  std::string_view route = "none";
  RouteId metric = RouteId::other;
  bool tenants = false;  ///< The route is of the tenants' callers.
  std::string trace_id, span_id, tenant_id, tenant, principal, acting;
  std::chrono::microseconds db{0};
};

Dispatcher::Dispatcher(entry::Entry& entry, const entry::Cors& cors, data::Plane& plane, Answerers answerers,
                       const RouteTable& routes, Logger& log, ThreadMetrics& metrics)
    : entry_(entry),
      cors_(cors),
      plane_(plane),
      answerers_(answerers),
      routes_(routes),
      log_(log),
      metrics_(metrics) {}

Task<Response> Dispatcher::answer(Request& request) {
  Seen seen;
  seen.started = Clock::now();
  seen.trace = entry_.trace_of(request);
  seen.trace_id = seen.trace.trace_id;
  seen.span_id = seen.trace.span_id;
  std::optional<std::string_view> path_tenant = entry::Entry::take_path_tenant(request);
  Response response;
  try {
    response = co_await serve(request, path_tenant, seen);
  } catch (const std::exception& error) {
    // A bug, here or in a handler. The one border that catches everything: the client gets no detail, the log does.
    response =
        problem_response(Error(Errc::internal, "internal error").internal(error.what()), 0, seen.trace_id);
  } catch (...) {
    response = problem_response(
        Error(Errc::internal, "internal error").internal("an exception that is no std::exception"), 0,
        seen.trace_id);
  }
  // Pages call for tenants; health and metrics are nobody's page's.
  if (cors_.on() && seen.tenants) cors_.mark(request, response);
  observe(request, response, seen);
  co_return response;
}

Task<Response> Dispatcher::serve(Request& request, std::optional<std::string_view> path_tenant, Seen& seen) {
  http::Router::Match match = routes_.match(request.method, request.path);
  if (match.kind == http::Router::Match::Kind::no_route && asks_for_document(request)) {
    match.kind = http::Router::Match::Kind::found;
    match.handler = RouteTable::root_target;
  }
  if (match.kind == http::Router::Match::Kind::no_route)
    co_return no_route(request, path_tenant.has_value(), seen);
  if (match.kind == http::Router::Match::Kind::no_method && !asks_of_relation(request))
    co_return no_method(request, match, seen);
  if (match.kind == http::Router::Match::Kind::no_method) {
    match.handler = RouteTable::rest_target;
    match.rest = request.path.substr(rest_prefix.size());
  }
  const RouteTable::Target& target = routes_.target(match.handler);
  seen.route = target.name;
  seen.metric = target.metric;
  seen.tenants = target.kind == RouteTable::Target::Kind::rest ||
                 target.kind == RouteTable::Target::Kind::document ||
                 target.kind == RouteTable::Target::Kind::handler;
  if (seen.tenants) co_return co_await serve_tenant(request, path_tenant, target, match, seen);
  if (target.kind == RouteTable::Target::Kind::control) {
    if (path_tenant) co_return nothing_here(seen);
    co_return co_await serve_control(request, match.rest, seen);
  }
  if (target.kind == RouteTable::Target::Kind::challenge) {
    if (path_tenant) co_return nothing_here(seen);
    co_return co_await serve_challenge(request, match.rest, seen);
  }
  if (path_tenant || (target.open->loopback_only && !request.peer_is_loopback)) co_return nothing_here(seen);
  co_return co_await target.open->handler(request);
}

/// The pages come last, so that no file of theirs can stand in a route's place.
Response Dispatcher::no_route(const Request& request, bool path_tenant, Seen& seen) const {
  if (path_tenant) return nothing_here(seen);
  if (auto file = answerers_.docs.answer(request)) {
    seen.route = docs_route;
    seen.metric = routes_.docs_metric();
    return std::move(*file);
  }
  if (answerers_.control != nullptr) {
    if (auto file = answerers_.console.answer(request)) {
      seen.route = console_route;
      seen.metric = routes_.console_metric();
      return std::move(*file);
    }
  }
  auto file = answerers_.page.answer(request);
  if (!file) return nothing_here(seen);
  seen.route = page_route;
  seen.metric = routes_.page_metric();
  return std::move(*file);
}

Response Dispatcher::no_method(const Request& request, const http::Router::Match& match,
                               const Seen& seen) const {
  if (auto answer = cors_.preflight(request, match.allow)) return std::move(*answer);
  Response response;
  std::string allow = match.allow;
  if (!request.path.starts_with(rest_prefix)) {
    response = problem_response(Error(Errc::method_not_allowed, "this path does not take this method"), 0,
                                seen.trace_id);
  } else if (request.method == Method::options) {
    // The same for every path, so that it tells nothing of which relations there are.
    allow.insert(0, "OPTIONS, ");
  } else {
    response = api::error_response(api::unsupported_method(request.method));
  }
  response.headers.emplace_back("Allow", std::move(allow));
  return response;
}

Response Dispatcher::nothing_here(const Seen& seen) {
  return problem_response(Error(Errc::route_not_found, "there is nothing at this path"), 0, seen.trace_id);
}

namespace {

// The stage before all that the data API tells of.
void add_admission(Response& response, std::chrono::microseconds took) {
  std::string entry = api::ServerTiming::entry("jwt", took);
  for (auto& [name, value] : response.headers)
    if (name == "Server-Timing") {
      value.insert(0, entry.append(", "));
      return;
    }
  response.headers.emplace_back("Server-Timing", std::move(entry));
}

}  // namespace

Task<Response> Dispatcher::serve_tenant(Request& request, std::optional<std::string_view> path_tenant,
                                        const RouteTable::Target& target, const http::Router::Match& match,
                                        Seen& seen) {
  entry::Requirement requirement;
  if (target.handler != nullptr) {
    requirement.at_least = target.handler->access.at_least;
    requirement.permission = target.handler->access.permission;
    requirement.deadline = target.handler->limits.deadline;
  }
  const Clock::time_point arrived = Clock::now();
  // From memory where everything is known, which is nearly always; the trace moves into the context.
  std::optional<Result<RequestContext>> context =
      entry_.admit_known(request, path_tenant, seen.trace, requirement);
  if (!context) {
    Result<RequestContext> fetched =
        co_await entry_.admit(request, path_tenant, std::move(seen.trace), requirement);
    context.emplace(std::move(fetched));
  }
  const bool timed = target.handler == nullptr && target.kind != RouteTable::Target::Kind::document &&
                     answerers_.rest.tells_times();
  const auto admitted = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - arrived);
  if (context->has_error()) {
    Response refused = problem_response(context->error(), 0, seen.trace_id);
    if (timed) add_admission(refused, admitted);
    co_return refused;
  }
  const RequestContext& permitted = **context;
  seen.tenant_id = permitted.tenant().id_text();
  seen.tenant = permitted.tenant().slug();
  seen.principal = permitted.principal().subject;
  if (permitted.principal().acting) seen.acting = permitted.principal().acting->actor;
  TenantSession session(permitted, plane_);
  Response response;
  if (target.kind == RouteTable::Target::Kind::document) {
    std::string prefix = path_tenant ? "/tenants/" + std::string(*path_tenant) : std::string();
    response = co_await answerers_.openapi.answer(request, session, std::move(prefix), target.root);
  } else if (target.handler == nullptr) {
    response = co_await answerers_.rest.handle(request, session, match.rest);
    if (timed) add_admission(response, admitted);
  } else {
    std::vector<PathValue> values;
    for (std::size_t i = 0; i < target.names.size() && i < match.values.size(); ++i)
      values.push_back(PathValue{target.names[i], decode_percent(match.values[i], false).value_or("")});
    request.path_values = values;
    response = co_await call_handler(request, *target.handler, session, seen);
    request.path_values = {};
  }
  seen.db = permitted.database_time();
  co_return response;
}

Task<Response> Dispatcher::call_handler(const Request& request, const Route& route, TenantSession& session,
                                        const Seen& seen) {
  if (!route.stream) {
    Result<Response> answered = co_await route.handler(request, session);
    co_return answered.has_error() ? problem_response(answered.error(), 0, seen.trace_id)
                                   : std::move(*answered);
  }
  Result<void> written = co_await route.stream(request, session, *request.stream);
  Response response;
  if (written.has_error() && !request.stream->begun())
    co_return problem_response(written.error(), 0, seen.trace_id);
  if (!request.stream->begun())
    co_return problem_response(
        Error(Errc::internal, "internal error").internal("a stream's handler wrote nothing"), 0,
        seen.trace_id);
  // What was begun cannot become an error any more: without `streamed` the connection breaks off.
  response.streamed = written.has_value();
  if (written.has_error()) response.error = written.error();
  co_return response;
}

Task<Response> Dispatcher::serve_control(const Request& request, std::string_view rest, Seen& seen) {
  Result<identity::ClaimsRef> caller = co_await entry_.identify(request);
  if (caller.has_error()) co_return problem_response(caller.error(), 0, seen.trace_id);
  seen.principal = (*caller)->subject;
  co_return co_await answerers_.control->answer(request, rest, *caller, seen.trace_id);
}

/// The token is sent back to whoever has it already, so nobody learns which hosts wait.
Task<Response> Dispatcher::serve_challenge(const Request& request, std::string_view token, Seen& seen) {
  Result<std::string> expected = co_await entry_.challenge(request);
  if (expected.has_error()) co_return problem_response(expected.error(), 0, seen.trace_id);
  if (expected->empty() || *expected != token) co_return nothing_here(seen);
  Response response;
  response.content_type = "text/plain; charset=utf-8";
  response.headers.emplace_back("Cache-Control", "no-store");
  response.body = std::move(*expected);
  co_return response;
}

void Dispatcher::observe(const Request& request, const Response& response, const Seen& seen) {
  auto duration = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - seen.started);
  metrics_.finished(seen.metric, request.method, response.status, duration);
  if (!log_.enabled(LogLevel::info) && response.status < 500) return;
  AccessLine line;
  line.tenant_id = seen.tenant_id;
  line.tenant = seen.tenant;
  line.principal = seen.principal;
  line.acting = seen.acting;
  line.trace_id = seen.trace_id;
  line.span_id = seen.span_id;
  line.method = request.method;
  line.route = seen.route;
  line.status = response.status;
  line.duration = duration;
  line.db = seen.db;
  line.bytes = response.body.size();
  std::optional<Error> error;
  if (response.error) line.error = &error.emplace(for_log(*response.error, response.status));
  log_.access(line);
}

}  // namespace bulkhead::runtime
