#include "data/plane.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/context_access.hpp"
#include "catalog/cells.hpp"
#include "data/failure.hpp"
#include "data/plane_impl.hpp"
#include "data/row_check.hpp"
#include "sql/guard/schema_names.hpp"
#include "sql/writer.hpp"

namespace bulkhead::data {

namespace asio = boost::asio;

namespace {

constexpr std::size_t plans_max = 4096;
constexpr std::size_t targets_max = 50'000;
constexpr std::size_t guarded_max = 1024;
/// Before its deadline a request that looks for its tenant is told so, rather than that time ran out.
constexpr std::chrono::milliseconds last_moment{100};
/// Tables may change again while we look.
constexpr int tries_max = 4;

// No FROM: the WHERE is a one-time filter, so nothing is set unless the tenant resides here at this epoch and its tables
// are those of this version.
// What else the app's settings ask for is set in the same statement: `add_bind` gives the values in this order.
std::string bind_sql(bool writes, bool adopted, const PlaneSettings& settings) {
  std::string out = "select set_config('bulkhead.context',$1,true), set_config('role',$2,true)";
  std::size_t place = 6;
  const auto set = [&](std::string_view name) {
    out.append(", set_config('").append(name).append("',$").append(std::to_string(++place)).append(",true)");
  };
  if (adopted) set("search_path");
  if (settings.request_settings)
    for (const char* name : {"request.jwt.claims", "request.method", "request.path", "request.headers"})
      set(name);
  if (!settings.tenant_setting.empty()) set(settings.tenant_setting);
  return out + " where bulkhead.resides($3::uuid,$4::bigint," + (writes ? "true" : "false") +
         ",$5,$6::integer)";
}

pg::ShapeRef bind_shape(bool writes, bool adopted, const PlaneSettings& settings) {
  return std::make_shared<const pg::Shape>(bind_sql(writes, adopted, settings));
}

/// Adopted functions may name tables, and what extensions made, without their schema. No other schema of the database.
std::string search_path_of(const std::string& schema) {
  std::string out;
  sql::append_identifier(out, schema);
  return out + ", extensions, pg_temp";
}

constexpr const char* version_sql = "select bulkhead.target_version($1)";
// A backend that is new reads what the catalogs say of tables when it first meets them.
constexpr const char* look_sql =
    "select count(pg_relation_size(c.oid)) from (select oid from pg_catalog.pg_class where relnamespace = "
    "to_regnamespace(quote_ident($1)) and relkind in ('r','i') limit 500) c";
// In a statement of its own, so that the bind's snapshot is taken after the lock was granted: a mover that
// holds the lock exclusively has drained the writers, and whoever waited sees the new residency.
constexpr const char* lock_sql = "select bulkhead.lock_tenant($1::uuid)";
// What a setting made for the session (`set_config(…, false)`) by SQL that was injected into an earlier unit would do to
// this one: another encoding, another format of dates, a mailbox. In every unit: what one resets comes back when that one
// is rolled back.
constexpr const char* reset_sql = "reset all";

Error moving() {
  return Error(Errc::placement_stale, "the tenant is moving to another place").hint("Try again in a moment.");
}

// A transaction that is read-only stays so: neither SQL that was injected nor a function can make it write again.
constexpr const char* read_only_sql = "select set_config('transaction_read_only','on',true)";
constexpr const char* timezone_sql = "select set_config('timezone',$1,true)";
constexpr const char* constraints_sql = "set constraints all immediate";
// Fails, and so undoes what the unit did. A ROLLBACK would end the transaction in which the pipeline is.
constexpr const char* undo_sql = "select ('undone in ' || current_database())::integer";
// What the app's functions and triggers want the response to be.
constexpr const char* response_sql =
    "select current_setting('response.status',true), current_setting('response.headers',true)";

bool worth_a_retry(const Error& error, bool writes, Deadline deadline) {
  if (writes || std::chrono::steady_clock::now() >= deadline) return false;
  return error.code() == Errc::database_unavailable || error.code() == Errc::upstream_failed;
}

// A migration changed the columns under a prepared statement. The unit was rolled back, writes included.
bool plan_is_outdated(const pg::Outcome& outcome) {
  return outcome.error && outcome.error->sqlstate() == "0A000" &&
         outcome.error->message().find("cached plan") != std::string_view::npos;
}

std::array<std::string, 4> roles_of(const catalog::Placement& placement) {
  std::array<std::string, 4> roles;
  for (Role role : {Role::viewer, Role::member, Role::admin, Role::owner})
    roles[static_cast<std::size_t>(role)] = catalog::bound_role(placement, role);
  return roles;
}

/// A statement that is parsed anew each time (behind a pooler) may have waited for a migration's lock and found another type
/// in the end than the one that it was rendered for.
std::shared_ptr<const OutputShape> with_types_of(const Rows& rows, std::shared_ptr<const OutputShape> shape) {
  std::shared_ptr<OutputShape> changed;
  for (std::size_t i = 0; i < shape->columns.size() && i < rows.columns(); ++i) {
    const sql::JsonKind kind = sql::json_kind(rows.type_oid(i));
    if (kind == shape->columns[i].kind) continue;
    if (!changed) changed = std::make_shared<OutputShape>(*shape);
    changed->columns[i].kind = kind;
  }
  if (changed) return changed;
  return shape;
}

bool same_place(const catalog::Placement& a, const catalog::Placement& b) noexcept {
  return a.epoch == b.epoch && a.schema == b.schema && a.database == b.database && a.cell == b.cell;
}

}  // namespace

Plane::Impl::Impl(Homes& homes_in, catalog::View& view_in, RelationsSource& relations_in,
                  PlaneSettings settings_in)
    : homes(homes_in),
      view(view_in),
      relations(relations_in),
      settings(std::move(settings_in)),
      plans(plans_max),
      targets(targets_max),
      binds{{{bind_shape(false, false, settings), bind_shape(false, true, settings)},
             {bind_shape(true, false, settings), bind_shape(true, true, settings)}}},
      lock(std::make_shared<const pg::Shape>(lock_sql)),
      reset(std::make_shared<const pg::Shape>(reset_sql)),
      version(std::make_shared<const pg::Shape>(version_sql)),
      look(std::make_shared<const pg::Shape>(look_sql)),
      read_only(std::make_shared<const pg::Shape>(read_only_sql)),
      timezone(std::make_shared<const pg::Shape>(timezone_sql)),
      response(std::make_shared<const pg::Shape>(response_sql)),
      constraints(std::make_shared<const pg::Shape>(constraints_sql)),
      undo(std::make_shared<const pg::Shape>(undo_sql)) {}

Result<catalog::TenantRef> Plane::Impl::record_of(const RequestContext& context) const {
  const catalog::TenantRef& record = ContextAccess::record(context.tenant());
  if (record) return record;
  return Error(Errc::internal, "internal error").internal("the request's tenant has no catalog record");
}

Task<Result<catalog::TenantRef>> Plane::Impl::fresh_record(const RequestContext& context) {
  view.forget(context.tenant().id());
  std::string id(context.tenant().id_text());
  BULKHEAD_CO_TRY(catalog::TenantRef fresh, co_await view.tenant(std::move(id), context.deadline()));
  if (!fresh) co_return Error(Errc::tenant_not_found, "there is no such tenant");
  if (fresh->status != catalog::TenantStatus::active)
    co_return Error(Errc::tenant_suspended, "this tenant is suspended");
  co_return fresh;
}

TargetRef Plane::Impl::known(const catalog::TenantRef& record) {
  const TargetRef* found = targets.find(record->id.uuid());
  if (found == nullptr || (*found)->generation != (*found)->home->generation) return {};
  // The context's record may be the older one: the target's was read after the bind had found nothing.
  const catalog::TenantRef& learned = (*found)->record;
  const bool good = learned == record || same_place(learned->placement, record->placement) ||
                    learned->placement.epoch > record->placement.epoch;
  return good ? *found : TargetRef();
}

Task<Result<std::int32_t>> Plane::Impl::ask_version(HomeRef home, std::string schema, Deadline deadline,
                                                    pg::ShapeRef reset, pg::ShapeRef version) {
  pg::Unit unit;
  unit.prologue = 2;  // what another unit's SQL left on the connection is not this one's failure
  unit.steps.push_back({reset, pg::Params()});
  unit.steps.push_back({version, pg::Params()});
  unit.steps.back().params.add(schema);
  BULKHEAD_CO_TRY(pg::Outcome outcome, co_await home->lanes.run(pg::Lane::read, std::move(unit), deadline));
  if (outcome.error) co_return client_error(outcome, {});
  const Rows& rows = outcome.rows.at(1);
  if (rows.empty() || rows.is_null(0, 0)) co_return moving();
  std::int32_t number = 0;
  const std::string_view text = rows.text(0, 0);
  std::from_chars(text.data(), text.data() + text.size(), number);
  const std::int32_t* before = home->versions.find(schema);
  if (before != nullptr && *before != number) ++home->generation;
  home->versions.put(schema, number);
  co_return number;
}

Task<Result<TargetRef>> Plane::Impl::learn(catalog::TenantRef record, Deadline deadline) {
  HomeRef home = homes.known(record->placement);
  if (!home) {
    BULKHEAD_CO_TRY(home, co_await homes.open(record->placement, deadline));
  }
  const std::string& schema = record->placement.schema;
  const std::int32_t* remembered = home->versions.find(schema);
  std::int32_t number = remembered == nullptr ? 0 : *remembered;
  if (remembered == nullptr) {
    BULKHEAD_CO_TRY(number, co_await ask_version(home, schema, deadline, reset, version));
  }
  auto target = std::make_shared<Target>();
  target->generation = home->generation;
  target->relations = relations.known(number);
  if (!target->relations) {
    BULKHEAD_CO_TRY(target->relations, co_await relations.read(home->conninfo, schema, number));
  }
  target->version = number;
  target->version_text = std::to_string(number);
  target->epoch_text = std::to_string(record->placement.epoch);
  target->roles = roles_of(record->placement);
  if (catalog::is_adopted(record->placement)) target->search_path = search_path_of(schema);
  target->home = std::move(home);
  const Uuid id = record->id.uuid();
  target->record = std::move(record);
  TargetRef made = std::move(target);
  targets.put(id, made);
  co_return made;
}

Task<Result<TargetRef>> Plane::Impl::target_of(const RequestContext& context) {
  BULKHEAD_CO_TRY(catalog::TenantRef record, record_of(context));
  if (TargetRef there = known(record)) co_return there;
  co_return co_await learn(std::move(record), context.deadline());
}

Task<Result<TargetRef>> Plane::Impl::look_again(const RequestContext& context, TargetRef stale) {
  // Another request may have looked already.
  if (TargetRef there = known(stale->record); there && there != stale) co_return there;
  const std::int32_t* remembered = stale->home->versions.find(stale->schema());
  std::int32_t now = remembered == nullptr ? stale->version : *remembered;
  if (now == stale->version) {
    auto asked = co_await ask_version(stale->home, stale->schema(), context.deadline(), reset, version);
    if (asked.has_value()) now = *asked;
    // A schema or database that is gone is another place; one that cannot be asked may be.
    if (asked.has_error() && asked.error().code() == Errc::deadline_exceeded) co_return asked.error();
  }
  catalog::TenantRef record = stale->record;
  if (now == stale->version) {
    BULKHEAD_CO_TRY(record, co_await fresh_record(context));
  }
  co_return co_await learn(std::move(record), context.deadline());
}

Task<Result<TargetRef>> Plane::Impl::find_again(const RequestContext& context, TargetRef stale,
                                                std::chrono::milliseconds& pause) {
  auto looked = co_await look_again(context, stale);
  // There is no time left to find out more.
  if (looked.has_error() && looked.error().code() == Errc::deadline_exceeded) co_return moving();
  BULKHEAD_CO_TRY(TargetRef now, std::move(looked));
  if (now->version != stale->version || !same_place(now->record->placement, stale->record->placement))
    co_return now;
  if (std::chrono::steady_clock::now() + pause + last_moment >= context.deadline()) co_return moving();
  asio::any_io_executor executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, pause);
  boost::system::error_code error;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
  pause = std::min(pause * 2, longest_pause);
  co_return now;
}

