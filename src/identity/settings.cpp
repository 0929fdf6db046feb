#include "identity/settings.hpp"

#include <fmt/format.h>

#include "base/fetch.hpp"
#include "identity/internal_issuer.hpp"
#include "identity/keys.hpp"
#include "identity/secret.hpp"

namespace bulkhead::identity {
namespace {

Error config_error(const IssuerSettings& settings, std::string_view what) {
  return Error(Errc::config_invalid, fmt::format("[identity.{}]: {}", settings.name, what));
}

Result<void> check_claims_named(const IssuerSettings& settings) {
  if (settings.audience_claim.empty()) return config_error(settings, "audience_claim names no claim");
  if (settings.user_claim.empty()) return config_error(settings, "user_claim names no claim");
  for (const ClaimPath* path : {&settings.audience_claim, &settings.tenant_claim, &settings.user_claim,
                                &settings.name_claim, &settings.roles_claim})
    for (const std::string& name : path->names())
      if (name.empty()) return config_error(settings, "a claim's path has an empty name");
  return {};
}

Result<void> check_keys(const IssuerSettings& settings) {
  if (settings.read_jwks) return {};
  if (!settings.secret.empty()) {
    auto keys = secret_keys(settings);
    if (keys.has_error())
      return config_error(settings, keys.error().message()).hint(std::string(keys.error().hint()));
    return {};
  }
  if (!settings.static_jwks.empty()) {
    auto keys = parse_jwks(settings.static_jwks);
    if (!keys) return config_error(settings, fmt::format("the key set: {}", keys.error().message()));
    if (keys->keys().empty()) return config_error(settings, "the key set holds no key that can be used");
    return {};
  }
  const std::string& url = settings.jwks_uri.empty() ? settings.issuer : settings.jwks_uri;
  FetchRequest request(url);
  request.allow_http = settings.allow_http;
  if (auto allowed = check_url(request); !allowed)
    return config_error(settings, fmt::format("\"{}\": {}", url, allowed.error().message()));
  return {};
}

/// A secret and public keys exclude each other, so that no key is ever taken for one of the other kind.
Result<void> check_algorithms(const IssuerSettings& settings) {
  const bool shared = !settings.secret.empty();
  for (const auto& name : settings.algorithms) {
    const auto algorithm = parse_algorithm(name);
    if (!algorithm)
      return config_error(settings,
                          fmt::format("algorithm \"{}\" is not one of RS256, ES256, EdDSA, HS256", name));
    if ((*algorithm == Algorithm::hs256) == shared) continue;
    return shared ? config_error(settings, "with a secret, HS256 is the one algorithm")
                  : config_error(settings, "HS256 needs a secret, and nothing else beside it");
  }
  if (!shared) return {};
  if (!settings.jwks_uri.empty() || !settings.static_jwks.empty() || settings.read_jwks)
    return config_error(settings, "an issuer has a secret or public keys, not both");
  return {};
}

Result<void> check_one(const IssuerSettings& settings) {
  const bool shared = !settings.secret.empty();
  if (settings.issuer.empty() && !shared) return config_error(settings, "issuer is missing");
  if (settings.issuer.starts_with(unnamed_issuer))
    return config_error(settings, "this issuer's name is Bulkhead's own");
  if (settings.any_audience && !shared) return config_error(settings, "any_audience needs a secret");
  if (settings.audiences.empty() && !settings.any_audience)
    return config_error(settings, "audiences is empty: every token would be for somebody else");
  if (settings.algorithms.empty()) return config_error(settings, "algorithms is empty");
  BULKHEAD_CHECK(check_algorithms(settings));
  if (settings.types.empty()) return config_error(settings, "types is empty: no token has no type");
  if (settings.leeway < std::chrono::seconds(0) || settings.leeway > std::chrono::minutes(10))
    return config_error(settings, "leeway is not between 0 and 600 seconds");
  BULKHEAD_CHECK(check_claims_named(settings));
  return check_keys(settings);
}

/// Documented shapes, November 2026; docs/guide/identity.md shows each with the provider's own settings.
void apply_preset(IssuerSettings& settings, const IdentityConfig& config) {
  if (config.preset == "oidc") return;
  if (config.preset == "bulkhead") {
    // Another installation's internal tokens (internal_issuer.cpp).
    settings.algorithms = {"EdDSA"};
    settings.types = {std::string(internal_token_type)};
    settings.tenant_bound = true;
    return;
  }
  settings.algorithms = {"RS256"};
  if (config.preset == "cognito") {
    // Its tokens have no `typ`. The two kinds differ by `token_use`, and an access token names its client, and no audience.
    const bool id = config.token_use == "id";
    settings.types = {"JWT"};
    settings.require = {{"token_use", id ? "id" : "access"}};
    settings.audience_claim = id ? "aud" : "client_id";
    settings.tenant_claim = "custom:tenant_id";
    settings.roles_claim = "cognito:groups";
    settings.name_claim = id ? "cognito:username" : "username";
  } else if (config.preset == "auth0") {
    settings.tenant_claim = "org_name";
    settings.roles_claim = "permissions";
  } else if (config.preset == "okta") {
    settings.roles_claim = "groups";
  } else if (config.preset == "clerk") {
    // Session tokens of version 2: no `aud`, but the origin of the page that the user signed in at.
    settings.types = {"JWT"};
    settings.audience_claim = "azp";
    settings.refuse = {{"sts", "pending"}};
    settings.tenant_claim = ClaimPath(std::vector<std::string>{"o", "slg"});
    settings.roles_claim = ClaimPath(std::vector<std::string>{"o", "rol"});
  } else if (config.preset == "workos") {
    // Its tokens have no `aud`; the client is in `iss`, and so are its keys' address.
    settings.audience_claim = "iss";
    settings.tenant_claim = "org_id";
    settings.roles_claim = "role";
    constexpr std::string_view users = "https://api.workos.com/user_management/";
    if (config.issuer.starts_with(users))
      settings.jwks_uri = "https://api.workos.com/sso/jwks/" + config.issuer.substr(users.size());
  }
}

template <class To, class From>
void take(To& to, const std::optional<From>& from) {
  if (from) to = To(*from);
}

}  // namespace

std::string ClaimPath::text() const {
  return fmt::format("{}", fmt::join(names_, "."));
}

std::string known_as(const IssuerSettings& settings) {
  return settings.issuer.empty() ? std::string(unnamed_issuer) + settings.name : settings.issuer;
}

Result<void> check_settings(const std::vector<IssuerSettings>& issuers) {
  for (std::size_t i = 0; i < issuers.size(); ++i) {
    BULKHEAD_CHECK(check_one(issuers[i]));
    for (std::size_t j = 0; j < i; ++j)
      if (issuers[j].issuer == issuers[i].issuer)
        return config_error(issuers[i],
                            fmt::format("the issuer is the same as in [identity.{}]", issuers[j].name));
  }
  return {};
}

IssuerSettings settings_of(const IdentityConfig& config) {
  IssuerSettings settings;
  apply_preset(settings, config);
  settings.name = config.name;
  settings.issuer = config.issuer;
  settings.audiences = config.audiences;
  settings.any_audience = config.any_audience;
  settings.secret = config.secret;
  settings.secret_base64 = config.secret_base64;
  if (!config.secret.empty()) settings.algorithms = {"HS256"};
  if (!config.jwks_uri.empty()) settings.jwks_uri = config.jwks_uri;
  take(settings.algorithms, config.algorithms);
  take(settings.types, config.types);
  take(settings.audience_claim, config.audience_claim);
  take(settings.tenant_claim, config.tenant_claim);
  take(settings.user_claim, config.user_claim);
  take(settings.name_claim, config.name_claim);
  take(settings.roles_claim, config.roles_claim);
  take(settings.roles_spaced, config.roles_spaced);
  take(settings.require, config.require);
  take(settings.refuse, config.refuse);
  settings.tenants = config.tenants;
  settings.tenant = config.tenant;
  settings.join = config.join;
  settings.leeway = config.leeway;
  settings.allow_http = config.allow_http;
  // Where the issuer itself says who the tokens are for, there is nothing to add.
  if (settings.audiences.empty() && settings.audience_claim == "iss") settings.audiences = {settings.issuer};
  return settings;
}

std::vector<IssuerSettings> settings_of(const std::vector<IdentityConfig>& configs) {
  std::vector<IssuerSettings> all;
  all.reserve(configs.size());
  for (const IdentityConfig& config : configs) all.push_back(settings_of(config));
  return all;
}

}  // namespace bulkhead::identity
