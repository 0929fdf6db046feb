#pragma once

#include <array>
#include <memory>
#include <vector>

#include <bulkhead/data.hpp>

#include "catalog/view.hpp"
#include "data/homes.hpp"
#include "data/signer.hpp"
#include "sql/relations.hpp"
#include "sql/render.hpp"

namespace bulkhead::data {

struct PlaneSettings {
  PlaneSettings() = default;
  std::chrono::milliseconds slow_statement{
      50};                        ///< Shapes slower than this (moving average) go to the slow lane.
  sql::Walls walls;               ///< All on, but in the isolation tests.
  bool request_settings = false;  ///< What PostgREST tells of a request stands in request.* for policies.
  std::string tenant_setting;     ///< Of the app's own, for its policies: the tenant's id. Empty: none.
};

/// What a request of the data API wants of its statement's transaction.
struct RunOptions {
  RunOptions() = default;
  std::string timezone;  ///< Empty: UTC. One that PostgreSQL does not know is an error (22023).
  bool undo = false;     ///< Rolled back in the end, and answered all the same.
};

/// How the rows of a statement are written as JSON.
struct OutputShape {
  std::vector<sql::OutputColumn> columns;
  std::vector<std::string> keys;  ///< Per column what stands before its value: `{"id":`, `,"name":`, …
};

struct Prepared;

/// The app's relations, one set a version: all schemas of one version have the same tables. Shared by a server's threads.
class RelationsSource {
 public:
  /// From memory; nullptr: not known.
  [[nodiscard]] virtual sql::RelationsRef known(std::int32_t version) const = 0;
  /// Reads them out of a schema that has this version (or had, a moment ago).
  [[nodiscard]] virtual Task<Result<sql::RelationsRef>> read(std::string conninfo, std::string schema,
                                                             std::int32_t version) = 0;

 protected:
  ~RelationsSource() = default;
};

/// Where one tenant's rows are, as far as a statement needs to know: what a request is rendered for and sent to.
struct Target {
  catalog::TenantRef record;
  HomeRef home;
  std::uint64_t generation = 0;  ///< Of the home, when its version was learned.
  std::int32_t version = 0;
  std::string epoch_text, version_text;
  std::string search_path;  ///< Of adopted tables, whose functions may name them without their schema.
  std::array<std::string, 4> roles;  ///< The PostgreSQL role that a unit takes on, by the app's role.
  sql::RelationsRef relations;

  /// True of errors that an older or newer version's tables would not have given.
  [[nodiscard]] static bool concerns_tables(const Error& error) noexcept;
  [[nodiscard]] const std::string& schema() const noexcept { return record->placement.schema; }
  [[nodiscard]] const std::string& role(Role of) const noexcept {
    return roles[static_cast<std::size_t>(of)];
  }
};
using TargetRef = std::shared_ptr<const Target>;

/// A statement that is rendered and has its values. One use.
struct Planned {
  std::shared_ptr<Prepared> prepared;
  std::shared_ptr<const OutputShape> output;
  pg::Params params, count_params;  ///< `$1` is the tenant where the shape takes one.
};

/// One io thread's data plane: placement → statement → lane (DESIGN section 4). Adds the bind, sends the
/// unit, checks each row's tenant on the way out; where the bind found the tenant elsewhere or its tables at another
/// version, it learns where and which, renders and sends again. Not thread-safe.
class Plane {
 public:
  /// `homes`, `view` and `relations` outlive it.
  Plane(Homes& homes, catalog::View& view, RelationsSource& relations, PlaneSettings settings);
  ~Plane();

  [[nodiscard]] Task<Result<QueryResult>> run(const RequestContext& context, statement::Statement statement,
                                              RunOptions options = RunOptions());
  [[nodiscard]] Task<Result<Rows>> raw(const RequestContext& context, std::string sql,
                                       std::vector<statement::Value> params);

  /// The request's target from memory; nullptr: `learn` it first.
  [[nodiscard]] TargetRef known(const RequestContext& context);
  /// Finds it out: opens the database, asks for the version, reads the relations, each only where nobody has yet.
  [[nodiscard]] Task<Result<TargetRef>> learn(const RequestContext& context);
  /// For who found no such name in a target's relations: asks for the version, and gives the target as it is now, which is
  /// the same one if nothing has changed.
  [[nodiscard]] Task<Result<TargetRef>> confirm(const RequestContext& context, TargetRef target);
  /// This tenant is about to arrive there (a move). Where its requests come through this plane: opens as many connections as it has where it
  /// lives now, and has each of them read what a unit needs, before requests wait for that. What fails is left to them.
  [[nodiscard]] Task<void> warm(TenantId tenant, catalog::Placement place, Deadline deadline);
  /// What was learned of targets may be wrong: learn again. Statements under way go on.
  void forget_targets();

  /// How many statement shapes are kept rendered, and how many targets known.
  [[nodiscard]] std::size_t shapes() const noexcept;
  [[nodiscard]] std::size_t targets() const noexcept;
  /// How many statements were rendered since start: those of shapes that were not known.
  [[nodiscard]] std::uint64_t rendered() const noexcept;

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
