#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include <bulkhead/app.hpp>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "data/signer.hpp"
#include "identity/verifier.hpp"
#include "pg/blocking.hpp"
#include "runtime/dispatcher.hpp"
#include "runtime/occasional.hpp"
#include "sql/relations.hpp"
#include "sql/render.hpp"

namespace bulkhead::pg {
class Listener;
}

namespace bulkhead::runtime {

/// Everything a server is wired from.
struct ServerSettings {
  AppConfig config;
  std::string login_conninfo, catalog_conninfo;
  data::BindingKey binding_key;
  std::function<Result<data::BindingKey>()>
      read_binding_key;  ///< Asked again when the catalog says that it changed.
  std::function<Result<pg::Blocking>()>
      connect_operator;  ///< For the control API: to the catalog, with the operator's rights. Empty: there is none.
  std::vector<identity::IssuerSettings> issuers;
  std::function<std::vector<OpenRoute>(std::uint16_t port)> open_routes;  ///< Besides health and metrics.
  std::function<void()> stop_open_routes;  ///< Ends what they do on other threads, before the loops end.
  std::function<void(Metrics&)>
      observe;       ///< Adds figures of what runs beside the server. Empty: there are none.
  WebPage page;      ///< The app's own; empty: none.
  ApiPage docs;      ///< For the API; empty: none.
  sql::Walls walls;  ///< All on, but in the isolation tests.
};

/// A running server: one io thread beside another, each with its own connections, view, verifier and data
/// plane, sharing the listening port (SO_REUSEPORT) and nothing that changes but the relations.
class Server {
 public:
  Server(ServerSettings settings, const std::vector<Route>& routes, Logger& log);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Reads the relations, listens, starts the threads. Returns the port.
  [[nodiscard]] Result<std::uint16_t> start();
  /// Stops accepting, finishes what is under way within `grace`, joins the threads. Idempotent.
  void stop(std::chrono::milliseconds grace);
  /// Reads the relations again (after a migration) and swaps them in.
  [[nodiscard]] Result<void> reload();
  /// Rows refused on the way out, over all threads.
  [[nodiscard]] std::uint64_t mismatches() const;

 private:
  struct Shared;
  struct IoThread;
  [[nodiscard]] Result<bool> statement_names_are_hidden() const;
  [[nodiscard]] Result<std::string> own_database() const;
  [[nodiscard]] std::vector<OpenRoute> system_routes();
  Task<Response> readiness();
  Task<Response> scrape();
  Task<Response> internal_jwks();
  void limit_connections(std::size_t threads);
  void register_metrics();
  void watch_database();
  void reload_after_news();
  void renew_key_after_news();
  void warm_home(std::string_view payload);

  std::unique_ptr<Shared> shared_;
  const std::vector<Route>& routes_;
  std::unique_ptr<api::ControlApi> control_;  ///< Null where there is none.
  std::unique_ptr<api::OpenApi> openapi_;
  std::vector<std::unique_ptr<IoThread>> threads_;
  std::unique_ptr<pg::Listener> database_listener_;
  boost::asio::thread_pool background_{1};  ///< Reads relations and keys, which blocks.
  Occasional reload_, renew_key_;
};

}  // namespace bulkhead::runtime