void Plane::Impl::add_bind(pg::Unit& unit, const RequestContext& context, const Target& target, bool writes) {
  const Tenant& tenant = context.tenant();
  const RequestFacts* facts = ContextAccess::facts(context);
  const bool by_claim = !target.search_path.empty() && facts != nullptr && !facts->role.empty();
  const std::string& role = by_claim ? facts->role : target.role(context.role());
  const std::string_view signed_context =
      target.home->signer.context(tenant, context.role(), role, std::chrono::system_clock::now());
  add_prologue(unit,
               {signed_context, role, tenant.id_text(), target.epoch_text, target.schema(),
                target.version_text, target.search_path, facts},
               writes);
}

void Plane::Impl::add_prologue(pg::Unit& unit, const BindValues& values, bool writes) const {
  const bool adopted = !values.search_path.empty();
  unit.prologue = bind_place(writes) + 1;
  unit.steps.push_back({reset, pg::Params()});
  if (writes) {
    pg::Params params;
    params.add(values.tenant);
    unit.steps.push_back({lock, std::move(params)});
  }
  pg::Params params;
  params.reserve(12, 256);
  for (const std::string_view value :
       {values.context, values.role, values.tenant, values.epoch, values.schema, values.version})
    params.add(value);
  if (adopted) params.add(values.search_path);
  if (settings.request_settings) {
    // A request that nobody made over HTTP tells nothing.
    static const RequestFacts nothing;
    const RequestFacts& told = values.facts != nullptr ? *values.facts : nothing;
    for (const std::string* text : {&told.claims, &told.method, &told.path, &told.headers}) params.add(*text);
  }
  if (!settings.tenant_setting.empty()) params.add(values.tenant);
  unit.steps.push_back({binds[writes ? 1 : 0][adopted ? 1 : 0], std::move(params)});
}

