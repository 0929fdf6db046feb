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
  std::size_t callers_max = 50'000, domains_max = 50'000;
  /// The issuer whose subjects are users' ids and grants of operators ("act:<id>"); empty: there is none.
  std::string internal_issuer;
  std::chrono::seconds unknown_ttl{2};  ///< How long "there is no such tenant/membership" is believed.
  std::chrono::seconds fresh_ttl{
      60};  ///< After this an entry is read again, in the background, while it is served.
};

/// What an operator asks a tenant's data for.
struct OperatorAccess {
  TenantId tenant;
  Uuid grant;
  std::string method, path, trace_id;
};

/// One io thread's bounded view of the catalog, filled on demand, invalidated by NOTIFY (channel
/// `bulkhead_catalog`, payload "tenant <uuid>", "membership <tenant uuid> <user uuid>", "domain <tenant uuid>", "user" for
/// any membership, "*" for everything; "key" is not for it) and by `forget`. When the catalog is down it serves what it knows, but not
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

  /// The tenants that the caller is a member of, where no source names one; at most a hundred. Neither suspended
  /// memberships and users count nor tenants that are being deleted.
  static constexpr std::size_t own_tenants_most = 100;
  [[nodiscard]] std::optional<OwnTenantsRef> known_tenants_of(std::string_view issuer,
                                                              std::string_view subject);
  [[nodiscard]] Task<Result<OwnTenantsRef>> tenants_of(std::string issuer, std::string subject,
                                                       Deadline deadline);

  /// The id of the tenant whose verified domain this host is (lower case, no port, no trailing dot); "" if it is nobody's.
  [[nodiscard]] std::optional<std::string> known_domain(const std::string& host);
  [[nodiscard]] Task<Result<std::string>> domain(std::string host, Deadline deadline);

  /// The token of the host's HTTP challenge; "" if the host is none that waits to be verified. All of them are read at once,
  /// and only when something was told, since anybody may ask for any host.
  [[nodiscard]] Task<Result<std::string>> challenge(std::string host, Deadline deadline);

  /// Writes an operator's request to the audit log; without that it is not answered. False: the grant is over.
  [[nodiscard]] Task<Result<bool>> record_access(OperatorAccess access, Deadline deadline);
  /// Makes the caller a member whose provider says so. nullopt inside: they are suspended, were taken out, or the tenant is
  /// not active; asked again only after a while.
  [[nodiscard]] Task<Result<std::optional<Membership>>> join(TenantId tenant, std::string issuer,
                                                             std::string subject, std::string name, Role role,
                                                             Deadline deadline);

  /// Told by an epoch mismatch: read this tenant again before answering.
  void forget(const TenantId& tenant);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace bulkhead::catalog
