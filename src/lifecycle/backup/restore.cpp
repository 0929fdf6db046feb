#include "lifecycle/backup/restore.hpp"

#include <algorithm>
#include <thread>

#include "base/failpoint.hpp"
#include "base/slug.hpp"
#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "lifecycle/adopt.hpp"
#include "lifecycle/attempt.hpp"
#include "lifecycle/backup/keeper.hpp"
#include "lifecycle/backup/keys.hpp"
#include "lifecycle/backup/replace.hpp"
#include "lifecycle/backup/replay.hpp"
#include "lifecycle/databases.hpp"
#include "lifecycle/members.hpp"
#include "lifecycle/slots.hpp"
#include "lifecycle/transaction.hpp"

namespace bulkhead::lifecycle::backup {
namespace {

constexpr std::chrono::milliseconds pause{100};
/// Commits stand in the journal nearly, but not quite, in the order of their times.
constexpr std::chrono::seconds disorder{5};

/// What an operation's input says, opened.
struct Source {
  TenantId tenant;
  std::unique_ptr<cloud::ObjectStore> store;
  DataKey key;
  BaseName base;
  Manifest manifest;
  Moment at;
};

Result<Source> source_of(pg::Blocking& catalog, const boost::json::object& input) {
  Source out;
  const auto id = Uuid::parse(text_of(input, "source"));
  const auto base = parse_base_name(text_of(input, "base") + "manifest");
  if (!id || !base) return Error(Errc::internal, "the operation's input is not understood");
  out.tenant = TenantId(*id);
  out.base = *base;
  BULKHEAD_TRY(out.at, parse_moment(text_of(input, "at")));
  BULKHEAD_TRY(out.store, cloud::open_object_store(text_of(input, "store")));
  BULKHEAD_TRY(out.key, find_tenant_key(catalog, out.tenant));
  BULKHEAD_TRY(out.manifest, read_manifest(*out.store, out.base, out.key));
  return out;
}

// --- what is in the store

Result<BaseName> newest_base(const Contents& contents, const catalog::TenantRecord& tenant,
                             const std::optional<Moment>& at) {
  if (contents.bases.empty())
    return Error(Errc::not_found, "tenant \"" + tenant.slug + "\" has no backup in this store")
        .hint("`bulkhead backup " + tenant.slug + "` makes one; `--store` names another store");
  const auto after =
      at ? std::upper_bound(contents.bases.begin(), contents.bases.end(), *at,
                            [](Moment moment, const BaseName& base) { return moment < base.at; })
         : contents.bases.end();
  if (after == contents.bases.begin())
    return Error(Errc::not_found, "tenant \"" + tenant.slug + "\" has no backup so early: its first is of " +
                                      moment_text(contents.bases.front().at))
        .hint("choose a later time; `bulkhead backup list " + tenant.slug + "` shows them");
  return *std::prev(after);
}

Error not_kept(const std::string& why) {
  return Error(Errc::conflict, "the journal does not reach from the backup to that time: " + why)
      .hint(
          "without --at the tenant is restored as of its newest backup; `bulkhead backup enable` keeps the "
          "journal, from "
          "the next backup on");
}

/// The journal of the base's database was kept without a gap from the base to that time.
Result<void> check_stretch(pg::Blocking& catalog, const TenantId& tenant, const Manifest& base, Moment at) {
  BULKHEAD_TRY(auto rows,
               catalog.query("select s.until_at is null or s.until_at >= $5::timestamptz, "
                             "catalog.rfc3339(nullif(s.until_at, '-infinity')) "
                             "from catalog.backup_stretch s where s.tenant_id = $1::uuid and s.cell = $2 and "
                             "s.database_name = $3 and s.since <= $4::pg_lsn order by s.since desc limit 1",
                             {tenant.text(), base.cell, base.database, pg::lsn_text(base.consistent),
                              moment_text(at)}));
  if (rows.empty())
    return not_kept("it was not kept when the backup of " + moment_text(base.at) + " was made");
  if (rows.text(0, 0) == "t") return {};
  return not_kept("it was lost, or switched off, " +
                  (rows.is_null(0, 1) ? "at once" : "after " + std::string(rows.text(0, 1))));
}

/// A move's rows are no news at their new place, so the journal there says nothing of the old one: a time after a move needs a base
/// that is of after it, too.
Result<void> check_not_moved(pg::Blocking& catalog, const TenantId& tenant, const Manifest& base, Moment at) {
  BULKHEAD_TRY(const auto live, catalog::find_tenant(catalog, tenant.text()));
  if (live.placement.epoch == base.epoch && live.placement.cell == base.cell &&
      live.placement.database == base.database)
    return {};
  BULKHEAD_TRY(auto rows, catalog.query("select coalesce(min(made_at) > $3::timestamptz, false) from "
                                        "catalog.operation where kind = 'move' and tenant_id = $1::uuid and "
                                        "updated_at > $2::timestamptz",
                                        {tenant.text(), moment_text(base.at), moment_text(at)}));
  if (rows.text(0, 0) == "t") return {};
  return not_kept("the tenant has moved since the backup of " + moment_text(base.at));
}

Result<bool> is_kept(pg::Blocking& catalog, const std::string& cell, const std::string& database,
                     std::optional<pg::Lsn> mark, Moment at) {
  BULKHEAD_TRY(
      auto rows,
      catalog.query(
          "select p.kept >= $3::pg_lsn or p.kept_at > $4::timestamptz from catalog.backup_progress p "
          "where p.cell = $1 and p.database_name = $2",
          {cell, database, mark ? std::optional(pg::lsn_text(*mark)) : std::nullopt,
           moment_text(at + disorder)}));
  return !rows.empty() && rows.text(0, 0) == "t";
}

/// Until the store has all of a database's journal that was committed by then.
Result<void> wait_for_journal(pg::Blocking& catalog, const std::string& cell, const std::string& database,
                              Moment at, std::chrono::milliseconds patience) {
  BULKHEAD_TRY(bool kept, is_kept(catalog, cell, database, std::nullopt, at));
  if (kept) return {};
  BULKHEAD_TRY(auto connection, catalog::connect_to(catalog, cell, database));
  BULKHEAD_TRY(const pg::Lsn mark, mark_journal(connection));
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    BULKHEAD_TRY(kept, is_kept(catalog, cell, database, mark, at));
    if (kept) return {};
    if (std::chrono::steady_clock::now() >= end) break;
    std::this_thread::sleep_for(pause);
  }
  BULKHEAD_TRY(auto rows, catalog.query("select catalog.rfc3339(kept_at) from catalog.backup_progress where "
                                        "cell = $1 and database_name = $2",
                                        {cell, database}));
  return Error(Errc::conflict,
               "the journal of database \"" + database + "\" has not come to the store up to that time" +
                   (rows.empty() ? std::string() : "; it reaches to " + std::string(rows.text(0, 0))))
      .hint("a server that runs writes it: start one, or choose an earlier time");
}

// --- the steps

Result<void> check_journal(OperationRun& run) {
  const auto& input = run.operation.input;
  BULKHEAD_TRY(const Source source, source_of(run.catalog, input));
  if (source.at == source.manifest.at) return {};
  BULKHEAD_CHECK(check_not_moved(run.catalog, source.tenant, source.manifest, source.at));
  BULKHEAD_CHECK(check_stretch(run.catalog, source.tenant, source.manifest, source.at));
  const std::chrono::milliseconds wait(number_of(input, "patience_ms"));
  BULKHEAD_CHECK(
      wait_for_journal(run.catalog, source.manifest.cell, source.manifest.database, source.at, wait));
  // What was waited for may have been told by a keeper that began after a loss.
  return check_stretch(run.catalog, source.tenant, source.manifest, source.at);
}

/// Where the rows come. In the catalog's own pool there is no slot for them.
struct Place {
  TenantId tenant;
  catalog::Model model = catalog::Model::row;
  std::string cell, database, schema;
  std::optional<Slot> slot;
};

Place place_of_slot(Slot slot) {
  return Place{slot.tenant, slot.model, slot.cell, slot.database, slot.schema, slot};
}

Result<Place> own_pool(pg::Blocking& catalog, const TenantId& tenant) {
  BULKHEAD_TRY(auto rows, catalog.query("select current_database()"));
  return Place{tenant, catalog::Model::row, std::string(catalog::own_cell), std::string(rows.text(0, 0)),
               "app",  std::nullopt};
}

bool in_own_pool(const Operation& operation) {
  const auto* own = operation.progress.if_contains("own_pool");
  return own != nullptr && own->is_bool() && own->get_bool();
}

/// The place that an earlier attempt has reserved.
Result<std::optional<Place>> reserved_place(pg::Blocking& catalog, const Operation& operation) {
  if (!operation.tenant) return std::optional<Place>();
  if (in_own_pool(operation)) {
    BULKHEAD_TRY(Place place, own_pool(catalog, *operation.tenant));
    return std::optional<Place>(std::move(place));
  }
  BULKHEAD_TRY(auto slot, find_slot(catalog, *operation.tenant));
  if (!slot || slot->state == "dropping") return std::optional<Place>();
  return std::optional<Place>(place_of_slot(std::move(*slot)));
}

Result<Place> reserve_place(OperationRun& run) {
  const auto& input = run.operation.input;
  const auto model = catalog::parse_model(text_of(input, "model")).value_or(catalog::Model::row);
  std::string cell = text_of(input, "cell");
  BULKHEAD_TRY(auto cells, run.catalog.query("select x from catalog.cells_for($1, $2, '') x limit 1",
                                             {std::string(catalog::model_name(model)), cell}));
  if (cells.empty()) return no_room(model, cell, {});
  cell = cells.text(0, 0);
  if (model == catalog::Model::row && cell == catalog::own_cell) {
    run.operation.tenant = TenantId(Uuid::random());
    run.operation.progress["own_pool"] = true;
    BULKHEAD_CHECK(run.save());
    return own_pool(run.catalog, *run.operation.tenant);
  }
  BULKHEAD_TRY(Slot slot, reserve_slot(run.catalog, model, cell, {}));
  run.operation.tenant = slot.tenant;
  run.operation.progress["own_pool"] = false;
  BULKHEAD_CHECK(run.save());
  return place_of_slot(std::move(slot));
}

/// In one transaction with the operation's row, so that the place has an owner.
Result<void> reserve(OperationRun& run) {
  BULKHEAD_TRY(const auto there, reserved_place(run.catalog, run.operation));
  if (there) return {};
  BULKHEAD_CHECK(run.catalog.execute("begin"));
  const auto place = reserve_place(run);
  auto done = place.has_error() ? Result<void>(place.error()) : run.catalog.execute("commit");
  if (done.has_error()) [[maybe_unused]]
    const auto rolled_back = run.catalog.execute("rollback");
  failpoint("restore.reserved");
  return done;
}

Result<Place> place_of_run(OperationRun& run) {
  BULKHEAD_TRY(auto place, reserved_place(run.catalog, run.operation));
  if (!place)
    return Error(Errc::conflict, "the placement of the restore has gone").hint("start the restore again");
  return std::move(*place);
}

Result<void> provision(OperationRun& run) {
  BULKHEAD_TRY(const Place place, place_of_run(run));
  if (!place.slot) return {};
  ShardConnection shard;
  return provision_slot(run.catalog, *place.slot, shard);
}

/// The base's rows, then the journal's changes.
Result<void> replay_source(const Source& source, Replay& replay, const RowsTold& told) {
  const std::uint64_t total = source.manifest.rows();
  BULKHEAD_TRY(const auto contents, contents_of(*source.store, source.tenant));
  BULKHEAD_CHECK(
      replay.fill(*source.store, source.base, source.manifest, source.key, [&](std::uint64_t rows) {
        if (told) told(rows, total);
      }));
  failpoint("restore.copied");
  if (source.at == source.manifest.at) return {};
  return replay.apply(*source.store, contents.segments, source.manifest, source.at, source.key,
                      [&](std::uint64_t changes) {
                        if (told) told(changes, 0);
                      });
}

void tell_replayed(OperationRun& run, const Replayed& replayed) {
  run.operation.progress["rows"] = replayed.rows;
  run.operation.progress["changes"] = replayed.changes;
  run.operation.progress["transactions"] = replayed.transactions;
}

/// All of it is one transaction: the rows are there as a whole or not at all.
Result<void> fill(OperationRun& run, const RowsTold& told) {
  BULKHEAD_TRY(const Source source, source_of(run.catalog, run.operation.input));
  BULKHEAD_TRY(const Place place, place_of_run(run));
  // Its rows are not ours any more once it is a tenant.
  if (const auto taken = catalog::find_tenant(run.catalog, place.tenant.text()); taken.has_value()) return {};
  BULKHEAD_TRY(auto target, catalog::connect_to(run.catalog, place.cell, place.database));
  Replayed replayed;
  BULKHEAD_CHECK(transaction(target, [&]() -> Result<void> {
    BULKHEAD_TRY(Replay replay, Replay::begin(target, place.schema, place.tenant));
    BULKHEAD_CHECK(replay.clear());
    BULKHEAD_CHECK(replay_source(source, replay, told));
    BULKHEAD_CHECK(replay.finish());
    replayed = replay.done();
    failpoint("restore.applied");
    return {};
  }));
  failpoint("restore.filled");
  tell_replayed(run, replayed);
  return {};
}

Result<void> replace(OperationRun& run, const RowsTold& told) {
  BULKHEAD_TRY(const Source source, source_of(run.catalog, run.operation.input));
  BULKHEAD_TRY(const auto tenant, catalog::find_tenant(run.catalog, source.tenant.text()));
  BULKHEAD_TRY(auto home, catalog::connect_to(run.catalog, tenant.placement.cell, tenant.placement.database));
  ReplaceOrder order{tenant.id, tenant.placement.schema, run.operation.id, 0};
  BULKHEAD_TRY(order.attempt, next_attempt(run));
  BULKHEAD_TRY(const auto report, replace_rows(home, order, [&](Replay& replay) {
                 return replay_source(source, replay, told);
               }));
  if (report.before) return {};
  tell_replayed(run, report.replayed);
  run.operation.progress["pause_ms"] = report.pause_ms;
  boost::json::array tables;
  for (const auto& table : report.tables)
    tables.push_back({{"name", table.name}, {"removed", table.removed}, {"written", table.written}});
  run.operation.progress["tables"] = std::move(tables);
  return {};
}

/// Views that are stored are made anew when nobody waits any more.
Result<void> finish_replaced(OperationRun& run) {
  BULKHEAD_TRY(const auto tenant, catalog::find_tenant(run.catalog, text_of(run.operation.input, "source")));
  BULKHEAD_TRY(auto home, catalog::connect_to(run.catalog, tenant.placement.cell, tenant.placement.database));
  BULKHEAD_CHECK(transaction(home, [&]() -> Result<void> {
    BULKHEAD_TRY(Replay replay, Replay::begin(home, tenant.placement.schema, tenant.id));
    return replay.finish();
  }));
  for (const char* told : {"rows", "changes", "transactions", "pause_ms", "tables"})
    if (const auto* value = run.operation.progress.if_contains(told)) run.operation.result[told] = *value;
  run.operation.result["tenant"] = tenant.id.text();
  return {};
}

/// From now on it is a tenant.
Result<void> take(OperationRun& run) {
  const TenantId id = run.operation.tenant.value_or(TenantId());
  const auto& input = run.operation.input;
  const auto there = catalog::find_tenant(run.catalog, id.text());
  if (there.has_error()) {
    auto taken =
        run.catalog.query(in_own_pool(run.operation) ? "select catalog.take_filled($1::uuid, $2, $3, $4)"
                                                     : "select catalog.take_slot($1::uuid, $2, $3, $4)",
                          {id.text(), run.operation.subject, text_of(input, "name"), text_of(input, "plan")});
    if (taken.has_error() && taken.error().sqlstate() == "23505")
      return Error(Errc::already_exists, "there is a tenant \"" + run.operation.subject + "\" by now")
          .hint("restore it under another name");
    if (taken.has_error()) return taken.error();
  }
  failpoint("restore.taken");
  run.operation.result = {{"tenant", id.text()},
                          {"rows", run.operation.progress["rows"]},
                          {"changes", run.operation.progress["changes"]},
                          {"transactions", run.operation.progress["transactions"]}};
  return {};
}

/// Nothing stays of a restore that has failed for good. What cannot be undone now is left to housekeeping, or to the operation's
/// being resumed.
void undo(pg::Blocking& catalog, const Uuid& id) {
  const auto operation = find_operation(catalog, id);
  if (operation.has_error() || operation->state != OperationState::failed) return;
  const auto place = reserved_place(catalog, *operation);
  if (place.has_error() || !*place) return;
  if (const auto taken = catalog::find_tenant(catalog, (*place)->tenant.text()); taken.has_value()) return;
  if ((*place)->model == catalog::Model::row) {
    auto target = catalog::connect_to(catalog, (*place)->cell, (*place)->database);
    if (target.has_error()) return;
    [[maybe_unused]] const auto cleared = transaction(*target, [&]() -> Result<void> {
      BULKHEAD_TRY(Replay replay, Replay::begin(*target, (*place)->schema, (*place)->tenant));
      return replay.clear();
    });
  }
  if ((*place)->slot) [[maybe_unused]]
    const auto dropped = drop_slot(catalog, *(*place)->slot);
}

Result<void> check_slug(pg::Blocking& catalog, const std::string& slug) {
  if (!valid_slug(slug))
    return Error(Errc::usage, "\"" + slug + "\" is not a tenant's slug")
        .hint("--as: 3 to 63 of a-z, 0-9 and single hyphens, beginning with a letter");
  BULKHEAD_TRY(auto rows, catalog.query("select from catalog.tenant where slug = $1", {slug}));
  if (rows.empty()) return {};
  return Error(Errc::already_exists, "there is a tenant \"" + slug + "\" already")
      .hint("--as names the new tenant that the rows are restored into");
}

Result<void> check_past(pg::Blocking& catalog, Moment at) {
  BULKHEAD_TRY(auto rows, catalog.query("select $1::timestamptz <= clock_timestamp()", {moment_text(at)}));
  if (rows.text(0, 0) == "t") return {};
  return Error(Errc::usage, moment_text(at) + " is still to come").hint("--at is a time that has passed");
}

}  // namespace

