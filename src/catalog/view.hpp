#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <bulkhead/result.hpp>
#include <bulkhead/task.hpp>

#include "catalog/records.hpp"
#include "pg/lanes.hpp"

namespace bulkhead::catalog {

struct ViewSettings {
  ViewSettings() = default;
  std::size_t tenants_max = 100'000, memberships_max = 200'000;  ///< Least recently used go first.
  std::chrono::seconds unknown_ttl{2};  ///< How long "there is no such tenant/membership" is believed.
  std::chrono::seconds fresh_ttl{
      60};  ///< After this an entry is read again, in the background, while it is served.
};

/// One io thread's bounded view of the catalog, filled on demand, invalidated by NOTIFY (channel
/// `bulkhead_catalog`, payload "tenant <uuid>", "membership <tenant uuid>", "user" for any membership, "*" for
/// everything; "key" is not for it) and by `forget`. When the catalog is down it serves what it knows, but not
/// what it was told to have changed: that is `database_unavailable` until it could be read again, so that
/// nothing brings back what was revoked. Not thread-safe: one an io thread.
class View {
 public:
  /// `catalog`: lanes to the catalog database under the login `bulkhead_catalog`. `conninfo`: of the same
  /// login, for the LISTEN connection.
  View(boost::asio::any_io_executor executor, pg::Lanes& catalog, std::string conninfo,
       ViewSettings settings);
  ~View();

  /// By slug or by id (36 characters). nullptr: there is none. The `known_*` forms answer from memory alone
  /// and return nullopt if that does not know; the hot path asks them first.
  [[nodiscard]] std::optional<TenantRef> known_tenant(std::string_view slug_or_id);
  [[nodiscard]] Task<Result<TenantRef>> tenant(std::string slug_or_id, Deadline deadline);

  /// nullopt inside: not a member (or the user or membership is suspended).
  [[nodiscard]] std::optional<std::optional<Membership>> known_membership(const TenantId& tenant,
                                                                          std::string_view issuer,
                                                                          std::string_view subject);
  [[nodiscard]] Task<Result<std::optional<Membership>>> membership(TenantId tenant, std::string issuer,
                                                                   std::string subject, Deadline deadline);

  /// Told by an epoch mismatch: read this tenant again before answering.
  void forget(const TenantId& tenant);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace bulkhead::catalog
