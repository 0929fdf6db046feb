#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/uuid.hpp>

namespace bulkhead::journal {

/// A place where a tenant may live: a schema of a database.
struct MovePlace {
  std::string conninfo;  ///< Of the operator; holds a password.
  std::string schema;
};

struct MoveOrder {
  MoveOrder() = default;
  TenantId tenant;
  MovePlace source, target;    ///< In different databases.
  std::int64_t epoch = 0;      ///< At the target: larger than at the source.
  std::uint64_t max_rate = 0;  ///< Bytes a second of the copy, and of verifying on each side; 0: no limit.
  std::chrono::milliseconds longest_pause{
      5000};  ///< Of writers; where it takes longer, the move is taken back.
};

enum class MovePhase : std::uint8_t { claim, copy, catch_up, verify, fence, switch_over };
[[nodiscard]] std::string_view move_phase_name(MovePhase phase) noexcept;

/// How far a move has come.
struct MoveFigures {
  struct Table {
    std::string name;
    std::uint64_t rows = 0, done = 0;  ///< Rows of all tenants, as the planner takes it; copied.
  };
  MovePhase phase = MovePhase::claim;
  std::vector<Table> tables;
  std::uint64_t rows_done = 0, bytes_done = 0, applied = 0, lag_bytes = 0;
  double rows_per_s = 0;
  double copy_s = 0, verify_s = 0, pause_ms = 0;
  std::vector<std::pair<std::string, double>>
      pause_parts;  ///< What the pause was spent on: milliseconds of each step.
  std::uint64_t attempt = 0;
  bool arrived = false;  ///< The move's commit is done: forward only.
};

/// What of a move stands in the catalog.
struct MoveHooks {
  /// A new attempt of the operation, larger than all before (0016, step 1).
  std::function<Result<std::uint64_t>()> next_attempt;
  /// The tenant lives at the target from now on (step 9a). Called again where its answer was lost.
  std::function<Result<void>()> switch_over;
  /// The same, and taken back: shortly before it, so that the database knows by then how it is done.
  std::function<Result<void>()> rehearse;
  /// A few times a second, and at each phase. An error ends the move, where it can still be taken back.
  std::function<Result<void>(const MoveFigures&)> told;
};

/// Moves the tenant while it is read and written, by the protocol of docs/decisions/0016-move.md: goes on from wherever an attempt before it
/// came to. Where it fails, the tenant is where it was, and may be written there; `database_unavailable`: that could not be
/// made sure, and has to be tried again. Other errors: `conflict` (another mover, another version of the app at the target),
/// `config_invalid` (wal_level, rights), `overloaded` (a transaction of the tenant does not end), `internal` (source and
/// target are not the same after the copy).
[[nodiscard]] Result<MoveFigures> move_rows(const MoveOrder& order, const MoveHooks& hooks);

}  // namespace bulkhead::journal
