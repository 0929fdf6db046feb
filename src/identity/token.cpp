#include "identity/token.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "base/ascii.hpp"
#include "base/json.hpp"
#include "identity/base64url.hpp"

namespace bulkhead::identity {
namespace {

using Clock = std::chrono::system_clock;

Error malformed(std::string message) {
  return Error(Errc::token_malformed, std::move(message));
}

Result<boost::json::object> json_part(std::string_view part, const char* name) {
  std::optional<std::string> text = decode_base64url(part);
  if (!text) return malformed(std::string("the token's ") + name + " is not base64url");
  JsonLimits limits;
  limits.refuse_duplicate_keys = true;
  auto value = parse_json(*text, limits);
  // The reader's own message is kept for the log: it may not be told what an attacker's token looked like
  // inside.
  if (!value)
    return malformed(std::string("the token's ") + name + " is not valid JSON")
        .internal(std::string(value.error().message()));
  if (!value->is_object()) return malformed(std::string("the token's ") + name + " is not a JSON object");
  return std::move(value->get_object());
}

/// `typ` in one spelling: in lower case, and without the "application/" that may be left out (RFC 7515 section 4.1.9).
std::string plain_type(std::string_view type) {
  std::string plain = lower(type);
  constexpr std::string_view prefix = "application/";
  if (plain.size() > prefix.size() && plain.starts_with(prefix)) plain.erase(0, prefix.size());
  return plain;
}

Result<void> read_header(const boost::json::object& header, UnverifiedToken& token) {
  const auto* algorithm = header.if_contains("alg");
  if (algorithm == nullptr || !algorithm->is_string()) return malformed("the token's header has no \"alg\"");
  std::optional<Algorithm> known = parse_algorithm(algorithm->get_string());
  if (!known)
    return Error(Errc::token_algorithm, "the token's algorithm is not accepted")
        .hint("Sign with RS256, ES256 or EdDSA.");
  token.algorithm = *known;
  // We understand no extension, so each critical one is one we must refuse (RFC 7515 section 4.1.11).
  if (header.contains("crit"))
    return malformed("the token has critical extensions, and none is understood here");
  token.type = "jwt";
  if (const auto* type = header.if_contains("typ")) {
    if (!type->is_string()) return malformed("the token's \"typ\" is not a string");
    token.type = plain_type(type->get_string());
  }
  if (const auto* kid = header.if_contains("kid")) {
    if (!kid->is_string() || kid->get_string().empty())
      return malformed("the token's \"kid\" is not a string");
    token.kid = std::string(kid->get_string());
  }
  return {};
}

/// A NumericDate (RFC 7519 section 2): seconds since 1970, whole or not. Bounded so that no arithmetic with
/// it can overflow: the year 9999 ends before 253402300800.
Result<std::optional<Clock::time_point>> time_claim(const boost::json::object& payload,
                                                    std::string_view name) {
  const auto* value = payload.if_contains(name);
  if (value == nullptr) return std::optional<Clock::time_point>();
  constexpr double latest = 253402300800.0;
  double seconds = -1;
  if (value->is_int64()) {
    seconds = static_cast<double>(value->get_int64());
  } else if (value->is_uint64()) {
    seconds = static_cast<double>(value->get_uint64());
  } else if (value->is_double()) {
    seconds = value->get_double();
  }
  if (!std::isfinite(seconds) || seconds < 0 || seconds >= latest)
    return malformed("the token's \"" + std::string(name) + "\" is not a time");
  double whole = std::floor(seconds);
  auto rest = std::chrono::microseconds(static_cast<std::int64_t>((seconds - whole) * 1e6));
  // system_clock counts nanoseconds in 64 bits, which end in 2262; later is as good as that.
  constexpr std::int64_t countable = 9'000'000'000;
  auto stamp = std::chrono::seconds(std::min(static_cast<std::int64_t>(whole), countable));
  return std::optional<Clock::time_point>(Clock::time_point(stamp) + rest);
}

Result<Clock::time_point> check_times(const boost::json::object& payload, std::chrono::seconds leeway,
                                      Clock::time_point now) {
  BULKHEAD_TRY(auto expires, time_claim(payload, "exp"));
  BULKHEAD_TRY(auto not_before, time_claim(payload, "nbf"));
  BULKHEAD_TRY(auto issued, time_claim(payload, "iat"));
  if (!expires) return malformed("the token has no \"exp\"");
  // "on or after which the JWT MUST NOT be accepted" (RFC 7519 section 4.1.4).
  if (now >= *expires + leeway)
    return Error(Errc::token_time, "the token has expired").hint("Get a new token.");
  if (not_before && now < *not_before - leeway) return Error(Errc::token_time, "the token is not valid yet");
  if (issued && now < *issued - leeway)
    return Error(Errc::token_time, "the token was issued in the future")
        .hint("Compare the clocks of both machines.");
  return *expires;
}

/// The value at the path; nullptr where there is none. What should hold it and is no object is an error: the token is not of
/// the shape that the settings expect.
Result<const boost::json::value*> find_claim(const boost::json::object& payload, const ClaimPath& path) {
  const boost::json::value* found = nullptr;
  const boost::json::object* inside = &payload;
  for (const std::string& name : path.names()) {
    if (found != nullptr) {
      inside = found->if_object();
      if (inside == nullptr) return malformed("the token has no object around its \"" + path.text() + "\"");
    }
    found = inside->if_contains(name);
    if (found == nullptr) return found;
  }
  return found;
}

Result<void> check_audience(const boost::json::object& payload, const IssuerSettings& settings) {
  if (settings.any_audience) return {};
  BULKHEAD_TRY(const boost::json::value* audience, find_claim(payload, settings.audience_claim));
  const std::string claim = settings.audience_claim.text();
  if (audience == nullptr)
    return Error(Errc::token_audience, claim == "aud" ? "the token has no audience"
                                                      : "the token has no audience: no \"" + claim + "\"");
  auto is_wanted = [&](const boost::json::value& entry) {
    return std::any_of(settings.audiences.begin(), settings.audiences.end(),
                       [&](const auto& name) { return entry.get_string() == name; });
  };
  bool found = false;
  if (audience->is_string()) {
    found = is_wanted(*audience);
  } else if (audience->is_array()) {
    const auto& list = audience->get_array();
    // Every entry is looked at, so that a list with something else in it is refused wherever that stands.
    for (const auto& entry : list) {
      if (!entry.is_string())
        return malformed("the token's \"" + claim + "\" holds something that is not a string");
      found = is_wanted(entry) || found;
    }
  } else {
    return malformed("the token's \"" + claim + "\" is neither a string nor a list of strings");
  }
  if (!found) return Error(Errc::token_audience, "the token is for another audience");
  return {};
}

/// Whether it is a token for calling with. Others of the same issuer, for the same audience and with the same key, must not
/// pass for one (RFC 8725 section 2.8).
Result<void> check_kind(const boost::json::object& payload, const IssuerSettings& settings) {
  // RFC 8417 section 2.2: a notice of something that happened, such as a logout.
  if (payload.contains("events"))
    return Error(Errc::token_audience, "the token is a notice of events, and none for calling with");
  // RFC 7800, 8705, 9449: good only together with a proof that its holder has a key. Whoever stole it has none.
  if (payload.contains("cnf"))
    return Error(Errc::token_audience, "the token is bound to a key of its holder, which is not checked here")
        .hint("Get a bearer token: one without DPoP and without a client's certificate.");
  for (const auto& [claim, wanted] : settings.require) {
    const auto* value = payload.if_contains(claim);
    if (value == nullptr || !value->is_string() || value->get_string() != wanted)
      return Error(Errc::token_audience, "the token's \"" + claim + "\" is not \"" + wanted + "\"");
  }
  for (const auto& [claim, refused] : settings.refuse) {
    const auto* value = payload.if_contains(claim);
    if (value == nullptr) continue;
    if (!value->is_string()) return malformed("the token's \"" + claim + "\" is not a string");
    if (value->get_string() == refused)
      return Error(Errc::token_audience, "the token's \"" + claim + "\" is \"" + refused + "\"");
  }
  return {};
}

Result<std::string> subject_of(const boost::json::object& payload, const IssuerSettings& settings) {
  const std::string claim = settings.user_claim.text();
  BULKHEAD_TRY(const boost::json::value* subject, find_claim(payload, settings.user_claim));
  if (subject == nullptr || !subject->is_string() || subject->get_string().empty())
    return malformed("the token has no \"" + claim + "\"");
  if (subject->get_string().size() > subject_size_limit)
    return malformed("the token's \"" + claim + "\" is longer than " + std::to_string(subject_size_limit) +
                     " bytes");
  return std::string(subject->get_string());
}

/// What the token says of the tenant, in our words; empty when it says nothing.
Result<std::string> tenant_named(const boost::json::object& payload, const IssuerSettings& settings) {
  BULKHEAD_TRY(const boost::json::value* tenant, find_claim(payload, settings.tenant_claim));
  if (tenant == nullptr) return std::string();
  // An empty name would look like a token that names none and would so be free to choose.
  if (!tenant->is_string() || tenant->get_string().empty())
    return malformed("the token's \"" + settings.tenant_claim.text() + "\" does not name a tenant");
  if (settings.tenants.empty()) return std::string(tenant->get_string());
  auto known = settings.tenants.find(std::string_view(tenant->get_string()));
  if (known == settings.tenants.end())
    return malformed("the token's \"" + settings.tenant_claim.text() +
                     "\" names none of the tenants of this issuer");
  return known->second;
}

Result<std::string> tenant_of(const boost::json::object& payload, const IssuerSettings& settings) {
  BULKHEAD_TRY(std::string named, tenant_named(payload, settings));
  if (settings.tenant.empty()) return named;
  // The issuer is one tenant's own. It may say so, and nothing else.
  if (!named.empty() && named != settings.tenant)
    return Error(Errc::token_issuer, "the token names a tenant that its issuer may not speak for");
  return settings.tenant;
}

std::string name_of(const boost::json::object& payload, const IssuerSettings& settings) {
  auto name = find_claim(payload, settings.name_claim);
  return name && *name != nullptr && (*name)->is_string() ? std::string((*name)->get_string())
                                                          : std::string();
}

Result<std::vector<std::string>> roles_of(const boost::json::object& payload,
                                          const IssuerSettings& settings) {
  BULKHEAD_TRY(const boost::json::value* claim, find_claim(payload, settings.roles_claim));
  std::vector<std::string> roles;
  if (claim == nullptr) return roles;
  const std::string name = "the token's \"" + settings.roles_claim.text() + "\"";
  const auto add = [&](std::string_view role) {
    if (!role.empty()) roles.emplace_back(role);
  };
  if (claim->is_string()) {
    std::string_view text = claim->get_string();
    while (settings.roles_spaced && text.find(' ') != std::string_view::npos) {
      add(text.substr(0, text.find(' ')));
      text.remove_prefix(text.find(' ') + 1);
    }
    add(text);
  } else if (claim->is_array()) {
    for (const auto& entry : claim->get_array()) {
      if (!entry.is_string()) return malformed(name + " holds something that is not a string");
      add(entry.get_string());
    }
  } else {
    return malformed(name + " is neither a string nor a list of strings");
  }
  // Some of them would be worse than none: a role can also be one that forbids.
  if (roles.size() > role_limit)
    return malformed(name + " holds more than " + std::to_string(role_limit) + " roles");
  for (const std::string& role : roles)
    if (role.size() > role_size_limit)
      return malformed(name + " holds a role of more than " + std::to_string(role_size_limit) + " bytes");
  return roles;
}

/// The highest of the roles that the token's roles are worth.
std::optional<Role> join_role_of(const Claims& claims, const IssuerSettings& settings) {
  if (claims.tenant.empty()) return std::nullopt;
  std::optional<Role> best;
  const auto take = [&](std::string_view name) {
    const auto known = settings.join.find(name);
    if (known != settings.join.end()) best = best ? std::max(*best, known->second) : known->second;
  };
  take("*");
  for (const std::string& role : claims.roles)
    if (role != "*") take(role);
  return best;
}

Result<void> check_issuer(const UnverifiedToken& token, const IssuerSettings& settings) {
  if (token.issuer != settings.issuer)
    return Error(Errc::token_issuer, "the token's issuer is not known here");
  return {};
}

template <class T>
Result<void> outcome_of(const Result<T>& result) {
  if (result.has_error()) return result.error();
  return {};
}

/// What stands at the path, short enough for a line.
std::string shown(const boost::json::object& payload, const ClaimPath& path) {
  auto found = find_claim(payload, path);
  if (path.empty() || !found || *found == nullptr) return "absent";
  std::string text = boost::json::serialize(**found);
  constexpr std::size_t line = 200;
  if (text.size() > line) text = text.substr(0, line) + "…";
  return path.text() + " = " + text;
}

}  // namespace

Result<UnverifiedToken> parse_token(std::string_view token) {
  if (token.size() > token_size_limit) return malformed("the token is longer than 8 KiB");
  std::size_t first = token.find('.');
  std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return malformed("the token does not have three parts");
  UnverifiedToken parsed;
  BULKHEAD_TRY(boost::json::object header, json_part(token.substr(0, first), "header"));
  BULKHEAD_CHECK(read_header(header, parsed));
  std::optional<std::string> signature = decode_base64url(token.substr(second + 1));
  if (!signature || signature->empty()) return malformed("the token's signature is not base64url");
  parsed.signature = std::move(*signature);
  BULKHEAD_TRY(parsed.payload, json_part(token.substr(first + 1, second - first - 1), "payload"));
  const auto* issuer = parsed.payload.if_contains("iss");
  // Without `iss` it is of the one issuer whose tokens have none, if there is such a one.
  if (issuer != nullptr) {
    if (!issuer->is_string() || issuer->get_string().empty())
      return Error(Errc::token_issuer, "the token names no issuer");
    parsed.issuer = std::string(issuer->get_string());
  }
  parsed.signed_part = token.substr(0, second);
  return parsed;
}

Result<void> check_header(const UnverifiedToken& token, const IssuerSettings& settings) {
  if (std::find(settings.algorithms.begin(), settings.algorithms.end(), algorithm_name(token.algorithm)) ==
      settings.algorithms.end())
    return Error(Errc::token_algorithm, "the token's algorithm is not accepted from this issuer");
  for (const std::string& type : settings.types)
    if (plain_type(type) == token.type) return {};
  return malformed("the token's \"typ\" is not one that this issuer's tokens have");
}

Result<Claims> check_claims(UnverifiedToken token, const IssuerSettings& settings, Clock::time_point now) {
  BULKHEAD_CHECK(check_issuer(token, settings));
  Claims claims;
  BULKHEAD_TRY(claims.expires, check_times(token.payload, settings.leeway, now));
  BULKHEAD_CHECK(check_audience(token.payload, settings));
  BULKHEAD_CHECK(check_kind(token.payload, settings));
  BULKHEAD_TRY(claims.subject, subject_of(token.payload, settings));
  BULKHEAD_TRY(claims.tenant, tenant_of(token.payload, settings));
  BULKHEAD_TRY(claims.roles, roles_of(token.payload, settings));
  if (settings.tenant_bound && claims.tenant.empty())
    return malformed("the token has no \"" + settings.tenant_claim.text() + "\"");
  claims.tenant_bound = settings.tenant_bound || !settings.tenant.empty();
  claims.join_role = join_role_of(claims, settings);
  claims.name = name_of(token.payload, settings);
  claims.issuer = known_as(settings);
  claims.all = std::move(token.payload);
  return claims;
}

std::vector<CheckStep> explain_claims(const UnverifiedToken& token, const IssuerSettings& settings,
                                      Clock::time_point now) {
  const boost::json::object& payload = token.payload;
  std::vector<CheckStep> steps;
  steps.push_back({"issuer", check_issuer(token, settings), shown(payload, "iss")});
  steps.push_back({"times", outcome_of(check_times(payload, settings.leeway, now)),
                   shown(payload, "exp") + ", " + shown(payload, "nbf") + ", " + shown(payload, "iat")});
  steps.push_back({"audience", check_audience(payload, settings), shown(payload, settings.audience_claim)});
  std::string kind;
  for (const ClaimValues* values : {&settings.require, &settings.refuse})
    for (const auto& entry : *values) kind += (kind.empty() ? "" : ", ") + shown(payload, entry.first);
  steps.push_back({"kind", check_kind(payload, settings), std::move(kind)});
  steps.push_back({"user", outcome_of(subject_of(payload, settings)), shown(payload, settings.user_claim)});
  steps.push_back(
      {"tenant", outcome_of(tenant_of(payload, settings)), shown(payload, settings.tenant_claim)});
  steps.push_back({"roles", outcome_of(roles_of(payload, settings)), shown(payload, settings.roles_claim)});
  return steps;
}

Result<Claims> verify_token(std::string_view token, const IssuerSettings& settings, const KeySet& keys,
                            SignatureChecker& checker, Clock::time_point now) {
  BULKHEAD_TRY(UnverifiedToken parsed, parse_token(token));
  BULKHEAD_CHECK(check_issuer(parsed, settings));
  BULKHEAD_CHECK(check_header(parsed, settings));
  PublicKeyRef key = keys.find(parsed.algorithm, parsed.kid);
  if (!key) return Error(Errc::token_key_unknown, "the token's key is not among the issuer's keys");
  if (!checker.valid(key, parsed.signed_part, parsed.signature))
    return Error(Errc::token_signature, "the token's signature is not valid");
  return check_claims(std::move(parsed), settings, now);
}

}  // namespace bulkhead::identity
