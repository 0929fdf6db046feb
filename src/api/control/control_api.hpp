#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>
#include <bulkhead/task.hpp>

#include "api/control/watches.hpp"
#include "catalog/operators.hpp"
#include "identity/internal_issuer.hpp"
#include "identity/verifier.hpp"
#include "lifecycle/databases.hpp"
#include "lifecycle/domains.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::api {

/// What operators do over HTTP: /control/v1. The catalog and the rooms of the control plane block, so a request is answered
/// on one of two threads of its own, each with a connection of the operator's rights; what waits for them is bounded.
///
/// In this order: the caller must be an operator (403), the path and the method must be there (404, 405), the query and the
/// body must be what the route takes (400, 413, 415), an Idempotency-Key is looked up (the stored answer, 409, 422), and the
/// route's handler is called. Thread-safe.
///
/// Who follows an operation is answered by all of this each time that it has changed, and so only as long as the caller is an
/// operator.
class ControlApi {
 public:
  using Connect = std::function<Result<pg::Blocking>()>;
  /// `connect`: makes a connection to the catalog with the operator's rights; called on any of the threads. `issuer` outlives it.
  ControlApi(Connect connect, lifecycle::DomainSettings domains, const identity::InternalIssuer& issuer);
  ~ControlApi();
  ControlApi(const ControlApi&) = delete;
  ControlApi& operator=(const ControlApi&) = delete;

  static constexpr std::string_view prefix = "/control/v1/";

  /// `rest`: the path behind the prefix. The request must live until the task is done; the answer is an error's problem
  /// document or the handler's JSON.
  [[nodiscard]] Task<Response> answer(const Request& request, std::string_view rest,
                                      identity::ClaimsRef caller, std::string trace_id);

  /// The operation with this id has changed; somebody may follow it. Any thread, as are the next two.
  void operation_told(const std::string& id) { watches_.tell(id); }
  /// Operations may have changed without anybody having been told.
  void operations_told() { watches_.tell_all(); }
  /// Answers that follow an operation end. Before the loops are drained.
  void end_following() { watches_.end(); }

  /// Finishes what is being answered and drops what waits. Before the loops that wait for answers end. Idempotent.
  void stop();

 private:
  struct Asked;
  /// What one request has to itself.
  struct Connections {
    pg::Blocking catalog;
    lifecycle::ShardConnection shard;
  };
  [[nodiscard]] Task<Response> ask(std::shared_ptr<const Asked> asked);
  [[nodiscard]] Task<Response> follow(const Request& request, std::shared_ptr<const Asked> asked,
                                      std::string operation);
  [[nodiscard]] Response serve(const Asked& asked);
  [[nodiscard]] Result<Response> serve_operator(Connections& connections, const Asked& asked);
  [[nodiscard]] Result<Response> handle(Connections& connections, const catalog::Operator& asker,
                                        const Asked& asked);
  [[nodiscard]] Result<Connections> borrow();
  void give_back(Connections connections);

  static constexpr std::size_t threads = 2, most_waiting = 64;
  Connect connect_;
  lifecycle::DomainSettings domains_;
  const identity::InternalIssuer& issuer_;
  std::mutex mutex_;  ///< Guards idle_.
  std::vector<Connections> idle_;
  std::atomic<std::size_t> waiting_{0};
  control::Watches watches_;
  boost::asio::thread_pool pool_{threads};
};

}  // namespace bulkhead::api
