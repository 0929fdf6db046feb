#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include <bulkhead/result.hpp>

#include "pg/replication.hpp"

namespace bulkhead::journal {

// What pgoutput sends, protocol version 1: https://www.postgresql.org/docs/15/protocol-logicalrep-message-formats.html

/// A table as it was when the rows that follow were written.
struct Relation {
  struct Column {
    std::string name;
    std::uint32_t type_oid = 0;
    bool key = false;  ///< Of the replica identity.
  };
  std::uint32_t oid = 0;
  std::string schema, name;
  char replica_identity = 'd';  ///< d, n, f, i: as pg_class.relreplident.
  std::vector<Column> columns;  ///< Without generated ones.

  /// The column's place; npos where there is none.
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);
  [[nodiscard]] std::size_t find(std::string_view column) const noexcept;
};
using RelationRef = std::shared_ptr<const Relation>;

/// One value of a row, in PostgreSQL's text format. Views last as long as the message they were read from.
struct Value {
  enum class Kind : std::uint8_t {
    null,
    unchanged,  ///< A large value (TOAST) that this update left alone, and that was not sent.
    text
  };
  Kind kind = Kind::null;
  std::string_view text;
};
/// As long as the relation's columns. In an old key all but the key's columns are null.
using Tuple = std::vector<Value>;

struct Begin {
  pg::Lsn commit = 0;  ///< Where the transaction's commit record begins.
  std::chrono::sys_time<std::chrono::microseconds> at;
  std::uint32_t xid = 0;
};
struct Commit {
  pg::Lsn commit = 0;
  pg::Lsn end = 0;  ///< To confirm when the transaction is kept.
  std::chrono::sys_time<std::chrono::microseconds> at;
};
struct Insert {
  RelationRef relation;
  Tuple row;
};
struct Update {
  RelationRef relation;
  Tuple old;             ///< Empty where the key did not change.
  bool old_key = false;  ///< `old` is the key alone (replica identity `default`), not the row.
  Tuple row;
};
struct Delete {
  RelationRef relation;
  Tuple old;
  bool old_key = true;
};
struct Truncate {
  std::vector<RelationRef> relations;
};
/// Of pg_logical_emit_message.
struct LogicalMessage {
  bool transactional = false;
  pg::Lsn at = 0;
  std::string_view prefix, content;
};
/// Relations, types, origins: for the decoder alone.
struct Nothing {};
using Message = std::variant<Nothing, Begin, Commit, Insert, Update, Delete, Truncate, LogicalMessage>;

/// Reads messages in the order in which they come; remembers relations. Pure; one thread.
class Decoder {
 public:
  /// Views in the result look into `message`. Error: `statement_failed` for what is no message of this protocol.
  [[nodiscard]] Result<Message> decode(std::string_view message);

 private:
  std::unordered_map<std::uint32_t, RelationRef> relations_;
};

}  // namespace bulkhead::journal
