#include "journal/reader.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/failpoint.hpp"
#include "journal/pgoutput.hpp"
#include "migrate/sha256.hpp"

namespace bulkhead::journal {
namespace {

using Clock = std::chrono::steady_clock;

/// Of the session that reads: it goes with the process.
constexpr std::string_view reader_lock = "bulkhead journal reader";
/// Consumers are asked what they have kept so often, and whenever nothing more comes.
constexpr std::chrono::seconds settle_pause{1};
constexpr std::chrono::milliseconds idle{50};

struct SlotState {
  bool there = false, usable = false;
  pg::Lsn confirmed = 0;
};

Result<SlotState> look_at_slot(pg::Blocking& database, const std::string& slot) {
  BULKHEAD_TRY(auto rows, database.query("select coalesce(wal_status, 'lost'), confirmed_flush_lsn from "
                                         "pg_catalog.pg_replication_slots where slot_name = $1",
                                         {slot}));
  SlotState out;
  if (rows.empty()) return out;
  out.there = true;
  out.usable = rows.text(0, 0) != "lost";
  if (!rows.is_null(0, 1)) out.confirmed = pg::parse_lsn(rows.text(0, 1)).value_or(0);
  return out;
}

Result<bool> take_lock(pg::Blocking& database) {
  BULKHEAD_TRY(auto taken, database.query("select pg_try_advisory_lock(hashtextextended($1, 0))",
                                          {std::string(reader_lock)}));
  return taken.text(0, 0) == "t";
}

Result<void> publish_all(pg::Blocking& database) {
  BULKHEAD_TRY(auto done, database.query("select bulkhead.publish(schema_name) from bulkhead.target"));
  // Of a database whose schemas nobody has migrated yet, too: the publication must be there before the replication slot.
  BULKHEAD_TRY(auto own, database.query("select bulkhead.publish('app')"));
  return {};
}

/// What the catalog keeps of a journal.
struct Stream {
  Uuid id;
  bool known = false, lost = false;
};

Result<Stream> read_stream(pg::Blocking& catalog, const JournalDatabase& database) {
  BULKHEAD_TRY(auto rows,
               catalog.query("select id, lost from catalog.journal where cell = $1 and database_name = $2",
                             {database.cell, database.name}));
  Stream out;
  if (rows.empty()) return out;
  out.known = true;
  out.id = Uuid::parse(rows.text(0, 0)).value_or(Uuid());
  out.lost = rows.text(0, 1) == "t";
  return out;
}

/// `lost`: consumers have still to be told.
Result<void> write_stream(pg::Blocking& catalog, const JournalDatabase& database, const std::string& slot,
                          const Uuid& id, bool lost) {
  BULKHEAD_TRY(
      auto done,
      catalog.query(
          "insert into catalog.journal as j (cell, database_name, slot, id, lost) values ($1, $2, "
          "$3, $4::uuid, $5) on conflict (cell, database_name) do update set id = excluded.id, "
          "lost = excluded.lost, made_at = case when j.id = excluded.id then j.made_at else now() end",
          {database.cell, database.name, slot, id.text(), lost ? "true" : "false"}));
  return {};
}

Error slot_failed(const Error& error, const JournalDatabase& database) {
  if (error.code() != Errc::statement_failed) return error;
  return Error(Errc::statement_failed, "the journal of database \"" + database.name +
                                           "\" cannot be read: " + std::string(error.message()))
      .hint(
          "PostgreSQL needs wal_level = logical, and a free place of max_replication_slots and of "
          "max_wal_senders for each database that has a journal")
      .internal(std::string(error.internal()))
      .sqlstate(std::string(error.sqlstate()));
}

/// The tenant that a row or an old key names.
std::optional<TenantId> tenant_of(const Relation& relation, const Tuple& row, const Tuple& old) {
  const std::size_t at = relation.find("tenant_id");
  for (const Tuple* values : {&row, &old}) {
    if (at >= values->size() || (*values)[at].kind != Value::Kind::text) continue;
    if (const auto id = Uuid::parse((*values)[at].text)) return TenantId(*id);
  }
  return std::nullopt;
}

}  // namespace

std::string replication_slot_name(std::string_view database) {
  return "bulkhead_journal_" + migrate::sha256_hex(database).substr(0, 16);
}

struct JournalReader::Impl {
  Impl(JournalDatabase d, pg::Blocking c, pg::Replication r, Logger& l)
      : database(std::move(d)),
        slot(replication_slot_name(database.name)),
        control(std::move(c)),
        stream(std::move(r)),
        log(l) {}

