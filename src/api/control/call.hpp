#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>

#include "audit/log.hpp"
#include "identity/internal_issuer.hpp"
#include "lifecycle/databases.hpp"
#include "lifecycle/domains.hpp"
#include "pg/blocking.hpp"

/// The control API under /control/v1: one table of routes (routes.cpp), from which requests are read, the OpenAPI document
/// is written, and handlers are called.
namespace bulkhead::api::control {

/// What a route takes in its path, its query or its body. All of it is text.
struct Field {
  std::string_view name, description;
  bool required = false;
  std::size_t longest = 200;                   ///< Bytes.
  std::vector<std::string_view> allowed = {};  ///< Empty: anything.
};

using Values = std::map<std::string, std::string, std::less<>>;

/// A request that was read: only what its route knows is in it.
struct Call {
  pg::Blocking& catalog;  ///< The operator's connection.
  lifecycle::ShardConnection& shard;
  const lifecycle::DomainSettings& domains;
  const identity::InternalIssuer& issuer;
  const audit::Actor& actor;
  Values path, query, body;
  std::size_t limit = 0;  ///< Of a page.
  std::string after;      ///< The cursor's content; empty: the first page.

  /// The value, or empty.
  [[nodiscard]] std::string asked(std::string_view name) const;
  [[nodiscard]] std::string given(std::string_view name) const;
};

/// What a handler answers; an error becomes a problem document.
struct Answer {
  boost::json::value body;  ///< null: none.
  std::string location;     ///< Of what was made, below /control/v1.
  unsigned status = 0;      ///< 0: the route's.
};
using Handler = Result<Answer> (*)(Call&);

struct Route {
  Method method = Method::get;
  std::string_view path;  ///< Below /control/v1; `{name}` stands for one segment.
  std::string_view id, summary;
  unsigned success = 200;
  std::string_view schema;  ///< Of the answer, or of one item of a page; empty: no body.
  Handler handler = nullptr;
  std::vector<Field> query = {}, body = {};
  unsigned other = 0;  ///< What it may answer with instead, if it is not 0.
  std::string_view other_schema = {};
  bool stream =
      false;  ///< What the handler answers is followed: server-sent events, the first of them at once.
  bool page = false;  ///< Takes `limit` and `cursor`; answers {"items": […], "next": …}.
};

/// All routes, in the order of the document.
[[nodiscard]] const std::vector<Route>& routes();

inline constexpr std::size_t page_default = 100, page_most = 500;

/// The values of the query. Errors: `malformed_request` for what the route does not take, takes once, or not so long.
[[nodiscard]] Result<void> read_query(const Route& route, std::string_view query, Call& call);
/// The values of the body, an object of text. Errors: `malformed_json`, `payload_invalid`.
[[nodiscard]] Result<void> read_body(const Route& route, std::string_view body, Call& call);

/// The route for a path and what stands in its places; nullptr and the methods there are, if it is another's path.
struct Found {
  const Route* route = nullptr;
  Values path;
  std::string allow;  ///< Empty: nobody has this path.
};
/// Error: `malformed_request` for percent-encoding that is not right.
[[nodiscard]] Result<Found> find_route(Method method, std::string_view path);

/// Opaque to clients.
[[nodiscard]] std::string cursor_of(std::string_view last);

/// {"items": […], "next": …}: of `limit` + 1 items the last one only shows that there are more. `key`: of an item.
template <class T, class Json, class Key>
[[nodiscard]] boost::json::object page_of(const Call& call, const std::vector<T>& found, Json json, Key key) {
  boost::json::array items;
  for (std::size_t i = 0; i < found.size() && i < call.limit; ++i) items.push_back(json(found[i]));
  boost::json::object out{{"items", std::move(items)}, {"next", nullptr}};
  if (found.size() > call.limit) out["next"] = cursor_of(key(found[call.limit - 1]));
  return out;
}

/// The OpenAPI 3.1 document of `routes()`.
[[nodiscard]] const std::string& openapi();

}  // namespace bulkhead::api::control
