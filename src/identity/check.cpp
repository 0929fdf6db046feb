#include "identity/check.hpp"

#include <fmt/format.h>

#include "identity/secret.hpp"

namespace bulkhead::identity {
namespace {

/// What goes into one line of a terminal: no control characters, which a token may hold.
std::string plain(std::string_view text) {
  std::string out;
  for (char c : text) {
    const auto code = static_cast<unsigned char>(c);
    out.push_back(code < 0x20 || code == 0x7F ? '?' : c);
  }
  return out;
}

std::string header_seen(const UnverifiedToken& token) {
  return fmt::format("alg {}, typ {}, kid {}", algorithm_name(token.algorithm), plain(token.type),
                     token.kid ? plain(*token.kid) : "absent");
}

Error no_keys() {
  return Error(Errc::identity_unavailable, "not checked: the issuer's keys cannot be had");
}

/// The steps that need the keys.
void look_at_signature(const UnverifiedToken& token, const std::optional<KeySet>& keys,
                       std::vector<CheckStep>& steps) {
  PublicKeyRef key = keys ? keys->find(token.algorithm, token.kid) : nullptr;
  Result<void> found, good;
  if (!keys) {
    found = no_keys();
    good = no_keys();
  } else if (!key) {
    found = Error(Errc::token_key_unknown, "the token's key is not among the issuer's keys");
    good = Error(Errc::token_key_unknown, "not checked: there is no key to check it with");
  } else {
    SignatureChecker checker;
    if (!checker.valid(key, token.signed_part, token.signature))
      good = Error(Errc::token_signature, "the token's signature is not valid");
  }
  steps.push_back({"key", std::move(found), {}});
  steps.push_back({"signature", std::move(good), {}});
}

std::string claim_text(const ClaimPath& path) {
  return fmt::format("`{}`", path.text());
}

}  // namespace

KeyReport look_at_keys(const IssuerSettings& settings, const KeyTimes& times) {
  KeyReport report;
  if (!settings.static_jwks.empty() || !settings.secret.empty()) {
    auto keys = settings.secret.empty() ? parse_jwks(settings.static_jwks) : secret_keys(settings);
    if (keys)
      report.keys = std::move(*keys);
    else
      report.failure = keys.error();
    return report;
  }
  const std::atomic<bool> stop{false};
  report.jwks_uri = settings.jwks_uri;
  if (report.jwks_uri.empty()) {
    report.discovered = true;
    auto found = discover_keys(settings, times, stop);
    if (!found) {
      report.failure = found.error();
      return report;
    }
    report.jwks_uri = std::move(*found);
  }
  auto fetched = fetch_keys(settings, report.jwks_uri, times, stop);
  if (!fetched) {
    report.failure = fetched.error();
    return report;
  }
  report.lifetime = fetched->lifetime;
  report.keys = std::move(fetched->keys);
  return report;
}

TokenReport look_at_token(std::string_view token, const IssuerSettings& settings,
                          const std::optional<KeySet>& keys, std::chrono::system_clock::time_point now) {
  auto parsed = parse_token(token);
  if (!parsed) return {{{"form", parsed.error(), {}}}, parsed.error()};
  TokenReport report{{}, no_keys()};
  report.steps.push_back({"form", {}, {}});
  std::vector<CheckStep> claims = explain_claims(*parsed, settings, now);
  report.steps.push_back(std::move(claims.front()));
  report.steps.push_back({"header", check_header(*parsed, settings), header_seen(*parsed)});
  look_at_signature(*parsed, keys, report.steps);
  for (std::size_t i = 1; i < claims.size(); ++i) report.steps.push_back(std::move(claims[i]));
  for (CheckStep& step : report.steps) step.seen = plain(step.seen);
  if (keys) {
    SignatureChecker checker;
    report.verdict = verify_token(token, settings, *keys, checker, now);
    return report;
  }
  for (const CheckStep& step : report.steps) {
    if (!step.result.has_error()) continue;
    report.verdict = step.result.error();
    break;
  }
  return report;
}

std::vector<std::pair<std::string, std::string>> rules_of(const IssuerSettings& settings) {
  std::vector<std::pair<std::string, std::string>> rules;
  rules.emplace_back("issuer", settings.issuer.empty() ? std::string("there is no `iss`")
                                                       : fmt::format("`iss` is {}", settings.issuer));
  rules.emplace_back("header", fmt::format("alg {}; typ {}", fmt::join(settings.algorithms, " or "),
                                           fmt::join(settings.types, " or ")));
  rules.emplace_back("times", fmt::format("`exp` is there; {} s of leeway", settings.leeway.count()));
  rules.emplace_back("audience", settings.any_audience
                                     ? std::string("not asked")
                                     : fmt::format("{} is, or holds, {}", claim_text(settings.audience_claim),
                                                   fmt::join(settings.audiences, " or ")));
  std::string kind = "no `cnf`, no `events`";
  for (const auto& [claim, value] : settings.require) kind += fmt::format("; `{}` is {}", claim, value);
  for (const auto& [claim, value] : settings.refuse) kind += fmt::format("; `{}` is not {}", claim, value);
  rules.emplace_back("kind", std::move(kind));
  rules.emplace_back("user", claim_text(settings.user_claim));
  std::string tenant = settings.tenant_claim.empty()
                           ? std::string("no claim names it")
                           : fmt::format("{}, where it is there", claim_text(settings.tenant_claim));
  if (!settings.tenants.empty())
    tenant += fmt::format(", one of {} that are listed", settings.tenants.size());
  if (!settings.tenant.empty()) tenant = fmt::format("{} and no other ({})", settings.tenant, tenant);
  rules.emplace_back("tenant", std::move(tenant));
  rules.emplace_back("roles", settings.roles_claim.empty()
                                  ? "none"
                                  : fmt::format("{}{}", claim_text(settings.roles_claim),
                                                settings.roles_spaced ? ", with spaces between" : ""));
  return rules;
}

}  // namespace bulkhead::identity
