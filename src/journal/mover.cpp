#include "journal/mover.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <future>
#include <memory>
#include <optional>
#include <thread>

#include "base/failpoint.hpp"
#include "journal/apply.hpp"
#include "journal/change.hpp"
#include "journal/compare.hpp"
#include "journal/copy.hpp"
#include "journal/residency.hpp"
#include "journal/tables.hpp"
#include "journal/tenant_lock.hpp"
#include "pg/blocking.hpp"
#include "pg/replication.hpp"

namespace bulkhead::journal {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* mark_prefix = "bulkhead.mark";
/// A round of catching up that took less is as near as it gets.
constexpr std::chrono::milliseconds near{60};
constexpr int catch_up_rounds = 600;
constexpr int attempts_most = 5;
constexpr std::chrono::seconds lock_patience{60};
/// Changes that are applied in one transaction while the journal is far behind.
constexpr std::uint64_t changes_together = 2000;
/// So many changed rows are compared in no time.
constexpr std::size_t few_rows = 16;
constexpr int ahead_rounds = 4;
constexpr std::chrono::milliseconds tell_pause{100};

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

bool passes(const Error& error) {
  return error.code() == Errc::database_unavailable || error.code() == Errc::placement_stale;
}

/// Runs on another thread; joined at the end.
template <class Work>
auto beside(Work work) {
  return std::async(std::launch::async, std::move(work));
}

Error too_long() {
  return Error(Errc::overloaded, "writers would have had to wait too long, so the move was taken back")
      .hint("try again when less is written");
}

double number_of(std::string_view text) {
  double out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

std::string migrate_lock(const std::string& schema) {
  return schema == "app" ? "bulkhead migrate" : "bulkhead migrate " + schema;
}

/// One attempt of a move: its connections, and the steps with them.
class Attempt {
 public:
  Attempt(const MoveOrder& order, const MoveHooks& hooks, MoveFigures& figures)
      : order_(order), hooks_(hooks), figures_(figures), limit_(order.max_rate) {}

  /// Steps 1 to 3; what an earlier attempt had begun is brought to its end, one way or the other. True: the tenant has arrived.
  Result<bool> claim() {
    BULKHEAD_CHECK(tell(MovePhase::claim));
    BULKHEAD_TRY(figures_.attempt, ask_catalog(hooks_.next_attempt()));
    failpoint("move.attempt");
    BULKHEAD_TRY(auto target, pg::Blocking::connect(order_.target.conninfo));
    BULKHEAD_CHECK(prepare_target_session(target));
    target_.emplace(std::move(target));
    BULKHEAD_TRY(auto source, pg::Blocking::connect(order_.source.conninfo));
    BULKHEAD_CHECK(prepare_session(source));
    source.tell_full_disk("the disk of the server that the tenant leaves is full", "make room there");
    source_.emplace(std::move(source));
    auto claimed = claim_both();
    if (claimed.has_error() && claimed.error().code() == Errc::statement_failed)
      return unless_writable(claimed.error());
    return claimed;
  }

  /// Steps 4 to 9a.
  Result<void> move() {
    BULKHEAD_CHECK(prepare());
    BULKHEAD_CHECK(copy());
    BULKHEAD_CHECK(catch_up());
    BULKHEAD_CHECK(verify());
    BULKHEAD_CHECK(catch_up());
    BULKHEAD_CHECK(hold_migrations());
    return pass_over();
  }

  /// The fence may stand.
  [[nodiscard]] bool fenced() const noexcept { return fenced_; }
  /// The catalog did not answer: nothing can be brought to an end without it, and its connection is the caller's.
  [[nodiscard]] bool catalog_failed() const noexcept { return catalog_failed_; }

 private:
  [[nodiscard]] std::uint64_t attempt() const noexcept { return figures_.attempt; }

  Result<bool> claim_both() {
    BULKHEAD_TRY(const auto there, claim_target(*target_, order_.tenant, attempt(), order_.target.schema));
    failpoint("move.claimed.target");
    BULKHEAD_TRY(const auto here, claim_source(*source_, order_.tenant, attempt()));
    failpoint("move.claimed.source");
    if (there.resident) {
      figures_.arrived = true;
      BULKHEAD_CHECK(forward());
      return true;
    }
    if (!here.resident)
      return Error(Errc::internal, "the tenant lives neither where it was nor where it was to move");
    if (!here.writable) {
      // A move that was fenced and did not arrive is taken back.
      BULKHEAD_CHECK(unfence(*source_, order_.tenant, attempt()));
      failpoint("move.unfenced");
    }
    return false;
  }

  /// A database (the catalog at last) takes nothing, its disk is full, say, while the tenant may not be written where it was:
  /// that must not be the end, somebody has to come again.
  Error unless_writable(const Error& error) {
    const auto here = residency_of(*source_, order_.tenant);
    if (here.has_value() && here->writable) return error;
    return Error(Errc::database_unavailable,
                 "it cannot be written down where the tenant lives, and until then it may not be written: " +
                     std::string(error.message()))
        .hint(std::string(error.hint()))
        .internal(std::string(error.internal()))
        .sqlstate(std::string(error.sqlstate()));
  }

  Result<void> tell(MovePhase phase) {
    figures_.phase = phase;
    return told();
  }

  Result<void> told() { return ask_catalog(hooks_.told(figures_)); }

  template <class T>
  Result<T> ask_catalog(Result<T> answer) {
    catalog_failed_ = answer.has_error();
    return answer;
  }

  Result<void> prepare() {
    BULKHEAD_TRY(auto level, source_->query("show wal_level"));
    if (level.text(0, 0) != "logical")
      return Error(Errc::config_invalid,
                   "the source's PostgreSQL has wal_level = " + std::string(level.text(0, 0)))
          .hint("a move reads the write-ahead log: set wal_level = logical there and restart it");
    BULKHEAD_TRY(auto published, source_->query("select bulkhead.publish($1)", {order_.source.schema}));
    BULKHEAD_CHECK(read_tables());
    return clear_rows(*target_, target_tables_, order_.target.schema, order_.tenant, attempt());
  }

  Result<void> read_tables() {
    BULKHEAD_CHECK(check_versions());
    BULKHEAD_TRY(source_tables_, tenant_tables(*source_, order_.source.schema));
    BULKHEAD_CHECK(read_sequences());
    BULKHEAD_TRY(target_tables_, tenant_tables(*target_, order_.target.schema));
    return check_same(source_tables_, target_tables_);
  }

  Result<void> check_versions() {
    const auto version = [](pg::Blocking& at, const std::string& schema) -> Result<std::string> {
      BULKHEAD_TRY(auto rows,
                   at.query("select version from bulkhead.target where schema_name = $1", {schema}));
      return rows.empty() ? std::string("none") : std::string(rows.text(0, 0));
    };
    BULKHEAD_TRY(const auto here, version(*source_, order_.source.schema));
    BULKHEAD_TRY(const auto there, version(*target_, order_.target.schema));
    if (version_.empty()) version_ = here;
    if (here == there && here == version_) return {};
    if (here == there)
      return Error(Errc::placement_stale, "the app was migrated to version " + here + " during the move");
    return Error(Errc::conflict,
                 "the tenant's tables are at version " + here + ", and those at the target at " + there)
        .hint("wait for the migration that is under way, or run `bulkhead migrate`");
  }

  Result<void> copy() {
    BULKHEAD_CHECK(tell(MovePhase::copy));
    BULKHEAD_TRY(auto stream, pg::Replication::connect(order_.source.conninfo));
    stream_.emplace(std::move(stream));
    const std::string slot = "bulkhead_move_" + std::to_string(attempt());
    BULKHEAD_TRY(const auto made, stream_->create_slot(slot, true));
    failpoint("move.snapshot");
    CopyOrder copy;
    copy.tenant = order_.tenant;
    copy.source = order_.source.conninfo;
    copy.target = order_.target.conninfo;
    copy.source_schema = order_.source.schema;
    copy.target_schema = order_.target.schema;
    copy.snapshot = made.snapshot;
    copy.attempt = attempt();
    copy.tables = source_tables_;
    BULKHEAD_CHECK(count_rows());
    CopyFigures counted(source_tables_.size());
    const auto begun = Clock::now();
    const auto imported = [&]() -> Result<void> {
      return stream_->start(slot, made.consistent, std::string(publication));
    };
    BULKHEAD_CHECK(copy_rows(copy, limit_, counted, imported, [&] { return copied(counted, begun); }));
    figures_.copy_s = seconds_since(begun);
    failpoint("move.copied");
    Applier::Settings settings;
    settings.tenant = order_.tenant;
    settings.attempt = attempt();
    settings.source_schema = order_.source.schema;
    settings.target_schema = order_.target.schema;
    settings.source_tables = source_tables_;
    settings.target_tables = target_tables_;
    applier_ = std::make_unique<Applier>(*target_, std::move(settings));
    BULKHEAD_CHECK(target_->execute("set synchronous_commit = off"));
    return analyze();
  }

  Result<void> count_rows() {
    figures_.tables.clear();
    for (auto& table : source_tables_) {
      BULKHEAD_TRY(auto rows, source_->query("select count(*) from " + table.place(order_.source.schema) +
                                                 " where tenant_id = $1::uuid",
                                             {order_.tenant.text()}));
      table.rows = number_of(rows.text(0, 0));
      figures_.tables.push_back({table.name, static_cast<std::uint64_t>(table.rows), 0});
    }
    return {};
  }

  Result<void> copied(const CopyFigures& counted, Clock::time_point begun) {
    figures_.rows_done = counted.rows;
    figures_.bytes_done = counted.bytes;
    for (std::size_t i = 0; i < figures_.tables.size(); ++i) figures_.tables[i].done = counted.of_table[i];
    figures_.rows_per_s = static_cast<double>(figures_.rows_done) / std::max(0.001, seconds_since(begun));
    return told();
  }

  /// Tables of the tenant's own are new to the planner.
  Result<void> analyze() {
    if (order_.max_rate != 0)
      BULKHEAD_CHECK(target_->execute("set vacuum_cost_delay = '2ms'; set vacuum_cost_limit = 50"));
    for (std::size_t i = 0; i < target_tables_.size(); ++i) {
      const auto& table = target_tables_[i];
      if (table.rows >= static_cast<double>(figures_.tables[i].rows)) continue;
      const auto analyzed = target_->execute("analyze " + table.place(order_.target.schema));
      // Somebody else does it, or is in the way: autovacuum will.
      if (analyzed.has_error() && analyzed.error().code() == Errc::database_unavailable) return analyzed;
    }
    return {};
  }

  /// Reads on until the message that `mark` has sent has come.
  Result<void> read_to_mark(Clock::time_point until, const char* prefix, const std::string& content) {
    for (;;) {
      BULKHEAD_TRY(const auto piece, stream_->receive(std::chrono::milliseconds(100)));
      if (Clock::now() >= until) return too_long();
      if (!piece) {
        BULKHEAD_CHECK(told());
        continue;
      }
      BULKHEAD_TRY(const Message message, decoder_.decode(piece->data));
      if (const auto* begin = std::get_if<Begin>(&message);
          begin != nullptr && stop_at_ != 0 && begin->commit >= stop_at_)
        BULKHEAD_CHECK(reached());
      BULKHEAD_CHECK(applier_->apply(message));
      if (const auto* commit = std::get_if<Commit>(&message)) {
        BULKHEAD_CHECK(at_commit(*commit));
        if (marked_) break;
      }
      if (const auto* told = std::get_if<LogicalMessage>(&message))
        marked_ = marked_ || (told->prefix == prefix && told->content == content);
      BULKHEAD_CHECK(tell_lag(piece->at));
    }
    marked_ = false;
    return {};
  }

  /// Within a long transaction, too. Not while writers wait.
  Result<void> tell_lag(pg::Lsn at) {
    figures_.applied = applier_->applied();
    if (at == 0) return {};
    figures_.lag_bytes = journal_end() > at ? journal_end() - at : 0;
    const auto now = Clock::now();
    if (fenced_ || now - lag_told_ < tell_pause) return {};
    lag_told_ = now;
    return told();
  }

  /// As far as it is known here: the server tells of it seldom while it has something to send.
  [[nodiscard]] pg::Lsn journal_end() const { return std::max(stream_->server_end(), mark_at_); }

  Result<void> at_commit(const Commit& commit) {
    figures_.lag_bytes = journal_end() > commit.end ? journal_end() - commit.end : 0;
    if (applier_->applied() - together_ >= changes_together) {
      together_ = applier_->applied();
      BULKHEAD_CHECK(applier_->commit());
      return told();
    }
    return stream_->confirm(commit.end);
  }

  Result<std::string> mark() {
    const std::string content = std::to_string(attempt()) + " " + std::to_string(++marks_);
    BULKHEAD_TRY(auto sent, source_->query("select pg_logical_emit_message(true, $1, $2)",
                                           {std::string(mark_prefix), content}));
    mark_at_ = pg::parse_lsn(sent.text(0, 0)).value_or(mark_at_);
    return content;
  }

  /// Rounds, each of which applies what was written until its beginning; the last was short.
  Result<void> catch_up() {
    BULKHEAD_CHECK(tell(MovePhase::catch_up));
    for (int round = 0; round < catch_up_rounds; ++round) {
      const auto begun = Clock::now();
      BULKHEAD_TRY(const auto content, mark());
      BULKHEAD_CHECK(read_to_mark(begun + std::chrono::minutes(10), mark_prefix, content));
      BULKHEAD_CHECK(applier_->commit());
      BULKHEAD_CHECK(told());
      failpoint("move.caught_up");
      if (Clock::now() - begun < near) return {};
    }
    return Error(Errc::overloaded,
                 "the tenant is written faster than its changes can be brought to the target")
        .hint("try again when less is written, or without other moves beside it");
  }

  /// The applier has come to where the source's second snapshot was taken: the target's is taken here.
  Result<void> reached() {
    stop_at_ = 0;
    BULKHEAD_CHECK(applier_->commit());
    applier_->watch();
    BULKHEAD_CHECK(shown_->execute("begin isolation level repeatable read read only"));
    BULKHEAD_TRY(auto taken, shown_->query("select from bulkhead.residency where tenant_id = $1::uuid",
                                           {order_.tenant.text()}));
    return {};
  }

  using Digests = std::vector<std::string>;
  /// No faster than the copy may go.
  static Result<Digests> all_digests(pg::Blocking& at, const std::vector<TenantTable>& tables,
                                     const std::string& schema, const MoveOrder& order) {
    RateLimit limit(order.max_rate);
    const auto pass = [&limit](std::size_t bytes) { limit.pass(bytes); };
    Digests out;
    for (const auto& table : tables) {
      BULKHEAD_TRY(auto sum, order.max_rate == 0 ? digest(at, table, schema, order.tenant)
                                                 : digest_in_steps(at, table, schema, order.tenant, pass));
      out.push_back(std::move(sum));
    }
    return out;
  }

  /// All rows of both sides as they were at one place of the journal, while writes go on. What changes from there on is
  /// compared after the fence.
  Result<void> verify() {
    BULKHEAD_CHECK(tell(MovePhase::verify));
    const auto begun = Clock::now();
    BULKHEAD_TRY(auto second, pg::Replication::connect(order_.source.conninfo));
    BULKHEAD_TRY(const auto made, second.create_slot("bulkhead_verify_" + std::to_string(attempt()), true));
    BULKHEAD_TRY(auto here, pg::Blocking::connect(order_.source.conninfo));
    BULKHEAD_CHECK(prepare_session(here));
    BULKHEAD_CHECK(here.execute("begin isolation level repeatable read read only; set transaction snapshot " +
                                here.quote_literal(made.snapshot)));
    BULKHEAD_TRY(auto there, pg::Blocking::connect(order_.target.conninfo));
    BULKHEAD_CHECK(prepare_session(there));
    shown_ = &there;
    stop_at_ = made.consistent;
    BULKHEAD_TRY(const auto content, mark());
    BULKHEAD_CHECK(read_to_mark(begun + std::chrono::minutes(10), mark_prefix, content));
    if (stop_at_ != 0)
      return Error(Errc::internal, "the journal has passed a snapshot without a transaction");
    auto at_source = beside([&] { return all_digests(here, source_tables_, order_.source.schema, order_); });
    auto at_target = beside([&] { return all_digests(there, target_tables_, order_.target.schema, order_); });
    auto kept = keep_up(at_source, at_target);
    BULKHEAD_TRY(const Digests source, at_source.get());
    BULKHEAD_TRY(const Digests target, at_target.get());
    BULKHEAD_CHECK(std::move(kept));
    figures_.verify_s = seconds_since(begun);
    failpoint("move.verified");
    return equal(source, target);
  }

  /// The journal goes on being applied while others compare.
  template <class A, class B>
  Result<void> keep_up(A& one, B& other) {
    const auto ready = [](auto& of) {
      return of.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    };
    while (!ready(one) || !ready(other)) {
      BULKHEAD_TRY(const auto content, mark());
      BULKHEAD_CHECK(read_to_mark(Clock::now() + std::chrono::minutes(10), mark_prefix, content));
      BULKHEAD_CHECK(applier_->commit());
      BULKHEAD_CHECK(told());
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return {};
  }

  Result<void> equal(const Digests& source, const Digests& target) const {
    for (std::size_t i = 0; i < source.size(); ++i) {
      if (source[i] == target[i]) continue;
      return Error(Errc::internal,
                   "table \"" + source_tables_[i].name + "\" is not the same at source and target")
          .internal("rows and hashes: " + source[i] + " and " + target[i])
          .hint("the tenant stays where it was; try again, and look who else writes to the target");
    }
    return {};
  }

  /// Whether these rows are the same on both sides, looked at at once.
  Result<bool> same_rows(const std::map<std::string, RowKeys>& keys) {
    auto at_source = beside([&] {
      return journal::digests(*source_, source_tables_, order_.source.schema, order_.tenant, keys);
    });
    const auto there = journal::digests(*target_, target_tables_, order_.target.schema, order_.tenant, keys);
    const auto here = at_source.get();
    if (here.has_error()) return here.error();
    if (there.has_error()) return there.error();
    return *here == *there;
  }

  /// Most of the rows that were changed since `verify` are compared before writers wait. One that is the same on both sides here, read at
  /// the source after the place to which the target has come, stays so, unless the journal names it again.
  Result<void> verify_ahead() {
    for (int round = 0; round < ahead_rounds; ++round) {
      std::size_t count = 0;
      for (const auto& [table, rows] : applier_->touched()) count += rows.size();
      if (count <= few_rows) return {};
      auto keys = applier_->take_touched();
      BULKHEAD_TRY(const auto content, mark());
      BULKHEAD_CHECK(read_to_mark(Clock::now() + std::chrono::minutes(10), mark_prefix, content));
      BULKHEAD_CHECK(applier_->commit());
      for (const auto& [table, rows] : applier_->touched())
        for (const auto& row : rows) keys[table].erase(row);
      BULKHEAD_TRY(const bool same, same_rows(keys));
      if (!same) applier_->touch_again(std::move(keys));
    }
    return {};
  }

  /// Every row that was changed since `verify` and has not been found the same since.
  Result<void> verify_touched() {
    BULKHEAD_TRY(const bool same, same_rows(applier_->touched()));
    if (same) return {};
    return Error(Errc::internal,
                 "rows that were changed during the move are not the same at source and target")
        .hint("the tenant stays where it was; try again, and look who else writes to the target");
  }

  /// Nobody migrates either schema until the end: what a migration writes there past the fence would be lost.
  Result<void> hold_migrations() {
    const auto hold = [](pg::Blocking& at, const std::string& schema) -> Result<bool> {
      BULKHEAD_TRY(auto taken,
                   at.query("select pg_try_advisory_lock(hashtextextended($1, 0))", {migrate_lock(schema)}));
      return taken.text(0, 0) == "t";
    };
    const auto until = Clock::now() + lock_patience;
    bool here = false, there = false;
    for (;;) {
      if (!here) {
        BULKHEAD_TRY(here, hold(*source_, order_.source.schema));
      }
      if (!there) {
        BULKHEAD_TRY(there, hold(*target_, order_.target.schema));
      }
      if (here && there) break;
      if (Clock::now() >= until)
        return Error(Errc::overloaded, "a migration of the source or the target does not end")
            .hint("wait for it");
      BULKHEAD_CHECK(told());
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return check_versions();
  }

  Result<void> lock() {
    const auto until = Clock::now() + lock_patience;
    for (auto pause = std::chrono::milliseconds(50);;
         pause = std::min(pause * 2, std::chrono::milliseconds(1000))) {
      // Writers wait from here on.
      paused_ = Clock::now();
      figures_.pause_parts.clear();
      BULKHEAD_TRY(const bool had, try_lock_tenant(*source_, order_.tenant));
      if (had) return {};
      if (Clock::now() >= until)
        return Error(Errc::overloaded, "a transaction of the tenant that writes does not end")
            .hint("try again, or end it");
      // A mover before this one, perhaps.
      BULKHEAD_CHECK(end_other_holder(*source_, order_.tenant));
      // Writers go on meanwhile, and the journal is followed.
      std::this_thread::sleep_for(pause);
      BULKHEAD_CHECK(catch_up());
    }
  }

  /// The statement about the source's sequences, made before writers wait. Empty: there are none.
  Result<void> read_sequences() {
    BULKHEAD_TRY(auto rows,
                 source_->query("select relname from pg_class where relkind = 'S' and relnamespace = "
                                "to_regnamespace(quote_ident($1)) order by relname",
                                {order_.source.schema}));
    sequences_sql_.clear();
    for (std::size_t row = 0; row < rows.size(); ++row) {
      const std::string name(rows.text(row, 0));
      sequences_sql_ += (row == 0 ? "select " : " union all select ") + source_->quote_literal(name) +
                        ", last_value, is_called from " + pg::quote_identifier(order_.source.schema) + "." +
                        pg::quote_identifier(name);
    }
    return {};
  }

  /// Sequences of the tenant's own columns: no id comes twice.
  Result<void> raise_sequences() {
    if (sequences_sql_.empty()) return {};
    BULKHEAD_TRY(auto here, source_->query(sequences_sql_));
    std::string raise;
    for (std::size_t row = 0; row < here.size(); ++row) {
      if (here.text(row, 2) != "t") continue;
      const std::string place =
          pg::quote_identifier(order_.target.schema) + "." + pg::quote_identifier(here.text(row, 0));
      const std::string value(here.text(row, 1));
      raise += (raise.empty() ? "select setval(" : " union all select setval(") +
               target_->quote_literal(place) + ", " + value + ") from " + place + " where last_value < " +
               value + " or not is_called";
    }
    if (raise.empty()) return {};
    BULKHEAD_TRY(auto raised, target_->query(raise));
    return {};
  }

  /// From the lock to its release: writers wait.
  Result<void> pass_over() {
    BULKHEAD_CHECK(tell(MovePhase::fence));
    // What can be done before writers wait, or what goes faster when it has been done once.
    BULKHEAD_CHECK(ask_catalog(hooks_.rehearse()));
    BULKHEAD_CHECK(raise_sequences());
    BULKHEAD_CHECK(verify_ahead());
    BULKHEAD_CHECK(lock());
    part("lock");
    failpoint("move.locked");
    fenced_ = true;
    BULKHEAD_CHECK(fence(*source_, order_.tenant, attempt()));
    part("fence");
    failpoint("move.fenced");
    BULKHEAD_CHECK(read_to_mark(paused_ + order_.longest_pause, fence_prefix, std::to_string(attempt())));
    BULKHEAD_CHECK(applier_->begin());
    part("rest");
    BULKHEAD_CHECK(raise_sequences());
    BULKHEAD_CHECK(verify_touched());
    part("compare");
    failpoint("move.compared");
    BULKHEAD_CHECK(settle(*target_, order_.tenant, attempt(), order_.epoch));
    figures_.arrived = true;
    part("settle");
    failpoint("move.settled");
    return forward();
  }

  /// Step 9a: reads leave the source before anybody is told of the target.
  Result<void> forward() {
    figures_.phase = MovePhase::switch_over;
    BULKHEAD_CHECK(leave(*source_, order_.tenant, attempt()));
    part("leave");
    failpoint("move.left");
    BULKHEAD_CHECK(ask_catalog(hooks_.switch_over()));
    part("switch");
    failpoint("move.switched");
    // Who waits for the lock may go on, and finds the tenant gone.
    if (paused_ != Clock::time_point()) {
      unlock_tenant(*source_);
      figures_.pause_ms = seconds_since(paused_) * 1000;
    }
    fenced_ = false;
    return {};
  }

  /// What the pause has been spent on since the step before.
  void part(const char* step) {
    if (paused_ == Clock::time_point()) return;
    double before = 0;
    for (const auto& [name, took] : figures_.pause_parts) before += took;
    figures_.pause_parts.emplace_back(step, seconds_since(paused_) * 1000 - before);
  }

  const MoveOrder& order_;
  const MoveHooks& hooks_;
  MoveFigures& figures_;
  RateLimit limit_;
  std::optional<pg::Blocking> source_, target_;
  std::optional<pg::Replication> stream_;
  std::vector<TenantTable> source_tables_, target_tables_;
  std::unique_ptr<Applier> applier_;
  Decoder decoder_;
  pg::Blocking* shown_ = nullptr;  ///< Shows the target as `reached` found it.
  pg::Lsn stop_at_ = 0, mark_at_ = 0;
  std::string version_, sequences_sql_;
  std::uint64_t together_ = 0;
  int marks_ = 0;
  bool marked_ = false, fenced_ = false, catalog_failed_ = false;
  Clock::time_point paused_, lag_told_;
};

/// After a failure past the fence, whoever can be asked is asked until it is known where the tenant lives. True: it has arrived.
Result<bool> bring_to_an_end(const MoveOrder& order, const MoveHooks& hooks, MoveFigures& figures) {
  for (int tried = 0;; ++tried) {
    Attempt attempt(order, hooks, figures);
    auto ended = attempt.claim();
    if (ended.has_value() || attempt.catalog_failed() || !passes(ended.error()) || tried == 20) return ended;
    std::this_thread::sleep_for(std::chrono::milliseconds(250 + 50 * tried));
  }
}

}  // namespace

std::string_view move_phase_name(MovePhase phase) noexcept {
  static constexpr std::array<std::string_view, 6> names{"claim",  "copy",  "catch_up",
                                                         "verify", "fence", "switch"};
  return names[static_cast<std::size_t>(phase)];
}

Result<MoveFigures> move_rows(const MoveOrder& order, const MoveHooks& hooks) {
  MoveFigures figures;
  auto pause = std::chrono::milliseconds(250);
  for (int tried = 1;; ++tried, pause *= 2) {
    std::optional<Attempt> attempt(std::in_place, order, hooks, figures);
    const auto claimed = attempt->claim();
    Result<void> done = claimed.has_error() ? Result<void>(claimed.error()) : Result<void>();
    if (claimed.has_value() && !*claimed) done = attempt->move();
    if (done.has_value()) return figures;
    const bool fenced = attempt->fenced();
    if (attempt->catalog_failed() && passes(done.error())) return done.error();
    // Its connections go, and with them what it has locked.
    attempt.reset();
    if (fenced) {
      BULKHEAD_TRY(const bool arrived, bring_to_an_end(order, hooks, figures));
      if (arrived) return figures;
    }
    if (!passes(done.error()) || tried == attempts_most) {
      // A table that keeps changing is the user's to know as what it is.
      if (done.error().code() != Errc::placement_stale) return done.error();
      return Error(Errc::conflict, std::string(done.error().message()))
          .hint("try again when no migration runs");
    }
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace bulkhead::journal
