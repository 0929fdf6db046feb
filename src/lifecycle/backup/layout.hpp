#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/uuid.hpp>

#include "cloud/object_store.hpp"
#include "pg/replication.hpp"

namespace bulkhead::lifecycle::backup {

// Where things stand in the store, and when they are of: names alone say what pruning needs to know.
//
//     tenants/TENANT/base/TIME-RANDOM/manifest        written last: a base without it is none
//     tenants/TENANT/base/TIME-RANDOM/part-0001 …
//     tenants/TENANT/journal/CELL/DATABASE/EPOCH-LSN-TIME-RANDOM    of its first transaction; two may overlap

using Moment = std::chrono::sys_time<std::chrono::microseconds>;

/// `2026-11-22T10:00:00.123456Z`; whole seconds without the fraction.
[[nodiscard]] std::string moment_text(Moment moment);
/// RFC 3339 with its offset; up to six digits of a fraction. Error: `usage`, which shows a right one.
[[nodiscard]] Result<Moment> parse_moment(std::string_view text);

struct BaseName {
  TenantId tenant;
  Moment at;
  std::string folder;  ///< Of its objects, with the slash at its end.
};
struct SegmentName {
  TenantId tenant;
  std::string cell, database;  ///< As `key_part` wrote them.
  std::uint64_t epoch = 0;
  pg::Lsn first = 0;
  Moment at;
  std::string key;
};

[[nodiscard]] std::string tenant_folder(const TenantId& tenant);
[[nodiscard]] BaseName new_base_name(const TenantId& tenant, Moment at);
[[nodiscard]] SegmentName new_segment_name(const TenantId& tenant, const std::string& cell,
                                           const std::string& database, std::uint64_t epoch, pg::Lsn first,
                                           Moment at);
/// A name of a cell or a database as a part of a key: what no key takes is written as `_` and two digits.
[[nodiscard]] std::string key_part(std::string_view name);

/// What a tenant has in the store.
struct Contents {
  std::vector<BaseName> bases;         ///< Whole ones, oldest first.
  std::vector<std::string> half_made;  ///< Objects of bases without a manifest.
  std::vector<SegmentName> segments;   ///< By epoch, cell, database and commit.
  std::vector<cloud::ObjectInfo> objects;
};
[[nodiscard]] Result<Contents> contents_of(cloud::ObjectStore& store, const TenantId& tenant);
/// Of an object's name, in a base's folder or the journal; nullopt for a name that is not Bulkhead's.
[[nodiscard]] std::optional<BaseName> parse_base_name(std::string_view key);
[[nodiscard]] std::optional<SegmentName> parse_segment_name(std::string_view key);
/// The tenant in whose folder it stands.
[[nodiscard]] std::optional<TenantId> tenant_of_key(std::string_view key);

}  // namespace bulkhead::lifecycle::backup