  JournalDatabase database;
  std::string slot;
  pg::Blocking control;  ///< Holds the lock.
  pg::Replication stream;
  Logger& log;
  Consumers consumers;
  Decoder decoder;

  // The transaction that is being read.
  std::optional<Begin> begin;
  bool told = false;     ///< Consumers know of it.
  bool message = false;  ///< A logical message was in it.
  bool skipped = false;
  std::uint32_t ordinal = 0;

  pg::Lsn told_end = 0;   ///< Of the last transaction that consumers were told.
  pg::Lsn empty_end = 0;  ///< Of the last one that had nothing for them.
  Clock::time_point settled = Clock::now();
  bool unsettled = false;
  std::uint64_t without_tenant = 0;
  std::set<std::string> complained;

  [[nodiscard]] Result<void> make_slot(pg::Blocking& catalog, Stream& known, const SlotState& found) {
    const bool lost = known.known;
    known.id = Uuid::random();
    known.lost = lost;
    if (lost) {
      log.warn(
          "the replication slot of the journal was lost; it is made anew, and changes in between are not "
          "told",
          {{"database", database.name}, {"cell", database.cell}, {"slot", slot}});
      // Written first, so that whoever comes after a crash tells consumers of the loss.
      BULKHEAD_CHECK(write_stream(catalog, database, slot, known.id, true));
    }
    if (found.there) BULKHEAD_CHECK(stream.drop_slot(slot));
    failpoint("journal.slot.dropped");
    auto made = stream.create_slot(slot, false);
    if (made.has_error()) return slot_failed(made.error(), database);
    failpoint("journal.slot.made");
    lost_before = made->consistent;
    return {};
  }

  /// Leaves a usable replication slot and a stream in the catalog, and the consumers told of what was lost.
  [[nodiscard]] Result<void> prepare(pg::Blocking& catalog, const ConsumerFactory& factory) {
    BULKHEAD_CHECK(publish_all(control));
    BULKHEAD_TRY(Stream known, read_stream(catalog, database));
    BULKHEAD_TRY(const SlotState found, look_at_slot(control, slot));
    lost_before = found.confirmed;
    if (!found.usable)
      BULKHEAD_CHECK(make_slot(catalog, known, found));
    else if (!known.known)
      known.id = Uuid::random();
    BULKHEAD_CHECK(write_stream(catalog, database, slot, known.id, known.lost));
    BULKHEAD_TRY(consumers, factory(known.id));
    if (known.lost) {
      for (const auto& consumer : consumers) BULKHEAD_CHECK(consumer->lost(lost_before));
      BULKHEAD_CHECK(write_stream(catalog, database, slot, known.id, false));
    }
    return {};
  }

  /// The transaction has something for consumers.
  [[nodiscard]] Result<void> tell_begin() {
    if (told) return {};
    for (const auto& consumer : consumers) BULKHEAD_CHECK(consumer->begin(*begin));
    told = true;
    return {};
  }

  void complain(const Relation& relation) {
    ++without_tenant;
    const std::string name = relation.schema + "." + relation.name;
    if (!complained.insert(name).second) return;
    log.warn("changes of a table name no tenant, so the journal has to leave them out",
             {{"database", database.name}, {"table", name}, {"hint", "its primary key must hold tenant_id"}});
  }

