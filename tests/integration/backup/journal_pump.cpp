#include "integration/backup/journal_pump.hpp"

#include "catalog/cells.hpp"
#include "journal/pgoutput.hpp"
#include "pg/replication.hpp"

namespace bulkhead::test {
namespace {

TenantId tenant_in(const journal::Relation& relation, const journal::Tuple& tuple) {
  return TenantId(Uuid::parse(tuple.at(relation.find("tenant_id")).text).value_or(Uuid()));
}

}  // namespace

JournalPump::JournalPump(const Database& database, const catalog::TenantRecord& tenant,
                         const std::string& store, std::chrono::milliseconds segment_age)
    : database_(database), slot_("pump_" + Uuid::random().text().substr(0, 8)) {
  settings_.cell = tenant.placement.cell;
  settings_.database = tenant.placement.database;
  settings_.store = store;
  settings_.segment_age = segment_age;
  settings_.view_age = std::chrono::milliseconds(20);
  auto home = connect_home(database, tenant);
  must(home.query("select bulkhead.publish(schema_name) from bulkhead.target"));
  conninfo_ = must(home.conninfo());
  make_slot();
  begin();
}

JournalPump::~JournalPump() {
  stop();
  auto stream = pg::Replication::connect(conninfo_);
  if (stream.has_error()) return;
  [[maybe_unused]] const auto gone = stream->drop_slot(slot_);
}

void JournalPump::make_slot() {
  auto stream = must(pg::Replication::connect(conninfo_));
  static_cast<void>(must(stream.create_slot(slot_, false)));
}

void JournalPump::begin() {
  stop_ = false;
  failure_.reset();
  thread_ = std::thread([this] {
    auto done = run();
    if (done.has_error()) failure_ = done.error();
  });
}

void JournalPump::stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void JournalPump::lose() {
  {
    auto stream = must(pg::Replication::connect(conninfo_));
    must(stream.drop_slot(slot_));
  }
  make_slot();
  lost_ = true;
}

Result<void> JournalPump::run() {
  BULKHEAD_TRY(auto catalog, pg::Blocking::connect(database_.admin));
  BULKHEAD_TRY(auto keeper, lifecycle::backup::make_journal_keeper(std::move(catalog), settings_));
  BULKHEAD_TRY(auto stream, pg::Replication::connect(conninfo_));
  BULKHEAD_CHECK(stream.start(slot_, 0, std::string(journal::publication)));
  if (lost_) {
    BULKHEAD_TRY(auto other, pg::Blocking::connect(conninfo_));
    BULKHEAD_TRY(
        auto at,
        other.query("select confirmed_flush_lsn from pg_replication_slots where slot_name = $1", {slot_}));
    BULKHEAD_CHECK(keeper->lost(pg::parse_lsn(at.text(0, 0)).value_or(0)));
    lost_ = false;
  }
  journal::Decoder decoder;
  bool between = true;
  while (!stop_) {
    BULKHEAD_TRY(const auto piece, stream.receive(std::chrono::milliseconds(20)));
    if (piece) {
      BULKHEAD_TRY(const auto message, decoder.decode(piece->data));
      if (std::holds_alternative<journal::Begin>(message)) between = false;
      BULKHEAD_CHECK(feed(*keeper, message));
      if (std::holds_alternative<journal::Commit>(message)) between = true;
    }
    if (!between) continue;
    BULKHEAD_TRY(const pg::Lsn kept, keeper->kept());
    if (kept != 0) BULKHEAD_CHECK(stream.confirm(kept));
  }
  return {};
}

Result<void> JournalPump::feed(journal::ChangeConsumer& keeper, const journal::Message& message) {
  if (const auto* begin = std::get_if<journal::Begin>(&message)) {
    moved_ = false;
    ordinal_ = 0;
    return keeper.begin(*begin);
  }
  if (const auto* commit = std::get_if<journal::Commit>(&message)) return keeper.commit(*commit);
  if (const auto* said = std::get_if<journal::LogicalMessage>(&message)) {
    if (said->prefix == journal::moved_prefix) moved_ = true;
    return {};
  }
  if (moved_) return {};
  journal::Change change;
  if (const auto* row = std::get_if<journal::Insert>(&message)) {
    change.relation = row->relation;
    change.row = row->row;
    change.tenant = tenant_in(*row->relation, row->row);
  } else if (const auto* changed = std::get_if<journal::Update>(&message)) {
    change.kind = journal::ChangeKind::update;
    change.relation = changed->relation;
    change.old = changed->old;
    change.row = changed->row;
    change.tenant = tenant_in(*changed->relation, changed->row);
  } else if (const auto* gone = std::get_if<journal::Delete>(&message)) {
    change.kind = journal::ChangeKind::remove;
    change.relation = gone->relation;
    change.old = gone->old;
    change.tenant = tenant_in(*gone->relation, gone->old);
  } else if (const auto* emptied = std::get_if<journal::Truncate>(&message)) {
    for (const auto& relation : emptied->relations) BULKHEAD_CHECK(keeper.truncate(relation));
    return {};
  } else {
    return {};
  }
  change.ordinal = ordinal_++;
  return keeper.change(change);
}

}  // namespace bulkhead::test
