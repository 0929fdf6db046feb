#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <bulkhead/result.hpp>

namespace bulkhead::pg {

/// A place in the write-ahead log. 0: none.
using Lsn = std::uint64_t;
/// As PostgreSQL writes it: `16/B374D848`.
[[nodiscard]] std::string lsn_text(Lsn lsn);
[[nodiscard]] std::optional<Lsn> parse_lsn(std::string_view text) noexcept;

/// A connection of PostgreSQL's streaming replication protocol to one database (`replication=database`), for logical decoding by
/// pgoutput, protocol version 1 (https://www.postgresql.org/docs/15/protocol-replication.html). Blocking; one thread. The login
/// needs REPLICATION or superuser. Errors: `database_unavailable`, `statement_failed` with SQLSTATE.
class Replication {
 public:
  /// `conninfo`: as of any connection to that database.
  [[nodiscard]] static Result<Replication> connect(const std::string& conninfo);
  Replication(Replication&&) noexcept;
  Replication& operator=(Replication&&) noexcept;
  ~Replication();

  struct NewSlot {
    Lsn consistent =
        0;  ///< Transactions whose commit record begins here or later come in the stream; the others do not.
    std::string
        snapshot;  ///< For SET TRANSACTION SNAPSHOT: shows those others, and is valid until the next call.
  };
  /// A replication slot. `temporary`: it goes with this connection, which alone may read it. Waits until the transactions that
  /// write now, of the whole cluster, have ended. `name`: [a-z0-9_], at most 63.
  [[nodiscard]] Result<NewSlot> create_slot(const std::string& name, bool temporary);
  /// Waits for whoever reads it.
  [[nodiscard]] Result<void> drop_slot(const std::string& name);

  /// Begins to stream what the publication has, from `from` on, or from where the slot was last confirmed if that is later.
  /// With logical messages (pg_logical_emit_message).
  [[nodiscard]] Result<void> start(const std::string& slot, Lsn from, const std::string& publication);

  struct Piece {
    Lsn at = 0;             ///< Of the record; 0 for some messages about relations.
    Lsn server_end = 0;     ///< How far the server's log went when it sent this.
    std::string_view data;  ///< One message of pgoutput; valid until the next `receive`.
  };
  /// The next message; nothing where none came within `wait`. Answers keepalives.
  [[nodiscard]] Result<std::optional<Piece>> receive(std::chrono::milliseconds wait);
  /// The server has told that everything before this has been sent (by keepalives and messages).
  [[nodiscard]] Lsn server_end() const noexcept;

  /// All before `lsn` is kept elsewhere: the server need not keep it for this slot. Told the server at once when `now`, else with
  /// the next keepalive or `receive`, at most once a second.
  [[nodiscard]] Result<void> confirm(Lsn lsn, bool now = false);

 private:
  struct Impl;
  explicit Replication(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead::pg
