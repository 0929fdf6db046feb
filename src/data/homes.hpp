#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include <bulkhead/result.hpp>
#include <bulkhead/task.hpp>

#include "catalog/lru.hpp"
#include "catalog/records.hpp"
#include "data/signer.hpp"
#include "pg/lanes.hpp"

namespace bulkhead::data {

/// One io thread's way to one database that holds placements.
struct Home {
  Home(boost::asio::any_io_executor executor, std::string conninfo, pg::LaneSettings lane_settings,
       pg::ConnectionBudget* budget, Signer signer);

  std::string conninfo;  ///< Of the database's login. Secret.
  pg::Lanes lanes;
  Signer signer;
  catalog::Lru<std::string, std::int32_t>
      versions;  ///< What version a schema's tables had when it was asked last.
  std::uint64_t generation =
      0;  ///< Counts what `versions` learned anew; targets of an earlier one are learned again.
  std::string opened_with;  ///< Of another database: what the catalog said of it. Secret.
};
using HomeRef = std::shared_ptr<Home>;

struct HomesSettings {
  HomesSettings() = default;
  Binding binding = Binding::signed_context;
  std::string
      own_conninfo;  ///< The catalog's own database under bulkhead_login, as the data plane reaches it.
  std::string own_database;  ///< Its name.
  std::string
      own_server;  ///< Where other databases of its server are reached: as `own_conninfo`, but past a pooler.
  BindingKey own_key;
  pg::LaneSettings own_lanes;        ///< To the own database.
  pg::LaneSettings other_lanes;      ///< To each other one.
  std::size_t connections_max = 64;  ///< To all others together.
  std::size_t homes_max = 1024;  ///< Others that are remembered; the one asked for longest ago goes first.
};

/// One io thread's databases. The own one is there from the start; others open when a tenant of theirs is first asked
/// for, by what the catalog's view `catalog.home` says. Not thread-safe.
class Homes {
 public:
  /// `catalog`: lanes to the catalog under `bulkhead_catalog`. It and the executor outlive this.
  Homes(boost::asio::any_io_executor executor, HomesSettings settings, pg::Lanes& catalog);
  ~Homes();
  Homes(const Homes&) = delete;
  Homes& operator=(const Homes&) = delete;

  [[nodiscard]] const HomeRef& own() const noexcept;
  /// From memory; nullptr: not known yet.
  [[nodiscard]] HomeRef known(const catalog::Placement& placement);
  /// Asks the catalog. Errors: `placement_stale` (there is no such database, or not yet), `database_unavailable`.
  [[nodiscard]] Task<Result<HomeRef>> open(catalog::Placement placement, Deadline deadline);

  /// A key was rotated in the own database.
  void rotate_own(BindingKey key);
  /// Looks whether the catalog says of the others what they were opened with. One whose login or key has changed, or that is
  /// gone, is opened anew when it is needed; the rest keep their connections, since anybody may say that there is news.
  [[nodiscard]] Task<void> refresh_others(Deadline deadline);
  /// What version a schema has is asked again.
  void forget_versions();
  /// See pg::Lanes.
  void forget_statements();
  [[nodiscard]] Task<void> drain(Deadline deadline);

  [[nodiscard]] pg::LaneCounters counters() const;  ///< Of all.
  [[nodiscard]] std::size_t size() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead::data