Result<Operation> run_restore(pg::Blocking& catalog, const Uuid& id,
                              const std::function<void(const Operation&)>& told, const RowsTold& rows) {
  BULKHEAD_TRY(const auto operation, find_operation(catalog, id));
  std::vector<OperationStep> steps{{"journal", check_journal}};
  const bool in_place = operation.input.contains("replace");
  if (in_place) {
    steps.push_back({"replace", [&rows](OperationRun& run) { return replace(run, rows); }});
    steps.push_back({"finish", finish_replaced});
  } else {
    steps.push_back({"reserve", reserve});
    steps.push_back({"provision", provision});
    steps.push_back({"fill", [&rows](OperationRun& run) { return fill(run, rows); }});
    steps.push_back({"take", take});
  }
  auto done = run_operation(catalog, id, steps, told);
  // In place it is one transaction, which leaves nothing.
  if (done.has_error() && !in_place) undo(catalog, id);
  return done;
}

namespace {

/// What the tenant has now can be brought back afterwards: its journal is kept, from a backup on that is newer than any gap.
Result<void> check_way_back(pg::Blocking& catalog, const catalog::TenantRecord& tenant,
                            cloud::ObjectStore& store, const Contents& contents) {
  const auto wrong = [&](const Error& why) {
    return Error(Errc::conflict, "what tenant \"" + tenant.slug +
                                     "\" has now could not be brought back: " + std::string(why.message()))
        .hint("`bulkhead backup enable " + tenant.slug + "`, then `bulkhead backup " + tenant.slug +
              "`; or --discard it");
  };
  BULKHEAD_TRY(const BaseName newest, newest_base(contents, tenant, std::nullopt));
  BULKHEAD_TRY(const DataKey key, find_tenant_key(catalog, tenant.id));
  BULKHEAD_TRY(const Manifest manifest, read_manifest(store, newest, key));
  BULKHEAD_TRY(auto rows, catalog.query("select catalog.rfc3339(clock_timestamp())"));
  BULKHEAD_TRY(const Moment now, parse_moment(rows.text(0, 0)));
  if (const auto here = check_not_moved(catalog, tenant.id, manifest, now); here.has_error())
    return wrong(here.error());
  if (const auto kept = check_stretch(catalog, tenant.id, manifest, now); kept.has_error())
    return wrong(kept.error());
  return {};
}

/// What both kinds of restore ask for.
Result<NewOperation> wanted_restore(pg::Blocking& catalog, const RestoreRequest& request,
                                    const catalog::TenantRecord& tenant, RestoreReport& report) {
  if (request.at) BULKHEAD_CHECK(check_past(catalog, *request.at));
  BULKHEAD_TRY(auto store, cloud::open_object_store(request.store));
  BULKHEAD_TRY(const auto contents, contents_of(*store, tenant.id));
  BULKHEAD_TRY(const BaseName base, newest_base(contents, tenant, request.at));
  if (request.replace && !request.discard) BULKHEAD_CHECK(check_way_back(catalog, tenant, *store, contents));
  report.base = base.at;
  report.at = request.at.value_or(base.at);
  NewOperation wanted;
  wanted.kind = "restore";
  wanted.actor = request.actor;
  wanted.input = {{"source", tenant.id.text()},
                  {"store", request.store},
                  {"base", base.folder},
                  {"at", moment_text(report.at)},
                  {"patience_ms", request.patience.count()}};
  return wanted;
}

}  // namespace

