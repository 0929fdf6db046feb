#pragma once

#include <map>
#include <string>

#include <bulkhead/result.hpp>

#include "data/plan_cache.hpp"
#include "data/plane.hpp"
#include "sql/guard/guard.hpp"

namespace bulkhead::data {

/// Inside this room only: what Plane and Transaction share.
struct Plane::Impl {
  Impl(pg::Lanes& lanes, catalog::View& view, Signer& signer, std::function<sql::RelationsRef()> relations,
       PlaneSettings settings);

  /// Where the tenant lives. The record stands in the request's context; a retry has a fresher one.
  [[nodiscard]] Result<catalog::TenantRef> record_of(const RequestContext& context) const;
  [[nodiscard]] Task<Result<catalog::TenantRef>> fresh_record(const RequestContext& context);

  /// The steps that come before the statement: reset, [writes: lock], bind.
  void add_bind(pg::Unit& unit, const RequestContext& context, const catalog::TenantRecord& record,
                bool writes);
  [[nodiscard]] static std::size_t bind_place(bool writes) noexcept { return writes ? 2 : 1; }
  /// True if the bind found the tenant not to live here: nothing was bound.
  [[nodiscard]] static bool bound_nothing(const pg::Outcome& outcome, bool writes) noexcept;

  /// A unit's whole way: bind, lane, stale placement, lost answers. `steps` follow the bind.
  [[nodiscard]] Task<Result<pg::Outcome>> send(const RequestContext& context, std::vector<pg::Step> steps,
                                               bool writes, pg::Lane lane, std::string schema);

  [[nodiscard]] pg::Lane lane_of(const Prepared& prepared) const noexcept;
  /// What the caller is told of a failed statement; `steps` are what was sent.
  [[nodiscard]] Error failure(const pg::Outcome& outcome, const Prepared& prepared,
                              const std::vector<pg::Step>& steps);
  /// Rows of `prepared`, checked; `first` is the statement's place in the outcome.
  [[nodiscard]] Result<QueryResult> answer(pg::Outcome outcome, const Planned& planned, std::size_t first,
                                           const Tenant& tenant);
  [[nodiscard]] static std::vector<pg::Step> steps_of(Planned& planned, Role role);

  struct GuardedText {
    sql::GuardedStatement facts;
    std::array<pg::ShapeRef, 4> shapes;
  };
  [[nodiscard]] Result<GuardedText*> guarded(const std::string& sql);
  [[nodiscard]] Result<pg::Step> raw_step(const RequestContext& context, GuardedText& text,
                                          const std::string& sql,
                                          const std::vector<statement::Value>& params) const;
  /// A handler's own SQL has no guard columns, but one that shows its tenant column is checked all the same.
  [[nodiscard]] Result<Rows> raw_answer(Rows rows, const Tenant& tenant);
  [[nodiscard]] Error mismatch(std::string_view text);

  pg::Lanes& lanes;
  catalog::View& view;
  Signer& signer;
  std::function<sql::RelationsRef()> relations;
  PlaneSettings settings;
  PlanCache plans;
  pg::ShapeRef bind_read, bind_write, lock, reset;
  sql::RelationsRef guarded_for;  ///< The relations that `guarded_texts` was judged against.
  std::map<std::string, GuardedText, std::less<>> guarded_texts;
  double read_mean_us = 0;  ///< Of all reads that are not slow: how long a unit takes at the present load.
  std::uint64_t mismatches = 0;
};

}  // namespace bulkhead::data
