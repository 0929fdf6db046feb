#pragma once

#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include <bulkhead/result.hpp>

#include "base/config.hpp"
#include "catalog/members.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

/// A tenant's own domains: a host routes to the tenant once it was shown that whoever has the host wants it to.

/// What `bulkhead.toml` says of them.
struct DomainSettings {
  DomainSettings() = default;
  std::vector<std::string> base_domains;  ///< Hosts below them are subdomains of tenants, nobody's own.
  std::string dns_server;                 ///< As of `dns_texts`.
  std::string challenge_address;  ///< Asked instead of the host's port 80, for trying it out; empty: that.
};

[[nodiscard]] DomainSettings domain_settings(const AppConfig& config);

/// Where the proof of a domain is looked for; any one of the two will do.
struct Challenge {
  std::string dns_name, dns_value;  ///< A TXT record of this name with this text.
  std::string http_url;  ///< Answers `token`. A Bulkhead server to which the host points does so by itself.
};
[[nodiscard]] Challenge challenge_of(const catalog::DomainRecord& domain);

/// As operators read it, with its challenge.
[[nodiscard]] boost::json::object domain_json(const catalog::DomainRecord& domain);

/// Registers the host, not verified yet. Errors: those of `catalog::add_domain`; `usage` for a base domain or what is below one.
[[nodiscard]] Result<catalog::DomainRecord> add_domain(pg::Blocking& admin, const TenantId& tenant,
                                                       const std::string& host,
                                                       const DomainSettings& settings);

/// Looks for the proof: DNS first, then HTTP at public addresses alone, without following redirects. Answers what proved it: "dns"
/// or "http". Asks others, for about twelve seconds at most: not to be called within a transaction. Error: `conflict`, with
/// what was found instead as details.
[[nodiscard]] Result<std::string> prove_domain(const catalog::DomainRecord& domain,
                                               const DomainSettings& settings);

}  // namespace bulkhead::lifecycle
