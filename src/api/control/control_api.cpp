#include "api/control/control_api.hpp"

#include <algorithm>
#include <memory>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>

#include <bulkhead/stream.hpp>

#include "api/control/call.hpp"
#include "base/problem.hpp"
#include "lifecycle/lock.hpp"
#include "migrate/sha256.hpp"

namespace bulkhead::api {

namespace asio = boost::asio;
using control::Answer;
using control::Call;
using control::Found;
using control::Route;

/// A request with everything that is read of it, since the connection it came on may be gone before it is answered.
struct ControlApi::Asked {
  Method method = Method::other;
  std::string path, query, body;  ///< The path begins behind /control/v1.
  std::optional<std::string> content_type, key;
  std::string last_event;  ///< The id of the last event that the caller has seen of a stream.
  identity::ClaimsRef caller;
  std::string trace_id;
};

namespace {

constexpr std::size_t longest_body = 64UL * 1024, longest_key = 255;

Response problem(const Error& error, unsigned status, const std::string& trace_id) {
  // What PostgreSQL says of our own statements is no answer to anybody's request.
  if (error.code() == Errc::statement_failed && status == 0)
    return problem_response(Error(Errc::internal, "internal error")
                                .internal(std::string(error.message()) + " " + std::string(error.internal()))
                                .sqlstate(std::string(error.sqlstate())),
                            0, trace_id);
  return problem_response(error, status, trace_id);
}

Result<void> check_content(const Route& route, const std::optional<std::string>& type,
                           const std::string& body) {
  if (body.size() > longest_body) return Error(Errc::body_too_large, "the body is larger than 64 KiB");
  if (body.empty()) return {};
  if (route.body.empty() && route.method != Method::post)
    return Error(Errc::payload_invalid, "this request takes no body");
  if (type && std::string_view(*type).substr(0, type->find(';')) == "application/json") return {};
  return Error(Errc::unsupported_media_type, "the body must be application/json");
}

Result<void> check_key(const std::string& key) {
  const auto visible = [](char c) { return c > ' ' && c < 0x7f; };
  if (!key.empty() && key.size() <= longest_key && std::all_of(key.begin(), key.end(), visible)) return {};
  return Error(Errc::malformed_request, "an Idempotency-Key is 1 to 255 visible characters of ASCII");
}

Response response_of(unsigned status, std::string body, const std::string& location) {
  Response response;
  response.status = status;
  if (!location.empty()) response.headers.emplace_back("Location", location);
  response.headers.emplace_back("Cache-Control", "no-store");
  if (status == 204) return response;
  response.content_type = "application/json";
  response.body = std::move(body);
  return response;
}

Response response_of(const Route& route, const Answer& answer) {
  const std::string location = answer.location.empty() ? "" : "/control/v1" + answer.location;
  const unsigned status = answer.status == 0 ? route.success : answer.status;
  return response_of(status, boost::json::serialize(answer.body) + "\n", location);
}

Result<Response> call_handler(const Route& route, Call& call) {
  BULKHEAD_TRY(const Answer answer, route.handler(call));
  return response_of(route, answer);
}

/// Once a key: the same request gets the same answer, another one is refused. A lock, which goes with the process that
/// holds it, tells that the first is still under way. Only what was done is kept: an error has changed nothing.
Result<Response> call_once(const Route& route, Call& call, const catalog::Operator& asker,
                           const std::string& key, const std::string& request, const std::string& trace_id) {
  BULKHEAD_CHECK(check_key(key));
  const std::string name = "bulkhead idempotency " + asker.issuer + " " + asker.subject + " " + key;
  BULKHEAD_TRY(const bool mine, lifecycle::try_lock(call.catalog, name));
  if (!mine)
    return Error(Errc::conflict, "a request with this Idempotency-Key is under way")
        .hint("wait for its answer, or ask again");
  const lifecycle::SessionLock lock(call.catalog, name);
  BULKHEAD_TRY(const auto known, catalog::find_answer(call.catalog, asker, key));
  if (known && known->request != request)
    return problem(Error(Errc::usage, "this Idempotency-Key was used for another request")
                       .hint("take a new key for a new request"),
                   422, trace_id);
  if (known) {
    Response response = response_of(known->status, known->body, known->location);
    response.headers.emplace_back("Idempotency-Replayed", "true");
    return response;
  }
  BULKHEAD_TRY(const Answer answer, route.handler(call));
  Response response = response_of(route, answer);
  catalog::KeptAnswer kept;
  kept.request = request;
  kept.status = response.status;
  kept.location = answer.location.empty() ? "" : "/control/v1" + answer.location;
  kept.body = response.body;
  // It is done: that the answer cannot be kept must not make it look undone.
  static_cast<void>(catalog::keep_answer(call.catalog, asker, key, kept));
  return response;
}

/// The operation that a request wants to follow; nullopt: it does not.
std::optional<std::string> followed(const Request& request, const std::string& path) {
  auto found = control::find_route(request.method, path);
  if (found.has_error() || found->route == nullptr || !found->route->stream) return std::nullopt;
  const auto id = Uuid::parse(found->path.at("operation"));
  if (!id) return std::nullopt;
  return id->text();
}

}  // namespace

ControlApi::ControlApi(Connect connect, lifecycle::DomainSettings domains,
                       const identity::InternalIssuer& issuer)
    : connect_(std::move(connect)), domains_(std::move(domains)), issuer_(issuer) {}

ControlApi::~ControlApi() {
  stop();
}

void ControlApi::stop() {
  pool_.stop();
  pool_.join();
}

Task<Response> ControlApi::answer(const Request& request, std::string_view rest, identity::ClaimsRef caller,
                                  std::string trace_id) {
  auto asked = std::make_shared<Asked>();
  asked->method = request.method;
  asked->path = "/" + std::string(rest);
  asked->query = request.query;
  asked->body = request.body;
  if (const auto type = request.header("Content-Type")) asked->content_type = *type;
  if (const auto key = request.header("Idempotency-Key")) asked->key = *key;
  if (const auto last = request.header("Last-Event-ID")) asked->last_event = *last;
  asked->caller = std::move(caller);
  asked->trace_id = std::move(trace_id);
  auto operation = followed(request, asked->path);
  if (operation) co_return co_await follow(request, std::move(asked), std::move(*operation));
  co_return co_await ask(std::move(asked));
}

Task<Response> ControlApi::ask(std::shared_ptr<const Asked> asked) {
  if (waiting_.fetch_add(1) >= most_waiting) {
    --waiting_;
    const Error error(Errc::overloaded, "too many requests of operators are waiting");
    co_return problem_response(error, 0, asked->trace_id);
  }
  auto work = [](ControlApi* api, std::shared_ptr<const Asked> job) -> Task<Response> {
    Response response = api->serve(*job);
    --api->waiting_;
    co_return response;
  };
  auto served = asio::co_spawn(pool_, work(this, std::move(asked)), asio::use_awaitable);
  co_return co_await std::move(served);
}

Task<Response> ControlApi::follow(const Request& request, std::shared_ptr<const Asked> asked,
                                  std::string operation) {
  const auto executor = co_await asio::this_coro::executor;
  // Before the first look, so that no news is missed after it.
  const std::unique_ptr<control::Watches::Seat> seat = watches_.take(executor, std::move(operation));
  Response seen = co_await ask(asked);
  if (seen.status != 200) co_return seen;
  if (seat == nullptr)
    co_return problem(Error(Errc::overloaded, "as many operations are being followed as can be")
                          .hint("ask for the operation now and then instead"),
                      0, asked->trace_id);
  ResponseStream& stream = *request.stream;
  Result<void> written = co_await stream.begin(control::event_stream());
  std::string known = asked->last_event;
  bool ended = request.method == Method::head;
  while (written.has_value() && !ended) {
    const control::Event event = control::event_of(seen, known);
    written = co_await stream.write(event.text);
    known = event.id;
    if (event.last || written.has_error()) break;
    const bool goes_on = co_await seat->wait();
    ended = !goes_on || asked->caller->expires <= std::chrono::system_clock::now();
    if (!ended) seen = co_await ask(asked);
  }
  Response response;
  response.streamed = written.has_value();
  if (written.has_error()) response.error = written.error();
  co_return response;
}

Response ControlApi::serve(const Asked& asked) {
  try {
    auto connections = borrow();
    if (connections.has_error()) return problem(connections.error(), 0, asked.trace_id);
    auto served = serve_operator(*connections, asked);
    give_back(std::move(*connections));
    if (served.has_error()) return problem(served.error(), 0, asked.trace_id);
    return std::move(*served);
  } catch (const std::exception& error) {
    return problem(Error(Errc::internal, "internal error").internal(error.what()), 0, asked.trace_id);
  }
}

Result<Response> ControlApi::serve_operator(Connections& connections, const Asked& asked) {
  BULKHEAD_TRY(const auto asker,
               catalog::find_operator(connections.catalog, asked.caller->issuer, asked.caller->subject));
  if (!asker)
    return Error(Errc::permission_denied, "only operators may use the control API")
        .hint("an operator is made by `bulkhead operator add`");
  return handle(connections, *asker, asked);
}

Result<Response> ControlApi::handle(Connections& connections, const catalog::Operator& asker,
                                    const Asked& asked) {
  BULKHEAD_TRY(Found found, control::find_route(asked.method, asked.path));
  if (found.allow.empty()) return Error(Errc::route_not_found, "there is nothing at this path");
  if (found.route == nullptr) {
    Response refused =
        problem(Error(Errc::method_not_allowed, "this path does not take this method"), 0, asked.trace_id);
    refused.headers.emplace_back("Allow", found.allow);
    return refused;
  }
  const Route& route = *found.route;
  const audit::Actor actor = audit::Actor::principal(asker.issuer, asker.subject);
  Call call{
      connections.catalog, connections.shard, domains_, issuer_, actor, std::move(found.path), {}, {}, 0, {}};
  BULKHEAD_CHECK(control::read_query(route, asked.query, call));
  BULKHEAD_CHECK(check_content(route, asked.content_type, asked.body));
  BULKHEAD_CHECK(control::read_body(route, asked.body, call));
  if (route.method != Method::post || !asked.key) return call_handler(route, call);
  const std::string request =
      migrate::sha256_hex(asked.path + "\n" + asked.query + "\n" + migrate::sha256_hex(asked.body));
  return call_once(route, call, asker, *asked.key, request, asked.trace_id);
}

Result<ControlApi::Connections> ControlApi::borrow() {
  std::optional<Connections> idle;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      idle.emplace(std::move(idle_.back()));
      idle_.pop_back();
    }
  }
  // It may have gone while it lay idle; nothing has been done on it yet.
  if (idle && idle->catalog.execute("select").has_value()) return std::move(*idle);
  BULKHEAD_TRY(auto catalog, connect_());
  return Connections{std::move(catalog), {}};
}

void ControlApi::give_back(Connections connections) {
  // What a handler that failed has left open, and whether it still lives.
  if (connections.catalog.execute("rollback").has_error()) return;
  const std::lock_guard lock(mutex_);
  if (idle_.size() < threads) idle_.push_back(std::move(connections));
}

}  // namespace bulkhead::api
