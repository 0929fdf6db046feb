#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include <boost/asio/any_completion_handler.hpp>

#include "pg/lanes.hpp"
#include "pg/unit.hpp"

namespace bulkhead::pg {

struct Job;
using JobPtr = std::unique_ptr<Job>;
class Connection;

/// A caller's unit from `Lanes::run` to its answer. It is owned by the queue it waits in or the connection it
/// is outstanding on, never by the caller's coroutine frame, which may be destroyed at any time.
struct Job {
  using Handler = boost::asio::any_completion_handler<void(JobPtr)>;

  Unit unit;
  Deadline deadline = Deadline::max();
  std::size_t lane = 0;
  std::uint64_t fairness_key = 0;
  bool in_session = false;           ///< Part of an interactive transaction: not retried, may leave it open.
  bool takes_session = false;        ///< Its connection is handed to the caller with the answer.
  bool ends_session = false;         ///< The check on a connection that comes back; no caller waits for it.
  bool lost_is_rolled_back = false;  ///< In a transaction that was not being committed: losing it undoes it.
  bool given_up = false;  ///< Its deadline passed while it was outstanding, or its caller went away.
  bool has_slot = false;  ///< Its caller can be cancelled.

  /// Empty once the caller was answered or went away.
  Handler handler;

  Outcome outcome;
  std::optional<Error> failure;
  std::shared_ptr<Connection> session;  ///< With `takes_session`.

  std::uint64_t serial = 0;  ///< Its number among all jobs of these lanes.
  std::uint64_t id = 0;      ///< Its number on the connection it was sent on.
  unsigned retries = 0;

  /// Boost 1.81's move assignment of this handler calls itself for ever.
  void take_handler(Handler other) noexcept { handler.swap(other); }
};

}  // namespace bulkhead::pg
