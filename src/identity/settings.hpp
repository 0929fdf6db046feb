#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/role.hpp>

#include "base/config.hpp"

namespace bulkhead::identity {

/// Where a value stands in a token's payload: the names of the members to go through from the top. A name is a member's whole
/// name and never split, so `custom:tenant_id`, `https://shop.example/tenant` and `o.slg` mean exactly one member each, and
/// `{"o", "slg"}` the one inside the other. Without names: nowhere.
class ClaimPath {
 public:
  ClaimPath() = default;
  ClaimPath(const char* name) : ClaimPath(std::string(name)) {}
  ClaimPath(std::string name) {
    if (!name.empty()) names_.push_back(std::move(name));
  }
  explicit ClaimPath(std::vector<std::string> names) : names_(std::move(names)) {}

  [[nodiscard]] bool empty() const noexcept { return names_.empty(); }
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
  /// For messages: the names with dots between.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const ClaimPath&, const ClaimPath&) = default;

 private:
  std::vector<std::string> names_;
};

/// Claims by name with the one value that counts.
using ClaimValues = std::map<std::string, std::string, std::less<>>;

struct IssuerSettings {
  std::string name;                    ///< The key in bulkhead.toml: `[identity.NAME]`.
  std::string issuer;                  ///< Exact `iss`. Empty, with a secret alone: its tokens have none.
  std::vector<std::string> audiences;  ///< At least one of them must be in `audience_claim`.
  std::string jwks_uri;                ///< Empty: found by OpenID Connect Discovery under `issuer`.
  std::string static_jwks;             ///< A JWKS document instead of fetching (the development issuer).
  /// Where the secret is that its tokens are made with: `env:NAME` or `file:PATH`. Then there are no public keys, and HS256 is
  /// the one algorithm. Empty: there is none.
  std::string secret;
  bool secret_base64 = false;  ///< What stands there is base64.
  /// Reads the JWKS document instead of fetching it, on a thread that may block (the internal issuer).
  std::function<Result<std::string>()> read_jwks;
  std::vector<std::string> algorithms{"RS256", "ES256", "EdDSA"};  ///< Allow-list; bound to key type and use.
  /// What `typ` may say, without "application/" and in any case. A token without `typ` is a JWT (RFC 7519 section 5.1).
  std::vector<std::string> types{"JWT", "at+jwt"};
  bool any_audience = false;  ///< With a secret alone: whom a token is for is not asked.
  ClaimPath audience_claim = "aud";
  ClaimPath tenant_claim = "tenant";  ///< Names the tenant, by slug or id; may be absent in a token.
  ClaimPath user_claim = "sub";       ///< The caller's name at this issuer, which memberships hang on.
  ClaimPath name_claim = "name";      ///< For people to read; may be absent.
  ClaimPath roles_claim;              ///< One role as a string, or a list of them; may be absent.
  bool roles_spaced = false;          ///< A string there holds several, with spaces between, as `scope` does.
  ClaimValues require;                ///< A token must have these claims with these values.
  ClaimValues refuse;                 ///< A token must not have one of these claims with that value.
  /// What the tenant's claim says → the tenant's slug or id. Empty: the claim says slug or id itself. Else a token that names
  /// a tenant which is not listed is refused.
  ClaimValues tenants;
  /// The one tenant that this issuer's tokens are good for, by slug or id. Empty: whichever the caller is a member of.
  std::string tenant;
  /// A token must name its tenant, and is good for no other, however else a request names one.
  bool tenant_bound = false;
  /// The provider's roles with which whoever has one is made a member of the tenant that the token names, and as what;
  /// "*": whatever the token says of roles. Empty: nobody is.
  std::map<std::string, Role, std::less<>> join;
  std::chrono::seconds leeway{60};
  bool allow_http = false;  ///< Loopback issuers in tests and dev only.
};

/// `iss` as memberships know it: an issuer whose tokens have none goes by its section's name.
[[nodiscard]] std::string known_as(const IssuerSettings& settings);
inline constexpr std::string_view unnamed_issuer = "urn:bulkhead:identity:";

/// Whether a Verifier can be made of these: names, issuers and audiences are there, no issuer twice, only
/// algorithms that exist, https (or http where allowed), a sound static key set. `Errc::config_invalid` names
/// the issuer.
[[nodiscard]] Result<void> check_settings(const std::vector<IssuerSettings>& issuers);

/// What `[identity.NAME]` says, the rest as its preset has it.
[[nodiscard]] IssuerSettings settings_of(const IdentityConfig& config);
[[nodiscard]] std::vector<IssuerSettings> settings_of(const std::vector<IdentityConfig>& configs);

}  // namespace bulkhead::identity
