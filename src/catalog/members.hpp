#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>

#include "catalog/records.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::catalog {

// What operators see and change of a tenant beside its placement: pages of tenants, who belongs to them, their domains.

struct TenantFilter {
  TenantFilter() = default;
  std::string after;         ///< Slugs behind this one.
  std::string status, plan;  ///< Empty: any.
  std::size_t limit = 100;
};
/// By slug.
[[nodiscard]] Result<std::vector<TenantRecord>> list_tenants(pg::Blocking& admin, const TenantFilter& filter);

/// A user's place in a tenant, with how the user is known outside.
struct MemberRecord {
  UserId user;
  std::string name, role, status;
  std::string kind;             ///< "person" or "service".
  std::string issuer, subject;  ///< The first of its identities.
  std::string made_at;          ///< ISO 8601, UTC.
};
/// By the user's id, those behind `after` (an id, or empty).
[[nodiscard]] Result<std::vector<MemberRecord>> list_members(pg::Blocking& admin, const TenantId& tenant,
                                                             std::string_view after, std::size_t limit);
/// Error: `not_found`.
[[nodiscard]] Result<MemberRecord> find_member(pg::Blocking& admin, const TenantId& tenant,
                                               const UserId& user);
/// The user stays. Error: `not_found`.
[[nodiscard]] Result<void> remove_member(pg::Blocking& admin, const TenantId& tenant, const UserId& user);
/// Lets the member in no longer, or again; the role stays. Error: `not_found`.
[[nodiscard]] Result<void> suspend_member(pg::Blocking& admin, const TenantId& tenant, const UserId& user,
                                          bool suspended);

/// A host by which a tenant wants to be reached.
struct DomainRecord {
  std::string host;
  bool verified = false;    ///< It was shown that the host is the tenant's; only then it routes.
  std::string made_at;      ///< ISO 8601, UTC.
  std::string token;        ///< What shows it, in a DNS record or an answer over HTTP.
  std::string verified_by;  ///< dns or http; empty while it is not verified.
};
/// By host, those behind `after`.
[[nodiscard]] Result<std::vector<DomainRecord>> list_domains(pg::Blocking& admin, const TenantId& tenant,
                                                             std::string_view after, std::size_t limit);
/// Errors: `usage` for what is no host's name (lower case, with a dot, as in DNS); `already_exists`, whoever has it.
[[nodiscard]] Result<DomainRecord> add_domain(pg::Blocking& admin, const TenantId& tenant,
                                              const std::string& host);
/// Error: `not_found`.
[[nodiscard]] Result<DomainRecord> find_domain(pg::Blocking& admin, const TenantId& tenant,
                                               const std::string& host);
/// The domain as it was read is verified by `method` ("dns" or "http"). Error: `not_found` if it was removed since.
[[nodiscard]] Result<DomainRecord> verify_domain(pg::Blocking& admin, const TenantId& tenant,
                                                 const DomainRecord& domain, std::string_view method);
/// It routes no longer within two seconds. Error: `not_found`.
[[nodiscard]] Result<void> remove_domain(pg::Blocking& admin, const TenantId& tenant,
                                         const std::string& host);

/// "shop.example.com": labels of a-z, 0-9 and -, two at least, the last one no number.
[[nodiscard]] bool valid_host(std::string_view host) noexcept;

}  // namespace bulkhead::catalog
