#include "lifecycle/backup/segment.hpp"

namespace bulkhead::lifecycle::backup {
namespace {

constexpr std::string_view format_name = "bulkhead-journal/1";
constexpr std::size_t frame_size = 5;

Error not_one() {
  return Error(Errc::import_failed, "a segment of the journal is not one of this version of Bulkhead")
      .hint("use the version that made the backup");
}

template <class T>
void put_number(std::string& out, T value) {
  for (std::size_t byte = sizeof(T); byte-- > 0;)
    out += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * byte) & 255U);
}
void put_text(std::string& out, std::string_view text) {
  put_number(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

std::string framed(char letter, std::string_view body) {
  std::string out(1, letter);
  put_number(out, static_cast<std::uint32_t>(body.size()));
  out += body;
  return out;
}

void put_tuple(std::string& out, const journal::Tuple& tuple) {
  put_number(out, static_cast<std::uint32_t>(tuple.size()));
  for (const auto& value : tuple) {
    out += value.kind == journal::Value::Kind::null   ? 'n'
           : value.kind == journal::Value::Kind::text ? 't'
                                                      : 'u';
    if (value.kind == journal::Value::Kind::text) put_text(out, value.text);
  }
}

/// Reads a record's bytes; once there were too few, `good` is false and everything is empty.
class Cursor {
 public:
  explicit Cursor(std::string_view left) : left_(left) {}

  template <class T>
  T number() {
    std::uint64_t out = 0;
    const std::string_view bytes = take(sizeof(T));
    for (const char c : bytes) out = out << 8U | static_cast<unsigned char>(c);
    return static_cast<T>(out);
  }
  std::string_view text() { return take(number<std::uint32_t>()); }
  char letter() {
    const std::string_view one = take(1);
    return one.empty() ? '\0' : one.front();
  }
  /// How many parts follow, each of which has a byte at least.
  std::uint32_t count() {
    const auto out = number<std::uint32_t>();
    if (out > left_.size()) good_ = false;
    return good_ ? out : 0;
  }
  journal::Tuple tuple() {
    journal::Tuple out(count());
    for (auto& value : out) {
      switch (letter()) {
        case 'n':
          value.kind = journal::Value::Kind::null;
          break;
        case 'u':
          value.kind = journal::Value::Kind::unchanged;
          break;
        case 't':
          value.kind = journal::Value::Kind::text;
          value.text = text();
          break;
        default:
          good_ = false;
      }
    }
    return out;
  }
  [[nodiscard]] bool done() const noexcept { return good_ && left_.empty(); }

 private:
  std::string_view take(std::size_t size) {
    if (!good_ || left_.size() < size) {
      good_ = false;
      return {};
    }
    const std::string_view out = left_.substr(0, size);
    left_.remove_prefix(size);
    return out;
  }

  std::string_view left_;
  bool good_ = true;
};

journal::Relation relation_of(Cursor& from) {
  journal::Relation out;
  out.schema = from.text();
  out.name = from.text();
  out.replica_identity = from.letter();
  out.columns.resize(from.count());
  for (auto& column : out.columns) {
    column.key = from.letter() == 'k';
    column.type_oid = from.number<std::uint32_t>();
    column.name = from.text();
  }
  return out;
}

}  // namespace

std::string SegmentEncoder::head(const SegmentHead& head) {
  std::string body;
  for (const std::string_view text : {format_name, std::string_view(head.tenant), std::string_view(head.cell),
                                      std::string_view(head.database), std::string_view(head.schema)})
    put_text(body, text);
  put_number(body, head.epoch);
  return framed('H', body);
}

std::string SegmentEncoder::begin(const SegmentBegin& begin) {
  std::string body;
  put_number(body, begin.commit);
  put_number(body, static_cast<std::uint64_t>(begin.at.time_since_epoch().count()));
  return framed('B', body);
}

std::uint32_t SegmentEncoder::number_of(const journal::RelationRef& relation, std::string& out) {
  const auto [known, fresh] = relations_.try_emplace(relation, relations_.size());
  if (!fresh) return known->second;
  std::string body;
  put_number(body, known->second);
  put_text(body, relation->schema);
  put_text(body, relation->name);
  body += relation->replica_identity;
  put_number(body, static_cast<std::uint32_t>(relation->columns.size()));
  for (const auto& column : relation->columns) {
    body += column.key ? 'k' : '-';
    put_number(body, column.type_oid);
    put_text(body, column.name);
  }
  out += framed('R', body);
  return known->second;
}

std::string SegmentEncoder::change(const journal::Change& change) {
  std::string out, body;
  const auto number = number_of(change.relation, out);
  body += change.kind == journal::ChangeKind::insert   ? 'i'
          : change.kind == journal::ChangeKind::update ? 'u'
                                                       : 'r';
  put_number(body, number);
  put_number(body, change.ordinal);
  put_tuple(body, change.old);
  put_tuple(body, change.row);
  return out + framed('C', body);
}

std::string SegmentEncoder::truncate(const journal::RelationRef& relation) {
  std::string out, body;
  put_number(body, number_of(relation, out));
  return out + framed('T', body);
}

std::string SegmentEncoder::end() {
  return framed('E', {});
}

void SegmentDecoder::feed(std::string_view piece) {
  waiting_.erase(0, at_);
  at_ = 0;
  waiting_ += piece;
}

Result<std::optional<SegmentRecord>> SegmentDecoder::next() {
  using Out = std::optional<SegmentRecord>;
  for (;;) {
    const std::string_view left = std::string_view(waiting_).substr(at_);
    if (left.size() < frame_size) return Out();
    const char letter = left.front();
    const auto size = Cursor(left.substr(1, 4)).number<std::uint32_t>();
    if (left.size() - frame_size < size) return Out();
    at_ += frame_size + size;
    Cursor body(left.substr(frame_size, size));
    SegmentRecord out;
    switch (letter) {
      case 'H': {
        if (body.text() != format_name) return not_one();
        SegmentHead head;
        head.tenant = body.text();
        head.cell = body.text();
        head.database = body.text();
        head.schema = body.text();
        head.epoch = body.number<std::uint64_t>();
        out = std::move(head);
        break;
      }
      case 'R': {
        const auto number = body.number<std::uint32_t>();
        relations_[number] = std::make_shared<const journal::Relation>(relation_of(body));
        if (!body.done()) return not_one();
        continue;
      }
      case 'B': {
        SegmentBegin begin;
        begin.commit = body.number<std::uint64_t>();
        begin.at = decltype(begin.at)(
            std::chrono::microseconds(static_cast<std::int64_t>(body.number<std::uint64_t>())));
        out = begin;
        break;
      }
      case 'C': {
        journal::Change change;
        const char kind = body.letter();
        change.kind = kind == 'i'   ? journal::ChangeKind::insert
                      : kind == 'u' ? journal::ChangeKind::update
                                    : journal::ChangeKind::remove;
        const auto relation = relations_.find(body.number<std::uint32_t>());
        if (relation == relations_.end() || (kind != 'i' && kind != 'u' && kind != 'r')) return not_one();
        change.relation = relation->second;
        change.ordinal = body.number<std::uint32_t>();
        change.old = body.tuple();
        change.row = body.tuple();
        const std::size_t columns = change.relation->columns.size();
        const bool fits = (change.old.empty() || change.old.size() == columns) &&
                          change.row.size() == (kind == 'r' ? 0 : columns) &&
                          (kind != 'r' || !change.old.empty());
        if (!fits) return not_one();
        out = std::move(change);
        break;
      }
      case 'T': {
        const auto relation = relations_.find(body.number<std::uint32_t>());
        if (relation == relations_.end()) return not_one();
        out = SegmentTruncate{relation->second};
        break;
      }
      case 'E':
        out = SegmentEnd{};
        break;
      default:
        return not_one();
    }
    if (!body.done()) return not_one();
    return Out(std::move(out));
  }
}

}  // namespace bulkhead::lifecycle::backup
