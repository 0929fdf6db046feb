#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <bulkhead/data.hpp>

#include "catalog/view.hpp"
#include "data/signer.hpp"
#include "pg/lanes.hpp"
#include "sql/relations.hpp"
#include "sql/render.hpp"

namespace bulkhead::data {

struct PlaneSettings {
  PlaneSettings() = default;
  Binding binding = Binding::signed_context;
  std::chrono::milliseconds slow_statement{
      50};           ///< Shapes slower than this (moving average) go to the slow lane.
  sql::Walls walls;  ///< All on, but in the isolation tests.
};

/// How the rows of a statement are written as JSON.
struct OutputShape {
  std::vector<sql::OutputColumn> columns;
  std::vector<std::string> keys;  ///< Per column what stands before its value: `{"id":`, `,"name":`, …
};

struct Prepared;

/// A statement that is rendered and has its values: what `execute` sends. One use.
struct Planned {
  std::shared_ptr<Prepared> prepared;
  std::shared_ptr<const OutputShape> output;
  pg::Params params, count_params;  ///< `$1` is the tenant where the shape takes one.
};

/// One io thread's data plane: placement → statement → lane (DESIGN section 4). Adds the bind, sends the
/// unit, checks each row's tenant on the way out, retries once when the placement was stale. Not thread-safe.
class Plane {
 public:
  /// `relations` is asked for each statement, so that a migration's new version is seen at once.
  Plane(pg::Lanes& lanes, catalog::View& view, Signer& signer, std::function<sql::RelationsRef()> relations,
        PlaneSettings settings);
  ~Plane();

  [[nodiscard]] Task<Result<QueryResult>> run(const RequestContext& context, statement::Statement statement);
  [[nodiscard]] Task<Result<Rows>> raw(const RequestContext& context, std::string sql,
                                       std::vector<statement::Value> params);

  /// The two halves of `run`, for callers that keep what the first made: a plan's `prepared` and `output`
  /// serve every later request of the same shape and schema, with parameters of their own.
  [[nodiscard]] Result<Planned> plan(const RequestContext& context, const statement::Statement& statement);
  [[nodiscard]] Task<Result<QueryResult>> execute(const RequestContext& context, Planned planned);
  /// True if `prepared` was rendered for the schema in which this request's tenant lives.
  [[nodiscard]] static bool fits(const Prepared& prepared, const RequestContext& context) noexcept;

  [[nodiscard]] sql::RelationsRef relations() const;

  /// Rows refused by the check on the way out since start: the leak alarm. Anything but 0 is an incident.
  [[nodiscard]] std::uint64_t mismatches() const noexcept;

 private:
  friend class bulkhead::Transaction;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The data API's way to the plane of a session that it was handed.
struct SessionAccess {
  [[nodiscard]] static Plane& plane(const TenantSession& session) noexcept { return *session.plane_; }
};

}  // namespace bulkhead::data