  [[nodiscard]] Result<void> tell_change(ChangeKind kind, RelationRef relation, Tuple old, Tuple row) {
    if (!begin) return Error(Errc::statement_failed, "a change without a transaction came in the journal");
    const std::uint32_t place = ordinal++;
    if (skipped) return {};
    const auto tenant = tenant_of(*relation, row, old);
    if (!tenant) {
      complain(*relation);
      return {};
    }
    BULKHEAD_CHECK(tell_begin());
    Change change;
    change.kind = kind;
    change.tenant = *tenant;
    change.relation = std::move(relation);
    change.ordinal = place;
    change.old = std::move(old);
    change.row = std::move(row);
    for (const auto& consumer : consumers) BULKHEAD_CHECK(consumer->change(change));
    return {};
  }

  [[nodiscard]] Result<void> take(Nothing) { return {}; }
  [[nodiscard]] Result<void> take(const Begin& message_begin) {
    begin = message_begin;
    told = message = skipped = false;
    ordinal = 0;
    return {};
  }
  [[nodiscard]] Result<void> take(const LogicalMessage& found) {
    if (!found.transactional || !begin || message) return {};
    message = true;
    skipped = !told && found.prefix == moved_prefix;
    return found.prefix == place_prefix ? tell_begin() : Result<void>();
  }
  [[nodiscard]] Result<void> take(Insert& change) {
    return tell_change(ChangeKind::insert, std::move(change.relation), {}, std::move(change.row));
  }
  [[nodiscard]] Result<void> take(Update& change) {
    return tell_change(ChangeKind::update, std::move(change.relation), std::move(change.old),
                       std::move(change.row));
  }
  [[nodiscard]] Result<void> take(Delete& change) {
    return tell_change(ChangeKind::remove, std::move(change.relation), std::move(change.old), {});
  }
  [[nodiscard]] Result<void> take(const Truncate& change) {
    if (!begin) return Error(Errc::statement_failed, "a change without a transaction came in the journal");
    if (skipped) return {};
    BULKHEAD_CHECK(tell_begin());
    for (const RelationRef& relation : change.relations)
      for (const auto& consumer : consumers) BULKHEAD_CHECK(consumer->truncate(relation));
    return {};
  }
  [[nodiscard]] Result<void> take(const Commit& commit) {
    begin.reset();
    if (!told) {
      empty_end = commit.end;
      return {};
    }
    told = false;
    for (const auto& consumer : consumers) BULKHEAD_CHECK(consumer->commit(commit));
    failpoint("journal.commit.told");
    told_end = commit.end;
    unsettled = true;
    return {};
  }

  /// Between transactions: PostgreSQL need not keep what all consumers have.
  [[nodiscard]] Result<void> settle(bool now) {
    settled = Clock::now();
    unsettled = false;
    // All that was sent before this has been told.
    const pg::Lsn reached = std::max({stream.server_end(), empty_end, told_end});
    pg::Lsn kept = reached;
    for (const auto& consumer : consumers) {
      BULKHEAD_TRY(const pg::Lsn has, consumer->kept());
      if (told_end != 0 && has < told_end) kept = std::min(kept, has);
    }
    failpoint("journal.kept");
    BULKHEAD_CHECK(stream.confirm(kept, now));
    failpoint("journal.confirmed");
    return {};
  }

  [[nodiscard]] Result<void> read(std::chrono::milliseconds longest, const std::function<bool()>& stop) {
    const auto until = Clock::now() + longest;
    while (!stop || !stop()) {
      const auto now = Clock::now();
      if (now >= until) return {};
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now);
      auto piece = stream.receive(std::min<std::chrono::milliseconds>(left, idle));
      if (piece.has_error()) return piece.error();
      if (*piece) {
        BULKHEAD_TRY(Message found, decoder.decode((*piece)->data));
        BULKHEAD_CHECK(std::visit([this](auto& taken) { return take(taken); }, found));
      }
      const bool due = Clock::now() - settled >= settle_pause;
      if (!begin && (due || (unsettled && !*piece))) BULKHEAD_CHECK(settle(!*piece));
    }
    return {};
  }

