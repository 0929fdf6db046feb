#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include <boost/asio/thread_pool.hpp>

#include <bulkhead/result.hpp>

#include "data/plane.hpp"

namespace bulkhead::runtime {

/// A server's relations by version, for all its threads. Thread-safe.
class SharedRelations final : public data::RelationsSource {
 public:
  /// `background`: where reading, which blocks, is done. It outlives this.
  explicit SharedRelations(boost::asio::thread_pool& background) : background_(background) {}

  [[nodiscard]] sql::RelationsRef known(std::int32_t version) const override;
  [[nodiscard]] Task<Result<sql::RelationsRef>> read(std::string conninfo, std::string schema,
                                                     std::int32_t version) override;

  /// Reads a schema again, whatever is known; blocks. True if something had changed since.
  [[nodiscard]] Result<bool> reload(const std::string& conninfo, const std::string& schema);

 private:
  struct Found {
    sql::RelationsRef relations;
    std::int32_t version = 0;
  };
  [[nodiscard]] static Result<Found> load(const std::string& conninfo, const std::string& schema);
  static Task<Result<sql::RelationsRef>> load_here(SharedRelations& self, std::string conninfo,
                                                   std::string schema, std::int32_t version);
  void keep(const Found& found);

  boost::asio::thread_pool& background_;
  mutable std::mutex mutex_;
  std::map<std::int32_t, sql::RelationsRef> by_version_;  ///< The newest few.
};

}  // namespace bulkhead::runtime
