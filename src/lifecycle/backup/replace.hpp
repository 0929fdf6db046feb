#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/uuid.hpp>

#include "lifecycle/backup/replay.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle::backup {

/// Whose rows others come in the place of.
struct ReplaceOrder {
  TenantId tenant;
  std::string schema;
  Uuid operation;             ///< Is done once, however often it is tried.
  std::uint64_t attempt = 0;  ///< From `next_attempt`.
};

struct ReplaceReport {
  struct Table {
    std::string name;
    std::uint64_t removed = 0, written = 0;  ///< A row that differs counts as both.
  };
  std::vector<Table> tables;  ///< That have changed.
  Replayed replayed;          ///< What was read from the store.
  double pause_ms = 0;        ///< How long writers waited.
  bool before = false;        ///< An earlier attempt has done it: the rest is not known any more.
};

/// Puts other rows in the place of those that a tenant has, while it is served. `fill` puts them aside first, into tables of the session's own.
/// Then writers wait (the lock and the attempts of a move: docs/decisions/0016-move.md), and the rows that differ are exchanged
/// in one transaction, which readers see as a whole or not at all. That is news: the tenant's journal and its events tell it, so that a restore to a time
/// before it brings back what was there. Counters and sequences only go up: no number is given out twice. Foreign keys and triggers are at rest.
/// `home`: the operator's connection to where the tenant lives, its session's settings are changed.
/// Errors: those of `fill`, `conflict` (it has moved, another process has the word, no superuser), `overloaded` (writers that do not end), the database's. After an error nothing has changed.
[[nodiscard]] Result<ReplaceReport> replace_rows(pg::Blocking& home, const ReplaceOrder& order,
                                                 const std::function<Result<void>(Replay&)>& fill);

}  // namespace bulkhead::lifecycle::backup
