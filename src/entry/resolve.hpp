#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>

#include "catalog/records.hpp"

namespace bulkhead::entry {

/// The decisions of the entry as functions over small values, without a catalog or an issuer.

/// A tenant's name as a request writes it: a slug, or an id in any case. Returned in the one form that the
/// catalog knows (ids in lower case); nullopt for anything else, percent-encoding included.
[[nodiscard]] std::optional<std::string> tenant_name(std::string_view text);

/// Header names compare without case.
[[nodiscard]] bool same_name(std::string_view a, std::string_view b) noexcept;

/// What a Host header says of the tenant.
struct HostTenant {
  enum class Kind : std::uint8_t {
    none,     ///< A base domain itself, or an address: the host names no tenant, another source may.
    named,    ///< `<label>.<base domain>`.
    unknown,  ///< Below a base domain, but no tenant can have that name.
    foreign,  ///< No base domain's: a tenant's own domain, perhaps. `name` is the host as the catalog would know it.
  };
  Kind kind = Kind::none;
  std::string name;
};
/// `base_domains`: lower case, without a trailing dot. Port, trailing dot and case of `host` do not matter;
/// an address names no tenant.
[[nodiscard]] HostTenant tenant_of_host(std::string_view host, std::span<const std::string> base_domains);

/// Takes `/tenants/{segment}` off the front of `path` and returns the segment as it was sent; nullopt, and
/// `path` as it was, without that prefix. What is left is "/" at least.
[[nodiscard]] std::optional<std::string_view> tenant_of_path(std::string_view& path) noexcept;

/// The tenants that the sources of one request name, each name only once.
class Named {
 public:
  /// One per source, and of the header a second: a slug and an id may be one tenant's, three are never.
  static constexpr std::size_t most = 6;

  void add(std::string name);
  /// A source that names something no tenant can be called.
  void add_unknown() noexcept { unknown_ = true; }
  [[nodiscard]] std::span<const std::string> names() const noexcept { return {names_.data(), count_}; }
  [[nodiscard]] bool unknown() const noexcept { return unknown_; }
  /// The host that may be a tenant's own domain, which the catalog knows; empty: none.
  std::string foreign_host;
  /// Different names, one that no tenant can have included.
  [[nodiscard]] std::size_t count() const noexcept { return count_ + (unknown_ ? 1 : 0); }

 private:
  std::array<std::string, most> names_;
  std::size_t count_ = 0;
  bool unknown_ = false;
};

/// The token of `Authorization: Bearer`. Errors: `token_missing`; `malformed_request` when the header is
/// repeated; `token_malformed` when what follows the scheme cannot be one (RFC 6750 section 2.1).
[[nodiscard]] Result<std::string_view> bearer_token(const Request& request);

/// Adds what the header X-Tenant-ID names. It may stand there more than once, like any two sources that agree.
/// Errors: `tenant_conflict` for more names than one tenant has; `tenant_malformed`.
[[nodiscard]] Result<void> tenants_of_header(const Request& request, Named& named);

/// The one tenant that the caller belongs to, where no source named one. Errors: `tenant_not_found` for none,
/// `tenant_ambiguous` for several, with the caller's own tenants as the member `tenants` of the problem document.
[[nodiscard]] Result<std::string> only_tenant(const std::vector<catalog::OwnTenant>& own);

/// What was looked up for an authenticated caller.
struct Found {
  std::size_t names = 0;      ///< How many different names the sources wrote.
  bool agree = false;         ///< They all are one tenant that exists.
  catalog::TenantRef tenant;  ///< That tenant.
  std::optional<catalog::Membership> membership;
};
/// Whether the caller comes in. What a caller who is no member gets is the same whether the tenant exists or
/// not: 404 where one name was written, 400 (conflict) where several were, even if they mean one tenant.
[[nodiscard]] Result<void> judge(const Found& found, Role at_least);

}  // namespace bulkhead::entry