pg::Unit Plane::Impl::empty_unit(const std::string& schema) const {
  const std::string nobody = Uuid().text();
  pg::Unit unit;
  add_prologue(unit, {"", "none", nobody, "1", schema, "0", "", nullptr}, true);
  unit.steps.push_back({look, pg::Params()});
  unit.steps.back().params.add(schema);
  return unit;
}

Task<void> Plane::Impl::send_empty(HomeRef home, pg::Lane lane, pg::Unit unit, Deadline deadline) {
  [[maybe_unused]] auto ran = co_await home->lanes.run(lane, std::move(unit), deadline);
}

Task<void> Plane::warm(TenantId tenant, catalog::Placement place, Deadline deadline) {
  const TargetRef* asked = impl_->targets.find(tenant.uuid());
  if (asked == nullptr) co_return;
  const std::size_t connections = (*asked)->home->lanes.counters().connections;
  HomeRef home = impl_->homes.known(place);
  if (!home) {
    auto opened = co_await impl_->homes.open(place, deadline);
    if (opened.has_error()) co_return;
    home = *opened;
  }
  auto version = co_await Impl::ask_version(home, place.schema, deadline, impl_->reset, impl_->version);
  if (version.has_error()) co_return;
  // All at once, so that each has a connection of its own.
  asio::any_io_executor executor = co_await asio::this_coro::executor;
  for (std::size_t i = 0; i < connections; ++i)
    asio::co_spawn(executor,
                   Impl::send_empty(home, pg::Lane::write, impl_->empty_unit(place.schema), deadline),
                   asio::detached);
}

