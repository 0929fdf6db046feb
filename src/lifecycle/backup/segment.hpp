#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>

#include <bulkhead/result.hpp>

#include "journal/change.hpp"
#include "journal/pgoutput.hpp"

namespace bulkhead::lifecycle::backup {

// What a segment of the journal says, before it is compressed and sealed: records, each a letter, a length of four bytes, and so
// many bytes. Numbers have their highest byte first. Pure.
//
//     H  format, tenant, cell, database, schema, epoch      first, once
//     R  number, schema, name, replica identity, columns    before the first change that names it
//     B  commit, commit time    C  a change    T  a table is emptied    E  the transaction's end

struct SegmentHead {
  std::string tenant, cell, database, schema;
  std::uint64_t epoch = 0;
};
struct SegmentBegin {
  pg::Lsn commit = 0;
  std::chrono::sys_time<std::chrono::microseconds> at;
};
struct SegmentTruncate {
  journal::RelationRef relation;
};
struct SegmentEnd {};
/// A change's views last until the decoder's next call; its tenant is the head's.
using SegmentRecord = std::variant<SegmentHead, SegmentBegin, journal::Change, SegmentTruncate, SegmentEnd>;

/// Makes records; remembers which tables it has described. The text is what is to be written next.
class SegmentEncoder {
 public:
  [[nodiscard]] std::string head(const SegmentHead& head);
  [[nodiscard]] std::string begin(const SegmentBegin& begin);
  [[nodiscard]] std::string change(const journal::Change& change);
  [[nodiscard]] std::string truncate(const journal::RelationRef& relation);
  [[nodiscard]] std::string end();

 private:
  std::uint32_t number_of(const journal::RelationRef& relation, std::string& out);
  std::map<journal::RelationRef, std::uint32_t> relations_;
};

/// Takes pieces of any size, gives records.
class SegmentDecoder {
 public:
  void feed(std::string_view piece);
  /// nullopt: more is needed. Error: `import_failed` for what no encoder wrote.
  [[nodiscard]] Result<std::optional<SegmentRecord>> next();
  /// Nothing is left of a record that has begun.
  [[nodiscard]] bool at_end() const noexcept { return waiting_.size() == at_; }

 private:
  std::string waiting_;
  std::size_t at_ = 0;
  std::unordered_map<std::uint32_t, journal::RelationRef> relations_;
};

}  // namespace bulkhead::lifecycle::backup
