#include <utility>

#include "base/context_access.hpp"
#include "data/failure.hpp"
#include "data/plane_impl.hpp"

namespace bulkhead {

struct Transaction::Impl {
  pg::Session session;
  const RequestContext& context;
  data::Plane& plane;
  data::TargetRef target;
};

namespace {

/// Adds the time until its end to what the request has waited for the database.
class Waiting {
 public:
  explicit Waiting(const RequestContext& context)
      : context_(context), begun_(std::chrono::steady_clock::now()) {}
  ~Waiting() { ContextAccess::add_database_time(context_, std::chrono::steady_clock::now() - begun_); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  const RequestContext& context_;
  std::chrono::steady_clock::time_point begun_;
};

}  // namespace

Transaction::Transaction(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
// The session rolls back, or closes its connection, when it goes without a commit.
Transaction::~Transaction() = default;

Task<Result<std::unique_ptr<Transaction>>> Transaction::begin(const RequestContext& context,
                                                              data::Plane& plane) {
  data::Plane::Impl& shared = *plane.impl_;
  const Waiting waiting(context);
  BULKHEAD_CO_TRY(data::TargetRef target, co_await shared.target_of(context));
  for (std::chrono::milliseconds pause = data::Plane::Impl::first_pause;;) {
    {
      BULKHEAD_CO_TRY(pg::Session session, co_await target->home->lanes.begin(context.deadline()));
      // A transaction may write, so it is bound as a writer: the lock and the bind hold until its end.
      pg::Unit unit;
      shared.add_bind(unit, context, *target, true);
      BULKHEAD_CO_TRY(pg::Outcome outcome, co_await session.run(std::move(unit), context.deadline()));
      if (outcome.error) co_return data::client_error(outcome, {});
      if (!data::Plane::Impl::bound_nothing(outcome, true)) {
        auto impl = std::make_unique<Impl>(Impl{std::move(session), context, plane, std::move(target)});
        co_return std::unique_ptr<Transaction>(new Transaction(std::move(impl)));
      }
    }
    // Without a connection: who waits takes none from others.
    BULKHEAD_CO_TRY(target, co_await shared.find_again(context, target, pause));
  }
}

Task<Result<QueryResult>> Transaction::run(statement::Statement statement) {
  data::Plane::Impl& shared = *impl_->plane.impl_;
  BULKHEAD_CO_TRY(data::Planned planned, shared.plan(impl_->context, *impl_->target, statement));
  pg::Unit unit;
  unit.steps = data::Plane::Impl::steps_of(planned, impl_->context.role());
  const Waiting waiting(impl_->context);
  const std::vector<pg::Step> steps = unit.steps;
  BULKHEAD_CO_TRY(pg::Outcome outcome,
                  co_await impl_->session.run(std::move(unit), impl_->context.deadline()));
  if (outcome.error) co_return shared.failure(outcome, *impl_->target, *planned.prepared, steps);
  co_return shared.answer(std::move(outcome), planned, 0, impl_->context.tenant());
}

Task<Result<Rows>> Transaction::raw(std::string sql, std::vector<statement::Value> params) {
  data::Plane::Impl& shared = *impl_->plane.impl_;
  BULKHEAD_CO_TRY(std::shared_ptr<data::Plane::Impl::GuardedText> text, shared.guarded(*impl_->target, sql));
  BULKHEAD_CO_TRY(pg::Step step, data::Plane::Impl::raw_step(impl_->context, *text, params));
  pg::Unit unit;
  unit.steps.push_back(step);
  const Waiting waiting(impl_->context);
  BULKHEAD_CO_TRY(pg::Outcome outcome,
                  co_await impl_->session.run(std::move(unit), impl_->context.deadline()));
  if (outcome.error) {
    const std::vector<const pg::Params*> sent(1, &step.params);
    co_return data::client_error(outcome, sent, impl_->target->relations->tenant_column());
  }
  co_return shared.raw_answer(std::move(outcome.rows.back()), impl_->context.tenant());
}

Task<Result<void>> Transaction::commit() {
  const Waiting waiting(impl_->context);
  auto committed = co_await impl_->session.commit(impl_->context.deadline());
  if (committed.has_error()) co_return data::client_error(committed.error());
  co_return committed;
}

Task<Result<void>> Transaction::rollback() {
  return impl_->session.rollback(impl_->context.deadline());
}

}  // namespace bulkhead