bool Plane::Impl::bound_nothing(const pg::Outcome& outcome, bool writes) noexcept {
  const std::size_t place = bind_place(writes);
  return outcome.rows.size() > place && outcome.rows[place].empty();
}

Task<Result<Plane::Impl::Sent>> Plane::Impl::send(const RequestContext& context, TargetRef target,
                                                  std::vector<pg::Step> steps, bool writes, pg::Lane lane) {
  const auto fairness = static_cast<std::uint64_t>(std::hash<Uuid>()(context.tenant().id().uuid()));
  for (bool last : {false, true}) {
    pg::Unit unit;
    unit.steps.reserve(steps.size() + 3);  // reset, lock, bind
    add_bind(unit, context, *target, writes);
    unit.read_only = !steps.empty() && steps.front().shape == read_only;
    unit.steps.insert(unit.steps.end(), steps.begin(), steps.end());

    const auto sent = std::chrono::steady_clock::now();
    auto outcome = co_await target->home->lanes.run(lane, std::move(unit), context.deadline(), fairness);
    ContextAccess::add_database_time(context, std::chrono::steady_clock::now() - sent);
    if (outcome.has_error()) {
      if (last || !worth_a_retry(outcome.error(), writes, context.deadline())) co_return outcome.error();
      continue;
    }
    Sent answered;
    answered.stale = bound_nothing(*outcome, writes);
    if (!answered.stale && !last && plan_is_outdated(*outcome)) {
      target->home->lanes.forget_statements();
      continue;
    }
    if (!answered.stale && outcome->error) {
      answered.stale = co_await tables_changed(*outcome, target, context.deadline());
    }
    answered.outcome = std::move(*outcome);
    co_return answered;
  }
  co_return moving();
}

