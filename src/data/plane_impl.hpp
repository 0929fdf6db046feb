#pragma once

#include <array>
#include <memory>
#include <string>
#include <unordered_map>

#include <bulkhead/result.hpp>

#include "data/plan_cache.hpp"
#include "data/plane.hpp"
#include "sql/guard/guard.hpp"

namespace bulkhead::data {

/// Inside this room only: what Plane and Transaction share.
struct Plane::Impl {
  Impl(Homes& homes, catalog::View& view, RelationsSource& relations, PlaneSettings settings);

  /// Where the tenant lives. The record stands in the request's context; a retry has a fresher one.
  [[nodiscard]] Result<catalog::TenantRef> record_of(const RequestContext& context) const;
  [[nodiscard]] Task<Result<catalog::TenantRef>> fresh_record(const RequestContext& context);

  /// The target of this record's tenant, if it is known and as fresh as the record.
  [[nodiscard]] TargetRef known(const catalog::TenantRef& record);
  [[nodiscard]] Task<Result<TargetRef>> learn(catalog::TenantRef record, Deadline deadline);
  /// The version of a schema, asked anew and remembered in its home.
  [[nodiscard]] static Task<Result<std::int32_t>> ask_version(HomeRef home, std::string schema,
                                                              Deadline deadline, pg::ShapeRef reset,
                                                              pg::ShapeRef version);
  /// Known or learned.
  [[nodiscard]] Task<Result<TargetRef>> target_of(const RequestContext& context);
  /// The bind found nothing at `stale`: another version, or another place.
  [[nodiscard]] Task<Result<TargetRef>> look_again(const RequestContext& context, TargetRef stale);
  /// The same, and where nothing has changed the tenant is between two places: after a pause, each time a longer one. Error:
  /// `placement_stale` where the deadline would pass meanwhile.
  [[nodiscard]] Task<Result<TargetRef>> find_again(const RequestContext& context, TargetRef stale,
                                                   std::chrono::milliseconds& pause);
  static constexpr std::chrono::milliseconds first_pause{2}, longest_pause{32};

  /// The steps that come before the statement: reset, [writes: lock], bind.
  void add_bind(pg::Unit& unit, const RequestContext& context, const Target& target, bool writes);
  /// What the prologue says, in the order of the bind's parameters.
  struct BindValues {
    std::string_view context, role, tenant, epoch, schema, version, search_path;
    const RequestFacts* facts = nullptr;
  };
  void add_prologue(pg::Unit& unit, const BindValues& values, bool writes) const;
  /// A unit that binds nobody, and looks at the tables.
  [[nodiscard]] pg::Unit empty_unit(const std::string& schema) const;
  [[nodiscard]] static Task<void> send_empty(HomeRef home, pg::Lane lane, pg::Unit unit, Deadline deadline);
  [[nodiscard]] static std::size_t bind_place(bool writes) noexcept { return writes ? 2 : 1; }
  /// True if the bind found the tenant not to live here: nothing was bound.
  [[nodiscard]] static bool bound_nothing(const pg::Outcome& outcome, bool writes) noexcept;

  struct Sent {
    pg::Outcome outcome;
    bool stale = false;  ///< Nothing was bound, so nothing done: not for this target.
  };
  /// A unit's way to one target: bind, lane, lost answers. `steps` follow the bind.
  [[nodiscard]] Task<Result<Sent>> send(const RequestContext& context, TargetRef target,
                                        std::vector<pg::Step> steps, bool writes, pg::Lane lane);
  /// Whether a statement that failed did so because a migration changed the tables after the bind.
  [[nodiscard]] Task<bool> tables_changed(const pg::Outcome& outcome, TargetRef target, Deadline deadline);

  /// The statement for a target: known, or rendered.
  [[nodiscard]] Result<Planned> plan(const RequestContext& context, const Target& target,
                                     const statement::Statement& statement);
  /// `stale`: nothing was done at this target.
  [[nodiscard]] Task<Result<QueryResult>> try_once(const RequestContext& context, TargetRef target,
                                                   const statement::Statement& statement,
                                                   const RunOptions& options, bool& stale);
  /// The settings of the transaction that stand between the bind and the statement.
  void add_settings(std::vector<pg::Step>& steps, const Prepared& prepared, const RunOptions& options) const;
  [[nodiscard]] Task<Result<Rows>> try_raw(const RequestContext& context, TargetRef target,
                                           const std::string& sql,
                                           const std::vector<statement::Value>& params, bool& stale);

  [[nodiscard]] pg::Lane lane_of(const Prepared& prepared) const noexcept;
  /// What the caller is told of a failed statement; `steps` are what was sent.
  [[nodiscard]] Error failure(const pg::Outcome& outcome, const Target& target, const Prepared& prepared,
                              const std::vector<pg::Step>& steps);
  /// Rows of `prepared`, checked; `first` is the statement's place in the outcome.
  [[nodiscard]] Result<QueryResult> answer(pg::Outcome outcome, const Planned& planned, std::size_t first,
                                           const Tenant& tenant);
  [[nodiscard]] static std::vector<pg::Step> steps_of(Planned& planned, Role role);

  /// A handler's SQL for one schema, judged against the relations of one version.
  struct GuardedText {
    sql::GuardedStatement facts;
    std::string text;
    std::array<pg::ShapeRef, 4> shapes;
  };
  [[nodiscard]] Result<std::shared_ptr<GuardedText>> guarded(const Target& target, const std::string& sql);
  [[nodiscard]] static Result<pg::Step> raw_step(const RequestContext& context, GuardedText& text,
                                                 const std::vector<statement::Value>& params);
  /// A handler's own SQL has no guard columns, but one that shows its tenant column is checked all the same.
  [[nodiscard]] Result<Rows> raw_answer(Rows rows, const Tenant& tenant);
  [[nodiscard]] Error mismatch(std::string_view text);

  Homes& homes;
  catalog::View& view;
  RelationsSource& relations;
  PlaneSettings settings;
  PlanCache plans;
  catalog::Lru<Uuid, TargetRef> targets;
  /// By whether the unit writes and whether the tables are adopted.
  std::array<std::array<pg::ShapeRef, 2>, 2> binds;
  pg::ShapeRef lock, reset, version, look, read_only, timezone, response, constraints, undo;
  struct GuardedKey {
    std::string schema, sql;
    sql::RelationsRef judged_by;
    bool operator==(const GuardedKey&) const = default;
  };
  struct GuardedHash {
    std::size_t operator()(const GuardedKey& of) const noexcept {
      return std::hash<std::string>()(of.sql) * 31 + std::hash<std::string>()(of.schema);
    }
  };
  std::unordered_map<GuardedKey, std::shared_ptr<GuardedText>, GuardedHash> guarded_texts;
  double read_mean_us = 0;  ///< Of all reads that are not slow: how long a unit takes at the present load.
  std::uint64_t mismatches = 0;
};

}  // namespace bulkhead::data