Result<RestoreReport> restore_tenant(pg::Blocking& catalog, const RestoreRequest& request) {
  BULKHEAD_TRY(const auto tenant, catalog::find_tenant(catalog, request.tenant));
  BULKHEAD_CHECK(refuse_adopted(tenant, "a restore"));
  if (!request.replace) BULKHEAD_CHECK(check_slug(catalog, request.as));
  RestoreReport report;
  BULKHEAD_TRY(NewOperation wanted, wanted_restore(catalog, request, tenant, report));
  if (request.replace) {
    wanted.subject = tenant.slug;
    wanted.tenant = tenant.id;
    wanted.input["replace"] = true;
  } else {
    wanted.subject = request.as;
    wanted.input["name"] = tenant.name;
    wanted.input["plan"] = tenant.plan;
    wanted.input["model"] = catalog::model_name(request.model.value_or(tenant.placement.model));
    wanted.input["cell"] = request.cell.empty() ? tenant.placement.cell : request.cell;
  }
  BULKHEAD_TRY(const auto started, start_operation(catalog, wanted));
  failpoint("restore.started");
  report.operation = started.id.text();
  BULKHEAD_TRY(const auto done, run_restore(catalog, started.id, {}, request.rows));
  BULKHEAD_TRY(report.tenant, catalog::find_tenant(catalog, text_of(done.result, "tenant")));
  const auto count = [](const boost::json::object& from, std::string_view key) {
    return static_cast<std::uint64_t>(number_of(from, key));
  };
  report.rows = count(done.result, "rows");
  report.changes = count(done.result, "changes");
  report.transactions = count(done.result, "transactions");
  if (const auto* waited = done.result.if_contains("pause_ms"); waited != nullptr && waited->is_number())
    report.pause_ms = waited->to_number<double>();
  if (const auto* tables = done.result.if_contains("tables"); tables != nullptr && tables->is_array())
    for (const auto& table : tables->get_array()) {
      const auto& one = table.as_object();
      report.replaced.push_back({text_of(one, "name"), count(one, "removed"), count(one, "written")});
    }
  return report;
}