  pg::Lsn lost_before = 0;  ///< Where a stream begins that was made anew.
};

JournalReader::JournalReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JournalReader::JournalReader(JournalReader&&) noexcept = default;
JournalReader& JournalReader::operator=(JournalReader&&) noexcept = default;
JournalReader::~JournalReader() = default;

Result<std::optional<JournalReader>> JournalReader::open(pg::Blocking& catalog,
                                                         const JournalDatabase& database,
                                                         const ConsumerFactory& consumers, Logger& log) {
  BULKHEAD_TRY(pg::Blocking control, pg::Blocking::connect(database.conninfo));
  BULKHEAD_TRY(const bool ours, take_lock(control));
  if (!ours) return std::optional<JournalReader>();
  BULKHEAD_TRY(pg::Replication stream, pg::Replication::connect(database.conninfo));
  auto impl = std::make_unique<Impl>(database, std::move(control), std::move(stream), log);
  BULKHEAD_CHECK(impl->prepare(catalog, consumers));
  auto started = impl->stream.start(impl->slot, 0, std::string(publication));
  if (started.has_error()) return slot_failed(started.error(), database);
  return std::optional<JournalReader>(JournalReader(std::move(impl)));
}

Result<void> JournalReader::read(std::chrono::milliseconds longest, const std::function<bool()>& stop) {
  return impl_->read(longest, stop);
}

std::uint64_t JournalReader::without_tenant() const noexcept {
  return impl_->without_tenant;
}

Result<JournalFigures> JournalReader::figures() {
  BULKHEAD_TRY(
      auto rows,
      impl_->control.query(
          "select greatest(0, pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn))::bigint, "
          "greatest(0, "
          "pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn))::bigint from pg_catalog.pg_replication_slots "
          "where slot_name = $1",
          {impl_->slot}));
  JournalFigures out;
  if (rows.empty()) return out;
  const auto number = [&rows](std::size_t column) {
    std::uint64_t value = 0;
    const auto text = rows.text(0, column);
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  };
  out.lag = number(0);
  out.retained = number(1);
  return out;
}

Result<bool> JournalReader::remove(pg::Blocking& catalog, const JournalDatabase& database) {
  BULKHEAD_TRY(pg::Blocking control, pg::Blocking::connect(database.conninfo));
  BULKHEAD_TRY(const bool ours, take_lock(control));
  if (!ours) return false;
  // A process that has just ended may have left its stream open for a moment.
  BULKHEAD_TRY(auto busy,
               control.query("select from pg_catalog.pg_replication_slots where slot_name = $1 and active",
                             {replication_slot_name(database.name)}));
  if (!busy.empty()) return false;
  BULKHEAD_TRY(auto dropped, control.query("select pg_drop_replication_slot(slot_name) from "
                                           "pg_catalog.pg_replication_slots where slot_name = $1",
                                           {replication_slot_name(database.name)}));
  failpoint("journal.slot.removed");
  BULKHEAD_TRY(auto forgotten,
               catalog.query("delete from catalog.journal where cell = $1 and database_name = $2",
                             {database.cell, database.name}));
  return true;
}

Result<std::set<std::pair<std::string, std::string>>> databases_with_journal(pg::Blocking& catalog) {
  BULKHEAD_TRY(auto rows, catalog.query("select cell, database_name from catalog.journal"));
  std::set<std::pair<std::string, std::string>> out;
  for (std::size_t row = 0; row < rows.size(); ++row) out.emplace(rows.text(row, 0), rows.text(row, 1));
  return out;
}

Result<bool> has_journal(pg::Blocking& catalog, const std::string& cell, const std::string& database) {
  BULKHEAD_TRY(auto rows, catalog.query("select from catalog.journal where cell = $1 and database_name = $2",
                                        {cell, database}));
  return !rows.empty();
}

}  // namespace bulkhead::journal