Task<bool> Plane::Impl::tables_changed(const pg::Outcome& outcome, TargetRef target, Deadline deadline) {
  // The bind was before the migration's commit and the statement, which had waited for its locks, after it.
  const std::string_view state = outcome.error->sqlstate();
  if ((!state.starts_with("42") || state == "42501") && !plan_is_outdated(outcome)) co_return false;
  auto now = co_await ask_version(target->home, target->schema(), deadline, reset, version);
  co_return now.has_value() && *now != target->version;
}

pg::Lane Plane::Impl::lane_of(const Prepared& prepared) const noexcept {
  if (prepared.writes) return pg::Lane::write;
  // Time in the queue counts too, so a shape is slow only if it is slow beside its neighbours: a busy moment
  // must not send everything to the slow lane's few connections.
  const double limit_us = std::chrono::duration<double, std::micro>(settings.slow_statement).count();
  const bool slow =
      prepared.samples >= 4 && prepared.mean_us > limit_us && prepared.mean_us > 4 * read_mean_us;
  return slow ? pg::Lane::slow : pg::Lane::read;
}

std::vector<pg::Step> Plane::Impl::steps_of(Planned& planned, Role role) {
  std::vector<pg::Step> steps;
  steps.reserve(planned.prepared->count_text.empty() ? 1 : 2);
  steps.push_back({planned.prepared->shape(role), std::move(planned.params)});
  if (!planned.prepared->count_text.empty())
    steps.push_back({planned.prepared->count_shape(role), std::move(planned.count_params)});
  return steps;
}

Error Plane::Impl::mismatch(std::string_view text) {
  ++mismatches;
  return Error(Errc::tenant_mismatch, "internal error")
      .internal("a row of another tenant was refused on the way out of: " + std::string(text));
}

Error Plane::Impl::failure(const pg::Outcome& outcome, const Target& target, const Prepared& prepared,
                           const std::vector<pg::Step>& steps) {
  std::vector<const pg::Params*> sent;
  sent.reserve(steps.size());
  for (const pg::Step& step : steps) sent.push_back(&step.params);
  if (prepared.writes && is_tenant_violation(outcome, sent)) return mismatch(prepared.text);
  return client_error(outcome, sent, target.relations->tenant_column());
}

Result<QueryResult> Plane::Impl::answer(pg::Outcome outcome, const Planned& planned, std::size_t first,
                                        const Tenant& tenant) {
  const Prepared& prepared = *planned.prepared;
  QueryResult result;
  result.rows = std::move(outcome.rows[first]);
  result.shape = with_types_of(result.rows, planned.output);
  if (!all_rows_are_of(result.rows, prepared.guards, prepared.own_guard, tenant.id_text()))
    return mismatch(prepared.text);
  if (!prepared.count_text.empty()) {
    const Rows& count = outcome.rows[first + 1];
    if (count.columns() > 1 && count.text(0, 1) != "0") return mismatch(prepared.count_text);
    result.total_count = std::stoull(std::string(count.text(0, 0)));
  }
  const std::size_t last = result.rows.columns() - 1;
  if (prepared.tells_inserted) {
    result.inserted = 0;
    for (std::size_t row = 0; row < result.rows.size(); ++row)
      if (result.rows.text(row, last) == "t") ++*result.inserted;
  }
  // Without a row there is nobody to tell it.
  if (prepared.tells_total)
    result.total_count = result.rows.empty() ? 0 : std::stoull(std::string(result.rows.text(0, last)));
  return result;
}

void Plane::Impl::add_settings(std::vector<pg::Step>& steps, const Prepared& prepared,
                               const RunOptions& options) const {
  if (prepared.read_only) steps.push_back({read_only, pg::Params()});
  if (options.timezone.empty()) return;
  steps.push_back({timezone, pg::Params()});
  steps.back().params.add(options.timezone);
}

Plane::Plane(Homes& homes, catalog::View& view, RelationsSource& relations, PlaneSettings settings)
    : impl_(std::make_unique<Impl>(homes, view, relations, settings)) {}
Plane::~Plane() = default;

std::uint64_t Plane::mismatches() const noexcept {
  return impl_->mismatches;
}
std::size_t Plane::shapes() const noexcept {
  return impl_->plans.size();
}
std::uint64_t Plane::rendered() const noexcept {
  return impl_->plans.rendered();
}
std::size_t Plane::targets() const noexcept {
  return impl_->targets.size();
}

