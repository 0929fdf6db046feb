#include "data/plane.hpp"

#include <utility>

#include "base/context_access.hpp"
#include "data/failure.hpp"
#include "data/plane_impl.hpp"
#include "data/row_check.hpp"

namespace bulkhead::data {

namespace {

constexpr std::size_t plans_max = 4096;
constexpr std::size_t guarded_max = 1024;

// No FROM: the WHERE is a one-time filter, so nothing is set unless the tenant resides here at this epoch.
constexpr const char* bind_read_sql =
    "select set_config('bulkhead.context',$1,true), set_config('role',$2,true) "
    "where bulkhead.resides($3::uuid,$4::bigint,false,$5,bulkhead.target_version($5))";
constexpr const char* bind_write_sql =
    "select set_config('bulkhead.context',$1,true), set_config('role',$2,true) "
    "where bulkhead.resides($3::uuid,$4::bigint,true,$5,bulkhead.target_version($5))";
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

bool worth_a_retry(const Error& error, bool writes, Deadline deadline) {
  if (writes || std::chrono::steady_clock::now() >= deadline) return false;
  return error.code() == Errc::database_unavailable || error.code() == Errc::upstream_failed;
}

// A migration changed the columns under a prepared statement. The unit was rolled back, writes included.
bool plan_is_outdated(const pg::Outcome& outcome) {
  return outcome.error && outcome.error->sqlstate() == "0A000" &&
         outcome.error->message().find("cached plan") != std::string_view::npos;
}

}  // namespace

Plane::Impl::Impl(pg::Lanes& lanes_in, catalog::View& view_in, Signer& signer_in,
                  std::function<sql::RelationsRef()> relations_in, PlaneSettings settings_in)
    : lanes(lanes_in),
      view(view_in),
      signer(signer_in),
      relations(std::move(relations_in)),
      settings(settings_in),
      plans(plans_max),
      bind_read(std::make_shared<const pg::Shape>(bind_read_sql)),
      bind_write(std::make_shared<const pg::Shape>(bind_write_sql)),
      lock(std::make_shared<const pg::Shape>(lock_sql)),
      reset(std::make_shared<const pg::Shape>(reset_sql)) {}

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

void Plane::Impl::add_bind(pg::Unit& unit, const RequestContext& context, const catalog::TenantRecord& record,
                           bool writes) {
  const Tenant& tenant = context.tenant();
  unit.prologue = bind_place(writes) + 1;
  unit.steps.push_back({reset, pg::Params()});
  if (writes) {
    pg::Params params;
    params.add(tenant.id_text());
    unit.steps.push_back({lock, std::move(params)});
  }
  pg::Params params;
  params.reserve(4, 224);
  params.add(signer.context(tenant, context.role(), std::chrono::system_clock::now()));
  params.add(role_in_database(context.role()));
  params.add(tenant.id_text());
  params.add(std::to_string(record.placement.epoch));
  params.add(record.placement.schema);
  unit.steps.push_back({writes ? bind_write : bind_read, std::move(params)});
}

bool Plane::Impl::bound_nothing(const pg::Outcome& outcome, bool writes) noexcept {
  const std::size_t place = bind_place(writes);
  return outcome.rows.size() > place && outcome.rows[place].empty();
}

Task<Result<pg::Outcome>> Plane::Impl::send(const RequestContext& context, std::vector<pg::Step> steps,
                                            bool writes, pg::Lane lane, std::string schema) {
  BULKHEAD_CO_TRY(catalog::TenantRef record, record_of(context));
  const auto fairness = static_cast<std::uint64_t>(std::hash<Uuid>()(context.tenant().id().uuid()));
  for (bool last : {false, true}) {
    if (record->placement.schema != schema) co_return moving();
    pg::Unit unit;
    unit.steps.reserve(steps.size() + 3);  // reset, lock, bind
    add_bind(unit, context, *record, writes);
    unit.steps.insert(unit.steps.end(), steps.begin(), steps.end());

    const auto sent = std::chrono::steady_clock::now();
    auto outcome = co_await lanes.run(lane, std::move(unit), context.deadline(), fairness);
    ContextAccess::add_database_time(context, std::chrono::steady_clock::now() - sent);
    if (outcome.has_error()) {
      if (last || !worth_a_retry(outcome.error(), writes, context.deadline())) co_return outcome.error();
      continue;
    }
    if (!bound_nothing(*outcome, writes)) {
      if (last || !plan_is_outdated(*outcome)) co_return std::move(*outcome);
      lanes.forget_statements();
      continue;
    }
    if (last) co_return moving();
    BULKHEAD_CO_TRY(record, co_await fresh_record(context));
  }
  co_return moving();
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

Error Plane::Impl::failure(const pg::Outcome& outcome, const Prepared& prepared,
                           const std::vector<pg::Step>& steps) {
  std::vector<const pg::Params*> sent;
  sent.reserve(steps.size());
  for (const pg::Step& step : steps) sent.push_back(&step.params);
  if (prepared.writes && is_tenant_violation(outcome, sent)) return mismatch(prepared.text);
  return client_error(outcome, sent);
}

Result<QueryResult> Plane::Impl::answer(pg::Outcome outcome, const Planned& planned, std::size_t first,
                                        const Tenant& tenant) {
  const Prepared& prepared = *planned.prepared;
  QueryResult result;
  result.rows = std::move(outcome.rows[first]);
  result.shape = planned.output;
  if (!all_rows_are_of(result.rows, prepared.guards, prepared.own_guard, tenant.id_text()))
    return mismatch(prepared.text);
  if (!prepared.count_text.empty()) {
    const Rows& count = outcome.rows[first + 1];
    if (count.columns() > 1 && count.text(0, 1) != "0") return mismatch(prepared.count_text);
    result.total_count = std::stoull(std::string(count.text(0, 0)));
  }
  return result;
}

Plane::Plane(pg::Lanes& lanes, catalog::View& view, Signer& signer,
             std::function<sql::RelationsRef()> relations, PlaneSettings settings)
    : impl_(std::make_unique<Impl>(lanes, view, signer, std::move(relations), settings)) {}
Plane::~Plane() = default;

std::uint64_t Plane::mismatches() const noexcept {
  return impl_->mismatches;
}

sql::RelationsRef Plane::relations() const {
  return impl_->relations();
}

bool Plane::fits(const Prepared& prepared, const RequestContext& context) noexcept {
  const catalog::TenantRef& record = ContextAccess::record(context.tenant());
  return record && record->placement.schema == prepared.schema;
}

Result<Planned> Plane::plan(const RequestContext& context, const statement::Statement& statement) {
  BULKHEAD_TRY(const catalog::TenantRef record, impl_->record_of(context));
  const sql::RelationsRef relations = impl_->relations();
  const std::string& schema = record->placement.schema;
  BULKHEAD_TRY(sql::Rendered rendered,
               sql::render(statement, *relations, schema, context.tenant().id_text(), impl_->settings.walls));
  return impl_->plans.plan(std::move(rendered), schema);
}

Task<Result<QueryResult>> Plane::execute(const RequestContext& context, Planned planned) {
  const std::shared_ptr<Prepared> prepared = planned.prepared;
  const pg::Lane lane = impl_->lane_of(*prepared);
  const auto begun = std::chrono::steady_clock::now();
  std::vector<pg::Step> steps = Impl::steps_of(planned, context.role());
  // Kept for the error's sake: a message may repeat what this request sent.
  BULKHEAD_CO_TRY(pg::Outcome outcome,
                  co_await impl_->send(context, steps, prepared->writes, lane, prepared->schema));

  const double took_us =
      std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun).count();
  prepared->took(took_us);
  if (lane == pg::Lane::read) impl_->read_mean_us += (took_us - impl_->read_mean_us) / 256;
  if (outcome.error) co_return impl_->failure(outcome, *prepared, steps);
  const std::size_t first = Impl::bind_place(prepared->writes) + 1;
  co_return impl_->answer(std::move(outcome), planned, first, context.tenant());
}

Task<Result<QueryResult>> Plane::run(const RequestContext& context, statement::Statement statement) {
  BULKHEAD_CO_TRY(Planned planned, plan(context, statement));
  co_return co_await execute(context, std::move(planned));
}

Result<Plane::Impl::GuardedText*> Plane::Impl::guarded(const std::string& sql) {
  sql::RelationsRef now = relations();
  if (guarded_for != now) {
    guarded_texts.clear();
    guarded_for = std::move(now);
  }
  auto found = guarded_texts.find(sql);
  if (found == guarded_texts.end()) {
    BULKHEAD_TRY(sql::GuardedStatement facts, sql::guard(sql, *guarded_for));
    // Handlers' texts are few and constant; a product that builds endless ones pays for a new parse each.
    if (guarded_texts.size() >= guarded_max) guarded_texts.clear();
    found = guarded_texts.emplace(sql, GuardedText{facts, {}}).first;
  }
  return &found->second;
}

constexpr std::uint32_t uuid_oid = 2950;

Result<pg::Step> Plane::Impl::raw_step(const RequestContext& context, GuardedText& text,
                                       const std::string& sql,
                                       const std::vector<statement::Value>& params) const {
  if (text.facts.params > params.size() + 1 || (text.facts.params < params.size() + 1 && !params.empty()))
    return Error(Errc::statement_refused,
                 "the statement has parameters up to $" + std::to_string(text.facts.params) + ", and " +
                     std::to_string(params.size()) + " values were given for $2 and on");
  pg::Step step;
  pg::ShapeRef& shape = text.shapes[static_cast<std::size_t>(context.role())];
  // A text that names no tenant table has no use of $1 from which PostgreSQL could infer its type.
  if (!shape) shape = std::make_shared<const pg::Shape>(sql, std::vector<std::uint32_t>{uuid_oid});
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

Task<Result<Rows>> Plane::raw(const RequestContext& context, std::string sql,
                              std::vector<statement::Value> params) {
  BULKHEAD_CO_TRY(Impl::GuardedText * text, impl_->guarded(sql));
  const bool writes = text->facts.writes;
  BULKHEAD_CO_TRY(pg::Step step, impl_->raw_step(context, *text, sql, params));
  BULKHEAD_CO_TRY(const catalog::TenantRef record, impl_->record_of(context));
  std::vector<pg::Step> steps(1, step);
  const pg::Lane lane = writes ? pg::Lane::write : pg::Lane::read;
  BULKHEAD_CO_TRY(pg::Outcome outcome,
                  co_await impl_->send(context, std::move(steps), writes, lane, record->placement.schema));
  if (outcome.error) {
    const std::vector<const pg::Params*> sent(1, &step.params);
    co_return client_error(outcome, sent);
  }
  co_return impl_->raw_answer(std::move(outcome.rows.back()), context.tenant());
}

}  // namespace bulkhead::data
