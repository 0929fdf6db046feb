#include "lifecycle/backup/prune.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/failpoint.hpp"
#include "lifecycle/backup/manifest.hpp"

namespace bulkhead::lifecycle::backup {
namespace {

class Pruning {
 public:
  Pruning(cloud::ObjectStore& store, Moment keep_since) : store_(store), keep_since_(keep_since) {}

  Result<void> tenant(const TenantId& tenant) {
    BULKHEAD_TRY(contents_, contents_of(store_, tenant));
    BULKHEAD_CHECK(half_made());
    if (contents_.bases.empty()) return {};
    // The newest base that is not younger than the first kept time is where that time is restored from.
    const auto after = std::upper_bound(contents_.bases.begin(), contents_.bases.end(), keep_since_,
                                        [](Moment at, const BaseName& base) { return at < base.at; });
    const auto first = after == contents_.bases.begin() ? after : std::prev(after);
    for (auto base = contents_.bases.begin(); base != first; ++base) {
      BULKHEAD_CHECK(remove_base(*base));
      ++report.bases;
    }
    return segments(first->at);
  }
  Result<void> deleted(const TenantId& tenant) {
    BULKHEAD_TRY(contents_, contents_of(store_, tenant));
    for (const auto& object : contents_.objects) {
      BULKHEAD_CHECK(remove(object.key));
      ++report.of_deleted;
    }
    return {};
  }

  PruneReport report;

 private:
  Result<void> remove(const std::string& key) {
    const auto object = std::find_if(contents_.objects.begin(), contents_.objects.end(),
                                     [&](const auto& each) { return each.key == key; });
    if (object != contents_.objects.end()) report.bytes += object->size;
    return store_.remove(key);
  }
  Result<void> half_made() {
    // One that is younger may still be written.
    const auto old =
        std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()) -
        std::chrono::hours(24);
    for (const auto& key : contents_.half_made) {
      const auto base = parse_base_name(key);
      if (!base || base->at > old) continue;
      BULKHEAD_CHECK(remove(key));
      ++report.half_made;
    }
    return {};
  }
  /// The manifest first: what is left in part is no base.
  Result<void> remove_base(const BaseName& base) {
    BULKHEAD_CHECK(remove(manifest_key(base)));
    failpoint("prune.manifest");
    for (const auto& object : contents_.objects)
      if (object.key.starts_with(base.folder) && object.key != manifest_key(base))
        BULKHEAD_CHECK(remove(object.key));
    return {};
  }
  /// One that ended before the base is what another of its database follows that began before it.
  Result<void> segments(Moment base) {
    std::map<std::string, Moment> last_before;
    for (const auto& segment : contents_.segments)
      if (segment.at < base) {
        Moment& last =
            last_before.try_emplace(segment.cell + "/" + segment.database, segment.at).first->second;
        last = std::max(last, segment.at);
      }
    for (const auto& segment : contents_.segments) {
      const auto last = last_before.find(segment.cell + "/" + segment.database);
      if (last == last_before.end() || segment.at >= last->second) continue;
      BULKHEAD_CHECK(remove(segment.key));
      ++report.segments;
      failpoint("prune.segment");
    }
    return {};
  }

  cloud::ObjectStore& store_;
  Moment keep_since_;
  Contents contents_;
};

Result<std::set<TenantId>> tenants_in(pg::Blocking& catalog, const std::string& query) {
  BULKHEAD_TRY(auto rows, catalog.query(query));
  std::set<TenantId> out;
  for (std::size_t row = 0; row < rows.size(); ++row)
    if (const auto id = Uuid::parse(rows.text(row, 0))) out.insert(TenantId(*id));
  return out;
}

}  // namespace

Result<PruneReport> prune_backups(pg::Blocking& catalog, const std::string& store_url, Moment keep_since) {
  BULKHEAD_TRY(auto store, cloud::open_object_store(store_url));
  BULKHEAD_TRY(const auto objects, store->list("tenants/"));
  BULKHEAD_TRY(const auto known, tenants_in(catalog, "select id from catalog.tenant"));
  BULKHEAD_TRY(const auto deleted, tenants_in(catalog, "select tenant_id from catalog.deletion"));
  std::set<TenantId> found;
  for (const auto& object : objects)
    if (const auto tenant = tenant_of_key(object.key)) found.insert(*tenant);
  Pruning pruning(*store, keep_since);
  for (const auto& tenant : found) {
    if (known.contains(tenant)) {
      BULKHEAD_CHECK(pruning.tenant(tenant));
    } else if (deleted.contains(tenant)) {
      BULKHEAD_CHECK(pruning.deleted(tenant));
    } else {
      pruning.report.foreign.push_back(tenant.text());
    }
  }
  return pruning.report;
}

}  // namespace bulkhead::lifecycle::backup