TargetRef Plane::known(const RequestContext& context) {
  const catalog::TenantRef& record = ContextAccess::record(context.tenant());
  return record ? impl_->known(record) : TargetRef();
}

Task<Result<TargetRef>> Plane::learn(const RequestContext& context) {
  return impl_->target_of(context);
}

Task<Result<TargetRef>> Plane::confirm(const RequestContext& context, TargetRef target) {
  const Impl& impl = *impl_;
  auto asked = co_await Impl::ask_version(target->home, target->schema(), context.deadline(), impl.reset,
                                          impl.version);
  if (asked.has_error() || *asked == target->version) co_return target;
  co_return co_await impl_->learn(target->record, context.deadline());
}

bool Target::concerns_tables(const Error& error) noexcept {
  return error.code() == Errc::relation_unknown || error.code() == Errc::column_unknown ||
         error.code() == Errc::relationship_unknown || error.code() == Errc::relationship_ambiguous;
}

void Plane::forget_targets() {
  impl_->targets.clear();
  impl_->homes.forget_versions();
}

Result<Planned> Plane::Impl::plan(const RequestContext& context, const Target& target,
                                  const statement::Statement& statement) {
  const std::string_view tenant = context.tenant().id_text();
  const sql::Fingerprint asked = sql::fingerprint(statement);
  if (auto known = plans.known(asked, *target.relations, target.schema(), tenant)) return std::move(*known);
  BULKHEAD_TRY(sql::Rendered rendered,
               sql::render(statement, *target.relations, target.schema(), tenant, settings.walls));
  return plans.plan(asked, *target.relations, std::move(rendered), target.schema());
}

Task<Result<QueryResult>> Plane::Impl::try_once(const RequestContext& context, TargetRef target,
                                                const statement::Statement& statement,
                                                const RunOptions& options, bool& stale) {
  BULKHEAD_CO_TRY(Planned planned, plan(context, *target, statement));
  const std::shared_ptr<Prepared> prepared = planned.prepared;
  const pg::Lane lane = lane_of(*prepared);
  const auto begun = std::chrono::steady_clock::now();
  std::vector<pg::Step> steps;
  add_settings(steps, *prepared, options);
  const std::size_t first = bind_place(prepared->writes) + 1 + steps.size();
  for (pg::Step& step : steps_of(planned, context.role())) steps.push_back(std::move(step));
  const bool told = (prepared->writes || prepared->read_only) && target->relations->sets_response();
  if (told) steps.push_back({response, pg::Params()});
  const std::size_t response_place = bind_place(prepared->writes) + steps.size();
  if (options.undo) {
    // What a commit would have refused is refused.
    steps.push_back({constraints, pg::Params()});
    steps.push_back({undo, pg::Params()});
  }
  // Kept for the error's sake: a message may repeat what this request sent.
  BULKHEAD_CO_TRY(Sent sent, co_await send(context, target, steps, prepared->writes, lane));
  stale = sent.stale;
  if (stale) co_return moving();
  // All that was asked is answered, and the last step has undone it.
  const bool undone = options.undo && sent.outcome.rows.size() == bind_place(prepared->writes) + steps.size();
  if (undone) sent.outcome.error.reset();

  const double took_us =
      std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun).count();
  prepared->took(took_us);
  if (lane == pg::Lane::read) read_mean_us += (took_us - read_mean_us) / 256;
  if (sent.outcome.error) co_return failure(sent.outcome, *target, *prepared, steps);
  Rows said;
  if (told) said = std::move(sent.outcome.rows.at(response_place));
  auto answered = answer(std::move(sent.outcome), planned, first, context.tenant());
  if (!told || answered.has_error()) co_return answered;
  answered->response_status = said.text(0, 0);
  answered->response_headers = said.text(0, 1);
  co_return answered;
}

Task<Result<QueryResult>> Plane::run(const RequestContext& context, statement::Statement statement,
                                     RunOptions options) {
  TargetRef target = known(context);
  if (!target) {
    BULKHEAD_CO_TRY(target, co_await learn(context));
  }
  std::chrono::milliseconds pause = Impl::first_pause;
  for (int left = tries_max;;) {
    bool stale = false;
    auto result = co_await impl_->try_once(context, target, statement, options, stale);
    if (stale) {
      BULKHEAD_CO_TRY(target, co_await impl_->find_again(context, target, pause));
      continue;
    }
    if (--left == 0) co_return result;
    if (result.has_value() || !Target::concerns_tables(result.error())) co_return result;
    BULKHEAD_CO_TRY(TargetRef now, co_await confirm(context, target));
    if (now->version == target->version) co_return result;
    target = std::move(now);
  }
}