// --- verify

namespace {

/// Reads an object to its end.
Result<SealedInfo> read_whole(cloud::ObjectStore& store, const std::string& key, const DataKey& with,
                              const std::function<Result<void>(std::string_view)>& piece) {
  BULKHEAD_TRY(auto object, SealedReader::open(store, key, with));
  for (;;) {
    BULKHEAD_TRY(const std::string next, object.next());
    if (next.empty()) return object.info();
    BULKHEAD_CHECK(piece(next));
  }
}

Result<void> verify_parts(Source& source, VerifyReport& report) {
  for (const auto& part : source.manifest.parts) {
    const std::string key = source.base.folder + part.object;
    RowsHash hash;
    std::string left;
    BULKHEAD_TRY(const auto stored,
                 read_whole(*source.store, key, source.key, [&](std::string_view piece) -> Result<void> {
                   left += piece;
                   std::size_t at = 0;
                   for (std::size_t end = left.find('\n'); end != std::string::npos;
                        end = left.find('\n', at)) {
                     hash.add(std::string_view(left).substr(at, end + 1 - at));
                     at = end + 1;
                   }
                   left.erase(0, at);
                   return {};
                 }));
    if (stored.sha256 != part.sealed.sha256 || stored.bytes != part.sealed.bytes ||
        hash.rows() != part.rows || hash.hex() != part.rows_hash || !left.empty())
      return Error(Errc::import_failed, "the object " + key + " is not the one that the manifest names");
    ++report.objects;
    ++report.tables;
    report.rows += hash.rows();
    report.bytes += stored.bytes;
  }
  return {};
}

Result<void> verify_segments(Source& source, const Contents& contents, VerifyReport& report) {
  for (const auto& segment : contents.segments) {
    SegmentDecoder decoder;
    BULKHEAD_TRY(const auto stored, read_whole(*source.store, segment.key, source.key,
                                               [&](std::string_view piece) -> Result<void> {
                                                 decoder.feed(piece);
                                                 for (;;) {
                                                   BULKHEAD_TRY(const auto record, decoder.next());
                                                   if (!record) return {};
                                                 }
                                               }));
    if (!decoder.at_end())
      return Error(Errc::import_failed, "the object " + segment.key + " ends within a change");
    ++report.objects;
    report.bytes += stored.bytes;
  }
  return {};
}

/// Counts and hashes of what stands in the placement now.
Result<void> compare(pg::Blocking& target, const Place& place, const Manifest& manifest) {
  for (const auto& part : manifest.parts) {
    RowsHash hash;
    BULKHEAD_CHECK(copy_rows(target, place.schema, part.shape, place.tenant,
                             [&hash](std::string_view line) { hash.add(line); }));
    if (hash.rows() != part.rows || hash.hex() != part.rows_hash)
      return Error(Errc::import_failed,
                   "restored, table \"" + part.shape.name + "\" has other rows than were read: " +
                       std::to_string(hash.rows()) + " for " + std::to_string(part.rows));
  }
  return {};
}

Result<void> restore_into(pg::Blocking& catalog, Source& source, const Slot& slot) {
  ShardConnection shard;
  BULKHEAD_CHECK(provision_slot(catalog, slot, shard));
  const Place place = place_of_slot(slot);
  BULKHEAD_TRY(auto target, catalog::connect_to(catalog, place.cell, place.database));
  return transaction(target, [&]() -> Result<void> {
    BULKHEAD_TRY(Replay replay, Replay::begin(target, place.schema, place.tenant));
    BULKHEAD_CHECK(replay.fill(*source.store, source.base, source.manifest, source.key, {}));
    failpoint("verify.filled");
    return compare(target, place, source.manifest);
  });
}

/// A placement that nobody takes: while its lock is held it is ours, afterwards housekeeping drops what is left.
Result<void> verify_scratch(pg::Blocking& catalog, Source& source) {
  std::optional<Slot> slot;
  BULKHEAD_CHECK(transaction(catalog, [&]() -> Result<void> {
    BULKHEAD_TRY(slot, reserve_slot(catalog, catalog::Model::schema, source.manifest.cell, {}));
    BULKHEAD_TRY([[maybe_unused]] auto held,
                 catalog.query("select pg_advisory_lock(hashtextextended($1, 0))", {slot_lock(*slot)}));
    return {};
  }));
  failpoint("verify.reserved");
  auto restored = restore_into(catalog, source, *slot);
  BULKHEAD_TRY([[maybe_unused]] auto let,
               catalog.query("select pg_advisory_unlock(hashtextextended($1, 0))", {slot_lock(*slot)}));
  auto dropped = drop_slot(catalog, *slot);
  return restored.has_error() ? restored : dropped;
}

}  // namespace

