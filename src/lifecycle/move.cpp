#include "lifecycle/move.hpp"

#include <algorithm>
#include <charconv>
#include <thread>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "base/failpoint.hpp"
#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "journal/mover.hpp"
#include "journal/residency.hpp"
#include "journal/tables.hpp"
#include "lifecycle/adopt.hpp"
#include "lifecycle/attempt.hpp"
#include "lifecycle/lock.hpp"
#include "lifecycle/members.hpp"
#include "lifecycle/plans.hpp"
#include "lifecycle/remove.hpp"
#include "lifecycle/slots.hpp"
#include "lifecycle/transaction.hpp"

namespace bulkhead::lifecycle {
namespace {

namespace json = boost::json;
using catalog::Placement;
using Clock = std::chrono::steady_clock;

/// Figures are stored this often: others look at them.
constexpr std::chrono::milliseconds save_pause{400};
/// How long a move waits for the tenant's own former rows to be removed where it is to go.
constexpr std::chrono::seconds removal_patience{60};
/// What a copy is taken to bring where none has been measured: bytes a second, and a pause.
constexpr double assumed_rate = 20e6, assumed_pause_ms = 50;

template <class T>
T number_in(std::string_view text) {
  T out{};
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

json::object json_of(const Placement& placement) {
  return {{"model", catalog::model_name(placement.model)},
          {"cell", placement.cell},
          {"database", placement.database},
          {"schema", placement.schema}};
}

std::optional<Placement> placement_in(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_object()) return std::nullopt;
  const auto& from = value->get_object();
  Placement out;
  out.model = catalog::parse_model(text_of(from, "model")).value_or(catalog::Model::row);
  out.cell = text_of(from, "cell");
  out.database = text_of(from, "database");
  out.schema = text_of(from, "schema");
  return out;
}

bool same_place(const Placement& a, const Placement& b) {
  return a.cell == b.cell && a.database == b.database && a.schema == b.schema;
}

std::string name_of(const Placement& placement) {
  return std::string(catalog::model_name(placement.model)) + " in cell " + placement.cell;
}

/// The latest place that the tenant left and whose rows are kept.
Result<FormerPlacement> way_back(pg::Blocking& catalog, const catalog::TenantRecord& tenant) {
  BULKHEAD_TRY(auto formers, former_placements(catalog, tenant.id));
  for (auto& former : formers)
    if (former.state != "cleaning") return std::move(former);
  return Error(Errc::conflict, "tenant \"" + tenant.slug + "\" has no place that it could go back to")
      .hint("`bulkhead move " + tenant.slug + " --to MODEL` moves it to a new one");
}

Result<catalog::TenantRecord> movable(pg::Blocking& catalog, const MoveRequest& request) {
  BULKHEAD_TRY(auto tenant, catalog::find_tenant(catalog, request.tenant));
  BULKHEAD_CHECK(refuse_adopted(tenant, "moving"));
  if (tenant.status == catalog::TenantStatus::deleting)
    return Error(Errc::conflict, "tenant \"" + tenant.slug + "\" is being deleted");
  return tenant;
}

/// Whether a tenant of the row model may come into the catalog's own pool, which no slot names.
Result<bool> own_pool_takes(pg::Blocking& catalog, const std::string& cell,
                            const catalog::TenantRecord& tenant) {
  // Nor where its rows are being removed: that must not meet those that a move brings.
  BULKHEAD_TRY(
      auto takes,
      catalog.query("select $1 in ('', $2) and exists (select from catalog.cells_for('row', $2, '')) and not "
                    "catalog.knows($2, current_database(), $3::uuid)",
                    {cell, std::string(catalog::own_cell), tenant.id.text()}));
  return takes.text(0, 0) == "t";
}

/// A place of this kind that the tenant left and whose rows are kept: it is there already.
Result<std::optional<FormerPlacement>> left_before(pg::Blocking& catalog, const catalog::TenantRecord& tenant,
                                                   catalog::Model model, const std::string& cell) {
  BULKHEAD_TRY(auto formers, former_placements(catalog, tenant.id));
  for (auto& former : formers) {
    const auto& place = former.placement;
    if (former.state == "cleaning" || place.model != model || (!cell.empty() && place.cell != cell)) continue;
    return std::optional<FormerPlacement>(std::move(former));
  }
  return std::optional<FormerPlacement>();
}

/// Rows that the tenant has left at a place of this kind are being removed: it can go there soon.
Result<bool> being_removed(pg::Blocking& catalog, const TenantId& tenant, catalog::Model model,
                           const std::string& cell) {
  BULKHEAD_TRY(auto rows,
               catalog.query("select from catalog.former_placement where tenant_id = $1::uuid and model = $2 "
                             "and $3 in ('', cell) and state = 'cleaning'",
                             {tenant.text(), std::string(catalog::model_name(model)), cell}));
  return !rows.empty();
}

/// What is asked for makes sense; says where it would go, as far as that is known.
Result<Placement> wanted_place(pg::Blocking& catalog, const MoveRequest& request,
                               const catalog::TenantRecord& tenant) {
  if (request.back) {
    if (request.model || !request.cell.empty())
      return Error(Errc::usage, "--back goes to where the tenant lived: neither --to nor --cell can be said");
    BULKHEAD_TRY(const auto former, way_back(catalog, tenant));
    return former.placement;
  }
  if (!request.model && request.cell.empty())
    return Error(Errc::usage, "where is the tenant to live?")
        .hint("--to row|schema|silo, --cell CELL, or --back");
  Placement out;
  out.model = request.model.value_or(tenant.placement.model);
  out.cell = request.cell;
  if (out.model != catalog::Model::row || tenant.placement.model != catalog::Model::row) return out;
  BULKHEAD_TRY(const auto before, left_before(catalog, tenant, out.model, out.cell));
  if (before) return out;
  BULKHEAD_TRY(const bool own, own_pool_takes(catalog, out.cell, tenant));
  BULKHEAD_TRY(auto others,
               catalog.query("select from catalog.database where kind = 'pool' and state = 'ready' and "
                             "(cell, name) <> ($1, $2) and $3 in ('', cell)",
                             {tenant.placement.cell, tenant.placement.database, out.cell}));
  if (own || !others.empty()) return out;
  BULKHEAD_TRY(const bool soon, being_removed(catalog, tenant.id, out.model, out.cell));
  if (soon) return out;
  return Error(Errc::conflict, "tenant \"" + tenant.slug + "\" lives in the row model of cell " +
                                   tenant.placement.cell + " already")
      .hint("name another cell: --cell CELL (`bulkhead cell list`)");
}

// --- the steps

Result<catalog::TenantRecord> tenant_of(OperationRun& run) {
  return catalog::find_tenant(run.catalog, run.operation.tenant.value_or(TenantId()).text());
}

Result<void> keep_target(OperationRun& run, const Placement& target) {
  run.operation.progress["target"] = json_of(target);
  return run.save();
}

/// What is kept there stays while the move goes there.
Result<void> take_former(OperationRun& run, const FormerPlacement& former) {
  return transaction(run.catalog, [&]() -> Result<void> {
    BULKHEAD_TRY(
        auto taken,
        run.catalog.query("update catalog.former_placement set state = 'wanted' where tenant_id = $1::uuid "
                          "and cell = $2 and database_name = $3 and state <> 'cleaning'",
                          {former.tenant.text(), former.placement.cell, former.placement.database}));
    if (taken.affected() == 0)
      return Error(Errc::conflict, "the way back has just been closed: what was kept there is being removed");
    return keep_target(run, former.placement);
  });
}

Result<void> reserve(OperationRun& run, const catalog::TenantRecord& tenant, catalog::Model model,
                     const std::string& cell) {
  return transaction(run.catalog, [&]() -> Result<void> {
    BULKHEAD_TRY(const Slot slot, reserve_slot_to_move(run.catalog, model, cell, tenant.id));
    Placement target;
    target.model = slot.model;
    target.cell = slot.cell;
    target.database = slot.database;
    target.schema = slot.schema;
    run.operation.progress["slot"] = slot.tenant.text();
    return keep_target(run, target);
  });
}

Result<void> choose(OperationRun& run, const catalog::TenantRecord& tenant) {
  const auto& input = run.operation.input;
  if (input.contains("back")) {
    BULKHEAD_TRY(const auto former, way_back(run.catalog, tenant));
    return take_former(run, former);
  }
  const auto model = catalog::parse_model(text_of(input, "model")).value_or(catalog::Model::row);
  const std::string cell = text_of(input, "cell");
  BULKHEAD_TRY(const auto former, left_before(run.catalog, tenant, model, cell));
  if (former) return take_former(run, *former);
  BULKHEAD_TRY(const bool own, own_pool_takes(run.catalog, cell, tenant));
  if (model != catalog::Model::row || !own) return reserve(run, tenant, model, cell);
  BULKHEAD_TRY(auto name, run.catalog.query("select current_database()"));
  Placement pool;
  pool.cell = catalog::own_cell;
  pool.database = name.text(0, 0);
  pool.schema = "app";
  return keep_target(run, pool);
}

/// Where nothing but the tenant's own former rows is in the way, until they are gone.
Result<void> choose_in_time(OperationRun& run, const catalog::TenantRecord& tenant) {
  const auto model =
      catalog::parse_model(text_of(run.operation.input, "model")).value_or(catalog::Model::row);
  for (const auto until = Clock::now() + removal_patience;;) {
    auto chosen = choose(run, tenant);
    if (chosen.has_value() || chosen.error().code() != Errc::conflict) return chosen;
    BULKHEAD_TRY(const bool soon,
                 being_removed(run.catalog, tenant.id, model, text_of(run.operation.input, "cell")));
    if (!soon) return chosen;
    if (Clock::now() >= until)
      return Error(Errc::conflict,
                   "what tenant \"" + tenant.slug + "\" has left there is still being removed")
          .hint("`bulkhead move --list` shows it; try again when it has gone");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

Result<std::optional<Slot>> slot_of(OperationRun& run) {
  const auto id = Uuid::parse(text_of(run.operation.progress, "slot"));
  if (!id) return std::optional<Slot>();
  return find_slot(run.catalog, TenantId(*id));
}

/// The place is there, with the app's tables and nobody in it.
Result<void> prepare(OperationRun& run) {
  BULKHEAD_TRY(const auto tenant, tenant_of(run));
  const auto known = placement_in(run.operation.progress, "target");
  if (known && same_place(*known, tenant.placement)) return {};
  BULKHEAD_TRY(auto slot, slot_of(run));
  const bool lost = run.operation.progress.contains("slot") && (!slot || slot->state == "dropping");
  if (!known || lost) {
    BULKHEAD_CHECK(choose_in_time(run, tenant));
    failpoint("move.reserved");
    BULKHEAD_TRY(slot, slot_of(run));
  }
  if (!slot) return {};
  ShardConnection shard;
  auto made = provision_slot(run.catalog, *slot, shard);
  if (made.has_error()) return journal::of_target(made.error());
  failpoint("move.provisioned");
  // It is nobody's who has the slot's id.
  BULKHEAD_TRY(auto target, catalog::connect_to(run.catalog, slot->cell, slot->database));
  BULKHEAD_TRY(auto gone, target.query("delete from bulkhead.residency where tenant_id = $1::uuid",
                                       {slot->tenant.text()}));
  return {};
}

Result<std::string> conninfo_of(pg::Blocking& catalog, const Placement& placement) {
  BULKHEAD_TRY(const auto connection, catalog::connect_to(catalog, placement.cell, placement.database));
  return connection.conninfo();
}

json::object json_of(const journal::MoveFigures& figures) {
  json::array tables;
  for (const auto& table : figures.tables)
    tables.push_back({{"name", table.name}, {"rows", table.rows}, {"done", table.done}});
  std::uint64_t total = 0;
  for (const auto& table : figures.tables) total += table.rows;
  json::object pause;
  for (const auto& [step, took] : figures.pause_parts) pause[step] = took;
  return {{"phase", journal::move_phase_name(figures.phase)},
          {"rows_done", figures.rows_done},
          {"rows_total", total},
          {"bytes_done", figures.bytes_done},
          {"rows_per_s", static_cast<std::uint64_t>(figures.rows_per_s)},
          {"changes_applied", figures.applied},
          {"lag_bytes", figures.lag_bytes},
          {"copy_s", figures.copy_s},
          {"verify_s", figures.verify_s},
          {"pause_ms", figures.pause_ms},
          {"pause", std::move(pause)},
          {"tables", std::move(tables)}};
}

void take_over(json::object& progress, const journal::MoveFigures& figures) {
  for (const auto& member : json_of(figures)) progress[member.key()] = member.value();
}

/// One move's hooks into the catalog.
class Hooks {
 public:
  Hooks(OperationRun& run, const catalog::TenantRecord& tenant, const Placement& target)
      : run_(run), tenant_(tenant), target_(target) {}

  journal::MoveHooks all() {
    journal::MoveHooks out;
    out.next_attempt = [this] { return lifecycle::next_attempt(run_); };
    out.switch_over = [this] { return switch_over(); };
    out.rehearse = [this] { return rehearse(); };
    out.told = [this](const journal::MoveFigures& figures) { return tell(figures); };
    return out;
  }

 private:
  /// The tenant lives at the target: for all servers to know. One statement, since writers wait for it.
  Result<void> switch_over() {
    const auto& input = run_.operation.input;
    const std::string slot = text_of(run_.operation.progress, "slot");
    BULKHEAD_TRY(
        auto switched,
        run_.catalog.query(
            "select catalog.switch_tenant($1::uuid, $2, $3::uuid, $4::uuid, $5, $6, $7, $8, $9::bigint, "
            "make_interval(secs => $10), $11)",
            {run_.operation.id.text(), run_.operation.lease_owner, tenant_.id.text(),
             slot.empty() ? std::nullopt : std::optional(slot),
             std::string(catalog::model_name(target_.model)), target_.cell, target_.database, target_.schema,
             std::to_string(tenant_.placement.epoch + 1), std::to_string(number_of(input, "keep_s")),
             text_of(input, "plan")}));
    if (switched.text(0, 0) == "overtaken") return overtaken(run_);
    return {};
  }

  Result<void> rehearse() {
    BULKHEAD_CHECK(run_.catalog.execute("begin"));
    auto done = switch_over();
    const auto back = run_.catalog.execute("rollback");
    return done.has_error() ? done : back;
  }

  Result<void> tell(const journal::MoveFigures& figures) {
    take_over(run_.operation.progress, figures);
    const auto now = Clock::now();
    if (figures.phase == phase_ && now - saved_ < save_pause) {
      if (run_.told && now - told_ > std::chrono::milliseconds(100)) {
        told_ = now;
        run_.told(run_.operation);
      }
      return {};
    }
    // Servers open connections to the target before requests wait for them.
    const bool near = figures.phase == journal::MovePhase::verify || phase_ == journal::MovePhase::verify;
    if (near && figures.phase != phase_) {
      BULKHEAD_TRY(auto told,
                   run_.catalog.query("select pg_notify('bulkhead_catalog', concat_ws(' ', 'home', $1::text, "
                                      "$2::text, $3::text, $4::text))",
                                      {tenant_.id.text(), target_.cell, target_.database, target_.schema}));
    }
    phase_ = figures.phase;
    saved_ = told_ = now;
    return run_.save();
  }

  OperationRun& run_;
  const catalog::TenantRecord& tenant_;
  const Placement& target_;
  journal::MovePhase phase_ = journal::MovePhase::claim;
  Clock::time_point saved_, told_;
};

Result<void> move(OperationRun& run) {
  BULKHEAD_TRY(const auto tenant, tenant_of(run));
  // What an attempt that failed let go is chosen anew.
  if (!run.operation.progress.contains("target")) BULKHEAD_CHECK(prepare(run));
  const auto target = placement_in(run.operation.progress, "target");
  if (!target) return Error(Errc::internal, "the move has no place to go to");
  // Done by a process that died just afterwards.
  if (same_place(*target, tenant.placement)) return {};
  journal::MoveOrder order;
  order.tenant = tenant.id;
  BULKHEAD_TRY(order.source.conninfo, conninfo_of(run.catalog, tenant.placement));
  BULKHEAD_TRY(order.target.conninfo, conninfo_of(run.catalog, *target));
  order.source.schema = tenant.placement.schema;
  order.target.schema = target->schema;
  order.epoch = tenant.placement.epoch + 1;
  order.max_rate = static_cast<std::uint64_t>(number_of(run.operation.input, "max_rate"));
  Hooks hooks(run, tenant, *target);
  BULKHEAD_TRY(const auto figures, journal::move_rows(order, hooks.all()));
  take_over(run.operation.progress, figures);
  run.operation.result = json_of(figures);
  run.operation.result.erase("tables");
  return {};
}

Result<void> finish(OperationRun& run) {
  BULKHEAD_TRY(const auto tenant, tenant_of(run));
  auto to = json_of(tenant.placement);
  to["epoch"] = tenant.placement.epoch;
  run.operation.result["to"] = std::move(to);
  return {};
}

// --- what is left of a move that has failed for good

/// The tenant's rows at a place where it does not live go with housekeeping.
Result<void> leave_to_housekeeping(pg::Blocking& catalog, const Operation& operation,
                                   const Placement& target) {
  BULKHEAD_TRY(
      auto left,
      catalog.query(
          "insert into catalog.former_placement(tenant_id, model, cell, database_name, schema_name, state, "
          "until) values ($1::uuid, $2, $3, $4, $5, 'cleaning', now()) on conflict do nothing",
          {operation.tenant.value_or(TenantId()).text(), std::string(catalog::model_name(target.model)),
           target.cell, target.database, target.schema}));
  return {};
}

/// The operation has no place any more. False: it was taken up again meanwhile, and keeps it.
Result<bool> let_target_go(pg::Blocking& catalog, const Operation& operation, const Placement& target) {
  bool gone = false;
  const auto done = transaction(catalog, [&]() -> Result<void> {
    BULKHEAD_TRY(auto changed,
                 catalog.query("update catalog.operation set progress = progress - 'slot' - 'target' "
                               "where id = $1::uuid and state = 'failed'",
                               {operation.id.text()}));
    gone = changed.affected() != 0;
    if (!gone) return {};
    BULKHEAD_TRY(auto kept,
                 catalog.query("update catalog.former_placement set state = 'kept' where tenant_id = "
                               "$1::uuid and state = 'wanted'",
                               {operation.tenant.value_or(TenantId()).text()}));
    if (target.model != catalog::Model::row || kept.affected() != 0) return {};
    return leave_to_housekeeping(catalog, operation, target);
  });
  if (done.has_error()) return done.error();
  return gone;
}

Result<bool> has_arrived(pg::Blocking& catalog, const TenantId& tenant, const Placement& target) {
  // A database that was not made to its end (its server's disk was full) cannot be asked, and nobody is in it.
  BULKHEAD_TRY(
      auto half_made,
      catalog.query("select from catalog.database where cell = $1 and name = $2 and state <> 'ready'",
                    {target.cell, target.database}));
  if (!half_made.empty()) return false;
  BULKHEAD_TRY(auto there, catalog::connect_to(catalog, target.cell, target.database));
  BULKHEAD_TRY(const auto residency, journal::residency_of(there, tenant));
  return residency.resident;
}

Result<void> undo(pg::Blocking& catalog, const Uuid& id) {
  BULKHEAD_TRY(const auto operation, find_operation(catalog, id));
  const auto target = placement_in(operation.progress, "target");
  if (operation.state != OperationState::failed || !target || !operation.tenant) return {};
  // Not where the tenant has arrived, whatever the operation says.
  BULKHEAD_TRY(const bool arrived, has_arrived(catalog, *operation.tenant, *target));
  if (arrived) return {};
  const auto slot_id = Uuid::parse(text_of(operation.progress, "slot"));
  BULKHEAD_TRY(const bool let_go, let_target_go(catalog, operation, *target));
  failpoint("move.undone");
  if (!slot_id || !let_go) return {};
  BULKHEAD_TRY(const auto slot, find_slot(catalog, TenantId(*slot_id)));
  if (slot) return drop_slot(catalog, *slot);
  return {};
}

/// The catalog was away: a new connection, if it comes back soon.
bool reconnect(pg::Blocking& catalog, const std::string& conninfo) {
  for (int tried = 0; tried < 30; ++tried) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    auto opened = pg::Blocking::connect(conninfo);
    if (opened.has_error()) continue;
    catalog = std::move(*opened);
    return true;
  }
  return false;
}

double middle(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Rate and pause of the latest moves.
Result<void> measure(pg::Blocking& catalog, MoveEstimate& estimate) {
  BULKHEAD_TRY(
      auto rows,
      catalog.query("select result->>'bytes_done', result->>'copy_s', result->>'pause_ms' from "
                    "catalog.operation where kind = 'move' and state = 'done' and result ? 'copy_s' order by "
                    "made_at desc limit 20"));
  std::vector<double> rates, pauses;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const double seconds = number_in<double>(rows.text(row, 1));
    if (seconds > 0.05) rates.push_back(number_in<double>(rows.text(row, 0)) / seconds);
    pauses.push_back(number_in<double>(rows.text(row, 2)));
  }
  estimate.measured = !rates.empty();
  const double rate = rates.empty() ? assumed_rate : std::max(1.0, middle(rates));
  estimate.seconds = static_cast<double>(estimate.bytes) / rate;
  estimate.pause_ms = pauses.empty() ? assumed_pause_ms : middle(pauses);
  return {};
}

}  // namespace

Result<Operation> start_move(pg::Blocking& catalog, const MoveRequest& request) {
  BULKHEAD_TRY(const auto tenant, movable(catalog, request));
  BULKHEAD_TRY(const auto place, wanted_place(catalog, request, tenant));
  NewOperation wanted;
  wanted.kind = "move";
  wanted.subject = tenant.slug;
  wanted.tenant = tenant.id;
  wanted.actor = request.actor;
  wanted.input = {{"from", json_of(tenant.placement)},
                  {"model", catalog::model_name(place.model)},
                  {"cell", request.cell},
                  {"max_rate", static_cast<std::int64_t>(request.max_rate)},
                  {"keep_s", request.keep.count()},
                  {"plan", request.plan}};
  if (request.back) wanted.input["back"] = true;
  return start_operation(catalog, wanted);
}

Result<std::optional<Operation>> start_plan_move(pg::Blocking& catalog, const std::string& tenant,
                                                 const std::string& plan, const std::string& actor) {
  BULKHEAD_TRY(const auto record, catalog::find_tenant(catalog, tenant));
  BULKHEAD_TRY(const Plan wanted, find_plan(catalog, plan));
  if (wanted.model == record.placement.model) return std::optional<Operation>();
  MoveRequest request;
  request.tenant = tenant;
  request.model = wanted.model;
  request.cell = wanted.cell;
  request.plan = plan;
  request.actor = actor;
  BULKHEAD_TRY(auto started, start_move(catalog, request));
  return std::optional<Operation>(std::move(started));
}

Result<Operation> run_move(pg::Blocking& catalog, const Uuid& id,
                           const std::function<void(const Operation&)>& told) {
  static const std::vector<OperationStep> steps{{"prepare", prepare}, {"move", move}, {"finish", finish}};
  BULKHEAD_TRY(const std::string conninfo, catalog.conninfo());
  for (int tried = 1;; ++tried) {
    auto done = run_operation(catalog, id, steps, told);
    if (done.has_value()) return done;
    const bool away =
        done.error().code() == Errc::database_unavailable && catalog.query("select 1").has_error();
    if (away && tried < 3 && reconnect(catalog, conninfo)) continue;
    // What cannot be cleared up now is left to housekeeping.
    [[maybe_unused]] const auto undone = undo(catalog, id);
    return done;
  }
}

Result<MoveEstimate> estimate_move(pg::Blocking& catalog, const MoveRequest& request) {
  BULKHEAD_TRY(const auto tenant, movable(catalog, request));
  BULKHEAD_TRY(const auto place, wanted_place(catalog, request, tenant));
  MoveEstimate out;
  out.from = name_of(tenant.placement);
  out.to = std::string(catalog::model_name(place.model)) +
           (place.cell.empty() ? " in any cell that has room" : " in cell " + place.cell);
  BULKHEAD_TRY(auto source, catalog::connect_to(catalog, tenant.placement.cell, tenant.placement.database));
  BULKHEAD_CHECK(journal::prepare_session(source));
  BULKHEAD_TRY(const auto tables, journal::tenant_tables(source, tenant.placement.schema));
  for (const auto& table : tables) {
    const std::string from =
        " from " + table.place(tenant.placement.schema) + " t where tenant_id = $1::uuid";
    BULKHEAD_TRY(auto rows,
                 source.query("select count(*), (select coalesce(avg(pg_column_size(s.*)), 0) from (select "
                              "*" +
                                  from + " limit 1000) s)" + from,
                              {tenant.id.text()}));
    MoveEstimate::Table found{table.name, number_in<std::uint64_t>(rows.text(0, 0)), 0};
    found.bytes =
        static_cast<std::uint64_t>(static_cast<double>(found.rows) * number_in<double>(rows.text(0, 1)));
    out.rows += found.rows;
    out.bytes += found.bytes;
    out.tables.push_back(std::move(found));
  }
  BULKHEAD_CHECK(measure(catalog, out));
  return out;
}

json::object estimate_json(const MoveEstimate& estimate) {
  json::array tables;
  for (const auto& table : estimate.tables)
    tables.push_back({{"name", table.name}, {"rows", table.rows}, {"bytes", table.bytes}});
  return {{"from", estimate.from},         {"to", estimate.to},           {"rows", estimate.rows},
          {"bytes", estimate.bytes},       {"seconds", estimate.seconds}, {"pause_ms", estimate.pause_ms},
          {"measured", estimate.measured}, {"tables", std::move(tables)}};
}

Result<std::vector<FormerPlacement>> former_placements(pg::Blocking& catalog,
                                                       const std::optional<TenantId>& tenant) {
  BULKHEAD_TRY(
      auto rows,
      catalog.query("select tenant_id, model, cell, database_name, schema_name, state, "
                    "catalog.rfc3339(left_at), catalog.rfc3339(until) from catalog.former_placement where "
                    "$1::uuid is null or tenant_id = $1::uuid order by left_at desc, tenant_id",
                    {tenant ? std::optional(tenant->text()) : std::nullopt}));
  std::vector<FormerPlacement> out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto text = [&](std::size_t column) { return std::string(rows.text(row, column)); };
    FormerPlacement former;
    former.tenant = TenantId(Uuid::parse(text(0)).value_or(Uuid()));
    former.placement.model = catalog::parse_model(text(1)).value_or(catalog::Model::row);
    former.placement.cell = text(2);
    former.placement.database = text(3);
    former.placement.schema = text(4);
    former.state = text(5);
    former.left_at = text(6);
    former.until = text(7);
    out.push_back(std::move(former));
  }
  return out;
}

Result<void> clean_former(pg::Blocking& catalog, const FormerPlacement& former) {
  const std::string name = "bulkhead former " + former.tenant.text() + " " + former.placement.cell + " " +
                           former.placement.database;
  BULKHEAD_TRY(const bool free, try_lock(catalog, name));
  if (!free) return Error(Errc::conflict, "another process removes what was kept");
  const SessionLock lock(catalog, name);
  const std::vector<std::optional<std::string>> key{former.tenant.text(), former.placement.cell,
                                                    former.placement.database};
  BULKHEAD_TRY(auto closed,
               catalog.query("update catalog.former_placement f set state = 'cleaning' where tenant_id = "
                             "$1::uuid and cell = $2 and database_name = $3 and state <> 'wanted' and not "
                             "exists (select from catalog.placement p where p.tenant_id = f.tenant_id and "
                             "p.cell = f.cell and p.database_name = f.database_name)",
                             key));
  if (closed.affected() == 0)
    return Error(Errc::conflict, "the tenant is on its way back to there, or has gone back");
  failpoint("move.clean.closed");
  catalog::TenantRecord there;
  there.id = former.tenant;
  there.slug = former.tenant.text();
  there.placement = former.placement;
  BULKHEAD_CHECK(remove_rows_at(catalog, there));
  failpoint("move.clean.removed");
  BULKHEAD_TRY(
      auto gone,
      catalog.query("delete from catalog.former_placement where tenant_id = $1::uuid and cell = $2 and "
                    "database_name = $3",
                    key));
  return {};
}

Result<std::int64_t> clean_due_placements(pg::Blocking& catalog, const std::function<bool()>& stop) {
  // Moves that failed, and whose process died before it had cleared up.
  BULKHEAD_TRY(auto failed_moves,
               catalog.query("select id from catalog.operation where kind = 'move' and state = "
                             "'failed' and progress ? 'target' and updated_at < now() - interval "
                             "'1 min'"));
  for (std::size_t row = 0; row < failed_moves.size(); ++row) {
    const auto id = Uuid::parse(failed_moves.text(row, 0));
    if (id) [[maybe_unused]]
      const auto undone = undo(catalog, *id);
  }
  BULKHEAD_TRY(
      auto due,
      catalog.query("select tenant_id, cell, database_name from catalog.former_placement where until "
                    "<= now() and state <> 'wanted'"));
  if (due.empty()) return 0;
  BULKHEAD_TRY(const auto formers, former_placements(catalog, std::nullopt));
  std::int64_t done = 0;
  std::optional<Error> failed;
  for (std::size_t row = 0; row < due.size(); ++row) {
    for (const auto& former : formers) {
      if (stop && stop()) return done;
      if (former.tenant.text() != due.text(row, 0) || former.placement.cell != due.text(row, 1) ||
          former.placement.database != due.text(row, 2))
        continue;
      const auto cleaned = clean_former(catalog, former);
      if (cleaned.has_value()) ++done;
      if (cleaned.has_error() && cleaned.error().code() != Errc::conflict) failed = cleaned.error();
    }
  }
  if (failed && done == 0) return *failed;
  return done;
}

}  // namespace bulkhead::lifecycle