Result<std::shared_ptr<Plane::Impl::GuardedText>> Plane::Impl::guarded(const Target& target,
                                                                       const std::string& sql) {
  GuardedKey key{target.schema(), sql, target.relations};
  if (auto found = guarded_texts.find(key); found != guarded_texts.end()) return found->second;
  BULKHEAD_TRY(sql::GuardedStatement facts, sql::guard(sql, *target.relations));
  auto made = std::make_shared<GuardedText>(GuardedText{facts, sql::in_schema(sql, target.schema()), {}});
  // Handlers' texts are few and constant; a product that builds endless ones pays for a new parse each.
  if (guarded_texts.size() >= guarded_max) guarded_texts.clear();
  guarded_texts.emplace(std::move(key), made);
  return made;
}

constexpr std::uint32_t uuid_oid = 2950;

Result<pg::Step> Plane::Impl::raw_step(const RequestContext& context, GuardedText& text,
                                       const std::vector<statement::Value>& params) {
  if (text.facts.params > params.size() + 1 || (text.facts.params < params.size() + 1 && !params.empty()))
    return Error(Errc::statement_refused,
                 "the statement has parameters up to $" + std::to_string(text.facts.params) + ", and " +
                     std::to_string(params.size()) + " values were given for $2 and on");
  pg::Step step;
  pg::ShapeRef& shape = text.shapes[static_cast<std::size_t>(context.role())];
  // A text that names no tenant table has no use of $1 from which PostgreSQL could infer its type.
  if (!shape) shape = std::make_shared<const pg::Shape>(text.text, std::vector<std::uint32_t>{uuid_oid});
  step.shape = shape;
  if (text.facts.params == 0) return step;
  step.params.add(context.tenant().id_text());
  for (const statement::Value& value : params) {
    if (value)
      step.params.add(*value);
    else
      step.params.add_null();
  }
  return step;
}

Result<Rows> Plane::Impl::raw_answer(Rows rows, const Tenant& tenant) {
  std::vector<std::size_t> guards;
  for (std::size_t i = 0; i < rows.columns(); ++i)
    if (rows.column_name(i) == sql::tenant_column) guards.push_back(i);
  if (!all_rows_are_of(rows, guards, false, tenant.id_text())) return mismatch("raw SQL of a handler");
  return rows;
}

Task<Result<Rows>> Plane::Impl::try_raw(const RequestContext& context, TargetRef target,
                                        const std::string& sql, const std::vector<statement::Value>& params,
                                        bool& stale) {
  BULKHEAD_CO_TRY(std::shared_ptr<GuardedText> text, guarded(*target, sql));
  BULKHEAD_CO_TRY(pg::Step step, raw_step(context, *text, params));
  const bool writes = text->facts.writes;
  std::vector<pg::Step> steps(1, step);
  const pg::Lane lane = writes ? pg::Lane::write : pg::Lane::read;
  BULKHEAD_CO_TRY(Sent sent, co_await send(context, target, std::move(steps), writes, lane));
  stale = sent.stale;
  if (stale) co_return moving();
  if (sent.outcome.error) {
    const std::vector<const pg::Params*> given(1, &step.params);
    co_return client_error(sent.outcome, given, target->relations->tenant_column());
  }
  co_return raw_answer(std::move(sent.outcome.rows.back()), context.tenant());
}

Task<Result<Rows>> Plane::raw(const RequestContext& context, std::string sql,
                              std::vector<statement::Value> params) {
  TargetRef target = known(context);
  if (!target) {
    BULKHEAD_CO_TRY(target, co_await learn(context));
  }
  std::chrono::milliseconds pause = Impl::first_pause;
  for (int left = tries_max;;) {
    bool stale = false;
    auto result = co_await impl_->try_raw(context, target, sql, params, stale);
    if (stale) {
      BULKHEAD_CO_TRY(target, co_await impl_->find_again(context, target, pause));
      continue;
    }
    if (--left == 0) co_return result;
    if (result.has_value() || result.error().code() != Errc::statement_refused) co_return result;
    BULKHEAD_CO_TRY(TargetRef now, co_await confirm(context, target));
    if (now->version == target->version) co_return result;
    target = std::move(now);
  }
}

}  // namespace bulkhead::data