Result<VerifyReport> verify_backup(pg::Blocking& catalog, const std::string& slug_or_id,
                                   const std::string& store_url, const std::string& folder, bool scratch) {
  BULKHEAD_TRY(const auto tenant, catalog::find_tenant(catalog, slug_or_id));
  Source source;
  source.tenant = tenant.id;
  BULKHEAD_TRY(source.store, cloud::open_object_store(store_url));
  BULKHEAD_TRY(const auto contents, contents_of(*source.store, tenant.id));
  BULKHEAD_TRY(source.base, newest_base(contents, tenant, std::nullopt));
  if (!folder.empty()) {
    const auto named = std::find_if(contents.bases.begin(), contents.bases.end(),
                                    [&](const BaseName& base) { return base.folder == folder; });
    if (named == contents.bases.end()) return Error(Errc::not_found, "there is no backup " + folder);
    source.base = *named;
  }
  BULKHEAD_TRY(source.key, find_tenant_key(catalog, tenant.id));
  BULKHEAD_TRY(source.manifest, read_manifest(*source.store, source.base, source.key));
  VerifyReport report;
  report.base = source.base;
  ++report.objects;
  BULKHEAD_CHECK(verify_parts(source, report));
  BULKHEAD_CHECK(verify_segments(source, contents, report));
  if (scratch) BULKHEAD_CHECK(verify_scratch(catalog, source));
  return report;
}

}  // namespace bulkhead::lifecycle::backup
