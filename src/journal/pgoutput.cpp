#include "journal/pgoutput.hpp"

#include <optional>

namespace bulkhead::journal {
namespace {

Error malformed() {
  return Error(Errc::statement_failed, "a change in PostgreSQL's replication stream is not understood");
}

/// Reads from front to back; what is past the end reads as zero, and `good` is false from then on.
class Reader {
 public:
  explicit Reader(std::string_view message) : rest_(message) {}

  std::uint64_t number(std::size_t bytes) {
    const std::string_view part = take(bytes);
    std::uint64_t out = 0;
    for (const char c : part) out = (out << 8U) | static_cast<unsigned char>(c);
    return out;
  }
  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t u64() { return number(8); }
  std::string_view take(std::size_t bytes) {
    if (bytes > rest_.size()) {
      good_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view out = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return out;
  }
  /// Up to a NUL, which is left out.
  std::string_view text() {
    const auto end = rest_.find('\0');
    if (end == std::string_view::npos) {
      good_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view out = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return out;
  }
  std::chrono::sys_time<std::chrono::microseconds> time() {
    // Since 2000-01-01.
    constexpr std::int64_t epoch_s = 946684800;
    const auto micros = static_cast<std::int64_t>(u64());
    if (micros > INT64_MAX - epoch_s * 1'000'000) {
      good_ = false;
      return {};
    }
    return std::chrono::sys_time<std::chrono::microseconds>(
        std::chrono::microseconds(micros + epoch_s * 1'000'000));
  }
  [[nodiscard]] bool good() const noexcept { return good_; }
  [[nodiscard]] bool at_end() const noexcept { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

using Relations = std::unordered_map<std::uint32_t, RelationRef>;

RelationRef find(const Relations& relations, std::uint32_t oid) {
  const auto found = relations.find(oid);
  return found == relations.end() ? RelationRef() : found->second;
}

/// nullopt: not a row of this relation.
std::optional<Tuple> read_tuple(Reader& in, const Relation& relation) {
  const std::size_t count = in.u16();
  if (count != relation.columns.size()) return std::nullopt;
  Tuple out;
  out.reserve(count);
  for (std::size_t i = 0; i < count && in.good(); ++i) {
    Value value;
    switch (in.u8()) {
      case 'n':
        break;
      case 'u':
        value.kind = Value::Kind::unchanged;
        break;
      case 't':
        value.kind = Value::Kind::text;
        value.text = in.take(in.u32());
        break;
      default:
        return std::nullopt;
    }
    out.push_back(value);
  }
  if (!in.good()) return std::nullopt;
  return out;
}

Result<Relation> read_relation(Reader& in) {
  Relation out;
  out.oid = in.u32();
  out.schema = in.text();
  // The empty name stands for pg_catalog.
  if (out.schema.empty()) out.schema = "pg_catalog";
  out.name = in.text();
  out.replica_identity = static_cast<char>(in.u8());
  const std::size_t count = in.u16();
  for (std::size_t i = 0; i < count && in.good(); ++i) {
    Relation::Column column;
    column.key = (in.u8() & 1U) != 0;
    column.name = in.text();
    column.type_oid = in.u32();
    [[maybe_unused]] const auto modifier = in.u32();
    out.columns.push_back(std::move(column));
  }
  if (!in.at_end()) return malformed();
  return out;
}

Result<Message> read_insert(Reader& in, const Relations& relations) {
  Insert out;
  out.relation = find(relations, in.u32());
  if (!out.relation || in.u8() != 'N') return malformed();
  auto row = read_tuple(in, *out.relation);
  if (!row || !in.at_end()) return malformed();
  out.row = std::move(*row);
  return Message(std::move(out));
}

Result<Message> read_update(Reader& in, const Relations& relations) {
  Update out;
  out.relation = find(relations, in.u32());
  if (!out.relation) return malformed();
  std::uint8_t kind = in.u8();
  if (kind == 'K' || kind == 'O') {
    out.old_key = kind == 'K';
    auto old = read_tuple(in, *out.relation);
    if (!old) return malformed();
    out.old = std::move(*old);
    kind = in.u8();
  }
  if (kind != 'N') return malformed();
  auto row = read_tuple(in, *out.relation);
  if (!row || !in.at_end()) return malformed();
  out.row = std::move(*row);
  return Message(std::move(out));
}

Result<Message> read_delete(Reader& in, const Relations& relations) {
  Delete out;
  out.relation = find(relations, in.u32());
  const std::uint8_t kind = in.u8();
  if (!out.relation || (kind != 'K' && kind != 'O')) return malformed();
  out.old_key = kind == 'K';
  auto old = read_tuple(in, *out.relation);
  if (!old || !in.at_end()) return malformed();
  out.old = std::move(*old);
  return Message(std::move(out));
}

Result<Message> read_truncate(Reader& in, const Relations& relations) {
  Truncate out;
  const std::uint32_t count = in.u32();
  [[maybe_unused]] const auto options = in.u8();
  for (std::uint32_t i = 0; i < count && in.good(); ++i) {
    auto relation = find(relations, in.u32());
    if (!relation) return malformed();
    out.relations.push_back(std::move(relation));
  }
  if (!in.at_end()) return malformed();
  return Message(std::move(out));
}

}  // namespace

std::size_t Relation::find(std::string_view column) const noexcept {
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (columns[i].name == column) return i;
  return npos;
}

Result<Message> Decoder::decode(std::string_view message) {
  Reader in(message);
  switch (in.u8()) {
    case 'B': {
      Begin out;
      out.commit = in.u64();
      out.at = in.time();
      out.xid = in.u32();
      if (!in.at_end()) return malformed();
      return Message(out);
    }
    case 'C': {
      Commit out;
      [[maybe_unused]] const auto flags = in.u8();
      out.commit = in.u64();
      out.end = in.u64();
      out.at = in.time();
      if (!in.at_end()) return malformed();
      return Message(out);
    }
    case 'R': {
      BULKHEAD_TRY(Relation relation, read_relation(in));
      const auto oid = relation.oid;
      relations_[oid] = std::make_shared<const Relation>(std::move(relation));
      return Message(Nothing());
    }
    case 'I':
      return read_insert(in, relations_);
    case 'U':
      return read_update(in, relations_);
    case 'D':
      return read_delete(in, relations_);
    case 'T':
      return read_truncate(in, relations_);
    case 'M': {
      LogicalMessage out;
      out.transactional = (in.u8() & 1U) != 0;
      out.at = in.u64();
      out.prefix = in.text();
      out.content = in.take(in.u32());
      if (!in.at_end()) return malformed();
      return Message(out);
    }
    case 'Y':  // Type
    case 'O':  // Origin
      return Message(Nothing());
    default:
      return malformed();
  }
}

}  // namespace bulkhead::journal
